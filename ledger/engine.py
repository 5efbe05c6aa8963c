"""The engine: it orders transactions and makes them final. One protocol, so that callers never ask which one it is.

The protocol asks for nothing that ABCI 2.0 or an EVM chain could not give; docs/ledger.md has the table. Finality: a
receipt is given only for what a quorum of delegates signed and what is durable. ``Reader`` is the public, read-only
half: a replica gives it as well, and so can a server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from ledger.entry import Entry
from ledger.errors import TransactionInvalid
from ledger.genesis import Genesis
from ledger.proofs import FinalHeader, LedgerProof
from ledger.refusals import Refused
from ledger.state import State
from ledger.transactions import SignedTransaction
from ledger.validate import LedgerBlock

Clock = Callable[[], int]
"""Unix seconds."""


@dataclass(frozen=True)
class Receipt:
    """Where a transaction stands, durably and for good; ``time`` is the entry's, in unix seconds."""

    transaction_id: str
    position: int
    entry_digest: str
    time: int


@dataclass(frozen=True)
class View:
    """The newest state this engine knows; ``position`` is that of the newest entry, -1 when there is none.

    ``height`` and ``block`` (its header's digest) are the newest ledger block's. ``as_of`` is when the engine last made
    sure that nothing newer is committed, in unix seconds. ``state`` lives on: it moves forward with the engine; the
    other fields say where it stood.
    """

    state: State
    position: int
    head: str
    height: int
    block: str
    as_of: int


@dataclass(frozen=True)
class Verified:
    """The whole ledger was read again from its genesis and every signature, link, rule and certificate held."""

    entries: int
    height: int
    head: str
    state_root: str


Outcome = Receipt | Refused | TransactionInvalid
"""What became of one transaction of a group."""


class Reader(Protocol):
    """A ledger to read. Methods may be called from several threads."""

    @property
    def genesis(self) -> Genesis:
        """What this ledger starts from."""

    def view(self) -> View:
        """The state with the newest committed entries.

        Raises ``LedgerBusy``, ``LedgerUnavailable``, ``LedgerDamaged``.
        """

    def entries(self, start: int = 0) -> Iterator[Entry]:
        """Committed entries from position ``start`` on. Raises as ``view``."""

    def blocks(self, start: int = 1) -> Iterator[LedgerBlock]:
        """Final ledger blocks from height ``start`` on. Raises as ``view``."""

    def tip(self) -> FinalHeader | None:
        """The newest final header with its certificate; none before the first block. Raises as ``view``."""

    def prove(self, positions: Sequence[int]) -> LedgerProof:
        """Proof, to whoever knows the genesis, that these entries stand in the ledger.

        Raises ``ProofUnavailable`` when there is no such entry, and as ``view``.
        """

    def verify(self) -> Verified:
        """Read everything again from the genesis and verify it. Raises ``LedgerDamaged``, and as ``view``."""

    def close(self) -> None:
        """Let go of files and connections; every later call raises ``LedgerClosed``."""


class Engine(Reader, Protocol):
    """Order and finality for signed transactions."""

    def submit(self, transaction: SignedTransaction) -> Receipt:
        """Add ``transaction``; on return it is durable and final.

        The same transaction again gives the same receipt, so after a crash the caller simply submits it again. Raises
        a ``Refused`` or ``TransactionInvalid`` (nothing changed, submitting again is useless), ``QuorumMissing`` (not
        final yet, nothing lost, submit again when more delegates are there), ``LedgerBusy``, ``LedgerFull``,
        ``LedgerUnavailable``, ``ClockBehind`` (nothing changed, submit again later), ``LedgerDamaged``.
        """

    def submit_many(self, transactions: Iterable[SignedTransaction]) -> tuple[Outcome, ...]:
        """Add each of ``transactions`` that the rules admit, in order, durable together on return.

        Refusals are returned, not raised: one does not hold up the others. Raises otherwise as ``submit``.
        """
