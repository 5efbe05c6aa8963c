"""Ed25519 signing keys (RFC 8032), every signature bound to its purpose."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from scheme.errors import EncodingInvalid, SignatureInvalid
from scheme.hashing import Tag, tagged_hash

SIGNATURE_SIZE = 64
VERIFYING_KEY_SIZE = 32
KEY_ID_SIZE = 16


@lru_cache(maxsize=256)
def _loaded(key: bytes) -> Ed25519PublicKey:
    # Few keys sign most of what is verified, and loading one costs a tenth of a verification.
    return Ed25519PublicKey.from_public_bytes(key)


def _framed(tag: Tag, message: bytes) -> bytes:
    return f"chartseal/1/{tag}".encode() + b"\x00" + message


class SigningKey:
    """An Ed25519 private key; signs only under a ``Tag``, so a signature for one purpose is none for another."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.verifying_key = VerifyingKey(key.public_key().public_bytes_raw())

    @classmethod
    def generate(cls) -> SigningKey:
        """A fresh key from the operating system's generator."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_secret_bytes(cls, secret: bytes) -> SigningKey:
        """From the 32-byte seed of ``to_secret_bytes``. Raises ``EncodingInvalid``."""
        try:
            return cls(Ed25519PrivateKey.from_private_bytes(secret))
        except ValueError:
            raise EncodingInvalid("an Ed25519 secret key has 32 bytes") from None

    def to_secret_bytes(self) -> bytes:
        """The 32-byte seed. Secret."""
        return self._key.private_bytes_raw()

    def private_key(self) -> Ed25519PrivateKey:
        """The key as ``cryptography`` holds it, for X.509 only."""
        return self._key

    def sign(self, tag: Tag, message: bytes) -> bytes:
        """Signature of 64 bytes over ``message`` for the purpose ``tag``."""
        return self._key.sign(_framed(tag, message))

    def __repr__(self) -> str:
        return f"SigningKey({self.verifying_key.key_id})"


@dataclass(frozen=True)
class VerifyingKey:
    """An Ed25519 public key: 32 bytes."""

    data: bytes

    def __post_init__(self) -> None:
        if len(self.data) != VERIFYING_KEY_SIZE:
            raise EncodingInvalid("an Ed25519 public key has 32 bytes")

    @property
    def key_id(self) -> str:
        """Public short name of the key: 16 bytes of its tagged hash, in hex."""
        return tagged_hash(Tag.KEY_ID, self.data)[:KEY_ID_SIZE].hex()

    def verify(self, tag: Tag, message: bytes, signature: bytes) -> None:
        """Return if this key signed ``message`` for the purpose ``tag``. Raises ``SignatureInvalid``."""
        try:
            _loaded(self.data).verify(signature, _framed(tag, message))
        except (InvalidSignature, ValueError):
            raise SignatureInvalid(
                f"the signature is not by key {self.key_id}; do not trust what it stands under"
            ) from None

    def __bytes__(self) -> bytes:
        return self.data

    def __repr__(self) -> str:
        return f"VerifyingKey({self.key_id})"
