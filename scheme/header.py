"""The block header: what is known of a block in clear, signed by the hospital, one link of a patient's chain."""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from scheme import canonical, suite
from scheme.chapter import CHAPTER_ID_SIZE, NONCE_SIZE, Chapter, ChapterContext
from scheme.errors import EncodingInvalid, SchemeError
from scheme.hashing import DIGEST_SIZE, Tag, tagged_hash
from scheme.keys import KEY_ID_SIZE, SIGNATURE_SIZE, SigningKey, VerifyingKey
from scheme.scopes import SCOPE_ID_SIZE
from scheme.umbral import Capsule
from scheme.wrap import WRAP_SIZE

CHAIN_ID_SIZE = 16
MAX_MEMBERS = 4096
MAX_HEADER_BYTES = 1 << 20
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class HeaderInvalid(SchemeError):
    """A block header that is not the one asked for, or not one its hospital signed."""

    code = "header-invalid"


@dataclass(frozen=True)
class SealedMember:
    """A sealed member as the header lists it: SHA-256 (hex) and size in bytes of the ciphertext."""

    sha256: str
    size: int


@dataclass(frozen=True)
class BlockHeader:
    """One link. ``members[0]`` is the sealed manifest. Signed, but not yet verified."""

    chapter: Chapter
    index: int
    previous: str
    day: str
    nonce: bytes
    members: Sequence[SealedMember]
    signature: bytes = b""

    def _unsigned(self) -> dict[str, Any]:
        context = self.chapter.context
        return {
            "type": "chartseal/block-header",
            "suite": suite.SUITE_1.id,
            "chain": context.chain,
            "index": self.index,
            "previous": self.previous,
            "day": self.day,
            "nonce": self.nonce.hex(),
            "scope": context.scope,
            "hospital": context.hospital,
            "chapter": context.chapter,
            "capsule": canonical.b64(bytes(self.chapter.capsule)),
            "wrap": canonical.b64(self.chapter.wrap),
            "members": [{"sha256": member.sha256, "size": member.size} for member in self.members],
        }

    @property
    def unsigned(self) -> bytes:
        """Canonical JSON of all but the signature: what an author sends the hospital, and what that signs."""
        return canonical.dumps(self._unsigned())

    def placed(self, index: int, previous: str) -> BlockHeader:
        """The same header for another place in its chain, unsigned."""
        return replace(self, index=index, previous=previous, signature=b"")

    def sign(self, hospital: SigningKey) -> BlockHeader:
        """The same header with the hospital's signature. Raises ``HeaderInvalid`` on another hospital's key."""
        if hospital.verifying_key.key_id != self.chapter.context.hospital:
            raise HeaderInvalid("the chapter was begun for another hospital key than the one that is to sign")
        return replace(self, signature=hospital.sign(Tag.BLOCK_HEADER, self.unsigned))

    @cached_property
    def _encoded(self) -> bytes:
        return canonical.dumps(self._unsigned() | {"signature": canonical.b64(self.signature)})

    def __bytes__(self) -> bytes:
        return self._encoded

    @classmethod
    def from_bytes(cls, data: bytes) -> BlockHeader:
        """Parse header.json. Raises ``EncodingInvalid``, ``UnknownSuite``, ``umbral.CapsuleInvalid``."""
        return cls._parse(data, signed=True)

    @classmethod
    def from_unsigned(cls, data: bytes) -> BlockHeader:
        """Inverse of ``unsigned``. Raises as ``from_bytes``."""
        return cls._parse(data, signed=False)

    @classmethod
    def _parse(cls, data: bytes, *, signed: bool) -> BlockHeader:
        if len(data) > MAX_HEADER_BYTES:
            raise EncodingInvalid(f"a block header has at most {MAX_HEADER_BYTES} bytes")
        value = canonical.loads(data, what="the block header")
        suite.lookup(value.get("suite"))
        try:
            header = cls(
                chapter=Chapter(
                    ChapterContext(
                        chain=_id(value["chain"], CHAIN_ID_SIZE),
                        scope=_id(value["scope"], SCOPE_ID_SIZE),
                        hospital=_id(value["hospital"], KEY_ID_SIZE),
                        chapter=_id(value["chapter"], CHAPTER_ID_SIZE),
                    ),
                    Capsule.from_bytes(canonical.unb64(value["capsule"], what="the capsule")),
                    canonical.unb64(value["wrap"], what="the RSA wrap", size=WRAP_SIZE),
                ),
                index=value["index"],
                previous=_id(value["previous"], DIGEST_SIZE),
                day=value["day"],
                nonce=canonical.unhex(value["nonce"], what="the nonce", size=NONCE_SIZE),
                members=tuple(_member(member) for member in value["members"]),
                signature=canonical.unb64(value["signature"], what="the header's signature", size=SIGNATURE_SIZE)
                if signed
                else b"",
            )
            datetime.date.fromisoformat(header.day)
            numbered = type(header.index) is int and header.index >= 0
            sound = numbered and 1 <= len(header.members) <= MAX_MEMBERS and bool(_DAY.fullmatch(header.day))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise EncodingInvalid("the block header lacks a field or has one of the wrong type") from None
        if not sound or (bytes(header) if signed else header.unsigned) != data:
            raise EncodingInvalid("the block header has a field that is out of range or unknown")
        return header

    @property
    def locator(self) -> str:
        """Plain SHA-256 of header.json in hex: the block's name in stores, and the next header's ``previous``."""
        return hashlib.sha256(bytes(self)).hexdigest()

    def verify(self, hospital: VerifyingKey) -> VerifiedHeader:
        """Check the hospital's signature. Raises ``SignatureInvalid``, ``HeaderInvalid``.

        Whether that key counted when the block was anchored is the ledger's to say, never a date in here.
        """
        if hospital.key_id != self.chapter.context.hospital:
            raise HeaderInvalid("the block header names another hospital key than the one on the ledger")
        hospital.verify(Tag.BLOCK_HEADER, self.unsigned, self.signature)
        return VerifiedHeader(self, self.locator)


@dataclass(frozen=True)
class VerifiedHeader:
    """A header whose hospital signature was checked."""

    header: BlockHeader
    locator: str


def member_context(header: BlockHeader, index: int) -> bytes:
    """What a sealed member is bound to: suite, chain, scope, hospital, capsule, nonce, index and member count."""
    return seal_context(header.chapter, header.nonce, index, len(header.members))


def seal_context(chapter: Chapter, nonce: bytes, index: int, count: int) -> bytes:
    """The context of member ``index`` of ``count`` (32 bytes), before there is a header."""
    return tagged_hash(
        Tag.MEMBER,
        chapter.context.label,
        bytes(chapter.capsule),
        nonce,
        index.to_bytes(8, "big"),
        count.to_bytes(8, "big"),
    )


def _id(value: object, size: int) -> str:
    canonical.unhex(value, what="an identifier in the block header", size=size)
    return str(value)


def _member(value: Mapping[str, Any]) -> SealedMember:
    size = value["size"]
    if type(size) is not int or size < 0:
        raise ValueError("size")
    return SealedMember(_id(value["sha256"], DIGEST_SIZE), size)
