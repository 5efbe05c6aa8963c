"""Invitations: how somebody elsewhere joins once, and knows the right server from the start.

As text: ``https://HOST:PORT/#1.CODE.GENESIS.CA``. What stands behind ``#`` is no part of a request's address: the code
(128 random bits, for the server alone), the ledger's genesis digest, and the SHA-256 of the server's CA, each base64url
without padding (RFC 4648). The server keeps only the code's SHA-256.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from clinic import durable
from clinic.clock import Clock
from clinic.directory import normal_name
from clinic.errors import HomeInvalid, InputInvalid
from ledger.bodies import OF_A_HOSPITAL, Role
from ledger.errors import FieldInvalid
from ledger.fields import Fields
from network.errors import InvitationInvalid
from scheme import canonical
from scheme.errors import EncodingInvalid

DAYS = 7
"""Default of how long an invitation counts."""
MAX_DAYS = 90
_MAX_HOST = 253
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.ASCII)
_VERSION = "1"
_CODE_BYTES = 16
_DIGEST_BYTES = 32
_FIELDS = frozenset({"type", "role", "name", "hospital", "expires", "code_sha256", "used"})
_TYPE = "chartseal/invitation"
_UNSOUND = "that invitation is none, has ended or was used; have it copied whole, or ask for a new one"


@dataclass(frozen=True, repr=False)
class Invitation:
    """What the invited person holds. ``code`` (16 bytes) is secret until it is used; digests are in hex."""

    url: str
    code: bytes
    genesis: str
    ca_sha256: str

    @classmethod
    def parse(cls, text: str) -> Invitation:
        """Strict inverse of ``str``. Raises ``InvitationInvalid``."""
        url, _, fragment = text.strip().partition("#")
        parts = fragment.split(".")
        if len(parts) != 4 or parts[0] != _VERSION:
            raise InvitationInvalid("that is no invitation of this version; copy the whole link, with all behind the #")
        code, genesis, ca = (
            _decoded(part, size)
            for part, size in zip(parts[1:], (_CODE_BYTES, _DIGEST_BYTES, _DIGEST_BYTES), strict=True)
        )
        return cls(server_url(url), code, genesis.hex(), ca.hex())

    def __str__(self) -> str:
        parts = (self.code, bytes.fromhex(self.genesis), bytes.fromhex(self.ca_sha256))
        return f"{self.url}/#{_VERSION}." + ".".join(map(_encoded, parts))

    def __repr__(self) -> str:
        return f"Invitation({self.url})"


@dataclass(frozen=True)
class Offer:
    """What the server keeps of an invitation: for whom, until when (unix seconds), and who used it.

    ``name`` is how the hospital's own address book calls the person; ``hospital`` is the member id of the one that
    registers a doctor or patient. ``used`` is the SHA-256 (hex) of the application that used it.
    """

    id: str
    role: Role
    name: str
    hospital: str | None
    expires: int
    code_sha256: str
    used: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As its file holds it."""
        return {
            "type": _TYPE,
            "role": self.role.value,
            "name": self.name,
            "hospital": self.hospital,
            "expires": self.expires,
            "code_sha256": self.code_sha256,
            "used": self.used,
        }

    @classmethod
    def from_json(cls, offer_id: str, value: object) -> Offer:
        """Inverse of ``to_json``. Raises ``FieldInvalid``, ``ValueError``."""
        fields = Fields(value, _FIELDS, what="invitation")
        hospital, used = fields.raw("hospital"), fields.raw("used")
        return cls(
            offer_id,
            Role(str(fields.raw("role"))),
            str(fields.raw("name")),
            None if hospital is None else fields.identifier("hospital"),
            fields.integer("expires"),
            fields.digest("code_sha256"),
            None if used is None else fields.digest("used"),
        )


class Invitations:
    """The offers in ``folder``: one file each, named by the start of the code's digest; for several processes."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock

    def create(self, role: Role, name: str, hospital: str | None = None, *, days: int = DAYS) -> tuple[bytes, Offer]:
        """A new code (16 bytes), which is kept nowhere, and what is kept of it. Raises ``InputInvalid``."""
        if (role in OF_A_HOSPITAL) != (hospital is not None):
            raise InputInvalid("a doctor or patient is invited by a hospital, everybody else by none")
        if not 1 <= days <= MAX_DAYS:
            raise InputInvalid(f"an invitation counts for 1 to {MAX_DAYS} days")
        code = secrets.token_bytes(_CODE_BYTES)
        digest = hashlib.sha256(code).hexdigest()
        expires = self._clock() + days * 86_400
        offer = Offer(_id_of(digest), role, normal_name(name), hospital, expires, digest)
        self._store(offer)
        return code, offer

    def open(self) -> list[Offer]:
        """Offers that nobody used and that have not ended, the next to end first."""
        offers = [self._load(path) for path in sorted(self._folder.glob("*.json"))]
        found = [offer for offer in offers if offer.used is None and offer.expires > self._clock()]
        return sorted(found, key=lambda offer: offer.expires)

    def redeem(self, code: bytes, role: Role, application: str) -> Offer:
        """Use the invitation with that ``code`` for the application with that SHA-256 (hex), durably.

        The same application may come again: a client that heard no answer asks once more. Raises
        ``InvitationInvalid``, with one sentence whatever is wrong with the code.
        """
        digest = hashlib.sha256(code).hexdigest()
        with self._locked():
            path = self._path(_id_of(digest))
            if not path.exists():
                raise InvitationInvalid(_UNSOUND)
            offer = self._load(path)
            known = hmac.compare_digest(offer.code_sha256, digest)
            if not known or offer.used not in {None, application}:
                raise InvitationInvalid(_UNSOUND)
            if offer.used is None and offer.expires <= self._clock():
                raise InvitationInvalid(_UNSOUND)
            if offer.role is not role:
                raise InvitationInvalid(f"that invitation is for a {offer.role}; join as one")
            if offer.used is None:
                offer = replace(offer, used=application)
                self._store(offer)
            return offer

    def withdraw(self, offer_id: str) -> None:
        """Let an offer count no longer."""
        self._path(offer_id).unlink(missing_ok=True)

    def _store(self, offer: Offer) -> None:
        durable.write(self._path(offer.id), canonical.dumps(offer.to_json()))

    def _load(self, path: Path) -> Offer:
        try:
            return Offer.from_json(path.stem, canonical.loads(durable.read(path), what="the invitation"))
        except (EncodingInvalid, FieldInvalid, ValueError):
            raise HomeInvalid(f"the invitation {path.stem} is damaged; delete it and invite again") from None

    def _path(self, offer_id: str) -> Path:
        return self._folder / f"{offer_id}.json"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with durable.full_disk_told():
            self._folder.mkdir(parents=True, exist_ok=True, mode=durable.PRIVATE_FOLDER)
            lock = (self._folder / ".lock").open("w")
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def server_url(text: str) -> str:
    """A server's public URL in one form: ``https://HOST`` or ``https://HOST:PORT``. Raises ``InvitationInvalid``."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    sound = parts.scheme == "https" and _is_host(parts.hostname or "") and parts.path in {"", "/"} and not parts.query
    if not sound or parts.username is not None or parts.fragment or not text.isascii():
        raise InvitationInvalid("a server's address is https://HOST:PORT and nothing more")
    host = f"[{parts.hostname}]" if ":" in str(parts.hostname) else parts.hostname
    return f"https://{host}" if port in {None, 443} else f"https://{host}:{port}"


def _is_host(name: str) -> bool:
    """Whether it is an address, or a name as RFC 1123 section 2.1 has it (not yet one that exists)."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return len(name) <= _MAX_HOST and all(_LABEL.fullmatch(label) for label in name.split("."))
    return True


def code_from_text(text: str) -> bytes:
    """A code (16 bytes) as JSON holds it. Raises ``InvitationInvalid``."""
    return _decoded(text, _CODE_BYTES)


def code_to_text(code: bytes) -> str:
    """Inverse of ``code_from_text``."""
    return _encoded(code)


def _id_of(digest: str) -> str:
    return digest[:32]


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str, size: int) -> bytes:
    try:
        data = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        data = b""
    if len(data) != size or _encoded(data) != text:
        raise InvitationInvalid(_UNSOUND)
    return data
