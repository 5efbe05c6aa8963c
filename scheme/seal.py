"""Sealing: records into the members of a block, the manifest behind them, the header last.

Order of a block: ``seal_members`` writes it member by member. Its place in the chain is needed only for the ``tail``,
which follows from the ``SealedBlock`` and the signed header: a writer that was offline, or lost the race for a place,
has the same ciphertext linked to another.
"""

from __future__ import annotations

import hashlib
import secrets
import zlib
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO

from scheme import chain, chunked, compression, padding, zipframe
from scheme.chapter import NONCE_SIZE, Chapter, ChapterKey
from scheme.errors import EncodingInvalid
from scheme.header import MAX_MEMBERS, BlockHeader, SealedMember, seal_context
from scheme.keys import SigningKey
from scheme.manifest import MAX_MANIFEST_BYTES, Manifest, Payload
from scheme.record import Record
from scheme.stream import Buffer, Writer, read_full
from scheme.zipframe import Member

MANIFEST_NAME = "manifest.sealed"
HEADER_NAME = "header.json"
_LENGTH_SIZE = 8
_PIECE_SIZE = 1 << 20
_HASHED_APART = 256 * 1024
"""Pieces from this size on are hashed on another core while this one writes them and seals the next."""


def member_name(index: int) -> str:
    """Name in the zip of the ``index``-th sealed member; 0 is the manifest."""
    return MANIFEST_NAME if index == 0 else f"records-{index}.sealed"


@dataclass(frozen=True)
class Part:
    """A record to be sealed. ``size`` in bytes, or ``None`` for all there is in the source."""

    name: str
    media_type: str
    size: int | None = None
    resource_type: str | None = None
    time: str | None = None


@dataclass(frozen=True)
class PayloadSource:
    """Bytes for one member, and the records that they are, in order."""

    source: BinaryIO
    parts: Sequence[Part]


@dataclass(frozen=True)
class SealedBlock:
    """A block but for its header: chapter, day, nonce, and the sealed members with their CRC-32s, manifest first."""

    chapter: Chapter
    day: str
    nonce: bytes
    sealed: Sequence[SealedMember]
    crcs: Sequence[int]

    @classmethod
    def of(cls, header: BlockHeader, crcs: Sequence[int]) -> SealedBlock:
        """What a block with that header is besides; wherever the header puts it."""
        return cls(header.chapter, header.day, header.nonce, header.members, crcs)

    @cached_property
    def members(self) -> Sequence[Member]:
        """The zip's members in the order of the file: payloads, manifest."""
        members: list[Member] = []
        for index in (*range(1, len(self.sealed)), 0):
            offset = members[-1].end if members else 0
            members.append(Member(member_name(index), self.sealed[index].size, self.crcs[index], offset))
        return tuple(members)

    @property
    def end(self) -> int:
        """Bytes written so far: where header.json's local header starts."""
        return self.members[-1].end

    @property
    def draft(self) -> BlockHeader:
        """Its header as the first of its chain, for the hospital to place and sign."""
        first = chain.genesis(self.chapter.context.chain)
        return BlockHeader(self.chapter, 0, first, self.day, self.nonce, self.sealed)


class _MemberWriter:
    """Counts, hashes and checksums a member on its way to the sink: each byte once."""

    def __init__(self, sink: Writer, name: str) -> None:
        self._sink = sink
        self._sha256 = hashlib.sha256()
        self._crc = 0
        self._size = 0
        self._hasher: ThreadPoolExecutor | None = None
        self._hashing: Future[None] | None = None
        sink.write(zipframe.local_header(name))

    def write(self, data: Buffer, /) -> None:
        self._settle()
        if len(data) < _HASHED_APART:
            self._sha256.update(data)
        else:
            self._hasher = self._hasher or ThreadPoolExecutor(1)
            self._hashing = self._hasher.submit(self._sha256.update, bytes(data))
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        self._sink.write(data)

    def _settle(self) -> None:
        if self._hashing is not None:
            self._hashing.result()
            self._hashing = None

    def close(self) -> tuple[SealedMember, int]:
        self._settle()
        if self._hasher is not None:
            self._hasher.shutdown()
        self._sink.write(zipframe.descriptor(self._crc, self._size))
        return SealedMember(self._sha256.hexdigest(), self._size), self._crc


def seal_members(
    sink: Writer,
    chapter: Chapter,
    chapter_key: ChapterKey,
    payloads: Sequence[PayloadSource],
    *,
    author_id: str,
    author: SigningKey,
    sealed_at: str,
    amends: str | None = None,
) -> SealedBlock:
    """Seal ``payloads`` and their manifest into ``sink``, all of a block but its header, in flat memory.

    ``sealed_at`` is RFC 3339 (its first ten characters become the header's day); ``amends`` the locator of the block
    that this one corrects. Raises ``EncodingInvalid`` when a source holds fewer or more bytes than its parts.
    """
    count = len(payloads) + 1
    if count > MAX_MEMBERS:
        raise EncodingInvalid(f"a block has at most {MAX_MEMBERS - 1} members; split it")
    nonce = secrets.token_bytes(NONCE_SIZE)
    block_key = chapter_key.block_key(nonce)
    sealed: list[SealedMember] = []
    crcs: list[int] = []
    packed: list[Payload] = []
    records: list[Record] = []
    for index, payload in enumerate(payloads, start=1):
        writer = _MemberWriter(sink, member_name(index))
        context = seal_context(chapter, nonce, index, count)
        plain_size, packed_size, compressed = _pack(payload.source, block_key.member_key(index), context, writer)
        seal, crc = writer.close()
        sealed.append(seal)
        crcs.append(crc)
        packed.append(Payload(plain_size, packed_size, compressed, seal))
        records.extend(_place(payload.parts, index, plain_size))
    manifest = Manifest(author_id, sealed_at, amends, packed, records).sign(author, chapter, nonce)
    framed = _frame_manifest(manifest)
    if max(len(manifest), chunked.sealed_size(len(framed))) > MAX_MANIFEST_BYTES:
        raise EncodingInvalid(f"a manifest has at most {MAX_MANIFEST_BYTES} bytes; seal fewer records in one block")
    writer = _MemberWriter(sink, MANIFEST_NAME)
    writer.write(chunked.seal_bytes(block_key.member_key(0), seal_context(chapter, nonce, 0, count), framed))
    seal, crc = writer.close()
    return SealedBlock(chapter, sealed_at[:10], nonce, (seal, *sealed), (crc, *crcs))


def tail(block: SealedBlock, header: BlockHeader) -> bytes:
    """What stands behind the sealed members: ``header``, which is ``block.draft`` placed and signed; the directory."""
    data = bytes(header)
    crc = zlib.crc32(data)
    members = block.members
    member = Member(HEADER_NAME, len(data), crc, members[-1].end)
    return b"".join(
        (
            zipframe.local_header(HEADER_NAME),
            data,
            zipframe.descriptor(crc, len(data)),
            zipframe.central_directory([*members, member]),
        )
    )


def _pack(source: BinaryIO, key: bytes, context: bytes, writer: Writer) -> tuple[int, int, bool]:
    """Compress when a sample shrinks, pad to a Padme size, seal; returns (plain size, packed size, compressed)."""
    piece = read_full(source, _PIECE_SIZE)
    if len(piece) < _PIECE_SIZE:
        packed, compressed = compression.compress(piece)
        writer.write(chunked.seal_bytes(key, context, padding.pad(packed)))
        return len(piece), len(packed), compressed
    compressed = compression.should_compress(piece)
    sealer = chunked.Sealer(key, context, writer)
    deflater = compression.Deflater(sealer) if compressed else None
    plain_size = 0
    while piece:
        plain_size += len(piece)
        (deflater or sealer).write(piece)
        piece = source.read(_PIECE_SIZE)
    packed_size = deflater.finish() if deflater else plain_size
    for zeros in padding.zeros(packed_size):
        sealer.write(zeros)
    sealer.finish()
    return plain_size, packed_size, compressed


def _place(parts: Sequence[Part], member: int, plain_size: int) -> list[Record]:
    records = []
    offset = 0
    for part in parts:
        size = plain_size - offset if part.size is None else part.size
        records.append(Record(part.name, part.media_type, member, offset, size, part.resource_type, part.time))
        offset += size
    if offset != plain_size or any(record.size < 0 for record in records):
        raise EncodingInvalid("a record changed its size while it was being sealed; seal it again")
    return records


def _frame_manifest(manifest: bytes) -> bytes:
    """Length of the deflated manifest (8 bytes), the deflated manifest, Padme padding of both together."""
    packed = compression.deflate(manifest)
    return padding.pad(len(packed).to_bytes(_LENGTH_SIZE, "big") + packed)


def unframe_manifest(plaintext: bytes, max_bytes: int) -> bytes:
    """Inverse of the manifest's framing. Raises ``Damaged``, ``ExpansionLimit``."""
    size = int.from_bytes(plaintext[:_LENGTH_SIZE], "big")
    framed = padding.unpad(plaintext, _LENGTH_SIZE + size)
    return compression.inflate(framed[_LENGTH_SIZE:], max_plain_bytes=max_bytes)
