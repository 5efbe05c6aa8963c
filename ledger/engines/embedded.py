"""The embedded engine: one SQLite file, one writer at a time, any number of processes and threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from ledger.engine import Clock, Outcome, Receipt, Verified, View
from ledger.entry import Entry
from ledger.errors import (
    ClockBehind,
    EntryMisplaced,
    GenesisInvalid,
    LedgerClosed,
    LedgerDamaged,
    TransactionInvalid,
    UnknownType,
    UnknownVersion,
)
from ledger.genesis import Genesis
from ledger.refusals import Refused, Replayed
from ledger.state import State
from ledger.store import EntryFile
from ledger.transactions import SignedTransaction

BUSY_TIMEOUT_S = 30.0
"""Default of how long to wait for another process's write."""


def system_clock() -> int:
    """Unix seconds of this machine."""
    return int(time.time())


class EmbeddedEngine:
    """``Engine`` on one SQLite file. Final means durable here: there is one copy, and no vote.

    Opening folds the stored entries: links and rules are checked, signatures are not, as each was verified by the
    process that took it in; ``verify`` checks those too. A file rolled back to an older whole copy while no engine was
    open cannot be told from that copy: compare with a head kept elsewhere.
    """

    def __init__(self, file: EntryFile, genesis: Genesis, clock: Clock) -> None:
        self.genesis = genesis
        self._file = file
        self._clock = clock
        self._state = State(genesis)
        self._lock = threading.RLock()
        self._closed = False

    @classmethod
    def create(
        cls, path: Path, genesis: Genesis, *, clock: Clock = system_clock, busy_timeout_s: float = BUSY_TIMEOUT_S
    ) -> Self:
        """A new ledger in a new file of mode 0600. Raises ``LedgerExists``, ``LedgerUnavailable``, ``LedgerFull``."""
        return cls(EntryFile.create(path, genesis, busy_timeout_s=busy_timeout_s), genesis, clock)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        genesis_digest: str | None = None,
        clock: Clock = system_clock,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
    ) -> Self:
        """The ledger in ``path``. Give ``genesis_digest`` (hex) wherever it is known from elsewhere.

        Raises ``GenesisInvalid`` on another genesis, ``LedgerDamaged``, ``LedgerUnavailable``, ``LedgerBusy``, and
        ``UnknownType`` or ``UnknownVersion`` on entries of a later version.
        """
        file = EntryFile.open(path, busy_timeout_s=busy_timeout_s)
        try:
            engine = cls(file, _expected(file.genesis(), genesis_digest), clock)
            engine._refresh()
        except BaseException:
            file.close()
            raise
        return engine

    @staticmethod
    def copy(path: Path, target: Path) -> None:
        """Copy the ledger in ``path`` to the new file ``target``, whole even while others write. Raises as ``open``."""
        file = EntryFile.open(path, busy_timeout_s=BUSY_TIMEOUT_S)
        try:
            file.copy_to(target)
        finally:
            file.close()

    def submit(self, transaction: SignedTransaction) -> Receipt:
        """As ``Engine.submit``."""
        (outcome,) = self.submit_many([transaction])
        if isinstance(outcome, Receipt):
            return outcome
        raise outcome

    def submit_many(self, transactions: Iterable[SignedTransaction]) -> tuple[Outcome, ...]:
        """As ``Engine.submit_many``: one durable commit for all."""
        with self._open(), ExitStack() as until_durable, self._file.writing():
            self._refresh()
            now = self._now()
            until_durable.enter_context(self._state.lock)
            until_durable.push(self._take_back)
            return tuple(self._outcome(transaction, now) for transaction in transactions)

    def view(self) -> View:
        """As ``Engine.view``."""
        with self._open():
            self._refresh()
            return View(self._state, self._state.position, self._state.head, self._clock())

    def entries(self, start: int = 0) -> Iterator[Entry]:
        """As ``Engine.entries``; those committed when the iteration begins, read page by page."""
        start = max(start, 0)
        with self._open():
            self._refresh()
            end = self._state.position
            previous = self.genesis.digest if start == 0 or start > end else self._file.digest_at(start - 1)
        while start <= end:
            with self._open():
                page = self._page(start, end, previous)
            yield from page
            start, previous = start + len(page), page[-1].digest

    def verify(self) -> Verified:
        """As ``Engine.verify``.

        1. Every entry in order: link, signature, time, rule. 2. The last is where the file says that it ends. 3. The
        state is the one this engine answers from. 4. SQLite's own check of the file.
        """
        fresh = State(self.genesis)
        for entry in self.entries():
            _fold(fresh.apply, entry)
        with self._open():
            self._refresh()
            self._advance(fresh, fresh.apply, self._state.position, self._state.head)
            digest = fresh.digest()
            if digest != self._state.digest():
                raise LedgerDamaged("the state in memory is not what the entries add up to; open the ledger again")
            self._file.check()
        return Verified(fresh.position + 1, fresh.head, digest)

    def close(self) -> None:
        """As ``Engine.close``."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._file.close()

    @contextmanager
    def _open(self) -> Iterator[None]:
        with self._lock:
            if self._closed:
                raise LedgerClosed("the ledger was closed; open it again")
            yield

    def _refresh(self) -> None:
        position, head = self._file.head()
        if position < self._state.position:
            raise LedgerDamaged("the ledger went back to an older copy; restore the newest")
        self._advance(self._state, self._state.reapply, position, head)

    def _advance(self, state: State, take: Callable[[Entry], None], position: int, head: str) -> None:
        while state.position < position:
            for entry in self._page(state.position + 1, position, state.head):
                _fold(take, entry)
        if state.head != head:
            raise LedgerDamaged("the ledger does not end where it says; restore it from a good copy")

    def _page(self, start: int, end: int, previous: str) -> list[Entry]:
        try:
            page = self._file.page(start, end, previous)
        except (UnknownType, UnknownVersion):
            raise
        except TransactionInvalid as error:
            raise LedgerDamaged(f"an entry from {start} on holds no transaction ({error.code})") from None
        if not page:
            raise LedgerDamaged(f"entry {start} is missing; restore the ledger from a good copy")
        return page

    def _now(self) -> int:
        now = self._clock()
        if now < self._state.time - self.genesis.max_clock_skew_s:
            raise ClockBehind(
                "this machine's clock is behind the ledger's newest entry; set the clock and submit again"
            )
        return max(now, self._state.time)

    def _outcome(self, transaction: SignedTransaction, now: int) -> Outcome:
        known = self._file.find(transaction.id)
        if known is not None:
            position, digest, time_then = known
            return Receipt(transaction.id, position, digest, time_then)
        entry = Entry(self._state.position + 1, now, self._state.head, transaction)
        try:
            self._state.apply(entry)
        except Replayed:
            raise LedgerDamaged("the ledger's index lost a transaction; restore the ledger from a good copy") from None
        except (Refused, TransactionInvalid) as refusal:
            return refusal
        self._file.append(entry)
        return Receipt(transaction.id, entry.position, entry.digest, entry.time)

    def _take_back(self, kind: type[BaseException] | None, _error: object, _trace: object) -> None:
        # Not durable, so not true: the next refresh folds the state again from what is on disk.
        if kind is not None:
            self._state.reset()


def _expected(genesis: Genesis, digest: str | None) -> Genesis:
    if digest not in {None, genesis.digest}:
        raise GenesisInvalid("this is another ledger than the one expected; check the path")
    return genesis


def _fold(take: Callable[[Entry], None], entry: Entry) -> None:
    try:
        take(entry)
    except (Refused, TransactionInvalid, EntryMisplaced) as error:
        raise LedgerDamaged(
            f"entry {entry.position} does not hold ({error.code}); restore the ledger from a good copy"
        ) from None
