"""Where a replica is offered blocks that do not hold."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from ledger.engine import Reader
from ledger.entry import Entry
from ledger.genesis import Genesis
from ledger.header import LedgerHeader
from ledger.transactions import SignedTransaction
from ledger.validate import LedgerBlock
from ledger.votes import QuorumCertificate, cast_vote
from tests.ledger.scene import FOUNDERS, ident, signing_key

Tamper = Callable[[LedgerBlock], Iterable[LedgerBlock]]


@dataclass
class TamperingSource:
    """Blocks of ``ledger``, but what ``tamper`` makes of the one at ``height``."""

    ledger: Reader
    height: int
    tamper: Tamper

    @property
    def genesis(self) -> Genesis:
        return self.ledger.genesis

    def blocks(self, start: int = 1) -> Iterator[LedgerBlock]:
        for block in self.ledger.blocks(start):
            if block.header.height == self.height:
                yield from self.tamper(block)
            else:
                yield block


@dataclass
class KeptBlocks:
    """These blocks, from memory."""

    genesis: Genesis
    kept: tuple[LedgerBlock, ...]

    def blocks(self, start: int = 1) -> Iterator[LedgerBlock]:
        return iter(self.kept[start - 1 :])


def certified(header: LedgerHeader, *, accept: bool = True, by: Iterable[str] = FOUNDERS) -> QuorumCertificate:
    """All delegates of these names sign ``header``, whatever it says."""
    return QuorumCertificate(tuple(cast_vote(signing_key(name), ident(name), header, accept=accept) for name in by))


def signed_lie(block: LedgerBlock, **changes: Any) -> LedgerBlock:
    """The block with another header, which a whole quorum signed nevertheless."""
    header = replace(block.header, **changes)
    return replace(block, header=header, certificate=certified(header))


def with_transactions(block: LedgerBlock, transactions: Iterable[SignedTransaction]) -> LedgerBlock:
    """The block with other entries under its header."""
    entries: list[Entry] = []
    previous = block.entries[0].previous
    for number, transaction in enumerate(transactions):
        entries.append(Entry(block.entries[0].position + number, block.header.time, previous, transaction))
        previous = entries[-1].digest
    return replace(block, entries=tuple(entries))


def altered(transaction: SignedTransaction, old: bytes, new: bytes) -> SignedTransaction:
    """The transaction with other bytes, not signed again."""
    assert bytes(transaction).count(old)
    return SignedTransaction.from_bytes(bytes(transaction).replace(old, new))
