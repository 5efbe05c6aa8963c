"""Two hospitals, each with its own ledger, a consortium and its notary: heads are anchored, a doctor finds and asks."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from clinic import consortium as together
from clinic import letters
from clinic.consortium import ANSWER_SIZE, INDEX_BATCH, Consortium, Whereabouts
from clinic.consortium_home import Child, ConsortiumHome
from clinic.delegate_keys import DelegateKeys
from clinic.enrolment import new_genesis
from clinic.errors import HomeInvalid, InputInvalid, LetterInvalid, NameUnknown, NotPermitted
from clinic.keystore import MemberSecrets
from clinic.letters import FolderMailbox
from clinic.requests import new_id
from ledger.bodies import AnswerIndex, Role
from ledger.bodies.consortium import index_tag
from ledger.engines.embedded import EmbeddedEngine
from ledger.finality import LightClient
from ledger.notary import Notary, anchor_positions, check_anchored
from ledger.proofs import LedgerProof
from ledger.records import Ask
from ledger.refusals import AskAnswered, ChildForked, TagUnknown
from scheme import hpke, keyfile
from scheme.errors import NotForThisKey, SignatureInvalid
from tests.clinic.scene import PASSWORD, FakeClock

PURPOSE = "a second opinion on the potassium values"


@dataclass
class Hospital:
    """A hospital with its own ledger, in a file, and its members' keys."""

    name: str
    folder: Path
    clock: FakeClock
    closing: ExitStack
    members: dict[str, MemberSecrets] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keys = DelegateKeys(self.folder / "delegates")
        self.authority = MemberSecrets.generate(new_id(), "authority")
        genesis = new_genesis(self.authority, self.clock, self.keys.found(4), epoch_blocks=4)
        EmbeddedEngine.create(self.folder / "ledger", genesis, clock=self.clock).close()
        self.engine = self.opened(self.folder / "ledger")
        self.enrol(self.name, Role.HOSPITAL)

    def opened(self, path: Path) -> EmbeddedEngine:
        engine = EmbeddedEngine.open(path, clock=self.clock)
        engine.seat(self.keys.delegates())
        self.closing.callback(engine.close)
        return engine

    def copy(self) -> EmbeddedEngine:
        """The ledger as it is now, for the same delegates to continue in another way."""
        EmbeddedEngine.copy(self.folder / "ledger", self.folder / "copy")
        return self.opened(self.folder / "copy")

    def __getitem__(self, name: str) -> MemberSecrets:
        return self.members[name]

    @property
    def where(self) -> Whereabouts:
        return Whereabouts(self[self.name].member_id, self.name, self.engine.genesis.digest)

    def enrol(self, name: str, role: Role, engine: EmbeddedEngine | None = None) -> MemberSecrets:
        """A ledger block with one new member."""
        member = self.members[name] = MemberSecrets.generate(new_id(), role.value)
        hospital = self[self.name] if role in {Role.DOCTOR, Role.PATIENT} else None
        site = Consortium(engine or self.engine, FolderMailbox(self.folder / "mailbox"), self.clock)
        together.join(site, self.authority, member, hospital=hospital)
        return member


@dataclass
class World:
    """North treats paula and petra; south employs saul and sara; nora is the notary of both."""

    consortium: Consortium
    nora: MemberSecrets
    authority: MemberSecrets
    north: Hospital
    south: Hospital

    @property
    def paula(self) -> MemberSecrets:
        return self.north["paula"]

    @property
    def saul(self) -> MemberSecrets:
        return self.south["saul"]

    def anchor(self, child: EmbeddedEngine, hospital: Hospital) -> None:
        notary = Notary(self.nora.member_id, self.nora.signing)
        where = hospital.where
        notary.anchor(child, where.ledger, where.hospital, self.consortium.engine, self.consortium.clock)

    def ask(self) -> Ask:
        """Saul asks about paula."""
        return self.asked(together.ask(self.consortium, self.saul, self.paula.member_id, purpose=PURPOSE))

    def asked(self, ask_id: str) -> Ask:
        record = self.consortium.state().ask(ask_id)
        assert record is not None
        return record

    def answer(self, asked: Ask) -> bool:
        return together.answer(self.consortium, self.nora, asked, self.north.where, self.north.engine.view().state)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with ExitStack() as closing:
        clock = FakeClock()
        home = ConsortiumHome.create(tmp_path / "consortium", password=PASSWORD, clock=clock, profile=keyfile.TEST)
        north, south = (Hospital(name, tmp_path / name, clock, closing) for name in ("north", "south"))
        for hospital, doctors, patients in ((north, ("dora",), ("paula", "petra")), (south, ("saul", "sara"), ())):
            for name in doctors:
                hospital.enrol(name, Role.DOCTOR)
            for name in patients:
                hospital.enrol(name, Role.PATIENT)
        consortium, authority = closing.enter_context(home.opened()), home.authority(PASSWORD)
        for hospital in (north, south):
            together.join(consortium, authority, hospital[hospital.name])
            for member in hospital.members.values():
                if member.role == Role.DOCTOR:
                    together.join(consortium, authority, member, hospital=hospital[hospital.name])
        together.index(consortium, home.notary(), [north["paula"].member_id])
        yield World(consortium, home.notary(), authority, north, south)


# Heads


def test_heads_of_two_hospitals_are_anchored_and_shown_to_be(world: World) -> None:
    for hospital in (world.north, world.south):
        for _ in range(3):
            world.anchor(hospital.engine, hospital)
            hospital.enrol(new_id(), Role.PROXY)
        world.anchor(hospital.engine, hospital)
    state = world.consortium.state()
    assert {head.hospital for head in state.children()} == {world.north.where.hospital, world.south.where.hospital}
    for hospital in (world.north, world.south):
        positions = anchor_positions(state, hospital.where.ledger)
        proof = LedgerProof.from_bytes(bytes(world.consortium.engine.prove(positions)))
        entries = proof.verify(LightClient(world.consortium.engine.genesis))
        tip = hospital.engine.tip()
        assert tip is not None
        assert check_anchored(tip.header, entries).hospital == hospital.where.hospital


def test_a_forked_child_is_refused_and_the_other_hospital_goes_on(world: World) -> None:
    fork = world.north.copy()
    world.north.enrol("petunia", Role.PATIENT)
    world.anchor(world.north.engine, world.north)
    world.north.enrol("somebody else", Role.PATIENT, fork)
    world.north.enrol("and another", Role.PATIENT, fork)
    assert fork.verify().height > world.north.engine.view().height
    with pytest.raises(ChildForked):
        world.anchor(fork, world.north)
    world.anchor(world.south.engine, world.south)


# Finding and asking


def test_a_doctor_finds_asks_and_is_told_where_when_the_patient_agrees(world: World) -> None:
    # The doctor: finds the pseudonym that the patient gave him, and asks.
    assert together.find(world.consortium, world.paula.member_id)
    asked = world.ask()
    # The notary: sees who is asked about, forwards it.
    (pending,) = together.asks_about(world.consortium, [world.paula.member_id])
    opened = together.open_ask(world.consortium, world.nora, pending)
    assert (opened.pseudonym, opened.purpose, pending.doctor) == (world.paula.member_id, PURPOSE, world.saul.member_id)
    # The patient: agrees, with her own key.
    together.decide(world.consortium, world.paula, pending, agreed=True)
    # The notary: answers; the doctor reads.
    assert world.answer(pending)
    (mine,) = world.consortium.state().asks_by(world.saul.member_id)
    assert mine.ask == asked.ask
    assert together.read_answer(world.consortium, world.saul, mine) == world.north.where


def test_nobody_else_can_open_the_ask_or_the_answer(world: World) -> None:
    asked = world.ask()
    together.decide(world.consortium, world.paula, asked, agreed=True)
    world.answer(asked)
    answered = world.asked(asked.ask)
    others = [world.south["sara"], world.north["dora"], world.paula, world.north["north"], world.south["south"]]
    for other in (*others, world.nora, world.authority):
        with pytest.raises(NotForThisKey):
            together.read_answer(world.consortium, other, answered)
    for other in others:
        with pytest.raises((NotForThisKey, LetterInvalid)):
            together.open_ask(world.consortium, other, answered)


def test_an_answer_does_not_open_in_another_place(world: World) -> None:
    first, second = world.ask(), world.ask()
    together.decide(world.consortium, world.paula, first, agreed=True)
    world.answer(first)
    moved = replace(second, answer=world.asked(first.ask).answer)
    with pytest.raises(NotForThisKey):
        together.read_answer(world.consortium, world.saul, moved)


def test_declined_and_agreed_look_the_same_from_outside(world: World) -> None:
    declined, agreed = world.ask(), world.ask()
    for asked, says in ((declined, False), (agreed, True)):
        together.decide(world.consortium, world.paula, asked, agreed=says)
        assert world.answer(asked) is says
    sealed = [world.asked(asked.ask).answer or b"" for asked in (declined, agreed)]
    assert {len(answer) for answer in sealed} == {ANSWER_SIZE + hpke.OVERHEAD}
    assert together.read_answer(world.consortium, world.saul, world.asked(declined.ask)) is None
    assert together.read_answer(world.consortium, world.saul, world.asked(agreed.ask)) == world.north.where


def test_nothing_personal_is_on_the_consortium_ledger(world: World) -> None:
    asked = world.ask()
    together.decide(world.consortium, world.paula, asked, agreed=True)
    world.answer(asked)
    written = b"".join(bytes(entry.transaction) for entry in world.consortium.engine.entries())
    for word in (world.paula.member_id, PURPOSE, "potassium", "paula", "north's"):
        assert word.encode() not in written
    assert index_tag(world.paula.member_id).encode() in written


# Consent


def test_the_notary_does_not_answer_before_the_patient_decided(world: World) -> None:
    with pytest.raises(LetterInvalid):
        world.answer(world.ask())


def test_only_the_patient_decides(world: World) -> None:
    asked = world.ask()
    for other in (world.north["petra"], world.north["dora"], world.saul):
        with pytest.raises(NotPermitted):
            together.decide(world.consortium, other, asked, agreed=True)
    forger = replace(world.north["petra"], member_id=world.paula.member_id)
    together.decide(world.consortium, forger, asked, agreed=True)
    with pytest.raises(SignatureInvalid):
        world.answer(asked)


def test_a_decision_counts_for_its_own_ask_and_doctor(world: World) -> None:
    sara = world.south["sara"]
    for_saul = world.ask()
    for_sara = world.asked(together.ask(world.consortium, sara, world.paula.member_id))
    together.decide(world.consortium, world.paula, for_saul, agreed=True)
    with pytest.raises(LetterInvalid):
        world.answer(for_sara)
    together.decide(world.consortium, world.paula, replace(for_sara, doctor=world.saul.member_id), agreed=True)
    with pytest.raises(LetterInvalid):
        world.answer(for_sara)


def test_a_decision_for_another_consortium_does_not_count(world: World) -> None:
    asked = world.ask()
    letter_id = f"{asked.ask}.agreement"
    body = {"consortium": world.north.engine.genesis.digest, "doctor": asked.doctor, "agreed": True}
    letter = letters.write("agreement", letter_id, body, world.paula.signing)
    letters.post(world.consortium.mailbox, letter, letter_id, {world.nora.member_id: world.nora.hpke.public_key})
    with pytest.raises(LetterInvalid):
        world.answer(asked)


def test_only_patients_are_answered_for(world: World) -> None:
    dora = world.north["dora"]
    together.index(world.consortium, world.nora, [dora.member_id])
    asked = world.asked(together.ask(world.consortium, world.saul, dora.member_id))
    together.decide(world.consortium, dora, asked, agreed=True)
    with pytest.raises(NotPermitted):
        world.answer(asked)


def test_an_ask_is_answered_once(world: World) -> None:
    asked = world.ask()
    together.decide(world.consortium, world.paula, asked, agreed=False)
    world.answer(asked)
    together.decide(world.consortium, world.paula, asked, agreed=True)
    with pytest.raises(AskAnswered):
        world.answer(asked)


def test_a_letter_about_another_patient_is_not_acted_on(world: World) -> None:
    together.index(world.consortium, world.nora, [world.north["petra"].member_id])
    asked = world.ask()
    with pytest.raises(LetterInvalid):
        together.open_ask(world.consortium, world.nora, replace(asked, tag=index_tag(world.north["petra"].member_id)))


def test_what_the_notary_sends_must_be_an_answer(world: World) -> None:
    asked = world.ask()
    with pytest.raises(LetterInvalid):
        together.read_answer(world.consortium, world.saul, asked)
    key = world.saul.hpke.public_key
    info = f"chartseal/1/index-answer/{world.consortium.engine.genesis.digest}/{asked.ask}/{asked.doctor}".encode()
    world.consortium.submit(AnswerIndex(asked.ask, hpke.seal(key, info, b'{"hospital":"north"}')), world.nora)
    with pytest.raises(LetterInvalid):
        together.read_answer(world.consortium, world.saul, world.asked(asked.ask))


# The index


def test_a_patient_who_is_not_indexed_looks_like_nobody(world: World) -> None:
    petra, random = world.north["petra"].member_id, secrets.token_hex(16)
    told = []
    for pseudonym in (petra, random):
        assert not together.find(world.consortium, pseudonym)
        with pytest.raises(TagUnknown) as refused:
            together.ask(world.consortium, world.saul, pseudonym)
        told.append((refused.value.code, str(refused.value)))
    assert told[0] == told[1]


def test_patients_are_entered_once_and_taken_out(world: World) -> None:
    both = [world.paula.member_id, world.north["petra"].member_id]
    assert together.index(world.consortium, world.nora, both) == 1
    assert together.index(world.consortium, world.nora, both) == 0
    assert together.unindex(world.consortium, world.nora, both) == 2
    assert together.unindex(world.consortium, world.nora, both) == 0
    assert not any(together.find(world.consortium, pseudonym) for pseudonym in both)


def test_a_patient_who_was_taken_out_cannot_be_asked_about_or_answered_for(world: World) -> None:
    asked = world.ask()
    together.unindex(world.consortium, world.nora, [world.paula.member_id])
    with pytest.raises(TagUnknown):
        together.decide(world.consortium, world.paula, asked, agreed=True)
    with pytest.raises(TagUnknown):
        world.ask()


@pytest.mark.parametrize(("patients", "tags"), [(1, 1), (INDEX_BATCH, 1), (INDEX_BATCH + 1, 2), (4100, 65)])
def test_batches_do_not_count_patients(world: World, patients: int, tags: int) -> None:
    before = _tags(world)
    assert together.index(world.consortium, world.nora, [secrets.token_hex(16) for _ in range(patients)]) == patients
    assert _tags(world) - before == tags * INDEX_BATCH


def _tags(world: World) -> int:
    bodies = (entry.transaction.body for entry in world.consortium.engine.entries())
    return sum(len(getattr(body, "tags", ())) for body in bodies)


# The home


def test_a_home_is_made_once_and_only_of_an_empty_folder(tmp_path: Path) -> None:
    folder = tmp_path / "consortium"
    ConsortiumHome.create(folder, password=PASSWORD, profile=keyfile.TEST)
    for place in (folder, tmp_path):
        with pytest.raises(HomeInvalid):
            ConsortiumHome.create(place, password=PASSWORD, profile=keyfile.TEST)
    with pytest.raises(InputInvalid):
        ConsortiumHome.create(tmp_path / "new", password=PASSWORD, delegates=0, profile=keyfile.TEST)
    with pytest.raises(HomeInvalid):
        _ = ConsortiumHome(tmp_path / "new").config
    secret = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o077 for path in secret} == {0}


def test_a_ledger_stays_with_the_hospital_that_it_was_pinned_for(tmp_path: Path) -> None:
    home = ConsortiumHome.create(tmp_path / "consortium", password=PASSWORD, profile=keyfile.TEST)
    first, again = Child("00" * 32, "01" * 16, "North"), Child("00" * 32, "02" * 16, "South")
    home.add_child(first)
    home.add_child(again)
    assert home.config.children == (first,)
    assert home.child(first.ledger) == first
    with pytest.raises(NameUnknown):
        home.child("11" * 32)
    (home.folder / "consortium.json").write_text('{"children":[{}],"type":"chartseal/consortium"}')
    with pytest.raises(HomeInvalid):
        _ = home.config
