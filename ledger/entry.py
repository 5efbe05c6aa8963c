"""Entry: a transaction in its place. Each entry's digest covers the one before, back to the genesis."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ledger.transactions import SignedTransaction
from scheme.hashing import Tag, tagged_hash


@dataclass(frozen=True)
class Entry:
    """``transaction`` at ``position`` (from 0) and ``time`` (unix seconds, set by the engine, never decreasing).

    ``previous`` is the digest of the entry before, 32 bytes in hex; the genesis digest for the first.
    """

    position: int
    time: int
    previous: str
    transaction: SignedTransaction

    @cached_property
    def digest(self) -> str:
        """Names this entry and all before it; 32 bytes in hex."""
        return entry_digest(self.position, self.time, self.previous, bytes(self.transaction))


def entry_digest(position: int, time: int, previous: str, transaction: bytes) -> str:
    """Tagged hash in hex over position and time (8 bytes each), the previous digest and the transaction's bytes."""
    return tagged_hash(
        Tag.LEDGER_ENTRY, position.to_bytes(8, "big"), time.to_bytes(8, "big"), bytes.fromhex(previous), transaction
    ).hex()
