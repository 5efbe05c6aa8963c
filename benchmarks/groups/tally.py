"""Counting operations while something runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Tally:
    """How often each operation was done; an operation is named by what it does and where: ``power in G1``."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, operation: str) -> None:
        """One more."""
        self._counts[operation] += 1

    @contextmanager
    def counting(self) -> Iterator[Counter[str]]:
        """Count what is done meanwhile; the counts are there when the block ends."""
        before = self._counts.copy()
        found: Counter[str] = Counter()
        yield found
        found.update(self._counts - before)
