"""The Merkle tree over a ledger's entries: what the database keeps of it, and what is computed from that.

Kept are the roots of complete subtrees at every ``STEP``-th level; leaves are the digests of the entries. A root in
between costs at most 2**STEP hashes, a tree of a million entries 4,000 rows.
"""

from __future__ import annotations

from collections.abc import Callable

from ledger.merkle import Frontier, leaf_hash, node_hash, peaks

STEP = 8

Leaves = Callable[[int, int], list[bytes]]
"""(start, end) to the entries' digests, 32 bytes each."""
Kept = Callable[[int, int, int], list[bytes]]
"""(level, start, end) to the kept roots of that level."""


class EntryTree:
    """Roots of any complete subtree, and the frontier, of a tree of which only some levels are kept."""

    def __init__(self, leaves: Leaves, kept: Kept) -> None:
        self._leaves = leaves
        self._kept = kept

    def subtree(self, level: int, index: int) -> bytes:
        """Root of the complete subtree of 2**level leaves at ``index`` (``ledger.merkle.Subtrees``)."""
        base = level - level % STEP
        width = 1 << (level - base)
        start, end = index * width, (index + 1) * width
        row = [leaf_hash(leaf) for leaf in self._leaves(start, end)] if base == 0 else self._kept(base, start, end)
        while len(row) > 1:
            row = [node_hash(row[place], row[place + 1]) for place in range(0, len(row), 2)]
        return row[0]

    def frontier(self, size: int) -> Frontier:
        """The frontier of the first ``size`` leaves."""
        return Frontier(size, [self.subtree(level, index) for level, index in peaks(size)])
