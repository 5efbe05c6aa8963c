"""What the ledger costs: anchoring in batches, single durable transactions, verifying, memory, certificates, proofs."""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks import bare, growth
from benchmarks.bare import JOURNALS, BareCommits
from benchmarks.bench import Bench
from benchmarks.cast import ENROLMENT_BLOCKS, HOSPITAL, NOW, Cast, require
from benchmarks.profiling import profiled
from benchmarks.timing import Subject, interleave, nothing
from ledger.bodies import AnchorBlocks
from ledger.bodies.anchoring import MAX_ANCHORED_BLOCKS
from ledger.engines.embedded import EmbeddedEngine
from ledger.engines.stored import StoredLedger
from ledger.proofs import LedgerProof, LightClient
from ledger.transactions import SignedTransaction

SECURITY_BITS = 128
SEATS = (4, 7, 13, 21)
THREADS = (8, 32)
THREADED = 4
"""Several callers together submit this many times what one does in a sample."""
COMMIT_REPEATS = 3
"""Times the usual number of samples: what waits for the disk scatters more than all else."""
HANDOVERS = 10
"""Changes of the delegates that the longer proof leads through."""
_SHORT_EPOCH = 4


def measure(bench: Bench) -> None:
    """Batches, single durable transactions, verifying, memory by size, certificates and proofs by delegates."""
    with tempfile.TemporaryDirectory(prefix="chartseal-bench-") as scratch:
        folder = Path(scratch)
        for part in (_batches, _commits, _verifying, _delegates, _growth):
            place = folder / part.__name__
            place.mkdir()
            part(bench, place)


def _batches(bench: Bench, folder: Path) -> None:
    prepared, signing = "the patient whose blocks are signed before", "the patient whose blocks are signed now"
    cast = Cast(patients=(prepared, signing))
    samples, batches = bench.sizes.repeats + 1, bench.sizes.batches
    bodies = _groups(cast.anchorings(signing, MAX_ANCHORED_BLOCKS), samples, batches)
    again = list(bodies[0])
    wires = [
        [_signed(cast, body) for body in group]
        for group in _groups(cast.anchorings(prepared, MAX_ANCHORED_BLOCKS), samples, batches)
    ]
    fresh_bodies, fresh_wires = iter(bodies), iter(wires)
    with closing(cast.engine(folder / "ledger.sqlite")) as engine:
        headers = batches * MAX_ANCHORED_BLOCKS
        signed = Subject("batches: signed", lambda: [_signed(cast, body) for body in again], headers, "headers")
        name = "batches: signed bytes anchored, durably"
        anchored = Subject(name, lambda: _submit(engine, next(fresh_wires)), headers, "headers")

        def signed_and_anchored() -> None:
            for body in next(fresh_bodies):
                _submit(engine, [_signed(cast, body)])

        both = Subject("batches: signed and anchored, durably", signed_and_anchored, headers, "headers")
        _interleave_once([signed, anchored, both], bench.sizes.repeats)
    settings = {"transactions": batches, "headers_each": MAX_ANCHORED_BLOCKS, "delegates": cast.seats}
    for subject in (signed, anchored, both):
        bench.series(subject, security_bits=SECURITY_BITS, **settings)
    bench.compare("anchored headers a second", anchored, None, at_least=50_000)
    bench.compare("the same with signing", both, None)


def _commits(bench: Bench, folder: Path) -> None:
    cast = Cast()
    single, several = bench.sizes.commits, bench.sizes.commits * THREADED
    repeats = COMMIT_REPEATS * bench.sizes.repeats
    rounds = repeats + 1
    with ExitStack() as stack:
        engine = stack.enter_context(closing(cast.engine(folder / "ledger.sqlite")))
        supply = iter(cast.requests(rounds * (single + several * len(THREADS))))
        rows = cast.requests(single)
        alone = Subject(
            "transactions: one caller", lambda: _submit(engine, islice(supply, single)), single, "transactions"
        )
        grouped = [
            Subject(f"transactions: {threads} callers", _together(engine, supply, several, threads), several,
                    "transactions")
            for threads in THREADS
        ]  # fmt: skip
        files = {journal: stack.enter_context(closing(BareCommits(folder / journal, journal))) for journal in JOURNALS}
        bares = {
            journal: Subject(f"SQLite: bare commits, {journal}", _putting(file, rows), single, "transactions")
            for journal, file in files.items()
        }
        _interleave_once([alone, *grouped, *bares.values()], repeats)
        wires = cast.requests(single)
        profile = profiled(lambda: _submit(engine, wires))
    about: dict[str, Any] = {
        "delegates": cast.seats,
        "transaction_bytes": len(rows[0]),
        "sqlite": sqlite3.sqlite_version,
    }
    for subject in (alone, *grouped):
        bench.series(subject, security_bits=SECURITY_BITS, **about)
    for subject in bares.values():
        bench.series(subject, **about)
    ours, log = bares["TRUNCATE"], bares["WAL"]
    bench.compare("one caller, over bare commits of the same journal", alone, ours, at_least=0.40)
    for subject, threads in zip(grouped, THREADS, strict=True):
        bench.compare(f"{threads} callers, over bare commits of the same journal", subject, ours)
    bench.compare("one caller, over bare commits of a write-ahead log", alone, log)
    bench.compare(f"{THREADS[-1]} callers, over bare commits of a write-ahead log", grouped[-1], log)
    bench.profile(f"{single} transactions of one caller", *profile)


def _verifying(bench: Bench, folder: Path) -> None:
    cast = Cast()
    keys = cast.verifying_keys(cast.seats)
    with closing(cast.engine(folder / "ledger.sqlite")) as engine:
        for _ in range(0, bench.sizes.entries, growth.BLOCK_ENTRIES):
            _submit_many(engine, cast.requests(growth.BLOCK_ENTRIES))
        size = engine.view().position + 1
        blocks = list(engine.blocks(ENROLMENT_BLOCKS + 1))
    work = [signed for block in blocks for signed in bare.signatures_in(block, keys)]
    entries = sum(len(block.entries) for block in blocks)
    blocks.clear()
    with closing(StoredLedger.open(folder / "ledger.sqlite", clock=lambda: NOW)) as stored:
        verified = Subject("verifying: the whole ledger", stored.verify, size, "entries")
        contained = Subject("verifying: the Ed25519 and SHA-256 in it", lambda: bare.verify(work), entries, "entries")
        interleave([verified, contained], bench.sizes.repeats)
        profile = profiled(stored.verify)
    for subject in (verified, contained):
        bench.series(subject, security_bits=SECURITY_BITS, entries=size, block_entries=growth.BLOCK_ENTRIES)
    bench.compare("verifying, over the Ed25519 and SHA-256 in it", verified, contained, at_least=0.40)
    bench.profile(f"verifying {size} entries", *profile)


def _delegates(bench: Bench, folder: Path) -> None:
    latencies, readings = [], {}
    with ExitStack() as stack:
        for seats in SEATS:
            cast = Cast(seats=seats)
            engine = stack.enter_context(closing(cast.engine(folder / f"{seats}.sqlite")))
            number = max(1, bench.sizes.commits // 4)
            supply = iter(cast.requests((bench.sizes.repeats + 1) * number))
            run = _next_of(engine, supply, number)
            latencies.append(Subject(f"transactions: one caller, {seats} delegates", run, number, "transactions"))
            for handovers in (0, HANDOVERS):
                client, proof = _proof(folder / f"{seats}-{handovers}.sqlite", seats, handovers)
                name, settings = (
                    f"{seats} delegates, {handovers} handovers",
                    {"delegates": seats, "handovers": handovers},
                )
                bench.figure(f"proof of one entry, {name}", len(proof), "bytes", **settings)
                readings[seats, handovers] = Subject(f"proof verified: {name}", _reading(client, proof), 1)
        _interleave_once(latencies, bench.sizes.repeats)
        interleave(list(readings.values()), bench.sizes.repeats)
        for subject, seats in zip(latencies, SEATS, strict=True):
            bench.series(subject, security_bits=SECURITY_BITS, delegates=seats)
        for (seats, handovers), subject in readings.items():
            bench.series(subject, security_bits=SECURITY_BITS, delegates=seats, handovers=handovers)
    for subject, seats in zip(latencies, SEATS, strict=True):
        bench.compare(f"one caller, {seats} delegates, over {SEATS[0]} delegates", subject, latencies[0])
        latency = statistics.median(subject.seconds) / subject.amount
        bench.figure(f"one transaction until its receipt, {seats} delegates", latency * 1e3, "ms", delegates=seats)
        with closing(StoredLedger.open(folder / f"{seats}.sqlite", clock=lambda: NOW)) as stored:
            tip = stored.tip()
        if tip is not None:
            bench.figure(f"certificate, {seats} delegates", len(bytes(tip.certificate)), "bytes", delegates=seats)
            bench.figure(f"ledger header, {seats} delegates", len(bytes(tip.header)), "bytes", delegates=seats)


def _growth(bench: Bench, folder: Path) -> None:
    for entries in bench.sizes.ledgers:
        place = folder / str(entries)
        place.mkdir()
        for step in growth.STEPS:
            if step == "follow" and entries > bench.sizes.followed:
                bench.absent(f"follow, {entries:,} entries", "takes too long; it does what verify does, durably")
                continue
            found = growth.run(step, place, entries)
            settings = {"entries": found.entries, "file_bytes": found.file_bytes, "step": step}
            bench.memory(f"{step}, {entries:,} entries: peak memory", found.peak_bytes, **settings)
            if step != "open":
                _slices(bench, f"{step}, {entries:,} entries", found.samples, found.peak_bytes, settings)
            if found.bare:
                name = f"{step}, {entries:,} entries: the Ed25519 and SHA-256 in it"
                _slices(bench, name, found.bare, found.peak_bytes, settings | {"bare": True})
                goal = 0.40 if step == "verify" and entries == max(bench.sizes.ledgers) else None
                title = f"{step}, {entries:,} entries, over the Ed25519 and SHA-256 in it"
                bench.compare_series(title, f"{step}, {entries:,} entries", name, at_least=goal)


def _slices(
    bench: Bench, name: str, samples: Sequence[growth.Sample], peak_bytes: int | None, settings: dict[str, Any]
) -> None:
    """Samples of slices that differ a little in size, as seconds for one entry; the peak is the whole step's."""
    subject = Subject(name, nothing, 1, "entries", peak_bytes=peak_bytes)
    subject.seconds = [wall / amount for wall, _, amount in samples]
    subject.cpu_seconds = [cpu / amount for _, cpu, amount in samples]
    bench.series(subject, security_bits=SECURITY_BITS, **settings)


def _proof(path: Path, seats: int, handovers: int) -> tuple[Cast, bytes]:
    """A proof of the newest entry of a small ledger."""
    cast = Cast(seats=seats, epoch_blocks=_SHORT_EPOCH)
    with closing(cast.engine(path)) as engine:
        (wire,) = cast.requests(1)
        if handovers:
            for each in cast.requests(handovers * _SHORT_EPOCH):
                _submit(engine, [each])
            receipt = engine.submit(SignedTransaction.from_bytes(wire))
            proof = engine.prove([receipt.position])
        else:
            proof = engine.prove([engine.view().position])
    if len(proof.handovers) != handovers:
        raise RuntimeError(f"the proof has {len(proof.handovers)} handovers, not {handovers}")
    return cast, bytes(proof)


def _reading(cast: Cast, proof: bytes) -> Callable[[], object]:
    """From the bytes, by a client that knows the genesis and nothing else."""
    return lambda: LedgerProof.from_bytes(proof).verify(LightClient(cast.genesis))


def _groups(bodies: Iterator[AnchorBlocks], samples: int, batches: int) -> list[list[AnchorBlocks]]:
    return [list(islice(bodies, batches)) for _ in range(samples)]


def _signed(cast: Cast, body: AnchorBlocks) -> bytes:
    return bytes(cast.signed(body, HOSPITAL))


def _submit(engine: EmbeddedEngine, wires: Iterable[bytes]) -> None:
    for wire in wires:
        engine.submit(SignedTransaction.from_bytes(wire))


def _submit_many(engine: EmbeddedEngine, wires: Sequence[bytes]) -> None:
    require(engine.submit_many(map(SignedTransaction.from_bytes, wires)))


def _next_of(engine: EmbeddedEngine, supply: Iterator[bytes], number: int) -> Callable[[], None]:
    return lambda: _submit(engine, islice(supply, number))


def _together(engine: EmbeddedEngine, supply: Iterator[bytes], number: int, threads: int) -> Callable[[], None]:
    def run() -> None:
        wires = list(islice(supply, number))
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(lambda wire: engine.submit(SignedTransaction.from_bytes(wire)), wires):
                pass

    return run


def _putting(file: BareCommits, rows: Sequence[bytes]) -> Callable[[], None]:
    return lambda: file.put(rows)


def _interleave_once(subjects: Sequence[Subject], repeats: int) -> None:
    """As ``interleave``, for what cannot be done twice: each sample is one call."""
    interleave(subjects, repeats, loops=1)
