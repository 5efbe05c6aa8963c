"""A batch of the outbox: sealed blocks that one ledger transaction will anchor, and how each becomes a whole block."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, cast

from clinic import durable
from clinic.errors import OutboxPending
from clinic.hospital import Linked
from scheme import canonical, seal
from scheme.errors import SchemeError
from scheme.header import BlockHeader
from scheme.seal import SealedBlock

SPOOL = "blocks"
"""Small blocks lie one after another in this file."""
INDEX = "batch.json"
_SHOWN = 12
"""Digits of an id that people see."""


@dataclass(frozen=True)
class Target:
    """Whose records a batch holds, in which chain and of which hospital, and who wrote them: ids."""

    patient: str
    hospital: str
    author: str
    chain: str


@dataclass(frozen=True)
class SealedFile:
    """One block of a batch: where its sealed members are, and the header that makes them a block, once linked."""

    file: str
    offset: int
    sealed: SealedBlock
    header: BlockHeader | None = None

    @cached_property
    def tail(self) -> bytes:
        """What follows the sealed members, wherever those are."""
        return seal.tail(self.sealed, self._linked)

    @cached_property
    def locator(self) -> str:
        """The block's name, which follows from its place in the chain."""
        return self._linked.locator

    @property
    def size(self) -> int:
        """Bytes of the whole block."""
        return self.sealed.end + len(self.tail)

    @property
    def scope(self) -> str:
        """The scope it was sealed to."""
        return self.sealed.chapter.context.scope

    @property
    def chapter(self) -> str:
        """The chapter it belongs to."""
        return self.sealed.chapter.context.chapter

    @property
    def _linked(self) -> BlockHeader:
        if self.header is None:
            raise OutboxPending("the batch has no place in the chain yet; run `chartseal outbox` when it can get one")
        return self.header

    def to_json(self) -> canonical.JsonObject:
        """The block as it stands in ``batch.json``: its header unsigned until it is linked."""
        header = self.sealed.draft.unsigned if self.header is None else bytes(self.header)
        return {
            "file": self.file,
            "offset": self.offset,
            "header": canonical.b64(header),
            "crcs": list(self.sealed.crcs),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any], *, linked: bool) -> SealedFile:
        """Inverse of ``to_json``. Raises ``SchemeError``, ``KeyError``, ``TypeError``, ``ValueError``."""
        data = canonical.unb64(value["header"], what="a header in the outbox")
        header = BlockHeader.from_bytes(data) if linked else BlockHeader.from_unsigned(data)
        sealed = SealedBlock.of(header, value["crcs"])
        if len(sealed.crcs) != len(sealed.sealed):
            raise ValueError("crcs")
        return cls(value["file"], value["offset"], sealed, header if linked else None)


@dataclass(frozen=True)
class Batch:
    """Blocks of one author for one chain; ``first_index`` is ``None`` until the hospital linked them."""

    folder: Path
    target: Target
    blocks: Sequence[SealedFile]
    previous_head: str | None = None
    first_index: int | None = None
    superseded: Sequence[str] = field(default=())
    """Locators under which the blocks may have been uploaded before others came first."""

    @classmethod
    def read(cls, folder: Path) -> Batch:
        """What ``write`` wrote. Raises ``OutboxPending`` on a damaged one, ``HomeInvalid``."""
        try:
            value = canonical.loads(durable.read(folder / INDEX), what="an outbox batch")
            linked = value["first_index"] is not None
            return cls(
                folder,
                Target(value["patient"], value["hospital"], value["author"], value["chain"]),
                tuple(SealedFile.from_json(block, linked=linked) for block in value["blocks"]),
                value["previous_head"],
                value["first_index"],
                tuple(value["superseded"]),
            )
        except (KeyError, TypeError, ValueError, SchemeError):
            raise OutboxPending(
                f"{INDEX} is damaged; seal its records again, then delete the outbox folder {folder.name}"
            ) from None

    @property
    def about(self) -> str:
        """Which batch this is, for people: folder, size, ids of patient and hospital, day of sealing."""
        blocks, target = f"{len(self.blocks)} block{'s' if len(self.blocks) > 1 else ''}", self.target
        return (
            f"outbox batch {self.folder.name} ({blocks} of patient {target.patient[:_SHOWN]} at hospital "
            f"{target.hospital[:_SHOWN]}, sealed {self.blocks[0].sealed.draft.day})"
        )

    @contextlib.contextmanager
    def open(self, block: SealedFile) -> Iterator[BinaryIO]:
        """The whole block as a seekable file; as the file that it is on disk, where that ends with its tail.

        Raises ``OutboxPending`` if bytes of it are gone.
        """
        path, end = self.folder / block.file, block.sealed.end
        with durable.full_disk_told(), path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < block.offset + end:
                raise OutboxPending(
                    f"the outbox file {self.folder.name}/{block.file} is shorter than what was sealed; nothing of it "
                    "was sent. Bring the file back from a backup; or seal its records again, then delete the folder"
                )
            if block.file == SPOOL:
                file.seek(block.offset)
                yield io.BytesIO(file.read(end) + block.tail)
                return
            file.seek(end)
            if file.read(len(block.tail) + 1) == block.tail:
                file.seek(0)
                yield file
            else:
                yield cast("BinaryIO", io.BufferedReader(_Joined(file, end, block.tail)))

    def placed(self, linked: Linked) -> Batch:
        """The same ciphertext at the place that the hospital gave."""
        blocks = tuple(
            replace(block, header=verified.header) for block, verified in zip(self.blocks, linked.headers, strict=True)
        )
        return replace(self, blocks=blocks, previous_head=linked.previous_head, first_index=linked.first_index)

    def link(self, linked: Linked) -> Batch:
        """As ``placed``, durably, and with the places that it had before in mind."""
        superseded = [block.locator for block in self.blocks if block.header is not None]
        renewed = replace(self.placed(linked), superseded=(*self.superseded, *superseded))
        renewed.write()
        return renewed

    def write(self) -> None:
        """Make it what ``batch.json`` says, durably."""
        value = {
            "type": "chartseal/outbox-batch",
            **vars(self.target),
            "previous_head": self.previous_head,
            "first_index": self.first_index,
            "superseded": list(self.superseded),
            "blocks": [block.to_json() for block in self.blocks],
        }
        durable.write(self.folder / INDEX, canonical.dumps(value))

    def discard(self) -> None:
        """Delete the batch: it is anchored, or refused."""
        (self.folder / INDEX).unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)


class _Joined(io.RawIOBase):
    """The first ``size`` bytes of ``file`` with ``tail`` behind them: no file that a store could link."""

    def __init__(self, file: BinaryIO, size: int, tail: bytes) -> None:
        self._file = file
        self._size = size
        self._tail = tail
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size + len(self._tail)}[whence]
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        missing = self._size - self._position
        if missing > 0:
            self._file.seek(self._position)
            data = self._file.read(min(len(buffer), missing))
        else:
            data = self._tail[-missing : len(buffer) - missing]
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)
