"""Seats: the set of delegates of an epoch, and how much weight is a quorum of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from scheme.hashing import Tag, tagged_hash


@dataclass(frozen=True, slots=True)
class Seat:
    """A delegate's place in one epoch: the key that signs its votes and their weight."""

    delegate: str
    key: bytes
    weight: int


def quorum(seats: Sequence[Seat]) -> int:
    """The smallest weight that is more than two thirds of the weight of ``seats``."""
    return 2 * sum(seat.weight for seat in seats) // 3 + 1


@lru_cache(maxsize=8)
def set_digest(seats: tuple[Seat, ...]) -> str:
    """Names a set of delegates with its keys, weights and order: 32 bytes in hex."""
    parts = (bytes.fromhex(seat.delegate) + seat.key + seat.weight.to_bytes(8, "big") for seat in seats)
    return tagged_hash(Tag.DELEGATE_SET, *parts).hex()
