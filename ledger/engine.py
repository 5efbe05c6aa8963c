"""The engine: it orders transactions and makes them final. One protocol, so that callers never ask which one it is.

The protocol asks for nothing that ABCI 2.0 or an EVM chain could not give. ``State.check`` is ``CheckTx``; the engine
chooses order and time (``PrepareProposal``, block time); ``State.apply`` is ``FinalizeBlock``; ``submit`` returns after
``Commit``. On an EVM chain an entry is an event of one contract, its time the block's.

Seams for what comes later. Finality: a receipt is given only for what can no longer change; an engine with several
nodes waits for its certificate before it returns, and adds it to the receipt. Proofs: ``Entry.digest`` is the leaf, and
``Receipt`` names it with its position, which is all that an inclusion proof needs. Staleness: ``View.as_of``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from ledger.entry import Entry
from ledger.errors import TransactionInvalid
from ledger.genesis import Genesis
from ledger.refusals import Refused
from ledger.state import State
from ledger.transactions import SignedTransaction

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

    ``as_of`` is when the engine last made sure that nothing newer is committed, in unix seconds. ``state`` lives on:
    it moves forward with the engine; ``position`` and ``head`` say where it stood.
    """

    state: State
    position: int
    head: str
    as_of: int


@dataclass(frozen=True)
class Verified:
    """The whole ledger was read again from its genesis and every signature, link and rule held."""

    entries: int
    head: str
    state_digest: str


Outcome = Receipt | Refused | TransactionInvalid
"""What became of one transaction of a group."""


class Engine(Protocol):
    """Order and finality for signed transactions. Methods may be called from several threads."""

    @property
    def genesis(self) -> Genesis:
        """What this ledger starts from."""

    def submit(self, transaction: SignedTransaction) -> Receipt:
        """Add ``transaction``; on return it is durable and final.

        The same transaction again gives the same receipt, so after a crash the caller simply submits it again. Raises
        a ``Refused`` or ``TransactionInvalid`` (nothing changed, submitting again is useless), ``LedgerBusy``,
        ``LedgerFull``, ``LedgerUnavailable``, ``ClockBehind`` (nothing changed, submit again later), ``LedgerDamaged``.
        """

    def submit_many(self, transactions: Iterable[SignedTransaction]) -> tuple[Outcome, ...]:
        """Add each of ``transactions`` that the rules admit, in order, durable together on return.

        Refusals are returned, not raised: one does not hold up the others. Raises otherwise as ``submit``, and then
        none was added.
        """

    def view(self) -> View:
        """The state with the newest committed entries.

        Raises ``LedgerBusy``, ``LedgerUnavailable``, ``LedgerDamaged``.
        """

    def entries(self, start: int = 0) -> Iterator[Entry]:
        """Committed entries from position ``start`` on. Raises as ``view``."""

    def verify(self) -> Verified:
        """Read everything again from the genesis and verify it. Raises ``LedgerDamaged``, and as ``view``."""

    def close(self) -> None:
        """Let go of files and connections; every later call raises ``LedgerClosed``."""
