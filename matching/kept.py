"""What pairing and session keep between commands: canonical JSON in AES-256-GCM, all keys derived from one of 32 bytes.

The ratchets inside are vodozemac's own encrypted pickles; the outer seal keeps them and our counters together, so that
no part can be exchanged for an older one. The whole can be: **an older state must never be restored over a newer one**,
or a ratchet key would be used twice.
"""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from matching.errors import SessionStateInvalid
from matching.olm import STATE_KEY_SIZE
from scheme import canonical
from scheme.errors import EncodingInvalid

_NONCE_SIZE = 12


def pickle_key(key: bytes) -> bytes:
    """The key for vodozemac's pickles, 32 bytes. Raises ``SessionStateInvalid`` unless ``key`` has 32 bytes."""
    return _derived(key, b"pickle")


def seal(kind: str, value: canonical.JsonObject, key: bytes) -> bytes:
    """``value`` sealed under ``key`` (32 bytes) as a thing of that kind; 28 bytes longer than its JSON."""
    nonce = secrets.token_bytes(_NONCE_SIZE)
    return nonce + AESGCM(_derived(key, b"seal")).encrypt(nonce, canonical.dumps(value), kind.encode())


def unseal(kind: str, data: bytes, key: bytes) -> canonical.JsonObject:
    """Inverse of ``seal``. Raises ``SessionStateInvalid``."""
    try:
        plain = AESGCM(_derived(key, b"seal")).decrypt(data[:_NONCE_SIZE], data[_NONCE_SIZE:], kind.encode())
        return canonical.loads(plain, what="a kept session")
    except (InvalidTag, ValueError, EncodingInvalid):
        raise SessionStateInvalid(
            "the kept session is damaged, or this is not its key; restore the newest copy, or match anew"
        ) from None


def _derived(key: bytes, purpose: bytes) -> bytes:
    if len(key) != STATE_KEY_SIZE:
        raise SessionStateInvalid(f"the key of a kept session has {STATE_KEY_SIZE} bytes; take it from the keystore")
    return HKDFExpand(algorithm=SHA256(), length=32, info=b"chartseal/1/session-state/" + purpose).derive(key)
