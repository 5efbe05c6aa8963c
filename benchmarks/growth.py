"""A ledger of many entries, each step in a process of its own: its peak memory is then that step's and nothing else's.

``python -m benchmarks.growth append FOLDER ENTRIES``, then ``follow``, ``verify`` or ``open`` with the same arguments;
one JSON object on standard output.
"""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from benchmarks import bare, memory
from benchmarks.cast import ENROLMENT_BLOCKS, NOW, Cast, require
from ledger.engine import Clock
from ledger.engines.embedded import EmbeddedEngine
from ledger.engines.replica import Replica
from ledger.engines.stored import StoredLedger
from ledger.genesis import Genesis
from ledger.store import LedgerStore
from ledger.transactions import SignedTransaction
from ledger.validate import LedgerBlock

BLOCK_ENTRIES = 1000
"""Entries in one ledger block, without those of the delegates."""
SLICES = 20
"""A replica follows in about so many slices; the bare work of each one's last block is done in between."""

Sample = tuple[float, float, float]
"""Wall seconds, CPU seconds, how much was done in them."""


@dataclass(frozen=True)
class Step:
    """What one process found: ``samples``, and of ``follow`` and ``verify`` the bare work; peak memory, if known."""

    samples: list[Sample]
    bare: list[Sample]
    entries: int
    peak_bytes: int | None
    file_bytes: int


def run(name: str, folder: Path, entries: int) -> Step:
    """Carry the step ``name`` out in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.growth", name, str(folder), str(entries)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    found = json.loads(done.stdout)
    return Step(**found)


def append(folder: Path, entries: int) -> tuple[int, list[Sample], list[Sample]]:
    """Sign and append; only appending is timed."""
    cast = Cast()
    engine = cast.engine(folder / "ledger.sqlite")
    samples = []
    for _ in range(0, entries, BLOCK_ENTRIES):
        wires = cast.requests(BLOCK_ENTRIES)
        samples.append(_timed(lambda: _append(engine, wires), BLOCK_ENTRIES))  # noqa: B023 - called at once
    position = engine.view().position
    engine.close()
    return position + 1, samples, []


def follow(folder: Path, entries: int) -> tuple[int, list[Sample], list[Sample]]:
    """A new replica follows, slice by slice; after each, the bare work of one of its blocks."""
    keys = Cast.verifying_keys(len(_genesis(folder).founders))
    source = StoredLedger.open(folder / "ledger.sqlite", clock=lambda: NOW)
    replica = Replica.create(folder / "replica.sqlite", source.genesis, clock=lambda: NOW)
    samples: list[Sample] = []
    beside: list[Sample] = []
    step = max(1, entries // BLOCK_ENTRIES // SLICES)
    replica.follow(_Part(source, ENROLMENT_BLOCKS))
    while (before := replica.view()).block != source.view().block:
        part = _Part(source, before.height + step)
        wall, cpu, _ = _timed(lambda: replica.follow(part), 0)  # noqa: B023 - called at once
        after = replica.view()
        samples.append((wall, cpu, after.position - before.position))
        last = next(source.blocks(after.height))
        work = bare.signatures_in(last, keys)
        beside.append(_timed(lambda: bare.verify(work), len(last.entries)))  # noqa: B023 - called at once
    position = replica.view().position
    replica.close()
    source.close()
    return position + 1, samples, beside


def verify(folder: Path, entries: int) -> tuple[int, list[Sample], list[Sample]]:
    """Verify all of it: everything folded anew in a scratch file, and compared; with bare work as in ``follow``."""
    ledger = _Watched.open(folder / "ledger.sqlite", clock=lambda: NOW)
    ledger.every = max(1, entries // BLOCK_ENTRIES // SLICES)
    size = ledger.view().position + 1
    ledger.resume()
    ledger.verify()
    wall, cpu = ledger.elapsed()
    sliced = sum(amount for _, _, amount in ledger.samples)
    ledger.close()
    # What comes after the last slice (the comparison, the database's own check) is every entry's.
    shares = [amount / sliced for _, _, amount in ledger.samples]
    samples = [
        (slice_wall + wall * share, slice_cpu + cpu * share, size * share)
        for (slice_wall, slice_cpu, _), share in zip(ledger.samples, shares, strict=True)
    ]
    return size, samples, ledger.bare


class _Watched(StoredLedger):
    """Takes a sample each ``every`` blocks that are verified, and does the bare work of the last of them."""

    every = 1

    def __init__(self, store: LedgerStore, genesis: Genesis, clock: Clock) -> None:
        super().__init__(store, genesis, clock)
        self.samples: list[Sample] = []
        self.bare: list[Sample] = []
        self._keys = Cast.verifying_keys(len(genesis.founders))
        self._from = 0.0, 0.0

    def resume(self) -> None:
        """From here on time counts."""
        self._from = time.perf_counter(), time.process_time()

    def elapsed(self) -> tuple[float, float]:
        """Wall and CPU seconds since then."""
        return time.perf_counter() - self._from[0], time.process_time() - self._from[1]

    def blocks(self, start: int = 1) -> Iterator[LedgerBlock]:
        """As ``StoredLedger.blocks``."""
        amount = 0
        for block in super().blocks(start):
            yield block
            amount += len(block.entries)
            if block.header.height > ENROLMENT_BLOCKS and block.header.height % self.every == 0:
                self.samples.append((*self.elapsed(), amount))
                work = bare.signatures_in(block, self._keys)
                self.bare.append(_timed(lambda: bare.verify(work), len(block.entries)))  # noqa: B023 - called at once
                amount = 0
                self.resume()


def open_(folder: Path, _entries: int) -> tuple[int, list[Sample], list[Sample]]:
    """Open it and read one view."""
    size = 0

    def opened() -> None:
        nonlocal size
        ledger = EmbeddedEngine.open(folder / "ledger.sqlite", clock=lambda: NOW)
        size = ledger.view().position + 1
        ledger.close()

    sample = _timed(opened, 1)
    return size, [sample], []


class _Part:
    """The blocks of ``source`` up to ``height``."""

    def __init__(self, source: StoredLedger, height: int) -> None:
        self._source, self._height = source, height
        self.genesis = source.genesis

    def blocks(self, start: int = 1) -> Iterator[LedgerBlock]:
        """As ``BlockSource.blocks``."""
        return islice(self._source.blocks(start), max(0, self._height + 1 - start))


def _append(engine: EmbeddedEngine, wires: list[bytes]) -> None:
    require(engine.submit_many(map(SignedTransaction.from_bytes, wires)))


def _genesis(folder: Path) -> Genesis:
    connection = sqlite3.connect(folder / "ledger.sqlite")
    (data,) = connection.execute("SELECT genesis FROM ledger").fetchone()
    connection.close()
    return Genesis.from_bytes(data)


def _timed(step: Callable[[], object], amount: int) -> Sample:
    cpu, wall = time.process_time(), time.perf_counter()
    step()
    return time.perf_counter() - wall, time.process_time() - cpu, amount


STEPS: Mapping[str, Callable[[Path, int], tuple[int, list[Sample], list[Sample]]]] = {
    "append": append,
    "open": open_,
    "follow": follow,
    "verify": verify,
}


def main(name: str, folder: str, entries: str) -> None:
    """One step; its ``Step`` as JSON."""
    place = Path(folder)
    found, samples, beside = STEPS[name](place, int(entries))
    size = (place / "ledger.sqlite").stat().st_size
    step = Step(samples, beside, found, memory.peak_bytes(), size)
    sys.stdout.write(json.dumps(dataclasses.asdict(step)) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
