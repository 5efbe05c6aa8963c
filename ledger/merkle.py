"""Merkle trees as RFC 9162 sections 2.1.1 to 2.1.4 define them: roots, inclusion paths, consistency paths.

Our own code: pymerkle is GPL-3 and keeps a proof format of its own, not the RFC's. All hashes are SHA-256, 32 bytes;
leaves count from 0. No function holds the tree: roots of complete subtrees come from the caller.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from ledger.errors import ProofInvalid, ProofUnavailable

HASH_SIZE = 32
MAX_PATH_NODES = 64
"""More nodes than any path has: positions stay below 2**53."""
EMPTY_ROOT = hashlib.sha256().digest()
"""Root of the tree without leaves."""

Subtrees = Callable[[int, int], bytes]
"""(level, index) to the root of the complete subtree of 2**level leaves that begins at leaf index * 2**level."""
Path = tuple[bytes, ...]


def leaf_hash(data: bytes) -> bytes:
    """Hash of a leaf: SHA-256(0x00 || data), section 2.1.1."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node: SHA-256(0x01 || left || right), section 2.1.1."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def peaks(size: int) -> list[tuple[int, int]]:
    """The complete subtrees, as (level, index) from left to right, that a tree of ``size`` leaves is joined from."""
    found = []
    start = 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            found.append((level, start >> level))
            start += 1 << level
    return found


class Frontier:
    """What a growing tree needs to keep: its size and the roots of its ``peaks``, at most one a level."""

    def __init__(self, size: int = 0, peak_hashes: Sequence[bytes] = ()) -> None:
        """The tree whose ``peaks(size)`` have these roots. Raises ``ValueError`` when there are more or fewer."""
        if len(peak_hashes) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} peaks, not {len(peak_hashes)}")
        self._size = size
        self._peaks = list(peak_hashes)

    @property
    def size(self) -> int:
        """How many leaves the tree has."""
        return self._size

    def copy(self) -> Frontier:
        """A frontier that grows on its own."""
        return Frontier(self._size, self._peaks)

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Add the hash of a leaf; return (level, index, root) of each subtree of two leaves or more it completes."""
        completed = []
        root, level, index = leaf, 0, self._size
        while index & 1:
            root = node_hash(self._peaks.pop(), root)
            level, index = level + 1, index >> 1
            completed.append((level, index, root))
        self._peaks.append(root)
        self._size += 1
        return completed

    def root(self) -> bytes:
        """Root of the whole tree."""
        return _joined(self._peaks) if self._peaks else EMPTY_ROOT


def inclusion_path(index: int, size: int, subtrees: Subtrees) -> Path:
    """``PATH(index, D_size)`` of section 2.1.3.1. Raises ``ProofUnavailable`` when there is no such leaf."""
    if not 0 <= index < size:
        raise ProofUnavailable("no such entry stands in a tree of this size; ask for one that is committed")
    path = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_range_root(middle, end, subtrees))
            end = middle
        else:
            path.append(_range_root(start, middle, subtrees))
            start = middle
    return tuple(reversed(path))


def consistency_path(old: int, new: int, subtrees: Subtrees) -> Path:
    """``PROOF(old, D_new)`` of section 2.1.4.1; empty when ``old`` is 0, which every tree extends.

    Raises ``ProofUnavailable`` unless 0 <= old <= new.
    """
    if not 0 <= old <= new:
        raise ProofUnavailable("a tree extends only one that is not larger; name the older size first")
    if old in {0, new}:
        return ()
    path = []
    start, end = 0, new
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(_range_root(middle, end, subtrees))
            end = middle
        else:
            path.append(_range_root(start, middle, subtrees))
            start = middle
    # What remains is the right edge of the old tree; when it is the whole of it, the verifier has its root already.
    if start:
        path.append(_range_root(start, end, subtrees))
    return tuple(reversed(path))


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Return if the hash ``leaf`` stands at ``index`` in the tree of ``size`` leaves with ``root`` (section 2.1.3.2).

    ``size`` and ``root`` must come from one verified header: a path alone does not tell every size from every other.
    Raises ``ProofInvalid``.
    """
    _require(0 <= index < size and _are_hashes(leaf, root, *path))
    place, last = index, size - 1
    found = leaf
    for node in path:
        _require(last > 0)
        if place & 1 or place == last:
            found = node_hash(node, found)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, node)
        place, last = place >> 1, last >> 1
    _require(last == 0 and found == root)


def verify_consistency(old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]) -> None:
    """Return if the tree (``new``, ``new_root``) begins with the leaves of (``old``, ``old_root``) (section 2.1.4.2).

    Beyond the RFC, which begins at one leaf: every tree extends the empty one, by the empty path. Raises
    ``ProofInvalid``.
    """
    _require(0 <= old <= new and _are_hashes(old_root, new_root, *path))
    if old == 0:
        _require(not path and old_root == EMPTY_ROOT and (new > 0 or new_root == EMPTY_ROOT))
        return
    if old == new:
        _require(not path and old_root == new_root)
        return
    _require(bool(path))
    nodes = [old_root, *path] if old.bit_count() == 1 else list(path)
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    found_old = found_new = nodes[0]
    for node in nodes[1:]:
        _require(last > 0)
        if place & 1 or place == last:
            found_old, found_new = node_hash(node, found_old), node_hash(node, found_new)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            found_new = node_hash(found_new, node)
        place, last = place >> 1, last >> 1
    _require(last == 0 and found_old == old_root and found_new == new_root)


def _split(size: int) -> int:
    """The largest power of two below ``size``: how many leaves go to the left."""
    return 1 << (size - 1).bit_length() - 1


def _range_root(start: int, end: int, subtrees: Subtrees) -> bytes:
    """Root over the leaves from ``start`` up to ``end``; ``start`` is a multiple of a power of two >= end - start."""
    return _joined([subtrees(level, (start >> level) + index) for level, index in peaks(end - start)])


def _joined(roots: Sequence[bytes]) -> bytes:
    joined = roots[-1]
    for root in reversed(roots[:-1]):
        joined = node_hash(root, joined)
    return joined


def _are_hashes(*values: bytes) -> bool:
    # A node of another length would let one hash input be read in two ways.
    return len(values) <= MAX_PATH_NODES and all(len(value) == HASH_SIZE for value in values)


def _require(condition: bool) -> None:
    if not condition:
        raise ProofInvalid("the proof does not lead to the root; get a new one, and do not trust what it came with")
