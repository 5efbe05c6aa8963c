"""Matching in a home, with the real issuers, index and relay: two patients and a third, and who is refused what."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pytest
import sqlalchemy as sa

from clinic import durable, match_talk, matching, membership
from clinic.errors import InputInvalid, NotPermitted
from clinic.home import Home
from clinic.home_config import Config
from clinic.home_folder import CONFIG
from clinic.keystore import MemberSecrets
from clinic.match_authority import PseudonymRequest
from clinic.match_epoch import EPOCH_DAYS, epoch_at
from clinic.match_errors import MatchRequestInvalid, MatchStateInvalid, MatchUnknown, PseudonymIssued
from clinic.match_index import MatchQuery
from clinic.match_issuer import IssuerRequest
from clinic.match_service import MatchPlace
from clinic.match_state import STEP_BYTES, open_book
from clinic.match_symptoms import gather
from clinic.matching import Desk
from ledger.bodies import PublishIssuerKey, Role
from ledger.refusals import Refused
from matching.answer import Acceptance
from matching.binding import BindingRule
from matching.closure import Closure
from matching.errors import (
    AnswerInvalid,
    BindingFailed,
    IndexUnavailable,
    IssuerKeyChanged,
    NotBothAccepted,
    NotEnrolled,
    NotOptedIn,
    OptedInAlready,
    OtherEpoch,
    PairingClosed,
    QuotaExceeded,
    RelayUnavailable,
    SessionBlocked,
    SessionEnded,
    TooLittleShared,
)
from matching.index_request import Action
from matching.index_store import IndexStore
from matching.oprf import OprfKey
from matching.relay import SqliteRelay
from matching.report import Reason, Report
from matching.symptoms import Symptoms
from matching.vocabulary import Vocabulary
from scheme import canonical, keyfile
from scheme.certificates import CertificateInvalid
from scheme.keys import SigningKey
from tests.clinic.scene import PASSWORD, RIVERSIDE, Scene
from tests.servers.postgresql import fresh_database

SEIZURE, ATAXIA, HEARING, FEVER, ITCH = "HP:0001250", "HP:0001251", "HP:0000365", "HP:0001945", "HP:0000989"


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary.default()


@dataclass
class World:
    """Patients of a scene who take part."""

    scene: Scene
    vocabulary: Vocabulary
    place: MatchPlace

    def __post_init__(self) -> None:
        self.rule = BindingRule.of(self.vocabulary)
        self.ada, self.brita = self.scene.patient, self.scene.other

    @cached_property
    def carla(self) -> MemberSecrets:
        """A third one, enrolled when a test needs her."""
        home = self.scene.home
        person = home.enrol(
            self.scene.site, self.scene.authority, Role.PATIENT, "Cornelia Umbridge", hospital=RIVERSIDE,
            password=PASSWORD,
        )  # fmt: skip
        return home.keystore.unlock(person.member_id, PASSWORD)

    @contextmanager
    def desk(self, patient: MemberSecrets) -> Iterator[Desk]:
        site = self.scene.site
        with open_book(self.place.patients, patient) as book, self.place.services(site) as services:
            yield Desk(site, services, patient, book)

    def opt_in(
        self, patient: MemberSecrets, *terms: str, closure: Closure = Closure.NEAR, change: bool = False
    ) -> None:
        with self.desk(patient) as desk:
            if matching.needs_certificate(desk):
                desk.services.set_up(self.scene.authority)
                matching.take_pseudonym(desk, desk.services.register(self.scene.authority))
            matching.opt_in(desk, self.vocabulary, gather(self.vocabulary, terms), closure, change=change)

    def find(self, patient: MemberSecrets) -> list[str]:
        with self.desk(patient) as desk:
            return [each.match_id for each in matching.find(desk, top=5, least=0.0)]

    def accept(self, patient: MemberSecrets, match_id: str, *, single: bool = False) -> None:
        with self.desk(patient) as desk:
            matching.accept(desk, match_id, self.rule, single=single)

    def matched(self) -> str:
        self.opt_in(self.ada, SEIZURE, ATAXIA, FEVER)
        self.opt_in(self.brita, SEIZURE, ATAXIA, HEARING)
        (match_id,) = self.find(self.ada)
        return match_id

    def paired(self) -> str:
        match_id = self.matched()
        for patient in (self.ada, self.brita):
            self.accept(patient, match_id)
        return match_id

    def talking(self) -> str:
        match_id = self.paired()
        for patient in (self.ada, self.brita, self.ada, self.brita):  # whoever begins, both proofs are read then
            self.read(patient, match_id)
        return match_id

    def read(self, patient: MemberSecrets, match_id: str) -> match_talk.Read:
        with self.desk(patient) as desk:
            return match_talk.read(desk, match_id, lambda: self.rule)

    def send(self, patient: MemberSecrets, match_id: str, text: str) -> match_talk.Read:
        with self.desk(patient) as desk:
            return match_talk.send(desk, match_id, text, lambda: self.rule)

    def texts(self, patient: MemberSecrets, match_id: str) -> list[str]:
        return [text for _, text in self.read(patient, match_id).texts]


@pytest.fixture
def world(scene: Scene, vocabulary: Vocabulary) -> World:
    return World(scene, vocabulary, MatchPlace.of(scene.home.folder, scene.home.directory))


# The story


def test_two_patients_are_matched_and_write_each_other(world: World) -> None:
    world.opt_in(world.carla, ITCH)
    match_id = world.talking()
    assert world.find(world.carla) == []
    assert not world.send(world.ada, match_id, "Since when?").waiting
    assert world.texts(world.brita, match_id) == ["Since when?"]
    assert world.texts(world.brita, match_id) == []
    world.send(world.brita, match_id, "As a child.")
    assert world.texts(world.ada, match_id) == ["As a child."]


def test_both_learn_what_they_share_and_nothing_else(world: World) -> None:
    match_id = world.paired()
    found = []
    for patient in (world.ada, world.brita):
        with world.desk(patient) as desk:
            meeting = matching.shared(desk, match_id)
            found.append((set(meeting.terms), meeting.score))
    assert found[0] == found[1]
    assert {SEIZURE, ATAXIA} <= found[0][0]
    assert not {FEVER, HEARING} & found[0][0]


def test_a_text_that_is_written_too_early_goes_out_with_the_first_one_that_may(world: World) -> None:
    match_id = world.paired()
    assert world.send(world.ada, match_id, "one").waiting == 1  # nobody has proved anything yet
    world.send(world.brita, match_id, "two")
    read: dict[str, list[str]] = {"ada": [], "brita": []}
    for _ in range(2):
        read["ada"] += world.texts(world.ada, match_id)
        read["brita"] += world.texts(world.brita, match_id)
    assert read == {"ada": ["two"], "brita": ["one"]}


def test_nothing_is_exchanged_before_both_accepted(world: World) -> None:
    match_id = world.matched()
    world.accept(world.ada, match_id)
    with world.desk(world.ada) as desk, pytest.raises(NotBothAccepted):
        matching.shared(desk, match_id)
    with world.desk(world.brita) as desk:
        assert [each.status for each in matching.matches(desk)] == ["open"]
        matching.decline(desk, match_id)
        assert matching.find(desk, top=5, least=0.0) == []
        with pytest.raises(PairingClosed):
            matching.accept(desk, match_id, world.rule)
    with world.desk(world.ada) as desk:
        assert [each.status for each in matching.matches(desk)] == ["waiting"]
        with pytest.raises(NotBothAccepted):
            matching.shared(desk, match_id)


def test_two_who_find_each_other_have_one_match(world: World) -> None:
    match_id = world.matched()
    assert world.find(world.brita) == world.find(world.ada) == [match_id]


def test_an_offer_that_ended_gives_its_place_to_another(world: World) -> None:
    world.scene.clock.advance(8 * 86_400)  # an epoch begins, so that two weeks are left of it
    ended = world.matched()
    world.scene.clock.advance(14 * 86_400 + 1)
    (match_id,) = world.find(world.brita)
    assert world.find(world.ada) == [match_id] != [ended]
    with world.desk(world.ada) as desk:
        assert [each.match_id for each in matching.matches(desk)] == [match_id]
    assert len(slots(world.place.folder / "pairings.sqlite")) == 1


def test_an_acceptance_is_sent_again_not_made_again(world: World) -> None:
    match_id = world.matched()
    world.accept(world.ada, match_id)
    world.accept(world.ada, match_id)
    world.accept(world.brita, match_id)
    with world.desk(world.ada) as desk:
        assert SEIZURE in matching.shared(desk, match_id).terms


def test_one_shared_symptom_opens_a_session_only_when_both_said_so(world: World) -> None:
    world.opt_in(world.ada, SEIZURE, FEVER, closure=Closure.EXACT)
    world.opt_in(world.brita, SEIZURE, HEARING, closure=Closure.EXACT)
    (match_id,) = world.find(world.ada)
    world.accept(world.ada, match_id, single=True)
    world.accept(world.brita, match_id)
    with pytest.raises(TooLittleShared):
        world.read(world.ada, match_id)
    with world.desk(world.ada) as desk:
        assert matching.shared(desk, match_id).terms == (SEIZURE,)


# Opting in


def test_a_second_opt_in_is_refused(world: World) -> None:
    world.opt_in(world.ada, SEIZURE)
    with pytest.raises(OptedInAlready):
        world.opt_in(world.ada, SEIZURE, ATAXIA)


def test_a_second_opt_in_is_refused_by_the_index_too(world: World) -> None:
    world.opt_in(world.ada, SEIZURE)
    with world.desk(world.ada) as desk:
        desk.book.state.opted_in = False
        with pytest.raises(OptedInAlready):
            matching.opt_in(desk, world.vocabulary, gather(world.vocabulary, [SEIZURE]), Closure.NEAR)


def test_a_lost_book_gets_no_second_pseudonym(world: World) -> None:
    world.opt_in(world.ada, SEIZURE)
    for path in world.place.patients.glob("*.sealed"):
        path.unlink()
    with pytest.raises(PseudonymIssued):
        world.opt_in(world.ada, SEIZURE)


def test_a_pseudonym_is_asked_for_by_its_patient(world: World) -> None:
    world.opt_in(world.ada, SEIZURE)
    key = SigningKey.generate().verifying_key
    with world.desk(world.brita) as desk:
        register = desk.services.register(world.scene.authority)
        asked = PseudonymRequest.sign(world.carla, desk.services.epoch, key)
        with pytest.raises(MatchRequestInvalid):
            register.certify(replace(asked, member=world.brita.member_id))
        with pytest.raises(OtherEpoch):
            register.certify(PseudonymRequest.sign(world.brita, desk.services.epoch + 1, key))
        with pytest.raises(NotPermitted):
            register.certify(PseudonymRequest.sign(world.scene.author, desk.services.epoch, key))
        register.certify(PseudonymRequest.sign(world.brita, desk.services.epoch, key))
        assert register.member_of(desk.services.epoch, key) == world.brita.member_id


def test_only_patients_take_part(world: World) -> None:
    with pytest.raises(NotPermitted), open_book(world.place.patients, world.scene.author):
        pass


def test_a_removed_patient_gets_no_tags(world: World) -> None:
    world.opt_in(world.ada, SEIZURE)
    membership.suspend(world.scene.site, world.scene.authority, world.ada.member_id, reason="")
    with pytest.raises(NotEnrolled):
        world.opt_in(world.ada, ATAXIA, change=True)


def test_a_change_takes_the_place_of_all_that_was(world: World) -> None:
    match_id = world.paired()
    world.opt_in(world.ada, ITCH, change=True)
    assert world.find(world.ada) == []
    with world.desk(world.ada) as desk, pytest.raises(MatchUnknown):
        matching.shared(desk, match_id)
    with world.desk(world.ada) as desk:
        assert SEIZURE not in desk.book.state.tags


def test_the_quota_is_the_members_and_lasts(world: World) -> None:
    world.place = replace(world.place, max_elements_per_epoch=40)
    world.opt_in(world.ada, SEIZURE)
    world.opt_in(world.ada, ATAXIA, change=True)
    with pytest.raises(QuotaExceeded):
        world.opt_in(world.ada, FEVER, change=True)
    world.opt_in(world.brita, FEVER)


def test_an_issuer_answers_only_whom_it_is_asked_by(world: World) -> None:
    world.opt_in(world.ada, SEIZURE)
    with world.desk(world.ada) as desk:
        issuer, service = next(iter(desk.services.issuers.items()))
        element = (secrets.token_bytes(32),)
        signed = IssuerRequest.sign(world.carla, issuer, desk.services.epoch, element)
        with pytest.raises(MatchRequestInvalid):
            service.evaluate(replace(signed, member=world.ada.member_id))
        with pytest.raises(MatchRequestInvalid):
            service.evaluate(replace(signed, issuer="00" * 16))
        with pytest.raises(NotEnrolled):
            service.evaluate(IssuerRequest.sign(world.scene.author, issuer, desk.services.epoch, element))


def test_an_issuer_has_one_key_an_epoch(world: World) -> None:
    world.opt_in(world.ada, SEIZURE)
    with world.desk(world.ada) as desk:
        issuer = next(iter(desk.services.issuers))
        keys = MemberSecrets.from_secret_bytes(durable.read(world.place.issuer_folder(issuer) / "keys.json"))
        other = OprfKey.from_seed(secrets.token_bytes(32), b"another").public_key
        with pytest.raises(Refused):
            desk.site.submit(PublishIssuerKey(desk.services.epoch, issuer, other.data), keys)


def test_an_issuer_with_another_key_than_the_ledgers_is_found_out(world: World) -> None:
    world.opt_in(world.ada, SEIZURE)
    issuer = world.place.issuers()[0]
    (seed,) = world.place.issuer_folder(issuer).glob("seed-*")
    durable.write(seed, secrets.token_bytes(32))
    with pytest.raises(IssuerKeyChanged):
        world.opt_in(world.brita, SEIZURE)


# Opting out


def test_after_opt_out_no_byte_is_left(world: World) -> None:
    world.paired()
    with world.desk(world.ada) as desk:
        state = desk.book.state
        assert state.signing
        assert state.certificate
        traces = [state.tags[FEVER].tag, state.certificate[-32:], bytes.fromhex(state.signing.verifying_key.key_id)]
    (record,) = (record for _, record in slots(world.place.folder / "pairings.sqlite"))
    traces += [record[at : at + 32] for at in range(0, len(record) - 32, 32)]
    stored = [world.place.folder / name for name in ("index.sqlite", "pairings.sqlite")]
    before = b"".join(path.read_bytes() for path in stored)
    assert [trace for trace in traces if trace in before][:3] == traces[:3]
    assert sum(trace in before for trace in traces) > len(traces) * 0.9  # but for what overflow pages cut in two
    with world.desk(world.ada) as desk:
        matching.opt_out(desk)
    for path in world.place.folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not [trace for trace in traces if trace in data], path.name


@pytest.mark.parametrize("lost", ["the pairings", "the answer"])
def test_an_opt_out_that_was_cut_is_finished_by_the_next(world: World, lost: str) -> None:
    """Between tags and pairings at the index, or on the way back to her."""
    world.matched()
    with world.desk(world.ada) as desk:
        tag = desk.book.state.tags[SEIZURE].tag
        index = desk.services.index
        request = desk.request(Action.OPT_OUT)
        if lost == "the pairings":
            index._index.opt_out(request)
        else:
            index.submit(request)
        matching.opt_out(desk)
        assert not desk.book.state.opted_in
    assert tag.hex().encode() not in (world.place.folder / "pairings.sqlite").read_bytes()
    assert world.find(world.brita) == []


def slots(path: Path) -> list[tuple[int, bytes]]:
    store = IndexStore.open(path)
    try:
        return list(store.records())
    finally:
        store.close()


def test_after_opt_out_she_can_opt_in_again(world: World) -> None:
    world.matched()
    with world.desk(world.ada) as desk:
        matching.opt_out(desk)
    assert world.find(world.brita) == []
    world.opt_in(world.ada, SEIZURE, ATAXIA)
    assert len(world.find(world.brita)) == 1


def test_a_session_outlives_the_opt_out(world: World) -> None:
    match_id = world.talking()
    with world.desk(world.ada) as desk:
        matching.opt_out(desk)
    world.send(world.ada, match_id, "still here")
    assert world.texts(world.brita, match_id) == ["still here"]


def test_the_next_epoch_needs_a_new_opt_in_and_has_other_tags(world: World) -> None:
    match_id = world.talking()
    with world.desk(world.ada) as desk:
        earlier = desk.book.state.tags[SEIZURE].tag
        seeds = {path.name for path in world.place.folder.rglob("seed-*")}
        signing, _ = desk.pseudonym()
        before = desk.services.epoch
    world.scene.clock.advance(EPOCH_DAYS * 86_400)
    with world.desk(world.ada) as desk, pytest.raises(NotOptedIn):
        matching.find(desk, top=5, least=0.0)
    world.opt_in(world.ada, SEIZURE, ATAXIA)
    with world.desk(world.ada) as desk:
        assert desk.book.state.tags[SEIZURE].tag != earlier
        assert desk.services.epoch == epoch_at(world.scene.clock()) == before + 1
        register = desk.services.register(world.scene.authority)
        assert register.member_of(before, signing.verifying_key) == world.ada.member_id
    assert not seeds & {path.name for path in world.place.folder.rglob("seed-*")}
    world.send(world.ada, match_id, "still here")
    assert world.texts(world.brita, match_id) == ["still here"]


# Third parties


def test_another_patient_neither_accepts_nor_reads(world: World) -> None:
    world.opt_in(world.carla, ITCH)
    match_id = world.talking()
    world.send(world.ada, match_id, "for Brita")
    for act in (
        lambda: world.accept(world.carla, match_id),
        lambda: world.read(world.carla, match_id),
        lambda: world.send(world.carla, match_id, "hello"),
    ):
        with pytest.raises(MatchUnknown):
            act()
    with world.desk(world.carla) as desk, pytest.raises(MatchUnknown):
        desk.services.index.contact(desk.query(), bytes.fromhex(match_id))
    assert world.texts(world.brita, match_id) == ["for Brita"]


def test_another_patients_acceptance_does_not_count(world: World) -> None:
    match_id = world.matched()
    world.opt_in(world.carla, ITCH)
    world.accept(world.ada, match_id)
    with world.desk(world.ada) as desk:
        pending = desk.book.state.meetings[match_id].pending
        assert pending
        mine: Acceptance = pending.acceptance
    with world.desk(world.carla) as desk:
        signing, _ = desk.pseudonym()
        forged = replace(mine, key=signing.verifying_key).signed(signing)
        with pytest.raises(AnswerInvalid):
            desk.services.index.accept(bytes.fromhex(match_id), forged)


def test_questions_to_the_index_are_signed_and_fresh(world: World) -> None:
    world.matched()
    now = world.scene.clock()
    with world.desk(world.ada) as desk:
        signing, certificate = desk.pseudonym()
        epoch = desk.services.epoch
        for forged, error in (
            (MatchQuery.sign(SigningKey.generate(), certificate, epoch=epoch, time=now), MatchRequestInvalid),
            (MatchQuery.sign(signing, certificate, epoch=epoch, time=now - 301), MatchRequestInvalid),
            (MatchQuery.sign(signing, certificate, epoch=epoch - 1, time=now), OtherEpoch),
        ):
            with pytest.raises(error):
                desk.services.index.matches(forged)
        member = desk.site.state().member(world.ada.member_id)
        assert member
        with pytest.raises(CertificateInvalid):  # a member's certificate is no pseudonym's
            desk.services.certified(member.certificate, epoch)


def test_an_index_that_invents_shared_tags_opens_no_session(world: World) -> None:
    """The other's secrets are not the patient's: only the proofs tell, and they do."""
    match_id = world.paired()
    with world.desk(world.ada) as desk:
        meeting = matching.shared(desk, match_id)
        meeting.secrets = {
            term: replace(secret, session_secret=secrets.token_bytes(32)) for term, secret in meeting.secrets.items()
        }
        desk.book.save()
    states = set()
    for patient in (world.ada, world.brita) * 2:
        try:
            states.add(world.read(patient, match_id).state)
        except BindingFailed:
            states.add("failed")
    assert "failed" in states
    assert "open" not in states


def test_a_forged_message_is_dropped(world: World) -> None:
    match_id = world.talking()
    with world.desk(world.ada) as desk:
        handle = desk.meeting(match_id).mailbox.handle
        desk.services.relay.put(handle, b"anything")
    world.send(world.brita, match_id, "from me")
    read = world.read(world.ada, match_id)
    assert [text for _, text in read.texts] == ["from me"]
    assert read.dropped == ["message-unreadable"]


def test_both_see_what_the_relay_dropped(world: World) -> None:
    """The reader by the numbers that are missing, the writer by what nobody confirms; the last ones only so."""
    match_id = world.talking()
    world.send(world.ada, match_id, "dropped")
    with world.desk(world.brita) as desk:
        desk.services.relay.delete(desk.meeting(match_id).mailbox, up_to=1 << 40)
    world.send(world.ada, match_id, "read")
    read = world.read(world.brita, match_id)
    assert ([text for _, text in read.texts], len(read.missing)) == (["read"], 1)
    world.send(world.brita, match_id, "answer")
    assert world.read(world.ada, match_id).unconfirmed == 2  # all from the first that is missing
    world.send(world.ada, match_id, "dropped too")
    assert world.read(world.ada, match_id).unconfirmed == 3


def test_what_a_full_mailbox_does_not_take_is_sent_later(world: World) -> None:
    match_id = world.talking()
    with world.desk(world.brita) as desk:
        handle = desk.meeting(match_id).mailbox.handle
        for _ in range(200):
            desk.services.relay.put(handle, b"anything")
    assert world.send(world.ada, match_id, "one").undelivered == 1
    read = world.read(world.brita, match_id)
    assert (read.texts, set(read.dropped)) == ([], {"message-unreadable"})
    assert world.send(world.ada, match_id, "two").undelivered == 0
    assert world.texts(world.brita, match_id) == ["one", "two"]


def test_a_relay_that_is_down_loses_and_repeats_nothing(world: World) -> None:
    match_id = world.talking()
    with world.desk(world.ada) as desk:
        relay = desk.services.relay
        desk.services.__dict__["relay"] = DownRelay(relay)
        with pytest.raises(RelayUnavailable):
            match_talk.send(desk, match_id, "one", lambda: world.rule)
    assert world.texts(world.brita, match_id) == []
    world.send(world.ada, match_id, "two")
    read = world.read(world.brita, match_id)
    assert ([text for _, text in read.texts], read.missing, read.dropped) == (["one", "two"], (), [])


class DownRelay:
    """A relay that can be read and takes nothing."""

    def __init__(self, relay: SqliteRelay) -> None:
        self.fetch, self.delete, self.open, self.close = relay.fetch, relay.delete, relay.open, relay.close

    def put(self, handle: bytes, data: bytes) -> None:
        raise RelayUnavailable("down")


# The end of a session


def test_an_ended_session_is_over_for_both(world: World) -> None:
    match_id = world.talking()
    world.send(world.ada, match_id, "goodbye")
    with world.desk(world.ada) as desk:
        match_talk.end(desk, match_id)
    read = world.read(world.brita, match_id)
    assert ([text for _, text in read.texts], read.state) == (["goodbye"], "ended")
    for patient in (world.ada, world.brita):
        with pytest.raises(SessionEnded):
            world.send(patient, match_id, "hello?")


def test_a_blocked_session_takes_nothing_more(world: World) -> None:
    match_id = world.talking()
    with world.desk(world.ada) as desk:
        match_talk.block(desk, match_id)
    with pytest.raises(SessionBlocked):
        world.send(world.ada, match_id, "hello?")
    world.read(world.ada, match_id)


def test_a_report_names_the_other_to_the_authority_and_holds_no_text(world: World) -> None:
    match_id = world.talking()
    world.send(world.brita, match_id, "buy my elixir")
    world.read(world.ada, match_id)
    with world.desk(world.ada) as desk:
        name = match_talk.report(desk, match_id, Reason.ADVERTISING)
        data = (world.place.reports / name).read_bytes()
        verified = Report.from_bytes(data).verify(desk.services.certified)
        register = desk.services.register(world.scene.authority)
        assert register.member_of(verified.epoch, verified.reported) == world.brita.member_id
    assert b"elixir" not in data
    assert SEIZURE.encode() not in data


# What lies in the home


@pytest.mark.slow
def test_the_index_may_be_in_postgresql(scene: Scene, vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the home's configuration, across commands; pairings stay in the home, and go with an opt-out as ever."""
    given = sa.make_url(fresh_database())
    monkeypatch.setenv("PGPASSWORD", str(given.password))
    home, url = scene.home, f"postgresql://{given.username}@{given.host}:{given.port}/{given.database}"
    durable.write(home.folder / CONFIG, canonical.dumps(replace(home.config, match_index=url).to_json()))
    place = MatchPlace.of(home.folder, home.directory, home.config.match_index)
    world = World(scene, vocabulary, place)
    match_id = world.matched()
    with open_book(place.patients, world.brita) as book, home.matching(scene.site) as services:
        desk = Desk(scene.site, services, world.brita, book)
        assert [each.match_id for each in matching.find(desk, top=5, least=0.0)] == [match_id]
        matching.opt_out(desk)
    assert world.find(world.ada) == []
    assert not (place.folder / "index.sqlite").exists()
    assert slots(place.folder / "pairings.sqlite") == []
    store = IndexStore.open(url)
    assert len(list(store.records())) == 1
    store.close()


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("postgresql://me:hunter22@127.0.0.1:1/matches", InputInvalid),
        ("postgresql://me@127.0.0.1:1/matches", IndexUnavailable),
        ("matches.sqlite", IndexUnavailable),
    ],
)
def test_a_home_whose_index_cannot_be_reached_is_not_made(tmp_path: Path, url: str, error: type[Exception]) -> None:
    with pytest.raises(error) as told:
        Home.create(
            tmp_path / "home", stores=[tmp_path.as_uri()], password=PASSWORD, proxies=1, threshold=1, match_index=url,
            profile=keyfile.TEST,
        )  # fmt: skip
    assert "hunter22" not in str(told.value)
    assert not (tmp_path / "home").exists()


def test_a_home_of_before_has_its_index_in_itself(scene: Scene) -> None:
    before = scene.home.config.to_json()
    del before["match_index"]
    assert Config.from_json(before) == scene.home.config


def test_no_symptom_lies_anywhere_in_clear(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    match_id = world.talking()
    world.send(world.ada, match_id, "it began with a seizure")
    world.read(world.brita, match_id)
    labels = [term.label for each in (SEIZURE, ATAXIA, HEARING, FEVER) if (term := world.vocabulary.term(each))]
    words = [each.casefold().encode() for each in (SEIZURE, ATAXIA, HEARING, FEVER, *labels, "it began with")]
    scanned = [path for path in world.scene.home.folder.rglob("*") if path.is_file()]
    assert len(scanned) > 10
    assert not [word for word in words if word in caplog.text.casefold().encode()]
    for path in scanned:
        data = path.read_bytes().lower()
        assert not [word for word in words if word in data], path.name


def test_tags_are_in_the_index_alone(world: World) -> None:
    world.matched()
    with world.desk(world.ada) as desk:
        tags = [secret.tag for secret in desk.book.state.tags.values()]
        hidden = [secret.session_secret for secret in desk.book.state.tags.values()]
    for path in world.scene.home.folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            there = [tag for tag in tags if tag in data or tag.hex().encode() in data]
            assert bool(there) == (path.name in {"index.sqlite", "pairings.sqlite"}), path.name
            assert not [secret for secret in hidden if secret in data or secret.hex().encode() in data]


def test_a_book_opens_to_its_patient_alone_and_its_size_counts_nothing(world: World) -> None:
    world.opt_in(world.ada, SEIZURE)
    (path,) = world.place.patients.glob("*.sealed")
    for each in world.place.folder.rglob("*"):
        assert each.stat().st_mode & 0o777 == (0o700 if each.is_dir() else 0o600) or each.suffix == ".lock", each.name
    assert (path.stat().st_size - 28) % STEP_BYTES == 0
    path.rename(path.with_name(f"{world.brita.member_id}.sealed"))
    with pytest.raises(MatchStateInvalid), open_book(world.place.patients, world.brita):
        pass


def test_pseudonyms_name_nobody(world: World) -> None:
    world.matched()
    data = b"".join(
        (world.place.folder / name).read_bytes() for name in ("index.sqlite", "pairings.sqlite", "register")
    )
    for patient in (world.ada, world.brita):
        assert patient.member_id.encode() not in data
        assert bytes.fromhex(patient.member_id) not in data


def test_gathering_repeats_nothing(vocabulary: Vocabulary) -> None:
    found = gather(vocabulary, [SEIZURE, "hp:0001250", ATAXIA], records=[ATAXIA])
    assert found == Symptoms(frozenset({SEIZURE, ATAXIA}))
