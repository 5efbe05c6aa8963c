"""Retry, checks, meter, limit and progress around the simulated store."""

import hashlib
import io
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import pytest

from cloud.checked import CheckedStore, Expected
from cloud.errors import (
    AccessDenied,
    BlockNotFound,
    HashMismatch,
    LocalFileFailed,
    StoreBusy,
    StoreUnreachable,
    TransferDamaged,
)
from cloud.limited import LimitedStore
from cloud.metered import Meter, MeteredStore
from cloud.progress import ProgressStore
from cloud.retry import RetryingStore, RetryLimits
from cloud.simulated import SimulatedStore
from cloud.store import Receipt
from scheme.errors import Damaged
from tests.cloud.samples import content, fetched, locator_of

DATA = content(5000)
LOCATOR = locator_of(DATA)
CUT = StoreUnreachable("cut")


def filled() -> SimulatedStore:
    store = SimulatedStore()
    store.put(LOCATOR, io.BytesIO(DATA))
    return store


def retrying(store: SimulatedStore, waits: list[float], **limits: float) -> RetryingStore:
    return RetryingStore(store, RetryLimits(**limits), sleep=waits.append)  # type: ignore[arg-type]


def test_transient_errors_are_retried_with_growing_pauses() -> None:
    store, waits = SimulatedStore(), []
    store.faults.errors = deque([CUT, StoreBusy("503"), CUT])
    retrying(store, waits).put(LOCATOR, io.BytesIO(DATA))
    assert store.blocks == {LOCATOR: DATA}
    assert len(waits) == 3
    assert all(0 <= wait <= 0.2 * 2**number for number, wait in enumerate(waits))


def test_the_attempts_are_limited() -> None:
    store, waits = SimulatedStore(), []
    store.faults.down = CUT
    with pytest.raises(StoreUnreachable):
        retrying(store, waits, max_attempts=4).size(LOCATOR)
    assert len(waits) == 3


@pytest.mark.parametrize("error", [AccessDenied("no"), HashMismatch("bad"), BlockNotFound("none")])
def test_final_errors_are_not_retried(error: Exception) -> None:
    store, waits = filled(), []
    store.faults.down = error  # type: ignore[assignment]
    with pytest.raises(type(error)):
        retrying(store, waits).get(LOCATOR, io.BytesIO())
    assert waits == []


def test_a_put_is_read_from_the_start_at_each_attempt() -> None:
    store = SimulatedStore()
    store.faults.cut_after_bytes, store.faults.cut_error = 1000, CUT
    retrying(store, []).put(LOCATOR, io.BytesIO(DATA))
    assert store.blocks == {LOCATOR: DATA}


def test_a_get_goes_on_where_it_was_cut() -> None:
    store, meter = filled(), Meter()
    store.faults.cut_after_bytes, store.faults.cut_error = 1234, CUT
    sink = io.BytesIO()
    assert RetryingStore(MeteredStore(store, meter), sleep=lambda _: None).get(LOCATOR, sink) == len(DATA)
    assert sink.getvalue() == DATA
    assert meter.usage()["get"].bytes_down == 1234
    assert meter.usage()["get_range"].bytes_down == len(DATA) - 1234


def test_a_listing_goes_on_behind_the_last_entry() -> None:
    store = SimulatedStore()
    for number in range(6):
        store.put(locator_of(b"%d" % number), io.BytesIO(b"x"))
    store.faults.errors = deque([None, None, CUT, None, CUT])
    assert [entry.locator for entry in retrying(store, []).list()] == sorted(store.blocks)


def test_a_delete_that_worked_before_the_cut_is_done() -> None:
    class Deaf(SimulatedStore):
        def delete(self, locator: str) -> None:
            super().delete(locator)
            raise CUT

    store = Deaf()
    store.put(LOCATOR, io.BytesIO(DATA))
    RetryingStore(store, sleep=lambda _: None).delete(LOCATOR)
    assert store.blocks == {}
    with pytest.raises(BlockNotFound):
        RetryingStore(store, sleep=lambda _: None).delete(LOCATOR)


def known(_locator: str) -> Expected:
    return Expected(len(DATA), hashlib.sha256(DATA).digest())


def test_what_is_known_is_compared_on_get() -> None:
    store = filled()
    checked = CheckedStore(store, known)
    assert fetched(checked, LOCATOR) == DATA
    for alter in (lambda data: data[:-1], lambda data: data + b"x", lambda data: bytes([data[0] ^ 1]) + data[1:]):
        store.faults.alter = alter
        with pytest.raises(HashMismatch, match=LOCATOR):
            checked.get(LOCATOR, io.BytesIO())


def test_a_short_read_is_noticed() -> None:
    store = filled()
    store.faults.cut_after_bytes = 10

    class Short(SimulatedStore):
        def get(self, locator: str, sink: io.BytesIO) -> int:  # type: ignore[override]
            sink.write(DATA[:10])
            return 10

    short = Short()
    with pytest.raises(HashMismatch):
        CheckedStore(short, known).get(LOCATOR, io.BytesIO())


def test_a_block_is_verified_on_arrival() -> None:
    def verify(_locator: str, file: io.BytesIO) -> None:
        if file.read() != DATA:
            raise Damaged("not the block")

    store = filled()
    checked = CheckedStore(store, verify=verify)  # type: ignore[arg-type]
    sink = io.BytesIO()
    assert checked.get(LOCATOR, sink) == len(DATA)
    assert sink.tell() == len(DATA)
    store.faults.alter = lambda data: data[::-1]
    with pytest.raises(HashMismatch):
        checked.get(LOCATOR, io.BytesIO())
    with pytest.raises(LocalFileFailed):
        checked.get(LOCATOR, sink)


@pytest.mark.parametrize(
    "receipt",
    [
        Receipt(LOCATOR, len(DATA) - 1, None),
        Receipt(locator_of(b"other"), len(DATA), None),
        Receipt(LOCATOR, len(DATA), bytes(32)),
    ],
)
def test_a_receipt_for_other_bytes_is_not_accepted(receipt: Receipt) -> None:
    class Wrong(SimulatedStore):
        def put(self, locator: str, source: object) -> Receipt:
            return receipt

    with pytest.raises(TransferDamaged):
        CheckedStore(Wrong(), known).put(LOCATOR, io.BytesIO(DATA))


def test_the_meter_counts() -> None:
    ticks = iter(range(100))
    meter = Meter(clock=lambda: float(next(ticks)))
    store = MeteredStore(SimulatedStore(), meter)
    store.put(LOCATOR, io.BytesIO(DATA))
    fetched(store, LOCATOR)
    store.get_range(LOCATOR, 0, 7)
    assert len(list(store.list())) == 1
    with pytest.raises(BlockNotFound):
        store.size(locator_of(b"none"))
    usage = meter.usage()
    assert (usage["put"].requests, usage["put"].bytes_up, usage["put"].seconds) == (1, len(DATA), 1.0)
    assert (usage["get"].bytes_down, usage["get_range"].bytes_down) == (len(DATA), 7)
    assert (usage["size"].requests, usage["size"].failures) == (1, 1)
    assert usage["list"].requests == 1


def test_no_more_at_once_than_declared() -> None:
    running = [0, 0]
    lock = threading.Lock()

    class Counting(SimulatedStore):
        def size(self, locator: str) -> int:
            with lock:
                running[0] += 1
                running[1] = max(running)
            time.sleep(0.005)
            with lock:
                running[0] -= 1
            return 1

    store = LimitedStore(Counting(), max_connections=3)
    with ThreadPoolExecutor(12) as threads:
        list(threads.map(store.size, [LOCATOR] * 30))
    assert running[1] <= 3


def test_progress_tells_every_byte_once_also_over_attempts() -> None:
    store = SimulatedStore()
    seen: list[int] = []
    progress = ProgressStore(RetryingStore(store, sleep=lambda _: None), seen.append)
    store.faults.cut_after_bytes, store.faults.cut_error = 1000, CUT
    progress.put(LOCATOR, io.BytesIO(DATA))
    assert sum(seen) == len(DATA)
    assert min(seen) > 0
    progress.put(LOCATOR, io.BytesIO(DATA))
    assert sum(seen) == 2 * len(DATA)
    store.faults.cut_after_bytes, store.faults.cut_error = 1000, CUT
    assert fetched(progress, LOCATOR) == DATA
    assert sum(seen) == 3 * len(DATA)


def test_a_full_disk_of_the_reader_is_not_blamed_on_the_store() -> None:
    class Full(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(28, "No space left on device")

    waits: list[float] = []
    with pytest.raises(LocalFileFailed):
        retrying(filled(), waits).get(LOCATOR, Full())
    assert waits == []


def test_a_source_that_cannot_be_read() -> None:
    class Broken(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(LocalFileFailed):
        retrying(SimulatedStore(), []).put(LOCATOR, Broken(DATA))
