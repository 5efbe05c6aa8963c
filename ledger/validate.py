"""The ledger block after the newest: producers build it and everybody else checks it by the same code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from ledger.delegates import proposer
from ledger.entry import Entry
from ledger.errors import BlockInvalid, EntryMisplaced, TransactionInvalid
from ledger.header import LedgerHeader
from ledger.merkle import Frontier, leaf_hash
from ledger.refusals import Refused
from ledger.seats import set_digest
from ledger.state import State
from ledger.transactions import SignedTransaction
from ledger.votes import QuorumCertificate

MAX_BLOCK_ENTRIES = 65_536


@dataclass(frozen=True)
class LedgerBlock:
    """A final ledger block: its header, the votes that make it final, its entries."""

    header: LedgerHeader
    certificate: QuorumCertificate
    entries: tuple[Entry, ...]


class NextBlock:
    """The block after the newest of ``state``, folded in entry by entry; whoever holds the state can undo it."""

    def __init__(self, state: State, frontier: Frontier, *, round: int, time: int) -> None:  # noqa: A002
        self._state = state
        self.frontier = frontier
        self._round = round
        self._time = time
        self._epoch = state.epoch(state.height + 1)
        self.entries: list[Entry] = []
        self.subtrees: list[tuple[int, int, bytes]] = []
        """The complete subtrees of the Merkle tree that the entries completed: level, index, root."""
        state.begin(round=round, time=time)

    def add(self, transaction: SignedTransaction) -> Entry:
        """Fold ``transaction`` in. Raises a ``Refused`` or ``TransactionInvalid``, and then nothing changed."""
        entry = Entry(self._state.position + 1, self._time, self._state.head, transaction)
        self._state.apply(entry)
        self.entries.append(entry)
        self.subtrees += self.frontier.append(leaf_hash(bytes.fromhex(entry.digest)))
        return entry

    def close(self) -> LedgerHeader:
        """The one header that fits: all that the delegates sign follows from the entries, the round and the time."""
        state = self._state
        following = state.finish() or self._epoch
        seats = self._epoch.seats
        return LedgerHeader(
            ledger=state.genesis.digest,
            height=state.height + 1,
            round=self._round,
            epoch=self._epoch.number,
            time=self._time,
            proposer=proposer(self._epoch, state.height + 1, self._round).delegate,
            previous=state.header_digest,
            size=state.position + 1,
            entries_root=self.frontier.root().hex(),
            state_root=state.root,
            delegates=set_digest(seats),
            next_delegates=set_digest(following.seats),
        )


def follow(
    state: State,
    frontier: Frontier,
    header: LedgerHeader,
    certificate: QuorumCertificate,
    transactions: Sequence[SignedTransaction],
) -> NextBlock:
    """Fold in a block that came from elsewhere, after verifying all of it; ``state`` stands at it on return.

    1. It is the block after the newest, of this ledger. 2. The votes of the delegates whose turn it is make it final.
    3. Every transaction is admitted. 4. The header says what they add up to. Raises ``BlockInvalid``,
    ``CertificateInvalid``, ``QuorumMissing``, ``VoteInvalid``; the caller undoes what was folded in until then.
    """
    expected = (state.genesis.digest, state.height + 1, state.header_digest)
    if (header.ledger, header.height, header.previous) != expected:  # 1
        raise BlockInvalid("a ledger block does not follow the newest one; fetch the blocks in order from one source")
    certificate.verify(header, state.epoch(header.height).seats)  # 2
    try:
        block = NextBlock(state, frontier, round=header.round, time=header.time)
        for transaction in transactions:  # 3
            block.add(transaction)
    except (Refused, TransactionInvalid, EntryMisplaced) as error:
        raise BlockInvalid(
            f"ledger block {header.height} holds an entry that the rules refuse ({error.code}); get another copy"
        ) from None
    require_same(header, block.close())  # 4
    state.settle(header.digest, header.time)
    return block


def require_same(header: LedgerHeader, expected: LedgerHeader) -> None:
    """Return if a header is the one that fits its block. Raises ``BlockInvalid`` naming the first field that is not."""
    for field in fields(LedgerHeader):
        if getattr(header, field.name) != getattr(expected, field.name):
            raise BlockInvalid(
                f"the header of ledger block {expected.height} says another {field.name} than its entries add up to"
            )
