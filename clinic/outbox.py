"""The outbox: sealed blocks on the author's disk, durable before anything is uploaded; the unit of resume.

A batch is what one ledger transaction will anchor. Order: sealed members (fsynced) -> ``batch.json`` (from here on the
records count as sealed) -> linked by the hospital, if that was out of reach before -> upload -> anchor -> the batch is
deleted. Once committed, only ``batch.json`` is ever replaced: a file of members may be a store's block, too. Ciphertext
only; no key is ever in here.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from clinic import durable
from clinic.batch import INDEX, SPOOL, Batch, SealedFile, Target
from clinic.errors import HomeBusy, OutboxPending
from clinic.hospital import Linked
from scheme.header import BlockHeader
from scheme.seal import SealedBlock
from scheme.stream import Buffer, Writer

OWN_FILE_BYTES = 1 << 20
"""Blocks at least this large get a file of their own, which a folder store can link instead of copying."""
SYNC_BYTES = 4 << 20
"""After so many bytes a large block's file is synced, while sealing goes on."""


class _LargeFile:
    """Sends a file to the disk while more is written to it, so that the commit finds little to sync."""

    def __init__(self, file: BinaryIO, syncing: Executor) -> None:
        self._file = file
        self._syncing = syncing
        self._running: Future[None] | None = None
        self._unsynced = 0

    def write(self, data: Buffer, /) -> None:
        self._unsynced += self._file.write(data)
        if self._unsynced >= SYNC_BYTES and (self._running is None or self._running.done()):
            self._settle()
            self._running = self._syncing.submit(os.fsync, self._file.fileno())
            self._unsynced = 0

    def finish(self) -> None:
        """Nothing runs any more; what was written last is synced with the batch."""
        self._settle()

    def _settle(self) -> None:
        if self._running is not None:
            self._running.result()  # the system tells of a failed sync once


class BatchWriter:
    """Collects the blocks of a new batch; nothing of it counts before ``commit``."""

    def __init__(self, folder: Path, target: Target) -> None:
        self._folder = folder
        self._target = target
        self._spool: BinaryIO | None = None
        self._blocks: list[SealedFile] = []
        self._current: tuple[str, int] | None = None

    @contextlib.contextmanager
    def block(self, expected_bytes: int | None) -> Iterator[Writer]:
        """A sink for one block's members; ``add`` names them. Large or endless blocks get a file of their own."""
        if expected_bytes is None or expected_bytes >= OWN_FILE_BYTES:
            path = self._folder / f"block-{len(self._blocks)}"
            with path.open("xb") as file, ThreadPoolExecutor(1) as syncing:
                self._current = (path.name, 0)
                sink = _LargeFile(file, syncing)
                yield sink
                sink.finish()
        else:
            if self._spool is None:
                self._spool = (self._folder / SPOOL).open("xb")
            self._current = (SPOOL, self._spool.tell())
            yield self._spool

    def add(self, sealed: SealedBlock) -> None:
        """Say what the members just written are; called inside ``block``."""
        if self._current is None:
            raise OutboxPending("no block was written that could be named")
        self._blocks.append(SealedFile(*self._current, sealed))

    @property
    def drafts(self) -> Sequence[BlockHeader]:
        """The headers to be linked, in order."""
        return [block.sealed.draft for block in self._blocks]

    def commit(self, linked: Linked | None) -> Batch:
        """Make the batch durable, linked or not; from here on a crash loses nothing of it."""
        if self._spool is not None:
            self._spool.flush()
            os.fsync(self._spool.fileno())
            self._spool.close()
        batch = Batch(self._folder, self._target, tuple(self._blocks))
        if linked is not None:
            batch = batch.placed(linked)
        for block in batch.blocks:
            if block.file != SPOOL:
                with (self._folder / block.file).open("ab") as file:
                    file.write(b"" if linked is None else block.tail)
                    file.flush()
                    os.fsync(file.fileno())
        batch.write()
        durable.sync_folder(self._folder.parent)
        return batch


class Outbox:
    """The folder of batches of one home."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextlib.contextmanager
    def exclusively(self) -> Iterator[None]:
        """Only one process at a time works on the outbox; another waits. Raises ``HomeBusy`` where locks fail."""
        with durable.full_disk_told():
            self._folder.mkdir(parents=True, exist_ok=True, mode=durable.PRIVATE_FOLDER)
            with (self._folder / "lock").open("w") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX)
                except OSError:
                    raise HomeBusy("the outbox cannot be locked; keep the home on a local disk") from None
                yield

    def begin(self, target: Target) -> BatchWriter:
        """A new batch; leftovers of one that was never committed are removed first."""
        for folder in self._folders():
            if not (folder / INDEX).exists():
                shutil.rmtree(folder, ignore_errors=True)
        folder = self._folder / secrets.token_hex(8)
        folder.mkdir(mode=durable.PRIVATE_FOLDER)
        return BatchWriter(folder, target)

    def pending(self) -> list[Batch]:
        """Committed batches that are not anchored yet, oldest first. Raises ``OutboxPending`` on a damaged one."""
        return [Batch.read(folder) for folder in self.committed()]

    def committed(self) -> list[Path]:
        """The folders of committed batches, oldest first, damaged ones too."""
        return [folder for folder in self._folders() if (folder / INDEX).exists()]

    def _folders(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        folders = [path for path in self._folder.iterdir() if path.is_dir()]
        return sorted(folders, key=lambda path: path.stat().st_mtime_ns)
