"""Several stores with the same blocks: a put is done when a majority has it, a read takes the first sound answer."""

import heapq
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import BinaryIO, TypeVar

from cloud.errors import BlockExists, BlockNotFound, CloudError, CloudTransient, MajorityNotReached, StoreMisconfigured
from cloud.store import Listed, Properties, Receipt, Store
from cloud.streams import position_of, rewind, view

_T = TypeVar("_T")


@dataclass(frozen=True)
class Missing:
    """A mirror that did not take a block which the majority has: work for ``repair``; ``code`` says why."""

    url: str
    locator: str
    code: str


class MirroredStore:
    """Mirrors in the order in which they are read.

    A majority is more than half: both of two, two of three. A mirror that cannot be reached rests for ``rest_s``
    seconds: puts count it as missing at once, reads ask it last. ``on_missing`` hears of each gap, to record it.
    """

    def __init__(
        self,
        mirrors: Sequence[Store],
        on_missing: Callable[[Missing], None] | None = None,
        rest_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if len({mirror.url for mirror in mirrors}) != len(mirrors) or not mirrors:
            raise StoreMisconfigured("the mirrors of a store are different URLs, at least one")
        self.mirrors = tuple(mirrors)
        self.majority = len(mirrors) // 2 + 1
        self._on_missing = on_missing
        self._missing: set[Missing] = set()
        self._rest_s = rest_s
        self._clock = clock
        self._resting_until: dict[str, float] = {}
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(
            max_workers=len(mirrors) * self.properties.max_connections, thread_name_prefix="mirror"
        )

    def __repr__(self) -> str:
        return f"MirroredStore({', '.join(mirror.url for mirror in self.mirrors)})"

    @property
    def url(self) -> str:
        """The URLs of all mirrors."""
        return " + ".join(mirror.url for mirror in self.mirrors)

    @property
    def properties(self) -> Properties:
        """What every mirror promises."""
        every = [mirror.properties for mirror in self.mirrors]
        return Properties(
            atomic_put=all(one.atomic_put for one in every),
            conditional_put=all(one.conditional_put for one in every),
            durable_put=all(one.durable_put for one in every),
            resumable_put=all(one.resumable_put for one in every),
            server_checksum=all(one.server_checksum for one in every),
            encrypted_transport=all(one.encrypted_transport for one in every),
            max_connections=min(one.max_connections for one in every),
        )

    @property
    def missing(self) -> frozenset[Missing]:
        """Gaps that this object has seen and that no later put has closed."""
        with self._lock:
            return frozenset(self._missing)

    def put(self, locator: str, source: BinaryIO) -> Receipt:
        """See ``Store.put``; to all mirrors at once. Raises ``MajorityNotReached``, and then may be repeated."""
        reading = threading.Lock()

        def put_to(mirror: Store) -> Receipt:
            if self._is_resting(mirror):
                raise CloudTransient(f"{mirror.url} could not be reached a moment ago")
            return mirror.put(locator, view(source, reading))

        receipts: list[Receipt] = []
        errors: dict[str, CloudError] = {}
        for mirror, result in self._ask_all(put_to):
            if isinstance(result, CloudError):
                errors[mirror.url] = result
            else:
                receipts.append(result)
        if len(receipts) < self.majority:
            raise self._not_reached("put", len(receipts), errors)
        self._record(locator, errors)
        return max(receipts, key=lambda receipt: receipt.sha256 is not None)

    def get(self, locator: str, sink: BinaryIO) -> int:
        """See ``Store.get``; whatever a failing mirror left in ``sink`` is taken back before the next is read."""
        start = position_of(sink)

        def fetch(mirror: Store) -> int:
            if position_of(sink) != start:
                rewind(sink, start)
            return mirror.get(locator, sink)

        return self._first(locator, fetch)

    def get_range(self, locator: str, offset: int, length: int) -> bytes:
        """See ``Store.get_range``."""
        return self._first(locator, lambda mirror: mirror.get_range(locator, offset, length))

    def size(self, locator: str) -> int:
        """See ``Store.size``."""
        return self._first(locator, lambda mirror: mirror.size(locator))

    def exists(self, locator: str) -> bool:
        """See ``Store.exists``: whether any mirror has it; an error if none does and one could not be asked."""
        try:
            self._first(locator, lambda mirror: mirror.size(locator))
        except BlockNotFound:
            return False
        return True

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """See ``Store.list``: the union. Raises ``MajorityNotReached`` if too few answer for it to be whole."""
        errors: dict[str, CloudError] = {}

        def entries(mirror: Store) -> Iterator[Listed]:
            try:
                yield from mirror.list(prefix)
            except CloudError as error:
                errors[mirror.url] = error
                if len(self.mirrors) - len(errors) < len(self.mirrors) - self.majority + 1:
                    raise self._not_reached("list", len(self.mirrors) - len(errors), errors) from error

        last = ""
        for entry in heapq.merge(*map(entries, self.mirrors), key=lambda entry: entry.locator):
            if entry.locator != last:
                last = entry.locator
                yield entry

    def delete(self, locator: str) -> None:
        """See ``Store.delete``: from every mirror. Raises ``MajorityNotReached`` if one of them could not be asked."""
        errors = {
            mirror.url: result
            for mirror, result in self._ask_all(lambda mirror: mirror.delete(locator))
            if isinstance(result, CloudError)
        }
        absent = [error for error in errors.values() if isinstance(error, BlockNotFound)]
        if len(absent) == len(self.mirrors):
            raise absent[0]
        if len(absent) < len(errors):
            raise self._not_reached("delete", len(self.mirrors) - len(errors), errors)

    def close(self) -> None:
        """See ``Store.close``."""
        self._threads.shutdown()
        for mirror in self.mirrors:
            mirror.close()

    def _ask_all(self, operation: Callable[[Store], _T]) -> Sequence[tuple[Store, _T | CloudError]]:
        def ask(mirror: Store) -> _T | CloudError:
            try:
                return operation(mirror)
            except CloudError as error:
                self._note(mirror, error)
                return error

        return list(zip(self.mirrors, self._threads.map(ask, self.mirrors), strict=True))

    def _first(self, locator: str, operation: Callable[[Store], _T]) -> _T:
        errors: list[CloudError] = []
        for mirror in sorted(self.mirrors, key=self._is_resting):
            try:
                return operation(mirror)
            except CloudError as error:
                self._note(mirror, error)
                errors.append(error)
        if all(isinstance(error, BlockNotFound) for error in errors):
            raise BlockNotFound(f"block {locator} is in no mirror of {self.url}")
        raise next(error for error in errors if not isinstance(error, BlockNotFound))

    def _is_resting(self, mirror: Store) -> bool:
        with self._lock:
            return self._clock() < self._resting_until.get(mirror.url, 0.0)

    def _note(self, mirror: Store, error: CloudError) -> None:
        if isinstance(error, CloudTransient) and not self._is_resting(mirror):
            with self._lock:
                self._resting_until[mirror.url] = self._clock() + self._rest_s

    def _record(self, locator: str, errors: Mapping[str, CloudError]) -> None:
        gaps = [Missing(url, locator, error.code) for url, error in errors.items()]
        with self._lock:
            self._missing = {gap for gap in self._missing if gap.locator != locator} | set(gaps)
        if self._on_missing is not None:
            for gap in gaps:
                self._on_missing(gap)

    def _not_reached(self, verb: str, count: int, errors: Mapping[str, CloudError]) -> CloudError:
        conflict = next((error for error in errors.values() if isinstance(error, BlockExists)), None)
        if conflict is not None:
            return conflict
        why = "; ".join(str(error) for error in errors.values())
        return MajorityNotReached(
            f"only {count} of {len(self.mirrors)} mirrors did the {verb}, too few; repeat it when they answer. {why}"
        )
