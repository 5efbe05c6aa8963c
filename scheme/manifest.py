"""The manifest: what a block holds, known only to those who open it, signed by the author."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scheme import canonical, suite
from scheme.chapter import Chapter
from scheme.errors import EncodingInvalid, SchemeError
from scheme.hashing import DIGEST_SIZE, Tag, tagged_hash
from scheme.header import SealedMember
from scheme.keys import SIGNATURE_SIZE, SigningKey, VerifyingKey
from scheme.record import Record

MAX_MANIFEST_BYTES = 16 << 20


class ManifestInvalid(SchemeError):
    """A manifest that does not belong to its block, or that its author did not sign."""

    code = "manifest-invalid"


@dataclass(frozen=True)
class Payload:
    """How a member of records was packed: sizes in bytes before and after compression, and its seal."""

    plain_size: int
    packed_size: int
    compressed: bool
    sealed: SealedMember


@dataclass(frozen=True)
class Manifest:
    """Contents of a block. ``payloads[i]`` is member i + 1; a record names its member and its place in it."""

    author: str
    sealed_at: str
    amends: str | None
    payloads: Sequence[Payload]
    records: Sequence[Record]

    def _signed_value(self, chapter: Chapter, nonce: bytes) -> dict[str, Any]:
        return {
            "type": "chartseal/manifest",
            "suite": suite.SUITE_1.id,
            "scope": chapter.context.scope,
            "capsule": tagged_hash(Tag.CAPSULE, bytes(chapter.capsule)).hex(),
            "nonce": nonce.hex(),
            "author": self.author,
            "sealed_at": self.sealed_at,
            "amends": self.amends,
            "payloads": [
                {
                    "plain_size": payload.plain_size,
                    "packed_size": payload.packed_size,
                    "compressed": payload.compressed,
                    "sha256": payload.sealed.sha256,
                    "size": payload.sealed.size,
                }
                for payload in self.payloads
            ],
            "records": [record.to_json() for record in self.records],
        }

    def sign(self, author: SigningKey, chapter: Chapter, nonce: bytes) -> bytes:
        """Canonical bytes with the author's signature over contents, scope, capsule, nonce and sealed digests."""
        value = self._signed_value(chapter, nonce)
        value["signature"] = canonical.b64(author.sign(Tag.MANIFEST, canonical.dumps(value)))
        return canonical.dumps(value)


@dataclass(frozen=True)
class VerifiedManifest:
    """A manifest whose author's signature, scope, capsule and nonce were checked."""

    manifest: Manifest


def author_of(data: bytes) -> str:
    """The member id that a manifest names as its author, to look up the key for ``verify``; not to be trusted yet."""
    author = canonical.loads(data, what="the manifest").get("author")
    canonical.unhex(author, what="the author's id", size=16)
    return str(author)


def verify(
    data: bytes, author: VerifyingKey, chapter: Chapter, nonce: bytes, members: Sequence[SealedMember]
) -> VerifiedManifest:
    """Parse and check a manifest against the header's chapter, nonce and ``members`` (without the manifest's own).

    In order: 1. it parses; 2. it is for this scope, capsule and nonce, and lists the very members that the header
    lists; 3. the author's signature; 4. the records of a member are its bytes, one after another, so that no byte is
    handed out twice. Raises ``ManifestInvalid``, ``EncodingInvalid``, ``SignatureInvalid``, ``UnknownSuite``.
    """
    if len(data) > MAX_MANIFEST_BYTES:
        raise EncodingInvalid(f"a manifest has at most {MAX_MANIFEST_BYTES} bytes")
    value = canonical.loads(data, what="the manifest")  # 1
    suite.lookup(value.get("suite"))
    try:
        signature = canonical.unb64(value.pop("signature"), what="the manifest's signature", size=SIGNATURE_SIZE)
        manifest = Manifest(
            author=str(value["author"]),
            sealed_at=str(value["sealed_at"]),
            amends=_amends(value["amends"]),
            payloads=tuple(_payload(payload) for payload in value["payloads"]),
            records=tuple(Record.from_json(record) for record in value["records"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise EncodingInvalid("the manifest lacks a field or has one of the wrong type") from None
    if manifest._signed_value(chapter, nonce) != value or tuple(p.sealed for p in manifest.payloads) != tuple(
        members
    ):  # 2
        raise ManifestInvalid("the manifest belongs to another block than the one it was found in")
    author.verify(Tag.MANIFEST, canonical.dumps(value), signature)  # 3
    ends = [0] * len(manifest.payloads)
    for record in manifest.records:  # 4
        if not 1 <= record.member <= len(ends) or record.offset != ends[record.member - 1] or record.size < 0:
            raise ManifestInvalid("the manifest places a record outside of its member, or over another one")
        ends[record.member - 1] += record.size
    if ends != [payload.plain_size for payload in manifest.payloads]:
        raise ManifestInvalid("the manifest's records are not all that its members hold")
    return VerifiedManifest(manifest)


def _amends(locator: object) -> str | None:
    return None if locator is None else canonical.unhex(locator, what="the amended block", size=DIGEST_SIZE).hex()


def _payload(value: Mapping[str, Any]) -> Payload:
    sizes = (value["plain_size"], value["packed_size"], value["size"])
    if not all(type(size) is int and size >= 0 for size in sizes) or not isinstance(value["compressed"], bool):
        raise ValueError("payload")
    canonical.unhex(value["sha256"], what="a member's digest", size=32)
    return Payload(*sizes[:2], value["compressed"], SealedMember(value["sha256"], sizes[2]))
