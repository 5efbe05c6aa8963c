"""Stand, StandDown, VoteForDelegate by members; CommitSeed, RevealSeed by the delegates that are seated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from ledger.errors import FieldInvalid
from ledger.fields import Fields
from ledger.registry import Body, registered
from scheme import canonical
from scheme.canonical import JsonObject
from scheme.errors import SignatureInvalid
from scheme.hashing import Tag
from scheme.keys import SIGNATURE_SIZE, VERIFYING_KEY_SIZE, SigningKey, VerifyingKey


@registered("stand", 1)
@dataclass(frozen=True)
class Stand(Body):
    """The signer stands for delegate as ``delegate``, with ``key`` (Ed25519, 32 bytes); again, to change the key.

    ``proof`` is the delegate key's signature (64 bytes) over canonical ``{delegate, member}``.
    """

    delegate: str
    key: bytes
    proof: bytes

    @classmethod
    def of(cls, delegate: str, key: SigningKey, member: str) -> Self:
        """The body with which ``member`` stands, proven with the delegate's own ``key``."""
        return cls(delegate, key.verifying_key.data, key.sign(Tag.DELEGATE_KEY, _statement(delegate, member)))

    def proven(self, member: str) -> bool:
        """Whether the delegate's key agreed to stand for ``member``."""
        try:
            VerifyingKey(self.key).verify(Tag.DELEGATE_KEY, _statement(self.delegate, member), self.proof)
        except SignatureInvalid:
            return False
        return True

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        fields = Fields(value, frozenset({"delegate", "key", "proof"}), what="stand")
        proof = fields.encoded("proof", max_bytes=SIGNATURE_SIZE)
        if len(proof) != SIGNATURE_SIZE:
            raise FieldInvalid(f"proof of stand must have {SIGNATURE_SIZE} bytes")
        return cls(fields.identifier("delegate"), fields.key("key", VERIFYING_KEY_SIZE), proof)

    def to_json(self) -> JsonObject:
        """The body as it stands in the transaction."""
        return {"delegate": self.delegate, "key": self.key.hex(), "proof": canonical.b64(self.proof)}


def _statement(delegate: str, member: str) -> bytes:
    return canonical.dumps({"delegate": delegate, "member": member})


@registered("stand-down", 1)
@dataclass(frozen=True)
class StandDown(Body):
    """The signer stands no more; its delegate keeps a seat until the epoch ends, and its reputation for ever."""

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        Fields(value, frozenset(), what="stand-down")
        return cls()

    def to_json(self) -> JsonObject:
        """The body as it stands in the transaction."""
        return {}


@registered("vote", 1)
@dataclass(frozen=True)
class VoteForDelegate(Body):
    """The signer supports ``candidate``, a delegate id, until it votes again."""

    candidate: str

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        return cls(Fields(value, frozenset({"candidate"}), what="vote").identifier("candidate"))

    def to_json(self) -> JsonObject:
        """The body as it stands in the transaction."""
        return {"candidate": self.candidate}


@registered("commit-seed", 1)
@dataclass(frozen=True)
class CommitSeed(Body):
    """A seated delegate commits to its part of the next seed; ``commitment`` as ``ledger.seed`` makes it."""

    epoch: int
    commitment: str

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        fields = Fields(value, frozenset({"epoch", "commitment"}), what="commit-seed")
        return cls(fields.integer("epoch"), fields.digest("commitment"))

    def to_json(self) -> JsonObject:
        """The body as it stands in the transaction."""
        return {"epoch": self.epoch, "commitment": self.commitment}


@registered("reveal-seed", 1)
@dataclass(frozen=True)
class RevealSeed(Body):
    """A seated delegate reveals the ``secret`` (32 bytes in hex) that it committed to in ``epoch``."""

    epoch: int
    secret: str

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        fields = Fields(value, frozenset({"epoch", "secret"}), what="reveal-seed")
        return cls(fields.integer("epoch"), fields.digest("secret"))

    def to_json(self) -> JsonObject:
        """The body as it stands in the transaction."""
        return {"epoch": self.epoch, "secret": self.secret}
