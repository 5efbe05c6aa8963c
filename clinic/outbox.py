"""The outbox: sealed blocks on the author's disk, durable before anything is uploaded; the unit of resume.

A batch is what one ledger transaction will anchor. Order: block files (fsynced) -> ``batch.json`` (from here on the
records count as sealed) -> upload -> anchor -> the batch is deleted. Ciphertext only; no key is ever in here.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from clinic import durable
from clinic.errors import HomeBusy, OutboxPending
from scheme import canonical
from scheme.stream import Buffer, Writer

OWN_FILE_BYTES = 1 << 20
"""Blocks at least this large get a file of their own, which a folder store can link instead of copying."""
SYNC_BYTES = 4 << 20
"""After so many bytes a large block's file is synced, while sealing goes on."""
_SPOOL = "blocks"
_INDEX = "batch.json"


@dataclass(frozen=True)
class SealedFile:
    """One block of a batch: where its bytes are, and what the ledger is to anchor."""

    locator: str
    file: str
    offset: int
    size: int
    scope: str
    chapter: str


@dataclass(frozen=True)
class Batch:
    """Blocks of one author for one chain, ready to be uploaded and anchored."""

    folder: Path
    patient: str
    hospital: str
    author: str
    chain: str
    previous_head: str | None
    first_index: int
    blocks: Sequence[SealedFile]

    @contextlib.contextmanager
    def open(self, block: SealedFile) -> Iterator[BinaryIO]:
        """The block's bytes as a seekable file."""
        path = self.folder / block.file
        with durable.full_disk_told(), path.open("rb") as file:
            if block.file == _SPOOL:
                file.seek(block.offset)
                yield io.BytesIO(file.read(block.size))
            else:
                yield file

    def discard(self) -> None:
        """Delete the batch: it is anchored, or replaced."""
        (self.folder / _INDEX).unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)


class _LargeFile:
    """Sends a file to the disk while more is written to it, so that the last sync finds little to do."""

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
        """All of it is on the disk."""
        self._settle()
        self._file.flush()
        os.fsync(self._file.fileno())

    def _settle(self) -> None:
        if self._running is not None:
            self._running.result()  # the system tells of a failed sync once


class BatchWriter:
    """Collects the blocks of a new batch; nothing of it counts before ``commit``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._spool: BinaryIO | None = None
        self._blocks: list[SealedFile] = []
        self._current: tuple[str, int, BinaryIO] | None = None

    @contextlib.contextmanager
    def block(self, expected_bytes: int | None) -> Iterator[Writer]:
        """A sink for one block; ``add`` names it. Large or endless blocks get a file of their own."""
        if expected_bytes is None or expected_bytes >= OWN_FILE_BYTES:
            path = self._folder / f"block-{len(self._blocks)}"
            with path.open("xb") as file, ThreadPoolExecutor(1) as syncing:
                self._current = (path.name, 0, file)
                sink = _LargeFile(file, syncing)
                yield sink
                sink.finish()
        else:
            if self._spool is None:
                self._spool = (self._folder / _SPOOL).open("xb")
            self._current = (_SPOOL, self._spool.tell(), self._spool)
            yield self._spool

    def add(self, locator: str, scope: str, chapter: str) -> None:
        """Name the block just written; called inside ``block``."""
        if self._current is None:
            raise OutboxPending("no block was written that could be named")
        name, offset, file = self._current
        self._blocks.append(SealedFile(locator, name, offset, file.tell() - offset, scope, chapter))

    def commit(
        self, *, patient: str, hospital: str, author: str, chain: str, previous_head: str | None, first_index: int
    ) -> Batch:
        """Make the batch durable; from here on a crash loses nothing of it."""
        if self._spool is not None:
            self._spool.flush()
            os.fsync(self._spool.fileno())
            self._spool.close()
        batch = Batch(self._folder, patient, hospital, author, chain, previous_head, first_index, tuple(self._blocks))
        value = {
            "type": "chartseal/outbox-batch",
            "patient": patient,
            "hospital": hospital,
            "author": author,
            "chain": chain,
            "previous_head": previous_head,
            "first_index": first_index,
            "blocks": [vars(block) for block in self._blocks],
        }
        durable.write(self._folder / _INDEX, canonical.dumps(value))
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

    def begin(self) -> BatchWriter:
        """A new batch; leftovers of one that was never committed are removed first."""
        for folder in self._folders():
            if not (folder / _INDEX).exists():
                shutil.rmtree(folder, ignore_errors=True)
        folder = self._folder / secrets.token_hex(8)
        folder.mkdir(mode=durable.PRIVATE_FOLDER)
        return BatchWriter(folder)

    def pending(self) -> list[Batch]:
        """Committed batches that are not anchored yet, oldest first. Raises ``OutboxPending`` on a damaged one."""
        return [_read(folder) for folder in self._folders() if (folder / _INDEX).exists()]

    def _folders(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        folders = [path for path in self._folder.iterdir() if path.is_dir()]
        return sorted(folders, key=lambda path: path.stat().st_mtime_ns)


def _read(folder: Path) -> Batch:
    value = canonical.loads(durable.read(folder / _INDEX), what="an outbox batch")
    try:
        return Batch(
            folder,
            value["patient"],
            value["hospital"],
            value["author"],
            value["chain"],
            value["previous_head"],
            value["first_index"],
            tuple(SealedFile(**block) for block in value["blocks"]),
        )
    except (KeyError, TypeError):
        raise OutboxPending(
            f"the outbox batch {folder.name} is damaged; seal its records again and delete it"
        ) from None
