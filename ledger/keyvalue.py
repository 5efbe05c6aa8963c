"""What the state stands on: one ordered table of keys and values, in memory or in an engine's database."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

Write = tuple[bytes, bytes | None]
"""A key and its new value; ``None`` takes the key away."""


class KeyValue(Protocol):
    """Ordered keys with values. Not for several threads at once."""

    def get(self, key: bytes) -> bytes | None:
        """The value of ``key``."""

    def any_of(self, keys: Iterable[bytes]) -> bool:
        """Whether there is one of ``keys``."""

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys that begin with ``prefix``, in order, with their values; nothing may be written meanwhile."""

    def snapshot(self) -> AbstractContextManager[None]:
        """What is read within is of one moment, also when other processes write."""

    def write(self, writes: Sequence[Write]) -> None:
        """Carry out ``writes`` in order."""


class MemoryKeyValue:
    """``KeyValue`` in memory: for rehearsals and tests."""

    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}
        self._keys: list[bytes] = []

    def get(self, key: bytes) -> bytes | None:
        """As ``KeyValue.get``."""
        return self._values.get(key)

    def any_of(self, keys: Iterable[bytes]) -> bool:
        """As ``KeyValue.any_of``."""
        return not self._values.keys().isdisjoint(keys)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """As ``KeyValue.scan``."""
        for place in range(bisect_left(self._keys, prefix), len(self._keys)):
            key = self._keys[place]
            if not key.startswith(prefix):
                return
            yield key, self._values[key]

    def snapshot(self) -> AbstractContextManager[None]:
        """As ``KeyValue.snapshot``."""
        return nullcontext()

    def write(self, writes: Sequence[Write]) -> None:
        """As ``KeyValue.write``."""
        for key, value in writes:
            if value is None:
                if self._values.pop(key, None) is not None:
                    del self._keys[bisect_left(self._keys, key)]
            else:
                if key not in self._values:
                    insort(self._keys, key)
                self._values[key] = value
