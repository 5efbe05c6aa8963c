"""Hospitals together: heads anchored by a notary, patients found by their pseudonym, doctors told whom to turn to.

Order: join -> anchor -> index -> find -> ask -> agree (or decline) -> answer -> read. Names and purposes travel in
letters; the consortium ledger holds tags, salted digests and sealed answers of one size.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from clinic import letters
from clinic.certified import certified_member, current_member
from clinic.clock import Clock
from clinic.enrolment import application_of, certificate_for
from clinic.errors import LetterInvalid, NotPermitted
from clinic.keystore import MemberSecrets
from clinic.letters import Mailbox
from clinic.requests import new_id, reader_keys
from clinic.submission import submit
from ledger.bodies import AnswerIndex, AskIndex, Enrol, IndexPatients, Role, UnindexPatients
from ledger.bodies.consortium import MAX_INDEX_TAGS, index_tag
from ledger.engine import Engine, Receipt
from ledger.records import Ask
from ledger.refusals import TagUnknown
from ledger.registry import Body
from ledger.state import State
from scheme import canonical, hpke
from scheme.hashing import DIGEST_SIZE
from scheme.hpke import HpkePublicKey
from scheme.keys import VerifyingKey

INDEX_BATCH = 64
"""Tags are entered in multiples of this, filled up with random ones, so that their number does not count patients."""
ANSWER_SIZE = 1536
"""Bytes of every answer before it is sealed, whatever it says."""


@dataclass(frozen=True)
class Consortium:
    """What the use cases work with; no secret is in it."""

    engine: Engine
    mailbox: Mailbox
    clock: Clock

    def state(self) -> State:
        """The newest state of the consortium ledger."""
        return self.engine.view().state

    def submit(self, body: Body, actor: MemberSecrets) -> Receipt:
        """Sign ``body`` as ``actor`` and have it ordered; final on return. Raises the ledger's refusals."""
        return submit(self.engine, body, actor, time=self.clock())


@dataclass(frozen=True)
class OpenedAsk:
    """An ask as the doctor and the notary see it; ``pseudonym`` is the patient's member id at her hospital."""

    record: Ask
    pseudonym: str
    purpose: str


@dataclass(frozen=True)
class Whereabouts:
    """Where to turn: the hospital's member id and name, and the genesis digest of its ledger."""

    hospital: str
    name: str
    ledger: str


# Members


def join(
    consortium: Consortium, authority: MemberSecrets, member: MemberSecrets, *, hospital: MemberSecrets | None = None
) -> None:
    """Enrol a hospital or notary, or a doctor of ``hospital``, under the id and keys that it has already.

    Raises the ledger's refusals.
    """
    made = application_of(member)
    certificate = certificate_for(authority, made.member_id, made.role, made.keys, now=consortium.clock())
    hospital_id = None if hospital is None else hospital.member_id
    body = Enrol(made.member_id, made.role, hospital_id, certificate, made.keys, made.proof)
    consortium.submit(body, authority if hospital is None else hospital)


# The index


def index(consortium: Consortium, notary: MemberSecrets, pseudonyms: Iterable[str]) -> int:
    """Enter those patients who are not in the index yet; returns how many. One call for all hospitals hides whose."""
    state = consortium.state()
    fresh = {tag for tag in map(index_tag, pseudonyms) if state.index_entry(tag) is None}
    if fresh:
        fillers = -len(fresh) % INDEX_BATCH
        _in_parts(consortium, notary, fresh | {secrets.token_hex(DIGEST_SIZE) for _ in range(fillers)}, IndexPatients)
    return len(fresh)


def unindex(consortium: Consortium, notary: MemberSecrets, pseudonyms: Iterable[str]) -> int:
    """Take those patients out who are in the index; returns how many."""
    state = consortium.state()
    known = {tag for tag in map(index_tag, pseudonyms) if state.index_entry(tag) is not None}
    _in_parts(consortium, notary, known, UnindexPatients)
    return len(known)


def _in_parts(
    consortium: Consortium,
    notary: MemberSecrets,
    tags: set[str],
    body: type[IndexPatients] | type[UnindexPatients],
) -> None:
    ordered = sorted(tags)
    for start in range(0, len(ordered), MAX_INDEX_TAGS):
        consortium.submit(body(tuple(ordered[start : start + MAX_INDEX_TAGS])), notary)


def find(consortium: Consortium, pseudonym: str) -> bool:
    """Whether a patient with that pseudonym has chains somewhere in the consortium; not where, nor anything else."""
    return consortium.state().index_entry(index_tag(pseudonym)) is not None


# Asking and answering


def ask(consortium: Consortium, doctor: MemberSecrets, pseudonym: str, *, purpose: str = "") -> str:
    """Ask where to turn for the patient's records; returns the ask's id. Raises ``TagUnknown``, as for nobody."""
    state = consortium.state()
    tag = index_tag(pseudonym)
    entry = state.index_entry(tag)
    if entry is None:
        raise TagUnknown("nobody with that pseudonym is in the security index; check it with the patient")
    ask_id = new_id()
    letter = letters.write("ask", ask_id, {"pseudonym": pseudonym, "purpose": purpose}, doctor.signing)
    letters.post(consortium.mailbox, letter, ask_id, reader_keys(state, (entry.notary, doctor.member_id)))
    consortium.submit(AskIndex(ask_id, tag, letter.digest), doctor)
    return ask_id


def open_ask(consortium: Consortium, reader: MemberSecrets, record: Ask) -> OpenedAsk:
    """What was asked, for the doctor or the notary.

    Raises ``LetterInvalid``, ``NotForThisKey``, ``SignatureInvalid``.
    """
    sender = VerifyingKey(certified_member(consortium.state(), record.doctor).keys.verifying)
    letter = letters.receive(
        consortium.mailbox, "ask", record.ask, reader.member_id, reader.hpke, sender, record.body_digest
    )
    pseudonym, purpose = letter.body.get("pseudonym"), letter.body.get("purpose")
    if not isinstance(pseudonym, str) or not isinstance(purpose, str) or index_tag(pseudonym) != record.tag:
        raise LetterInvalid("the letter is about another pseudonym than the ask on the ledger; do not act on it")
    return OpenedAsk(record, pseudonym, purpose)


def asks_about(consortium: Consortium, pseudonyms: Sequence[str]) -> list[Ask]:
    """What was asked about these patients, patient by patient, oldest first."""
    state = consortium.state()
    return [record for pseudonym in pseudonyms for record in state.asks(index_tag(pseudonym))]


def decide(consortium: Consortium, patient: MemberSecrets, record: Ask, *, agreed: bool) -> None:
    """The patient tells the notary, signed by her own key, whether the doctor may learn where she has records."""
    if index_tag(patient.member_id) != record.tag:
        raise NotPermitted("the ask is about another patient")
    entry = consortium.state().index_entry(record.tag)
    if entry is None:
        raise TagUnknown("the patient was taken out of the security index; nobody is told anything")
    body = {"consortium": consortium.engine.genesis.digest, "doctor": record.doctor, "agreed": agreed}
    letter = letters.write("agreement", _agreement_id(record), body, patient.signing)
    readers = reader_keys(consortium.state(), (entry.notary,))
    letters.post(consortium.mailbox, letter, _agreement_id(record), readers)


def answer(consortium: Consortium, notary: MemberSecrets, record: Ask, where: Whereabouts, child: State) -> bool:
    """Answer as the patient decided; returns whether she agreed. All answers look alike from outside.

    ``child`` is the state of the hospital's ledger, on which her key stands. Raises ``LetterInvalid`` before she
    decided, ``NotForThisKey``, ``SignatureInvalid``, ``NotPermitted``, ``CertificateInvalid``, the ledger's refusals.
    """
    opened = open_ask(consortium, notary, record)
    patient = current_member(child, opened.pseudonym, now=consortium.clock())
    if patient.role is not Role.PATIENT:
        raise NotPermitted("the pseudonym is not a patient's")
    key = VerifyingKey(patient.keys.verifying)
    agreement_id = _agreement_id(record)
    body = letters.receive(consortium.mailbox, "agreement", agreement_id, notary.member_id, notary.hpke, key, None).body
    if body.get("consortium") != consortium.engine.genesis.digest or body.get("doctor") != record.doctor:
        raise LetterInvalid("the patient decided about another doctor; ask her again")
    agreed = body.get("agreed") is True
    told = {"hospital": where.hospital, "name": where.name, "ledger": where.ledger} if agreed else {}
    doctor = HpkePublicKey(current_member(consortium.state(), record.doctor, now=consortium.clock()).keys.hpke)
    sealed = hpke.seal(doctor, _info(consortium, record), canonical.dumps(told).ljust(ANSWER_SIZE))
    consortium.submit(AnswerIndex(record.ask, sealed), notary)
    return agreed


def read_answer(consortium: Consortium, doctor: MemberSecrets, record: Ask) -> Whereabouts | None:
    """Where the doctor may turn; ``None`` when the patient declined. Raises ``LetterInvalid``, ``NotForThisKey``."""
    if record.answer is None:
        raise LetterInvalid("the ask was not answered yet; look again later")
    told = canonical.loads(
        hpke.open(doctor.hpke, _info(consortium, record), record.answer).rstrip(b" "), what="the answer"
    )
    if not told:
        return None
    if told.keys() != {"hospital", "name", "ledger"} or not all(isinstance(value, str) for value in told.values()):
        raise LetterInvalid("the answer is of a kind that this version does not know; ask the notary")
    return Whereabouts(told["hospital"], told["name"], told["ledger"])


def _agreement_id(record: Ask) -> str:
    return f"{record.ask}.agreement"


def _info(consortium: Consortium, record: Ask) -> bytes:
    return f"chartseal/1/index-answer/{consortium.engine.genesis.digest}/{record.ask}/{record.doctor}".encode()
