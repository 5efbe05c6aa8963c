"""The one-time signature that Libert and Vergnaud's scheme asks for: Ed25519 with a fresh key each time.

It is strongly unforgeable, which their proof needs, as OpenSSL verifies it (RFC 8032, section 5.1.7).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from benchmarks.groups.tally import Tally

KEY_SIZE = 32
SIGNATURE_SIZE = 64
SIGN = "one-time key and signature"
VERIFY = "one-time signature verified"


def new_key() -> tuple[Ed25519PrivateKey, bytes]:
    """A signing key for one use, and its public key (32 bytes)."""
    key = Ed25519PrivateKey.generate()
    return key, key.public_key().public_bytes_raw()


def sign(tally: Tally, key: Ed25519PrivateKey, message: bytes) -> bytes:
    """64 bytes. Counts the key with it."""
    tally.add(SIGN)
    return key.sign(message)


def verified(tally: Tally, key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether ``signature`` is one of ``message`` under ``key`` (32 bytes)."""
    tally.add(VERIFY)
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def operations(tally: Tally) -> Mapping[str, Callable[[], object]]:
    """A call of each operation that is counted."""
    message = bytes(96)
    key, public = new_key()
    signature = key.sign(message)
    return {
        SIGN: lambda: sign(tally, new_key()[0], message),
        VERIFY: lambda: verified(tally, public, message, signature),
    }
