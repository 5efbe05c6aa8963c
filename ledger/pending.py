"""A ledger block that is not final: too few delegates voted on it, or so many rejected it that it never will be.

It is kept until one of its height is final, so that nobody is asked about the same turn again after a restart.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Self

from ledger.errors import LedgerDamaged, LedgerError, UnknownType, UnknownVersion
from ledger.fields import Fields
from ledger.finality import nested_bytes
from ledger.genesis import MAX_SEATS
from ledger.header import LedgerHeader
from ledger.transactions import SignedTransaction
from ledger.validate import MAX_BLOCK_ENTRIES
from ledger.votes import Vote
from scheme import canonical
from scheme.errors import EncodingInvalid

_CHECKSUM_SIZE = 4


@dataclass(frozen=True)
class PendingBlock:
    """A proposed header with its transactions and the votes so far, of both kinds. No one may build on it."""

    header: LedgerHeader
    transactions: tuple[SignedTransaction, ...]
    votes: tuple[Vote, ...]

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Strict inverse of ``bytes``. Raises ``LedgerDamaged``."""
        content, checksum = data[:-_CHECKSUM_SIZE], data[-_CHECKSUM_SIZE:]
        try:
            # A flipped bit must not look like a proposer's lie, for which delegates would vote to punish it.
            if not isinstance(data, bytes) or _checksum(content) != checksum:
                raise _damaged()
            names = frozenset({"header", "transactions", "votes"})
            fields = Fields(canonical.loads(content, what="the pending block"), names, what="pending block")
            return cls(
                LedgerHeader.from_bytes(nested_bytes(fields, "header")),
                tuple(
                    SignedTransaction.from_bytes(nested_bytes(Fields({"it": each}, frozenset({"it"}), what="it"), "it"))
                    for each in fields.array("transactions", minimum=1, maximum=MAX_BLOCK_ENTRIES)
                ),
                tuple(Vote.from_json(vote) for vote in fields.array("votes", minimum=0, maximum=MAX_SEATS)),
            )
        except (UnknownType, UnknownVersion):
            raise
        except (EncodingInvalid, LedgerError):
            raise _damaged() from None

    def __bytes__(self) -> bytes:
        content = canonical.dumps(
            {
                "header": canonical.loads(bytes(self.header), what="the header"),
                "transactions": [canonical.loads(bytes(each), what="the transaction") for each in self.transactions],
                "votes": [vote.to_json() for vote in self.votes],
            }
        )
        return content + _checksum(content)


def _checksum(content: bytes) -> bytes:
    return zlib.crc32(content).to_bytes(_CHECKSUM_SIZE, "big")


def _damaged() -> LedgerDamaged:
    return LedgerDamaged("the block that waits for votes is damaged; restore the ledger from a copy")
