"""Counts what is asked of a store: requests, failures, bytes each way and seconds, by operation."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import BinaryIO

from cloud.errors import CloudError
from cloud.store import Listed, Receipt, Store
from cloud.streams import size_of, tally
from cloud.wrapper import StoreWrapper


@dataclass(frozen=True)
class Usage:
    """Sums for one operation; a retried request counts each time, a failed one in both columns."""

    requests: int = 0
    failures: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    seconds: float = 0.0


class Meter:
    """Sums that several stores and threads may share."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._lock = threading.Lock()
        self._usage: dict[str, Usage] = {}
        self._clock = clock

    @contextmanager
    def measure(self, operation: str) -> Iterator[None]:
        """Count one request of ``operation`` and the seconds that the body takes."""
        start, failures = self._clock(), 0
        try:
            yield
        except CloudError:
            failures = 1
            raise
        finally:
            self._add(operation, Usage(1, failures, seconds=self._clock() - start))

    def add_bytes(self, operation: str, *, up: int = 0, down: int = 0) -> None:
        """Add payload bytes to ``operation``."""
        self._add(operation, Usage(bytes_up=up, bytes_down=down))

    def usage(self) -> Mapping[str, Usage]:
        """The sums so far, by operation."""
        with self._lock:
            return dict(self._usage)

    def _add(self, operation: str, more: Usage) -> None:
        with self._lock:
            sum_ = self._usage.get(operation, Usage())
            self._usage[operation] = replace(
                sum_,
                requests=sum_.requests + more.requests,
                failures=sum_.failures + more.failures,
                bytes_up=sum_.bytes_up + more.bytes_up,
                bytes_down=sum_.bytes_down + more.bytes_down,
                seconds=sum_.seconds + more.seconds,
            )


class MeteredStore(StoreWrapper):
    """A store whose every call is counted in ``meter``."""

    def __init__(self, inner: Store, meter: Meter) -> None:
        super().__init__(inner)
        self.meter = meter

    def put(self, locator: str, source: BinaryIO) -> Receipt:
        """See ``Store.put``; ``bytes_up`` counts the block's size once it is stored."""
        size = size_of(source)
        with self.meter.measure("put"):
            receipt = self._inner.put(locator, source)
        self.meter.add_bytes("put", up=size)
        return receipt

    def get(self, locator: str, sink: BinaryIO) -> int:
        """See ``Store.get``; ``bytes_down`` counts every byte that came, also before a failure."""
        with self.meter.measure("get"):
            return self._inner.get(locator, tally(sink, lambda data: self.meter.add_bytes("get", down=len(data))))

    def get_range(self, locator: str, offset: int, length: int) -> bytes:
        """See ``Store.get_range``."""
        with self.meter.measure("get_range"):
            data = self._inner.get_range(locator, offset, length)
        self.meter.add_bytes("get_range", down=len(data))
        return data

    def size(self, locator: str) -> int:
        """See ``Store.size``."""
        with self.meter.measure("size"):
            return self._inner.size(locator)

    def exists(self, locator: str) -> bool:
        """See ``Store.exists``."""
        with self.meter.measure("exists"):
            return self._inner.exists(locator)

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """See ``Store.list``; one request, however many pages the backend fetches; seconds until the first entry."""
        with self.meter.measure("list"):
            entries = self._inner.list(prefix)
            first = next(entries, None)
        if first is not None:
            yield first
            yield from entries

    def delete(self, locator: str) -> None:
        """See ``Store.delete``."""
        with self.meter.measure("delete"):
            self._inner.delete(locator)
