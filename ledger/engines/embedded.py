"""The embedded engine: one database, one writer at a time; the delegates vote in its process, each with its own key.

One block: the proposer of the round puts it together, every delegate at hand votes on its header, and with accepting
votes of a quorum it is committed. 1. A proposer that is not at hand misses its turn: the next round's proposes. 2. A
block that too much weight rejects gives way to the next round's, with evidence if a quorum rejected it. 3. A block with
too few votes of either kind is kept, not acknowledged, and put to the vote again before anything else. 4. So is, when
every round failed, the last block that was rejected: the next round is the one after it, also after a restart. No
delegate ever has to sign two headers of one round.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Self

from ledger.bodies import Evidence
from ledger.delegate import Delegate
from ledger.delegates import proposer
from ledger.engine import Clock, Outcome, Receipt
from ledger.engines.ballot import evidence_in, is_hopeless, is_on, weight_of
from ledger.engines.stored import BUSY_TIMEOUT_S, StoredLedger, system_clock
from ledger.errors import (
    BlockInvalid,
    ClockBehind,
    EntryMisplaced,
    LedgerDamaged,
    LedgerError,
    QuorumMissing,
    TransactionInvalid,
)
from ledger.genesis import Genesis
from ledger.header import LedgerHeader
from ledger.pending import PendingBlock
from ledger.records import Epoch
from ledger.refusals import Refused, Replayed
from ledger.seats import quorum
from ledger.store import LedgerStore
from ledger.transactions import SignedTransaction
from ledger.validate import MAX_BLOCK_ENTRIES, NextBlock, require_same
from ledger.votes import QuorumCertificate, Vote

MAX_GROUPED = 1024
"""Most transactions of waiting callers that go into one block together."""
MAX_SUBMITTED = MAX_BLOCK_ENTRIES - 1024
"""Most transactions of callers in one block; the rest is for what the delegates add."""


@dataclass(eq=False)
class _Waiting:
    """A transaction whose caller waits; whoever holds the lock next settles it."""

    transaction: SignedTransaction
    outcome: Outcome | LedgerError | None = None


class EmbeddedEngine(StoredLedger):
    """``Engine`` on one database; ``delegates`` are those whose keys are in this process."""

    def __init__(self, store: LedgerStore, genesis: Genesis, clock: Clock) -> None:
        super().__init__(store, genesis, clock)
        self._delegates: dict[str, Delegate] = {}
        self._queue: list[_Waiting] = []
        self._queue_lock = Lock()

    @classmethod
    def create(
        cls,
        place: Path | str,
        genesis: Genesis,
        *,
        delegates: Iterable[Delegate] = (),
        clock: Clock = system_clock,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
    ) -> Self:
        """A new ledger: in a new file of mode 0600, or in an empty PostgreSQL database by URL.

        Raises ``LedgerExists``, ``LedgerUnavailable``, ``LedgerFull``.
        """
        store = LedgerStore.create(place, genesis, busy_timeout_s=busy_timeout_s)
        engine = cls(store, genesis, clock)
        engine.seat(delegates)
        return engine

    def seat(self, delegates: Iterable[Delegate]) -> None:
        """Have these vote from now on, in place of any others."""
        with self._lock:
            self._delegates = {delegate.delegate: delegate for delegate in delegates}

    def pending(self) -> PendingBlock | None:
        """The block that still waits for votes, if there is one."""
        with self._open():
            self._refresh()
            kept = self._store.kept()
            if kept is None or kept.header.previous != self._state.header_digest:
                return None
            return None if is_hopeless(kept.votes, self._state.epoch(kept.header.height)) else kept

    def submit(self, transaction: SignedTransaction) -> Receipt:
        """As ``Engine.submit``; what several threads submit meanwhile goes into one block."""
        waiting = _Waiting(transaction)
        with self._queue_lock:
            self._queue.append(waiting)
        with self._open():
            try:
                while waiting.outcome is None:
                    self._settle_waiting()
            except Exception:
                self._leave(waiting)
                raise
        if isinstance(waiting.outcome, Receipt):
            return waiting.outcome
        raise waiting.outcome

    def submit_many(self, transactions: Iterable[SignedTransaction]) -> tuple[Outcome, ...]:
        """As ``Engine.submit_many``: one durable commit for all, and one ledger block up to ``MAX_SUBMITTED``."""
        group = list(transactions)
        outcomes: list[Outcome] = []
        with self._writing():
            first_round, evidence = self._finish_pending()
            while first_round is not None and len(outcomes) < len(group):
                part = group[len(outcomes) : len(outcomes) + MAX_SUBMITTED]
                decided = self._next_block(part, evidence, first_round)
                if decided is None:
                    break
                outcomes += decided
                if len(outcomes) < len(group):
                    first_round, evidence = self._finish_pending()
        if first_round is not None and len(outcomes) == len(group):
            return tuple(outcomes)
        raise QuorumMissing(
            "too few delegates voted for the next ledger block; nothing is lost, submit again when more are there"
        )

    def _settle_waiting(self) -> None:
        # They leave the queue last, so that whoever is interrupted here leaves the others' to the next.
        with self._queue_lock:
            group = self._queue[:MAX_GROUPED]
        settled: Sequence[Outcome | LedgerError]
        try:
            settled = self.submit_many([waiting.transaction for waiting in group])
        except LedgerError as error:
            settled = [error] * len(group)
        for waiting, outcome in zip(group, settled, strict=True):
            waiting.outcome = outcome
        with self._queue_lock:
            del self._queue[: len(group)]

    def _leave(self, waiting: _Waiting) -> None:
        """Whatever went wrong unforeseen does not go wrong again for everybody after."""
        with self._queue_lock:
            self._queue = [other for other in self._queue if other is not waiting]

    # Within the write lock

    def _next_block(
        self, group: Sequence[SignedTransaction], evidence: Sequence[Evidence], first_round: int
    ) -> tuple[Outcome, ...] | None:
        """What became of ``group``, in a block that is final now; ``None`` when no round led to a final block."""
        height = self._state.height + 1
        epoch = self._state.epoch(height)
        now = self._now()
        for number in range(first_round, first_round + len(epoch.seats)):
            delegate = self._delegates.get(proposer(epoch, height, number).delegate)
            if delegate is None:
                continue
            block, outcomes = self._built(group, evidence, delegate, number, now)
            if not block.entries:
                self._undo()
                return outcomes
            expected = block.close()
            header = delegate.propose(expected)
            if header is None or not _same_turn(header, expected):
                self._undo()
                continue
            votes = self._asked(header, epoch, (), valid=header == expected)
            if self._committed(header, votes, epoch, block):
                return outcomes
            self._undo()
            self._store.keep(PendingBlock(header, tuple(entry.transaction for entry in block.entries), votes))
            if not is_hopeless(votes, epoch):
                return None
            evidence = (*evidence, *evidence_in(header, votes, epoch))
        return None

    def _finish_pending(self) -> tuple[int | None, Sequence[Evidence]]:
        """The round to begin with and evidence to bring in; no round when a block still waits for votes."""
        kept = self._store.kept()
        if kept is None:
            return 0, ()
        header = kept.header
        if header.previous != self._state.header_digest:
            # Another block became final there: the ledger was restored from a copy that had not seen it yet.
            self._store.drop()
            return 0, ()
        epoch = self._state.epoch(header.height)
        self._store.database.save()
        try:
            block = NextBlock(self._state, self._frontier.copy(), round=header.round, time=header.time)
            for transaction in kept.transactions:
                block.add(transaction)
            require_same(header, block.close())
            valid = True
        except (Refused, TransactionInvalid, BlockInvalid, EntryMisplaced):
            valid = False
        votes = self._asked(header, epoch, kept.votes, valid=valid)
        if valid and self._committed(header, votes, epoch, block):
            return 0, ()
        self._undo()
        self._store.keep(PendingBlock(header, kept.transactions, votes))
        if not is_hopeless(votes, epoch):
            return None, ()
        return header.round + 1, evidence_in(header, votes, epoch)

    def _built(
        self, group: Sequence[SignedTransaction], evidence: Sequence[Evidence], by: Delegate, number: int, now: int
    ) -> tuple[NextBlock, tuple[Outcome, ...]]:
        self._store.database.save()
        block = NextBlock(self._state, self._frontier.copy(), round=number, time=now)
        outcomes = tuple(self._outcome(block, transaction) for transaction in group)
        if block.entries:
            height = self._state.height + 1
            due = [each for one in self._delegates.values() for each in one.duties(self._state.tables, height, now)]
            brought = (by.signed(body, ledger=self.genesis.digest, time=now) for body in evidence)
            for transaction in (*brought, *due):
                self._outcome(block, transaction)
        return block, outcomes

    def _outcome(self, block: NextBlock, transaction: SignedTransaction) -> Outcome:
        position = self._state.position_of(transaction.id)
        if position is not None:
            digest, time = self._stands(block, position)
            return Receipt(transaction.id, position, digest, time)
        try:
            entry = block.add(transaction)
        except Replayed:
            raise LedgerDamaged("the ledger's index lost a transaction; restore the ledger from a good copy") from None
        except (Refused, TransactionInvalid) as refusal:
            return refusal
        return Receipt(transaction.id, entry.position, entry.digest, entry.time)

    def _stands(self, block: NextBlock, position: int) -> tuple[str, int]:
        first = self._state.position + 1 - len(block.entries)
        if position < first:
            return self._store.stands(position)
        entry = block.entries[position - first]
        return entry.digest, entry.time

    def _asked(self, header: LedgerHeader, epoch: Epoch, votes: tuple[Vote, ...], *, valid: bool) -> tuple[Vote, ...]:
        """``votes``, and those of the seated delegates at hand that have not voted yet.

        All share this process and its memory, so that the block is checked once and not once by each. Whoever does not
        have the seat's key, as with one from before, is not asked; of the others' signatures none needs verifying here.
        """
        cast = {vote.delegate: vote for vote in votes}
        for seat in epoch.seats:
            delegate = self._delegates.get(seat.delegate)
            if delegate is not None and delegate.has_key_of(seat) and seat.delegate not in cast:
                vote = delegate.vote(header, valid=valid)
                if vote is not None and is_on(vote, header, seat):
                    cast[seat.delegate] = vote
        return tuple(cast.values())

    def _committed(self, header: LedgerHeader, votes: Sequence[Vote], epoch: Epoch, block: NextBlock) -> bool:
        accepting = tuple(vote for vote in votes if vote.accept)
        if weight_of(accepting, epoch) < quorum(epoch.seats):
            return False
        self._store.append(header, QuorumCertificate(accepting), block)
        self._store.drop()
        self._state.settle(header.digest, header.time)
        self._frontier = block.frontier
        return True

    def _undo(self) -> None:
        self._store.database.restore()
        self._store.keyvalue.forget()
        self._state.reload()

    def _stand(self) -> None:
        super()._stand()
        for delegate in self._delegates.values():
            delegate.take_back(self._state.height + 1)

    def _now(self) -> int:
        now = self._clock()
        if now < self._state.time - self.genesis.max_clock_skew_s:
            raise ClockBehind(
                "this machine's clock is behind the ledger's newest entry; set the clock and submit again"
            )
        return max(now, self._state.time)


def _same_turn(header: LedgerHeader, expected: LedgerHeader) -> bool:
    """Whether a proposed header is for the turn it was asked for; a vote on any other would bind honest delegates."""
    names = ("ledger", "height", "round", "previous", "time", "proposer")
    return all(getattr(header, name) == getattr(expected, name) for name in names)
