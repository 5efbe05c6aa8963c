"""Wrapping a chapter key to a patient's RSA key: RSA-OAEP with SHA-256 and a label (RFC 8017, section 7.1)."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)

from scheme.errors import EncodingInvalid, NotForThisKey
from scheme.hashing import DIGEST_SIZE, Tag, tagged_hash
from scheme.keys import KEY_ID_SIZE

KEY_BITS = 3072
MAX_KEY_BITS = 8192
EXPONENT = 65537
WRAPPED_KEY_SIZE = 32
WRAP_SIZE = KEY_BITS // 8


@dataclass(frozen=True)
class WrappingPublicKey:
    """An RSA public key as DER SubjectPublicKeyInfo: 3072 to 8192 bits, exponent 65537. Raises ``EncodingInvalid``."""

    data: bytes
    rsa_key: rsa.RSAPublicKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            key = load_der_public_key(self.data)
        except (ValueError, UnsupportedAlgorithm):
            raise EncodingInvalid("the wrapping key is not a DER public key") from None
        if not isinstance(key, rsa.RSAPublicKey):
            raise EncodingInvalid("the wrapping key is not an RSA key")
        if not KEY_BITS <= key.key_size <= MAX_KEY_BITS or key.public_numbers().e != EXPONENT:
            raise EncodingInvalid(f"a wrapping key is RSA with {KEY_BITS} to {MAX_KEY_BITS} bits, exponent {EXPONENT}")
        if key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != self.data:
            raise EncodingInvalid("the wrapping key is not in its one DER form")
        object.__setattr__(self, "rsa_key", key)

    @property
    def key_id(self) -> str:
        """Public short name of the key: 16 bytes of its tagged hash, in hex."""
        return tagged_hash(Tag.KEY_ID, self.data)[:KEY_ID_SIZE].hex()

    def __bytes__(self) -> bytes:
        return self.data

    def __repr__(self) -> str:
        return f"WrappingPublicKey({self.key_id})"


class WrappingKey:
    """An RSA private key for unwrapping."""

    def __init__(self, rsa_key: rsa.RSAPrivateKey) -> None:
        self.rsa_key = rsa_key
        public = rsa_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.public_key = WrappingPublicKey(public)

    @classmethod
    def generate(cls) -> WrappingKey:
        """A fresh RSA-3072 key; takes about a tenth of a second."""
        return cls(rsa.generate_private_key(EXPONENT, KEY_BITS))

    @classmethod
    def from_secret_bytes(cls, secret: bytes) -> WrappingKey:
        """From the DER of ``to_secret_bytes``. Raises ``EncodingInvalid``."""
        try:
            key = load_der_private_key(secret, None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise EncodingInvalid("the secret wrapping key is not a DER private key") from None
        if not isinstance(key, rsa.RSAPrivateKey):
            raise EncodingInvalid("the secret wrapping key is not an RSA key")
        return cls(key)

    def to_secret_bytes(self) -> bytes:
        """DER, PKCS #8, not encrypted. Secret."""
        return self.rsa_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    def __repr__(self) -> str:
        return f"WrappingKey({self.public_key.key_id})"


def _oaep(label: bytes) -> OAEP:
    if len(label) != DIGEST_SIZE:
        raise EncodingInvalid(f"a wrap's label is a digest of {DIGEST_SIZE} bytes")
    return OAEP(MGF1(SHA256()), SHA256(), label)


def wrap(public: WrappingPublicKey, key: bytes, label: bytes) -> bytes:
    """The 32-byte ``key`` encrypted under the 32-byte ``label``: 384 bytes for RSA-3072, the modulus's size else."""
    if len(key) != WRAPPED_KEY_SIZE:
        raise EncodingInvalid(f"a key to wrap has {WRAPPED_KEY_SIZE} bytes")
    return public.rsa_key.encrypt(key, _oaep(label))


def unwrap(private: WrappingKey, wrapped: bytes, label: bytes) -> bytes:
    """The 32-byte key in ``wrapped`` (secret). Raises ``NotForThisKey``.

    OAEP gives one failure only: another key, another label and damage cannot be told apart, and must not be.
    """
    try:
        key = private.rsa_key.decrypt(wrapped, _oaep(label))
    except ValueError:
        key = b""
    if len(key) != WRAPPED_KEY_SIZE:
        raise NotForThisKey("the key was wrapped to another RSA key or for another chapter, or it is damaged")
    return key
