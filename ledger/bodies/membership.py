"""Enrol, Remove, Renew, Suspend, Reinstate: who is a member, with which keys, certified until when."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from ledger.errors import FieldInvalid
from ledger.fields import Fields
from ledger.registry import Body, registered
from scheme import canonical
from scheme.canonical import JsonObject
from scheme.errors import SignatureInvalid
from scheme.hashing import Tag
from scheme.keys import SIGNATURE_SIZE, VERIFYING_KEY_SIZE, SigningKey, VerifyingKey

MAX_CERTIFICATE_BYTES = 4096
MAX_WRAPPING_KEY_BYTES = 1024
HPKE_KEY_SIZE = 32
RECEIVING_KEY_SIZE = 33


class Role(StrEnum):
    """The roles in which a member can be enrolled."""

    HOSPITAL = "hospital"
    DOCTOR = "doctor"
    PATIENT = "patient"
    PROXY = "proxy"
    NOTARY = "notary"
    ISSUER = "issuer"
    """Makes tags for matching."""


OF_A_HOSPITAL = frozenset({Role.DOCTOR, Role.PATIENT})
"""Roles that a hospital registers and removes; the others are the authority's."""


@dataclass(frozen=True, slots=True)
class MemberKeys:
    """Public keys of a member.

    ``verifying`` Ed25519, 32 bytes; ``hpke`` X25519, 32 bytes; ``receiving`` secp256k1 compressed, 33 bytes, of those
    who read through proxies; ``wrapping`` a patient's RSA key as DER SubjectPublicKeyInfo, at most 1024 bytes.
    """

    verifying: bytes
    hpke: bytes
    receiving: bytes | None = None
    wrapping: bytes | None = None

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        fields = Fields(value, frozenset({"verifying", "hpke", "receiving", "wrapping"}), what="keys")
        return cls(
            verifying=fields.key("verifying", VERIFYING_KEY_SIZE),
            hpke=fields.key("hpke", HPKE_KEY_SIZE),
            receiving=fields.optional("receiving", lambda name: fields.key(name, RECEIVING_KEY_SIZE)),
            wrapping=fields.optional("wrapping", lambda name: fields.encoded(name, max_bytes=MAX_WRAPPING_KEY_BYTES)),
        )

    def to_json(self) -> JsonObject:
        """The keys as they stand in an Enrol."""
        return {
            "verifying": self.verifying.hex(),
            "hpke": self.hpke.hex(),
            "receiving": None if self.receiving is None else self.receiving.hex(),
            "wrapping": None if self.wrapping is None else canonical.b64(self.wrapping),
        }

    def prove(self, member: str, key: SigningKey) -> bytes:
        """Signature of 64 bytes by the member's own ``key`` that these keys are hers: the ``proof`` of an Enrol."""
        return key.sign(Tag.MEMBER_KEYS, self._statement(member))

    def proven(self, member: str, proof: bytes) -> bool:
        """Whether ``proof`` is by ``verifying`` over these keys and ``member``."""
        try:
            VerifyingKey(self.verifying).verify(Tag.MEMBER_KEYS, self._statement(member), proof)
        except SignatureInvalid:
            return False
        return True

    def _statement(self, member: str) -> bytes:
        return canonical.dumps({"member": member, "keys": self.to_json()})


@registered("enrol", 2)
@dataclass(frozen=True)
class Enrol(Body):
    """Make ``member`` a member; for a patient enrolled already, with the same keys, add ``hospital``.

    By the authority for hospitals, proxies, notaries and issuers; by ``hospital`` for its doctors and patients.
    ``certificate`` (DER, at most 4096 bytes) is the authority's over ``keys.verifying``; ``proof`` is ``keys.prove`` by
    the member.
    """

    member: str
    role: Role
    hospital: str | None
    certificate: bytes
    keys: MemberKeys
    proof: bytes

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        names = frozenset({"member", "role", "hospital", "certificate", "keys", "proof"})
        fields = Fields(value, names, what="enrol")
        role = fields.choice("role", Role)
        hospital = fields.optional("hospital", fields.identifier)
        if (hospital is None and role in OF_A_HOSPITAL) or (hospital and role is Role.HOSPITAL):
            raise FieldInvalid("hospital of enrol must be named for doctors and patients, and not for hospitals")
        return cls(
            member=fields.identifier("member"),
            role=role,
            hospital=hospital,
            certificate=fields.encoded("certificate", max_bytes=MAX_CERTIFICATE_BYTES),
            keys=MemberKeys.from_json(fields.raw("keys")),
            proof=fields.encoded("proof", max_bytes=SIGNATURE_SIZE),
        )

    def to_json(self) -> JsonObject:
        """The body as it stands in the transaction."""
        return {
            "member": self.member,
            "role": str(self.role),
            "hospital": self.hospital,
            "certificate": canonical.b64(self.certificate),
            "keys": self.keys.to_json(),
            "proof": canonical.b64(self.proof),
        }


@registered("remove", 1)
@dataclass(frozen=True)
class Remove(Body):
    """The authority removes ``member``, or a hospital its doctor or patient: later signatures are refused.

    Earlier ones stay valid. A hospital whose patient has other hospitals ends only its own relation with her.
    """

    member: str

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        return cls(member=Fields(value, frozenset({"member"}), what="remove").identifier("member"))

    def to_json(self) -> JsonObject:
        """The body as it stands in the transaction."""
        return {"member": self.member}


@registered("renew", 1)
@dataclass(frozen=True)
class Renew(Body):
    """The authority gives ``member`` a new ``certificate`` (DER, at most 4096 bytes) over the same keys."""

    member: str
    certificate: bytes

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        fields = Fields(value, frozenset({"member", "certificate"}), what="renew")
        return cls(
            member=fields.identifier("member"),
            certificate=fields.encoded("certificate", max_bytes=MAX_CERTIFICATE_BYTES),
        )

    def to_json(self) -> JsonObject:
        """The body as it stands in the transaction."""
        return {"member": self.member, "certificate": canonical.b64(self.certificate)}


@registered("suspend", 1)
@dataclass(frozen=True)
class Suspend(Body):
    """The authority suspends ``member`` until it is reinstated; ``reason_digest`` is salted."""

    member: str
    reason_digest: str

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        fields = Fields(value, frozenset({"member", "reason_digest"}), what="suspend")
        return cls(member=fields.identifier("member"), reason_digest=fields.digest("reason_digest"))

    def to_json(self) -> JsonObject:
        """The body as it stands in the transaction."""
        return {"member": self.member, "reason_digest": self.reason_digest}


@registered("reinstate", 1)
@dataclass(frozen=True)
class Reinstate(Body):
    """The authority ends the suspension of ``member``."""

    member: str

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        return cls(member=Fields(value, frozenset({"member"}), what="reinstate").identifier("member"))

    def to_json(self) -> JsonObject:
        """The body as it stands in the transaction."""
        return {"member": self.member}
