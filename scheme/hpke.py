"""Sealing small secrets to a member or a service: HPKE (RFC 9180), base mode, single shot.

X25519, HKDF-SHA-256, AES-256-GCM; no associated data: all that must be bound stands in ``info``. A sealed secret is
``encapsulated key (32) || ciphertext || tag (16)``. Base mode does not say who sealed it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from scheme.errors import EncodingInvalid, NotForThisKey
from scheme.hashing import Tag, tagged_hash
from scheme.keys import KEY_ID_SIZE

KEY_SIZE = 32
OVERHEAD = 48

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


@dataclass(frozen=True)
class HpkePublicKey:
    """An X25519 public key: 32 bytes. Raises ``EncodingInvalid``."""

    data: bytes
    x25519: X25519PublicKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.data) != KEY_SIZE:
            raise EncodingInvalid(f"an X25519 public key has {KEY_SIZE} bytes")
        object.__setattr__(self, "x25519", X25519PublicKey.from_public_bytes(self.data))

    @property
    def key_id(self) -> str:
        """Public short name of the key: 16 bytes of its tagged hash, in hex."""
        return tagged_hash(Tag.KEY_ID, self.data)[:KEY_ID_SIZE].hex()

    def __bytes__(self) -> bytes:
        return self.data

    def __repr__(self) -> str:
        return f"HpkePublicKey({self.key_id})"


class HpkePrivateKey:
    """An X25519 private key."""

    def __init__(self, x25519: X25519PrivateKey) -> None:
        self.x25519 = x25519
        self.public_key = HpkePublicKey(x25519.public_key().public_bytes_raw())

    @classmethod
    def generate(cls) -> HpkePrivateKey:
        """A fresh key from the operating system's generator."""
        return cls(X25519PrivateKey.generate())

    @classmethod
    def from_secret_bytes(cls, secret: bytes) -> HpkePrivateKey:
        """From the 32 bytes of ``to_secret_bytes``. Raises ``EncodingInvalid``."""
        if len(secret) != KEY_SIZE:
            raise EncodingInvalid(f"an X25519 secret key has {KEY_SIZE} bytes")
        return cls(X25519PrivateKey.from_private_bytes(secret))

    def to_secret_bytes(self) -> bytes:
        """32 bytes. Secret."""
        return self.x25519.private_bytes_raw()

    def __repr__(self) -> str:
        return f"HpkePrivateKey({self.public_key.key_id})"


def seal(public: HpkePublicKey, info: bytes, plaintext: bytes) -> bytes:
    """``plaintext`` sealed to ``public`` for the place that ``info`` names; 48 bytes longer.

    Raises ``EncodingInvalid`` on a public key of low order.
    """
    try:
        return _SUITE.encrypt(plaintext, public.x25519, info)
    except ValueError:
        raise EncodingInvalid(f"key {public.key_id} is not a sound X25519 key; ask its owner for another") from None


def open(private: HpkePrivateKey, info: bytes, sealed: bytes) -> bytes:  # noqa: A001 -- called as hpke.open
    """The plaintext of ``seal`` (secret).

    Raises ``NotForThisKey`` on another key, another ``info`` and damage alike: HPKE does not tell them apart.
    """
    try:
        return _SUITE.decrypt(sealed, private.x25519, info)
    except (InvalidTag, ValueError):
        raise NotForThisKey("this was sealed to another key or for another purpose, or it is damaged") from None
