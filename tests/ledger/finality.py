"""A ledger that is only made final: blocks of entries, headers and certificates, without state or engine."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ledger.delegates import epoch_number, founding_epoch
from ledger.entry import Entry
from ledger.finality import FinalHeader, Handover
from ledger.genesis import Founder, Genesis
from ledger.header import LedgerHeader
from ledger.merkle import Frontier, consistency_path, inclusion_path, leaf_hash
from ledger.proofs import EntryProof, LedgerProof
from ledger.seats import Seat, set_digest
from ledger.transactions import SignedTransaction
from ledger.votes import QuorumCertificate, cast_vote
from tests.ledger.scene import AUTHORITY, AUTHORITY_KEY, START, digest, ident, signing_key

FOUNDERS = ("first", "second", "third", "fourth")
EPOCH_BLOCKS = 4


def genesis(unique: str = "a ledger made final") -> Genesis:
    founders = tuple(Founder(ident(name), signing_key(name).verifying_key.data) for name in FOUNDERS)
    authority = AUTHORITY_KEY.verifying_key.data
    return Genesis(AUTHORITY, authority, START, 300, founders, len(founders), EPOCH_BLOCKS, ident(unique))


def seats(*names: str, weight: int = 10) -> tuple[Seat, ...]:
    return tuple(Seat(ident(name), signing_key(name).verifying_key.data, weight) for name in names)


KEYS = {ident(name): signing_key(name) for name in (*FOUNDERS, *(f"elected {number}" for number in range(64)))}


def certified(header: LedgerHeader, signers: Iterable[Seat]) -> FinalHeader:
    """``header`` with accepting votes of all ``signers``."""
    votes = tuple(cast_vote(KEYS[seat.delegate], seat.delegate, header, accept=True) for seat in signers)
    return FinalHeader(header, QuorumCertificate(votes))


@dataclass
class FinalLedger:
    """Grows block by block; ``seats`` sign the next one."""

    genesis: Genesis = field(default_factory=genesis)
    entries: list[Entry] = field(default_factory=list)
    finals: list[FinalHeader] = field(default_factory=list)
    handovers: list[Handover] = field(default_factory=list)
    frontier: Frontier = field(default_factory=Frontier)
    nodes: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.seats = founding_epoch(self.genesis).seats

    def block(
        self, *transactions: SignedTransaction, next_seats: tuple[Seat, ...] | None = None, **changes: Any
    ) -> FinalHeader:
        """One more block; ``next_seats`` take over after it."""
        height = len(self.finals) + 1
        time = START + 10 * height
        for transaction in transactions:
            previous = self.entries[-1].digest if self.entries else self.genesis.digest
            self.add(Entry(len(self.entries), time, previous, transaction))
        header = LedgerHeader(
            ledger=self.genesis.digest,
            height=height,
            round=0,
            epoch=epoch_number(self.genesis, height),
            time=time,
            proposer=self.seats[0].delegate,
            previous=self.finals[-1].header.digest if self.finals else self.genesis.digest,
            size=self.frontier.size,
            entries_root=self.frontier.root().hex(),
            state_root=digest(f"state {height}"),
            delegates=set_digest(self.seats),
            next_delegates=set_digest(next_seats or self.seats),
        )
        final = certified(replace(header, **changes), self.seats)
        self.finals.append(final)
        if height % self.genesis.epoch_blocks == 0:
            self.seats = next_seats or self.seats
            self.handovers.append(Handover(final, self.seats))
        return final

    def add(self, entry: Entry) -> None:
        leaf = leaf_hash(bytes.fromhex(entry.digest))
        self.entries.append(entry)
        self.nodes[0, entry.position] = leaf
        for level, index, root in self.frontier.append(leaf):
            self.nodes[level, index] = root

    def subtree(self, level: int, index: int) -> bytes:
        return self.nodes[level, index]

    def prove(self, positions: Sequence[int], *, height: int | None = None) -> LedgerProof:
        """Proof of the entries at ``positions`` under the block at ``height``, or the newest."""
        final = self.finals[-1 if height is None else height - 1]
        return LedgerProof(
            handovers=tuple(each for each in self.handovers if each.final.header.height <= final.header.height),
            final=final,
            entries=tuple(
                EntryProof.of(self.entries[position], inclusion_path(position, final.header.size, self.subtree))
                for position in positions
            ),
        )

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """Path from the tree at height ``old`` to that at height ``new``."""
        sizes = (self.finals[old - 1].header.size, self.finals[new - 1].header.size)
        return consistency_path(*sizes, self.subtree)
