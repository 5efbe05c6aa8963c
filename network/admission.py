"""Joining, on the server's side: an invitation is redeemed with an application, and the authority admits who applied.

Order: the code is used up for this application -> the application waits in ``applications/`` -> the authority's key
enrols it -> the name goes into the home's address book and the file away. Each step is durable before the next, and the
same application may come again after any of them. Whoever serves with the authority's password holds its key in memory;
else applications wait for `chartseal admit`.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from clinic import durable, enrolment
from clinic.directory import Person
from clinic.enrolment import Application
from clinic.errors import HomeInvalid
from clinic.home import Home
from clinic.keystore import MemberSecrets
from clinic.site import Site
from ledger.bodies import MemberKeys, Role
from ledger.errors import FieldInvalid
from ledger.fields import Fields
from network.errors import ApplicationInvalid
from network.invitation import Invitations, Offer
from scheme import canonical
from scheme.errors import EncodingInvalid, SchemeError
from scheme.hpke import HpkePublicKey
from scheme.keys import SIGNATURE_SIZE, VerifyingKey
from scheme.umbral import PublicKey
from scheme.wrap import WrappingPublicKey

INVITATIONS = "invitations"
APPLICATIONS = "applications"
_FIELDS = frozenset({"member", "role", "keys", "proof"})
_WAITING_FIELDS = frozenset({"type", "application", "name", "hospital"})
_TYPE = "chartseal/application"


class Status(StrEnum):
    """What became of an application."""

    ADMITTED = "admitted"
    WAITING = "waiting"


@dataclass(frozen=True)
class Waiting:
    """An application with what its invitation said: the name in this home's address book, and the hospital's id."""

    application: Application
    name: str
    hospital: str | None


def application_to_json(application: Application) -> dict[str, Any]:
    """As it goes over the wire and lies in a file."""
    return {
        "member": application.member_id,
        "role": application.role.value,
        "keys": application.keys.to_json(),
        "proof": canonical.b64(application.proof),
    }


def application_from_json(value: object) -> Application:
    """Strict inverse of ``application_to_json``, checked as far as can be without a ledger.

    In order: 1. form; 2. every key is one, and the kinds fit the role; 3. the proof. Raises ``ApplicationInvalid``.
    """
    try:
        fields = Fields(value, _FIELDS, what="application")
        role = fields.choice("role", Role)
        proof = canonical.unb64(fields.raw("proof"), what="the proof", size=SIGNATURE_SIZE)
        application = Application(
            fields.identifier("member"), role, MemberKeys.from_json(fields.raw("keys")), proof
        )  # 1
        _require_keys(application)  # 2
    except (FieldInvalid, SchemeError) as error:
        raise ApplicationInvalid(f"this is no application: {error}") from None
    if not application.proven:  # 3
        raise ApplicationInvalid("the proof is not by the verifying key of the application; sign its keys with that")
    return application


class Admission:
    """Invitations and waiting applications of one home. Several threads may use it.

    ``authority`` is the authority's secrets, to admit at once whoever applies; ``None`` lets applications wait.
    """

    def __init__(self, home: Home, authority: MemberSecrets | None = None) -> None:
        self._home = home
        self._authority = authority
        self._folder = home.folder / APPLICATIONS
        self._lock = threading.Lock()
        self.invitations = Invitations(home.folder / INVITATIONS, home.clock)

    def join(self, site: Site, code: bytes, application: Application) -> tuple[Status, Offer]:
        """Redeem ``code`` (16 bytes) for ``application``; again, to hear what became of it.

        Raises ``InvitationInvalid``, the ledger's refusals.
        """
        with self._lock:
            offer = self.invitations.redeem(code, application.role, _digest(application))
            waiting = Waiting(application, offer.name, offer.hospital)
            if not _is_enrolled(site, waiting):
                durable.write(self._path(application.member_id), canonical.dumps(_waiting_to_json(waiting)))
                if self._authority is None:
                    return Status.WAITING, offer
            if self._authority is not None:  # also of who is enrolled: an interruption may have kept the name back
                self.admit(site, self._authority, waiting)
            return Status.ADMITTED, offer

    def waiting(self) -> list[Waiting]:
        """Applications that nobody has admitted yet, by member id. Raises ``HomeInvalid`` on a damaged one."""
        return [_waiting(path) for path in sorted(self._folder.glob("*.json"))]

    def admit(self, site: Site, authority: MemberSecrets, waiting: Waiting) -> Person:
        """Enrol one, and note its name; again, to finish what was interrupted.

        Raises ``NotPermitted``, the ledger's refusals.
        """
        application = waiting.application
        if not _is_enrolled(site, waiting):
            hospital = None if waiting.hospital is None else self._home.hospital(waiting.hospital)
            enrolment.admit(site, authority, application, hospital)
        person = Person(application.member_id, application.role.value, waiting.name)
        if all(known.member_id != person.member_id for known in self._home.directory.people()):
            self._home.directory.add(person)
        self._path(application.member_id).unlink(missing_ok=True)
        return person

    def turn_away(self, waiting: Waiting) -> None:
        """Forget an application; its invitation stays used."""
        self._path(waiting.application.member_id).unlink(missing_ok=True)

    def _path(self, member_id: str) -> Path:
        return self._folder / f"{member_id}.json"


def _require_keys(application: Application) -> None:
    keys = application.keys
    VerifyingKey(keys.verifying)
    HpkePublicKey(keys.hpke)
    if keys.receiving is not None:
        PublicKey(keys.receiving)
    if keys.wrapping is not None:
        WrappingPublicKey(keys.wrapping)
    if (application.role is Role.PATIENT) != (keys.wrapping is not None):
        raise FieldInvalid("a patient has a wrapping key, and nobody else has one")


def _digest(application: Application) -> str:
    return hashlib.sha256(canonical.dumps(application_to_json(application))).hexdigest()


def _is_enrolled(site: Site, waiting: Waiting) -> bool:
    application = waiting.application
    member = site.state().member(application.member_id)
    if member is None or (member.role, member.keys) != (application.role, application.keys):
        return False
    return waiting.hospital is None or waiting.hospital in member.hospitals


def _waiting_to_json(waiting: Waiting) -> dict[str, Any]:
    return {
        "type": _TYPE,
        "application": application_to_json(waiting.application),
        "name": waiting.name,
        "hospital": waiting.hospital,
    }


def _waiting(path: Path) -> Waiting:
    try:
        fields = Fields(canonical.loads(durable.read(path), what="an application"), _WAITING_FIELDS, what="file")
        application = application_from_json(fields.raw("application"))
        return Waiting(application, str(fields.raw("name")), fields.optional("hospital", fields.identifier))
    except (EncodingInvalid, FieldInvalid, ApplicationInvalid):
        raise HomeInvalid(f"the application {path.stem} is damaged; delete it and invite again") from None
