"""Tries again after a transient error, with growing random pauses; downloads go on where they were cut."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, TypeVar

import tenacity

from cloud.errors import BlockNotFound, CloudTransient
from cloud.store import Listed, Receipt, Store
from cloud.streams import seek_to, tally, write_to
from cloud.wrapper import StoreWrapper

_T = TypeVar("_T")
_RESUME_BYTES = 8 << 20


@dataclass(frozen=True)
class RetryLimits:
    """How often, how long apart and for how long in all an operation is tried."""

    max_attempts: int = 5
    first_wait_s: float = 0.2
    max_wait_s: float = 10.0
    max_total_s: float = 120.0


class RetryingStore(StoreWrapper):
    """A store that meets ``CloudTransient`` with another attempt; every other error passes at once."""

    def __init__(
        self, inner: Store, limits: RetryLimits | None = None, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        super().__init__(inner)
        limits = limits or RetryLimits()
        self._attempts = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(limits.max_attempts) | tenacity.stop_after_delay(limits.max_total_s),
            wait=tenacity.wait_random_exponential(multiplier=limits.first_wait_s, max=limits.max_wait_s),
            retry=tenacity.retry_if_exception_type(CloudTransient),
            sleep=sleep,
            reraise=True,
        )

    def put(self, locator: str, source: BinaryIO) -> Receipt:
        """See ``Store.put``; what an attempt left behind is resumed, or recognised, by the next."""

        def attempt() -> Receipt:
            seek_to(source, 0)
            return self._inner.put(locator, source)

        return self._retry(attempt)

    def get(self, locator: str, sink: BinaryIO) -> int:
        """See ``Store.get``; after a cut the rest is fetched in ranges of 8 MiB."""
        received = 0

        def count(data: bytes) -> None:
            nonlocal received
            received += len(data)

        def attempt() -> int:
            if received == 0:
                return self._inner.get(locator, tally(sink, count))
            return self._rest(locator, sink, received, count)

        return self._retry(attempt)

    def _rest(self, locator: str, sink: BinaryIO, offset: int, count: Callable[[bytes], None]) -> int:
        size = self._inner.size(locator)
        while offset < size:
            data = self._inner.get_range(locator, offset, min(_RESUME_BYTES, size - offset))
            write_to(sink, data)
            count(data)
            offset += len(data)
        return offset

    def get_range(self, locator: str, offset: int, length: int) -> bytes:
        """See ``Store.get_range``."""
        return self._retry(lambda: self._inner.get_range(locator, offset, length))

    def size(self, locator: str) -> int:
        """See ``Store.size``."""
        return self._retry(lambda: self._inner.size(locator))

    def exists(self, locator: str) -> bool:
        """See ``Store.exists``."""
        return self._retry(lambda: self._inner.exists(locator))

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """See ``Store.list``; listings are ordered, so that a broken one goes on behind the last entry seen."""
        last = ""
        entries = self._inner.list(prefix)

        def following() -> Listed | None:
            nonlocal entries
            try:
                return next((entry for entry in entries if entry.locator > last), None)
            except CloudTransient:
                entries = self._inner.list(prefix)
                raise

        while (entry := self._retry(following)) is not None:
            last = entry.locator
            yield entry

    def delete(self, locator: str) -> None:
        """See ``Store.delete``; gone at a later attempt means that an earlier one did it."""
        attempts = 0

        def attempt() -> None:
            nonlocal attempts
            attempts += 1
            try:
                self._inner.delete(locator)
            except BlockNotFound:
                if attempts == 1:
                    raise

        self._retry(attempt)

    def _retry(self, operation: Callable[[], _T]) -> _T:
        return self._attempts.copy()(operation)
