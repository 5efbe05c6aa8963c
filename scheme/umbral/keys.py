"""Key pairs of proxy re-encryption, for delegators' scopes and for delegatees."""

from __future__ import annotations

from dataclasses import dataclass, field

from scheme.hashing import Tag, tagged_hash
from scheme.keys import KEY_ID_SIZE
from scheme.umbral.group import (
    Entropy,
    Point,
    base_multiply,
    decode_point,
    decode_scalar,
    encode_scalar,
    random_scalar,
    scalar_from_wide,
    system_entropy,
)


@dataclass(frozen=True)
class PublicKey:
    """A public key: 33 bytes, a compressed point. Raises ``EncodingInvalid``."""

    data: bytes
    point: Point = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "point", decode_point(self.data, what="a public key for re-encryption"))

    @property
    def key_id(self) -> str:
        """Public short name of the key: 16 bytes of its tagged hash, in hex."""
        return tagged_hash(Tag.KEY_ID, self.data)[:KEY_ID_SIZE].hex()

    def __bytes__(self) -> bytes:
        return self.data

    def __repr__(self) -> str:
        return f"PublicKey({self.key_id})"


class SecretKey:
    """A secret key: a scalar from 1 to the group's order less 1."""

    __slots__ = ("public_key", "scalar")

    def __init__(self, scalar: int) -> None:
        self.scalar = scalar
        self.public_key = PublicKey(base_multiply(scalar).format())

    @classmethod
    def generate(cls, *, entropy: Entropy = system_entropy) -> SecretKey:
        """A fresh key from the operating system's generator."""
        return cls(random_scalar(entropy))

    @classmethod
    def derive_from(cls, material: bytes) -> SecretKey:
        """The key that 48 uniform bytes (an HKDF output) name: they modulo the order less 1, plus 1."""
        return cls(scalar_from_wide(material))

    @classmethod
    def from_secret_bytes(cls, secret: bytes) -> SecretKey:
        """From the 32 bytes of ``to_secret_bytes``. Raises ``EncodingInvalid``."""
        return cls(decode_scalar(secret, what="a secret key for re-encryption"))

    def to_secret_bytes(self) -> bytes:
        """32 bytes, big-endian. Secret."""
        return encode_scalar(self.scalar)

    def __repr__(self) -> str:
        return f"SecretKey({self.public_key.key_id})"
