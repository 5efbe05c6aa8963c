"""Python's own ``hashlib``, which hashes each byte that is stored."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

from benchmarks.primitives.operation import BITS, SHA256, Operation, Prepared, by_size


def operations() -> Sequence[Operation]:
    """SHA-256 by size."""
    return by_size(SHA256, _hashed, BITS)


def _hashed(size: int) -> Prepared:
    data = os.urandom(size)
    in_halves = hashlib.sha256(data[: size // 2])
    in_halves.update(data[size // 2 :])
    return Prepared(lambda: hashlib.sha256(data).digest(), lambda digest: digest == in_halves.digest())
