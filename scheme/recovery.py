"""Recovery: a random 16-byte key, shared among guardians, that opens a bundle of a member's secrets.

Shamir's scheme over GF(2**128) by pycryptodome ("How to share a secret", CACM 1979), which takes 16-byte secrets only
and combines wrong shares to garbage without a word. So a share carries the id of its set, which is a hash of the key:
what was combined is checked against it, and a share's own digest finds a slip of the pen before that.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from Crypto.Protocol.SecretSharing import Shamir
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from scheme import chunked
from scheme.errors import EncodingInvalid, SchemeError
from scheme.hashing import Tag, tagged_hash

RECOVERY_KEY_SIZE = 16
SET_ID_SIZE = 16
CHECK_SIZE = 8
SHARE_SIZE = 4 + SET_ID_SIZE + RECOVERY_KEY_SIZE + CHECK_SIZE
MAX_SHARES = 255

_VERSION = 1
_GROUP = 6


class ShareInvalid(SchemeError):
    """A share that was mistyped, damaged or forged."""

    code = "share-invalid"


class SharesMixed(SchemeError):
    """Shares of different splits."""

    code = "shares-mixed"


class ShareDuplicate(SchemeError):
    """The same share handed in twice."""

    code = "share-duplicate"


class SharesTooFew(SchemeError):
    """Fewer shares than the threshold."""

    code = "shares-too-few"


@dataclass(frozen=True, repr=False)
class Share:
    """One guardian's share: 44 bytes, of which 16 are secret. ``index`` is from 1."""

    threshold: int
    shares: int
    index: int
    set_id: bytes
    value: bytes

    @classmethod
    def from_secret_bytes(cls, secret: bytes) -> Share:
        """From the 44 bytes of ``to_secret_bytes``. Raises ``ShareInvalid``."""
        if len(secret) != SHARE_SIZE or not hmac.compare_digest(secret[-CHECK_SIZE:], _check(secret[:-CHECK_SIZE])):
            raise ShareInvalid("the recovery share was mistyped or damaged; compare it with the guardian's copy")
        version, threshold, shares, index = secret[:4]
        if version != _VERSION or not 1 <= threshold <= shares or not 1 <= index <= shares:
            raise ShareInvalid("the recovery share was made by another version of this software")
        return cls(threshold, shares, index, secret[4 : 4 + SET_ID_SIZE], secret[4 + SET_ID_SIZE : -CHECK_SIZE])

    def to_secret_bytes(self) -> bytes:
        """``version, threshold, shares, index (1 each) || set id (16) || value (16) || check (8)``. Secret."""
        body = bytes((_VERSION, self.threshold, self.shares, self.index)) + self.set_id + self.value
        return body + _check(body)

    @classmethod
    def from_secret_text(cls, text: str) -> Share:
        """From ``to_secret_text``, in any case, with any spaces and dashes. Raises ``ShareInvalid``."""
        compact = "".join(text.split()).replace("-", "").upper()
        try:
            data = base64.b32decode(compact + "=" * (-len(compact) % 8))
        except (binascii.Error, ValueError):
            raise ShareInvalid("the recovery share has a letter that is not in its alphabet, or lacks some") from None
        return cls.from_secret_bytes(data)

    def to_secret_text(self) -> str:
        """71 letters and digits (base32, RFC 4648) in groups of six, to be written on paper. Secret."""
        text = base64.b32encode(self.to_secret_bytes()).decode().rstrip("=")
        return "-".join(text[i : i + _GROUP] for i in range(0, len(text), _GROUP))

    @property
    def digest(self) -> bytes:
        """32 bytes by which the owner can later tell whether a guardian handed in the share she was given. Public."""
        return tagged_hash(Tag.RECOVERY_SHARE, b"digest", self.to_secret_bytes())

    def __repr__(self) -> str:
        return f"Share({self.index} of {self.shares}, set {self.set_id.hex()[:8]})"


def split(threshold: int, shares: int) -> tuple[bytes, tuple[Share, ...]]:
    """A fresh 16-byte recovery key (secret) and its shares (at most 255), any ``threshold`` of which give it back."""
    if not 1 <= threshold <= shares <= MAX_SHARES:
        raise EncodingInvalid(f"a threshold is from 1 to the number of shares, and those are at most {MAX_SHARES}")
    key = os.urandom(RECOVERY_KEY_SIZE)
    set_id = _set_id(key)
    parts = Shamir.split(threshold, shares, key)
    return key, tuple(Share(threshold, shares, index, set_id, value) for index, value in parts)


def combine(shares: Sequence[Share], *, digests: Collection[bytes] | None = None) -> bytes:
    """The 16-byte recovery key (secret) of at least the threshold of shares.

    ``digests`` are those of all shares as the owner kept them; with them a forged share is named. Raises
    ``SharesTooFew``, ``SharesMixed``, ``ShareDuplicate``, ``ShareInvalid``.
    """
    if not shares:
        raise SharesTooFew("no recovery share was given; ask the guardians for theirs")
    first = shares[0]
    for share in shares:
        if (share.set_id, share.threshold, share.shares) != (first.set_id, first.threshold, first.shares):
            raise SharesMixed("the recovery shares are of different splits; use those of the newest")
        if digests is not None and share.digest not in digests:
            raise ShareInvalid(f"share {share.index} is not the one that was given out; ask its guardian again")
    if len({share.index for share in shares}) != len(shares):
        raise ShareDuplicate("a recovery share was given twice; ask another guardian")
    if len(shares) < first.threshold:
        raise SharesTooFew(f"{len(shares)} of {first.threshold} recovery shares are here; ask more guardians")
    key = Shamir.combine([(share.index, share.value) for share in shares[: first.threshold]])
    if not hmac.compare_digest(_set_id(key), first.set_id):
        raise ShareInvalid("one of the recovery shares is forged; try others")
    return key


def seal_bundle(key: bytes, payload: bytes, context: bytes, *, salt: bytes | None = None) -> bytes:
    """``payload`` (secret) sealed under the 16-byte recovery key; ``salt`` as in ``chunked.seal_bytes``."""
    return chunked.seal_bytes(_bundle_key(key), context, payload, salt=salt)


def open_bundle(key: bytes, sealed: bytes, context: bytes) -> bytes:
    """The payload of ``seal_bundle`` (secret). Raises ``NotForThisKey``, ``Damaged``."""
    return chunked.open_bytes(_bundle_key(key), context, sealed)


def _bundle_key(key: bytes) -> bytes:
    if len(key) != RECOVERY_KEY_SIZE:
        raise EncodingInvalid(f"a recovery key has {RECOVERY_KEY_SIZE} bytes")
    return HKDF(SHA256(), chunked.KEY_SIZE, None, b"chartseal/1/recovery-bundle").derive(key)


def _set_id(key: bytes) -> bytes:
    return tagged_hash(Tag.RECOVERY_SHARE, b"set", key)[:SET_ID_SIZE]


def _check(body: bytes) -> bytes:
    return tagged_hash(Tag.RECOVERY_SHARE, b"check", body)[:CHECK_SIZE]
