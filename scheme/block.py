"""Reading a block: a zip accepted only if every byte of its frame is what sealing writes."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from scheme import chunked, manifest, padding, zipframe
from scheme.chapter import BlockKey
from scheme.compression import Inflater
from scheme.errors import Damaged, SchemeError
from scheme.header import MAX_HEADER_BYTES, MAX_MEMBERS, BlockHeader, member_context
from scheme.keys import VerifyingKey
from scheme.manifest import MAX_MANIFEST_BYTES, Manifest, VerifiedManifest
from scheme.seal import HEADER_NAME, member_name, unframe_manifest
from scheme.stream import Writer
from scheme.zipframe import Member

_COPY_SIZE = 1 << 20


class BlockDamaged(SchemeError):
    """Not a whole block: cut, changed, reordered, or another zip."""

    code = "block-damaged"


@dataclass(frozen=True)
class Block:
    """An opened block file: its header (signature not yet checked) and where its members lie."""

    source: BinaryIO
    header: BlockHeader
    members: Sequence[Member]
    """Manifest first, as in the header."""

    @classmethod
    def open(cls, source: BinaryIO, locator: str | None = None) -> Block:
        """Read the frame of a seekable block file.

        In order: 1. the directory; 2. names, order and sizes are those a block has; 3. header.json has the SHA-256
        ``locator``, when given; 4. every byte of the frame is what sealing writes for these members. The members'
        own bytes are checked as they are read. Raises ``BlockDamaged``, ``EncodingInvalid``, ``UnknownSuite``.
        """
        total = source.seek(0, 2)
        try:
            tail_offset = max(0, total - zipframe.TAIL_SIZE)
            offset, size = zipframe.directory_span(_read(source, tail_offset, zipframe.TAIL_SIZE), total)  # 1
            if size > MAX_MEMBERS * 128:
                raise ValueError("the directory is too large")
            directory = _read(source, offset, size + zipframe.TAIL_SIZE)
            members = zipframe.parse_directory(directory[:size], MAX_MEMBERS + 1)
            _check_layout(members, offset)  # 2
            header_data = _read(source, members[-1].data_offset, members[-1].size)
        except ValueError as error:
            raise BlockDamaged(f"this is not a whole block ({error}); fetch it again or repair the store") from None
        if locator is not None and hashlib.sha256(header_data).hexdigest() != locator:  # 3
            raise BlockDamaged(f"the block's header is not the one named {locator[:16]}; fetch it again")
        header = BlockHeader.from_bytes(header_data)
        in_header_order = (members[-2], *members[:-2])
        sizes_agree = [member.size for member in in_header_order] == [member.size for member in header.members]
        if not sizes_agree or members[-1].crc != zlib.crc32(header_data):
            raise BlockDamaged("the block's frame does not agree with its header; fetch it again")
        _check_frame(source, members, directory)  # 4
        return cls(source, header, in_header_order)

    def check_members(self) -> None:
        """Hash every sealed member against the header; for stores, needs no key. Raises ``BlockDamaged``."""
        for index in range(len(self.members)):
            self._copy_checked(index, lambda _data: None)

    def open_manifest(self, key: BlockKey, author_key: Callable[[str], VerifyingKey]) -> VerifiedManifest:
        """Open and verify the manifest; ``author_key`` looks up a member id's verifying key.

        Raises ``BlockDamaged``, ``NotForThisKey``, ``Damaged``, ``ManifestInvalid``, ``SignatureInvalid``.
        """
        if self.members[0].size > MAX_MANIFEST_BYTES:
            raise BlockDamaged("the block's manifest is larger than allowed")
        sealed = bytearray()
        self._copy_checked(0, sealed.extend)
        framed = chunked.open_bytes(key.member_key(0), member_context(self.header, 0), bytes(sealed))
        data = unframe_manifest(framed, MAX_MANIFEST_BYTES)
        author = author_key(manifest.author_of(data))
        return manifest.verify(data, author, self.header.chapter, self.header.nonce, self.header.members[1:])

    def open_payload(self, key: BlockKey, contents: Manifest, index: int, sink: Writer) -> int:
        """Write the plaintext of member ``index`` (1 for the first) into ``sink``; returns its size in bytes.

        Flat memory; nothing unauthenticated reaches the sink, but on an error it may have received a true prefix.
        Raises ``BlockDamaged``, ``Damaged``, ``NotForThisKey``.
        """
        payload = contents.payloads[index - 1]
        source = _HashedMember(self, index)
        inflater = Inflater(sink, max_plain_bytes=payload.plain_size) if payload.compressed else None
        unpadder = padding.Unpadder(inflater or sink, payload.packed_size)
        try:
            chunked.open_stream(key.member_key(index), member_context(self.header, index), source, unpadder)
        except SchemeError:
            source.finish()  # bytes that are not those of the header are damage, whatever they are under this key
            raise
        source.finish()
        unpadder.finish()
        if (inflater.finish() if inflater else payload.packed_size) != payload.plain_size:
            raise Damaged("a member's size is not the one in the manifest; the block was not made by this software")
        return payload.plain_size

    def _copy_checked(self, index: int, take: Callable[[bytes], object]) -> None:
        source = _HashedMember(self, index)
        while data := source.read(_COPY_SIZE):
            take(data)
        source.finish()


class _HashedMember:
    """Reads one sealed member, hashing it on the way; ``finish`` compares with the header and the zip's CRC."""

    def __init__(self, block: Block, index: int) -> None:
        self._source = block.source
        self._member = block.members[index]
        self._expected = block.header.members[index].sha256
        self._sha256 = hashlib.sha256()
        self._crc = 0
        self._missing = self._member.size
        self._source.seek(self._member.data_offset)

    def read(self, size: int, /) -> bytes:
        data = self._source.read(min(size, self._missing))
        self._sha256.update(data)
        self._crc = zlib.crc32(data, self._crc)
        self._missing -= len(data)
        return data

    def finish(self) -> None:
        while self._missing and self.read(_COPY_SIZE):
            pass
        if self._missing or self._sha256.hexdigest() != self._expected or self._crc != self._member.crc:
            raise BlockDamaged("a sealed member is not the one in the block's header; fetch the block again")


def _read(source: BinaryIO, offset: int, size: int) -> bytes:
    source.seek(offset)
    data = source.read(size)
    if len(data) != size:
        raise ValueError("it ends early")
    return data


def _check_layout(members: Sequence[Member], directory_offset: int) -> None:
    count = len(members) - 2
    names = [*(member_name(index) for index in range(1, count + 1)), member_name(0), HEADER_NAME]
    if [member.name for member in members] != names:
        raise ValueError("its members are not those of a block")
    position = 0
    for member in members:
        if member.offset != position:
            raise ValueError("its members do not follow one another")
        position = member.end
    if position != directory_offset or members[-1].size > MAX_HEADER_BYTES:
        raise ValueError("its members do not add up")


def _check_frame(source: BinaryIO, members: Sequence[Member], directory: bytes) -> None:
    sound = zipframe.central_directory(list(members)) == directory
    for member in members:
        local = zipframe.local_header(member.name)
        descriptor = zipframe.descriptor(member.crc, member.size)
        sound = (
            sound
            and _read(source, member.offset, len(local)) == local
            and _read(source, member.end - len(descriptor), len(descriptor)) == descriptor
        )
    if not sound:
        raise BlockDamaged("the block's zip frame was changed; fetch it again or repair the store")
