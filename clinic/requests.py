"""Asking: a delegatee requests access, the patient may refuse; what is asked is known to the two alone."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from clinic import letters
from clinic.certified import certified_member, current_member
from clinic.errors import RequestUnknown, SelectionInvalid
from clinic.keystore import MemberSecrets
from clinic.site import Site
from ledger.bodies import Refuse, Request
from ledger.records import Member, RequestRecord, RequestStatus
from ledger.state import State
from scheme.canonical import JsonObject
from scheme.hpke import HpkePublicKey
from scheme.keys import VerifyingKey
from scheme.scopes import Category

ID_SIZE = 16


@dataclass(frozen=True)
class Access:
    """What is asked for or granted: ``categories`` (all of them when empty), clinical years from ``since`` on, and
    whether the delegatee may also write."""

    categories: frozenset[Category] = frozenset()
    since: int | None = None
    write: bool = False

    def to_json(self) -> JsonObject:
        """As a letter carries it."""
        return {"categories": sorted(self.categories), "since": self.since, "write": self.write}

    @classmethod
    def from_json(cls, value: JsonObject) -> Access:
        """Inverse of ``to_json``. Raises ``SelectionInvalid``."""
        try:
            since = value["since"]
            if not (since is None or type(since) is int) or type(value["write"]) is not bool:
                raise TypeError
            return cls(frozenset(Category(name) for name in value["categories"]), since, value["write"])
        except (KeyError, TypeError, ValueError):
            raise SelectionInvalid("the letter asks for something that this version does not know") from None

    def __str__(self) -> str:
        what = ", ".join(sorted(self.categories)) or "everything"
        years = f", {self.since} and later" if self.since is not None else ", all years"
        return what + years + (", may also write" if self.write else "")


@dataclass(frozen=True)
class AccessRequest:
    """A request as one of its two parties sees it."""

    record: RequestRecord
    access: Access
    purpose: str


def member_of(state: State, member_id: str) -> Member:
    """An enrolled member, with keys that the authority certified. Raises ``NotPermitted``, ``CertificateInvalid``."""
    return certified_member(state, member_id)


def reader_keys(state: State, member_ids: Iterable[str]) -> dict[str, HpkePublicKey]:
    """HPKE keys of the readers of a letter."""
    return {member_id: HpkePublicKey(member_of(state, member_id).keys.hpke) for member_id in member_ids}


def new_id() -> str:
    """A random id of 16 bytes in hex."""
    return secrets.token_hex(ID_SIZE)


def request_access(site: Site, delegatee: MemberSecrets, patient_id: str, access: Access, *, purpose: str = "") -> str:
    """Ask a patient for access; returns the request's id. The letter goes first, the ledger entry makes it count."""
    state = site.state()
    current_member(state, patient_id, now=site.clock())
    request_id = new_id()
    letter = letters.write("request", request_id, access.to_json() | {"purpose": purpose}, delegatee.signing)
    letters.post(site.mailbox, letter, request_id, reader_keys(state, (patient_id, delegatee.member_id)))
    site.submit(Request(request_id, patient_id, delegatee.member_id, letter.digest), delegatee)
    return request_id


def read_request(site: Site, actor: MemberSecrets, record: RequestRecord) -> AccessRequest:
    """Open a request's letter as one of its parties. Raises ``LetterInvalid``, ``SignatureInvalid``."""
    sender = VerifyingKey(member_of(site.state(), record.delegatee).keys.verifying)
    letter = letters.receive(
        site.mailbox, "request", record.request, actor.member_id, actor.hpke, sender, record.body_digest
    )
    return AccessRequest(record, Access.from_json(letter.body), str(letter.body.get("purpose", "")))


def requests_of(site: Site, actor: MemberSecrets) -> list[AccessRequest]:
    """All requests to or by the actor, oldest first."""
    state = site.state()
    if actor.role == "patient":
        records = [*state.requests(patient=actor.member_id), *state.requests(delegatee=actor.member_id)]
    else:
        records = list(state.requests(delegatee=actor.member_id))
    return [read_request(site, actor, record) for record in records]


def open_request(state: State, patient: MemberSecrets, request_id: str) -> RequestRecord:
    """The open request of that id to this patient. Raises ``RequestUnknown``."""
    record = state.request(request_id)
    if record is None or record.patient != patient.member_id:
        raise RequestUnknown("there is no such request to this patient; see `chartseal requests`")
    if record.status is not RequestStatus.OPEN:
        raise RequestUnknown(f"the request was already {record.status}; the doctor has to ask again")
    return record


def refuse(site: Site, patient: MemberSecrets, request_id: str, *, reason: str = "") -> None:
    """Refuse a request, with a reason for the delegatee's eyes only."""
    state = site.state()
    record = open_request(state, patient, request_id)
    letter = letters.write("refusal", _refusal_id(request_id), {"reason": reason}, patient.signing)
    readers = reader_keys(state, (record.delegatee, patient.member_id))
    letters.post(site.mailbox, letter, _refusal_id(request_id), readers)
    site.submit(Refuse(request_id, letter.digest), patient)


def refusal_reason(site: Site, actor: MemberSecrets, record: RequestRecord) -> str:
    """Why a request was refused, for one of its parties. Raises ``LetterInvalid``, ``SignatureInvalid``."""
    if record.answered_at is None:
        return ""
    body = next(site.engine.entries(record.answered_at)).transaction.body
    digest = body.body_digest if isinstance(body, Refuse) else None
    sender = VerifyingKey(member_of(site.state(), record.patient).keys.verifying)
    letter = letters.receive(
        site.mailbox, "refusal", _refusal_id(record.request), actor.member_id, actor.hpke, sender, digest
    )
    return str(letter.body.get("reason", ""))


def _refusal_id(request_id: str) -> str:
    return f"{request_id}.refusal"
