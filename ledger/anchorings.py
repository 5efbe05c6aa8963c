"""Anchoring: the blocks of one AnchorBlocks as the state keeps them, packed, so that a batch of thousands is one value.

Bytes: chain (16), first index (8), author (16), time (8), number of chapters (2), each chapter's id and scope (16 +
16), then for each block its locator (32), the number of its chapter in that list (2) and its size (8); numbers are
big-endian. The key is the position of the entry.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain as joined

from ledger.bodies import AnchorBlocks, BlockAnchor

_HEAD = struct.Struct(">16sQ16sQH")
_CHAPTER = struct.Struct(">16s16s")
_BLOCK = struct.Struct(">32sHQ")
_LOCATOR_SIZE = 32


@dataclass(frozen=True)
class Anchoring:
    """Blocks that ``author`` anchored to ``chain`` at ``time``, in order; ``chapters`` are (chapter, scope)."""

    chain: str
    first_index: int
    author: str
    time: int
    chapters: tuple[tuple[str, str], ...]
    _blocks: bytes

    @classmethod
    def of(cls, body: AnchorBlocks, time: int) -> Anchoring:
        """The anchoring of the blocks of ``body``, whose chapters have one scope each."""
        blocks = body.blocks
        chapters = {block.chapter: block.scope for block in blocks}
        numbers = {chapter: number for number, chapter in enumerate(chapters)}
        locators = bytes.fromhex("".join([block.locator for block in blocks]))
        fields = (
            (locators[32 * place : 32 * place + 32], numbers[block.chapter], block.size)
            for place, block in enumerate(blocks)
        )
        packed = struct.pack(">" + "32sHQ" * len(blocks), *joined.from_iterable(fields))
        return cls(body.chain, body.first_index, body.author, time, tuple(chapters.items()), packed)

    @classmethod
    def from_bytes(cls, data: bytes) -> Anchoring:
        """Inverse of ``bytes``."""
        chain, first_index, author, time, count = _HEAD.unpack_from(data)
        end = _HEAD.size + count * _CHAPTER.size
        chapters = tuple((one.hex(), two.hex()) for one, two in _CHAPTER.iter_unpack(data[_HEAD.size : end]))
        return cls(chain.hex(), first_index, author.hex(), time, chapters, data[end:])

    def __bytes__(self) -> bytes:
        chain, author = bytes.fromhex(self.chain), bytes.fromhex(self.author)
        head = _HEAD.pack(chain, self.first_index, author, self.time, len(self.chapters))
        return head + bytes.fromhex("".join(joined.from_iterable(self.chapters))) + self._blocks

    def __len__(self) -> int:
        return len(self._blocks) // _BLOCK.size

    def offset(self, locator: str) -> int | None:
        """Where among the blocks the one of that locator is."""
        wanted, place = bytes.fromhex(locator), -1
        while len(wanted) == _LOCATOR_SIZE and (place := self._blocks.find(wanted, place + 1)) >= 0:
            if place % _BLOCK.size == 0:
                return place // _BLOCK.size
        return None

    def blocks(self, start: int = 0, end: int | None = None) -> Iterator[BlockAnchor]:
        """The blocks from offset ``start`` up to ``end``."""
        stop = len(self) if end is None else end
        for locator, number, size in _BLOCK.iter_unpack(self._blocks[start * _BLOCK.size : stop * _BLOCK.size]):
            chapter, scope = self.chapters[number]
            yield BlockAnchor(locator.hex(), scope, chapter, size)


def block_key(locator: str) -> str:
    """What the state finds a block by: the first 8 bytes of its locator, in hex.

    Locators come in no order, so that each new row is on another page of the index: short rows are fewer pages to write
    (a batch on a grown ledger costs a quarter less). Other blocks may share the key; the anchoring tells.
    """
    return locator[:16]
