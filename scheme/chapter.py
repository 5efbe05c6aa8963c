"""A chapter: the blocks of one scope that one author anchors in one ledger transaction, under one capsule.

KEM key -> chapter key -> block keys -> member keys. The author forgets the chapter key once the chapter is anchored;
a delegatee's public-key work grows with chapters, not with records.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from functools import cached_property

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from scheme import canonical, suite, umbral, wrap
from scheme.errors import SchemeError
from scheme.hashing import Tag, tagged_hash
from scheme.umbral import Capsule, PublicKey, SecretKey

CHAPTER_ID_SIZE = 16
KEY_SIZE = 32
NONCE_SIZE = 32


class ChapterKeyMismatch(SchemeError):
    """The capsule and the RSA wrap of one chapter lead to different keys: its author deceived somebody."""

    code = "chapter-key-mismatch"


@dataclass(frozen=True)
class ChapterContext:
    """Where a chapter belongs; bound into the capsule's proof, so that a capsule copied elsewhere is refused."""

    chain: str
    scope: str
    hospital: str
    """Key id of the hospital whose signature the blocks bear."""
    chapter: str

    @cached_property
    def label(self) -> bytes:
        """The capsule's label: canonical JSON of suite and context."""
        return canonical.dumps(
            {
                "suite": suite.SUITE_1.id,
                "chain": self.chain,
                "scope": self.scope,
                "hospital": self.hospital,
                "chapter": self.chapter,
            }
        )


class BlockKey:
    """The key of one block (32 bytes): opens its members and nothing else."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def to_secret_bytes(self) -> bytes:
        """The 32 bytes. Secret; a patient wraps them when she grants selected blocks."""
        return self._secret

    def member_key(self, index: int) -> bytes:
        """Input key (32 bytes) of member ``index`` for the chunked encryption."""
        return _expand(self._secret, b"member", index.to_bytes(8, "big"))

    def __repr__(self) -> str:
        return "BlockKey(...)"


class ChapterKey:
    """The key of one chapter (32 bytes): opens every block of it and no other chapter's."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @classmethod
    def from_kem(cls, kem_key: bytes, context: ChapterContext, capsule: Capsule) -> ChapterKey:
        """HKDF-SHA-256 of the KEM key, bound to suite, chain, scope, hospital and the capsule's digest."""
        info = tagged_hash(Tag.CAPSULE, context.label, bytes(capsule))
        return cls(HKDF(SHA256(), KEY_SIZE, salt=None, info=b"chartseal/1/chapter-key" + info).derive(kem_key))

    def to_secret_bytes(self) -> bytes:
        """The 32 bytes. Secret."""
        return self._secret

    def block_key(self, nonce: bytes) -> BlockKey:
        """The key of the block with this 32-byte random nonce."""
        return BlockKey(_expand(self._secret, b"block", nonce))

    def agrees_with(self, other: ChapterKey) -> bool:
        """Constant-time comparison."""
        return hmac.compare_digest(self._secret, other._secret)

    def __repr__(self) -> str:
        return "ChapterKey(...)"


@dataclass(frozen=True)
class Chapter:
    """What the header of every block of a chapter carries in clear: context, capsule (bytes) and RSA wrap (bytes)."""

    context: ChapterContext
    capsule: Capsule
    wrap: bytes


def begin(
    scope_key: PublicKey, wrapping_key: wrap.WrappingPublicKey, *, chain: str, scope: str, hospital: str
) -> tuple[Chapter, ChapterKey]:
    """A new chapter: its key goes into a capsule for the scope's key, and wrapped to the patient's RSA key."""
    context = ChapterContext(chain, scope, hospital, secrets.token_hex(CHAPTER_ID_SIZE))
    capsule, kem_key = umbral.encapsulate(scope_key, context.label)
    key = ChapterKey.from_kem(kem_key, context, capsule)
    wrapped = wrap.wrap(wrapping_key, key.to_secret_bytes(), _wrap_label(context, capsule))
    return Chapter(context, capsule, wrapped), key


def open_by_scope_key(chapter: Chapter, scope_secret: SecretKey) -> ChapterKey:
    """The patient's way by her scope key. Raises ``umbral.CapsuleInvalid``."""
    kem_key = umbral.decapsulate(scope_secret, chapter.capsule, chapter.context.label)
    return ChapterKey.from_kem(kem_key, chapter.context, chapter.capsule)


def open_by_wrap(chapter: Chapter, private_key: wrap.WrappingKey) -> ChapterKey:
    """The patient's way by her RSA key. Raises ``NotForThisKey``."""
    return ChapterKey(wrap.unwrap(private_key, chapter.wrap, _wrap_label(chapter.context, chapter.capsule)))


def open_both_ways(chapter: Chapter, private_key: wrap.WrappingKey, scope_secret: SecretKey) -> ChapterKey:
    """Open by RSA and by PRE and compare, so that an author cannot give the patient one key and delegatees another.

    Raises ``ChapterKeyMismatch``.
    """
    by_wrap = open_by_wrap(chapter, private_key)
    if not by_wrap.agrees_with(open_by_scope_key(chapter, scope_secret)):
        raise ChapterKeyMismatch(
            "the chapter's capsule and RSA wrap hold different keys; its author is not to be trusted"
        )
    return by_wrap


def _wrap_label(context: ChapterContext, capsule: Capsule) -> bytes:
    return tagged_hash(Tag.CAPSULE, bytes(capsule), context.chain.encode(), context.scope.encode())


def _expand(secret: bytes, purpose: bytes, context: bytes) -> bytes:
    """One block of HKDF-Expand with SHA-256 (RFC 5869 section 2.3): 32 bytes."""
    return hmac.digest(secret, b"chartseal/1/" + purpose + b"\x00" + context + b"\x01", "sha256")
