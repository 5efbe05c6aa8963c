"""A ledger in a database, to be read: what the embedded engine and a replica have in common."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import zip_longest
from pathlib import Path
from typing import Self

from ledger.database import SqliteDatabase
from ledger.engine import Clock, Verified, View
from ledger.entry import Entry
from ledger.errors import (
    BlockInvalid,
    CertificateInvalid,
    GenesisInvalid,
    LedgerClosed,
    LedgerDamaged,
    LedgerError,
    ProofUnavailable,
    QuorumMissing,
    TransactionInvalid,
    UnknownType,
    UnknownVersion,
    VoteInvalid,
)
from ledger.finality import FinalHeader, Handover
from ledger.genesis import Genesis
from ledger.merkle import Frontier, inclusion_path
from ledger.proofs import EntryProof, LedgerProof
from ledger.state import EMPTY, State
from ledger.store import LedgerStore
from ledger.validate import LedgerBlock, follow

BUSY_TIMEOUT_S = 30.0
"""Default of how long to wait for another process's write."""


def system_clock() -> int:
    """Unix seconds of this machine."""
    return int(time.time())


class StoredLedger:
    """``Reader`` on one database.

    Opening checks that state, newest block and entries end at the same place; ``verify`` checks everything. A database
    that was rolled back to an older whole copy while nothing was open cannot be told from that copy here: compare with
    a header kept elsewhere, as replicas and ``LightClient`` do.
    """

    def __init__(self, store: LedgerStore, genesis: Genesis, clock: Clock) -> None:
        self.genesis = genesis
        self._store = store
        self._clock = clock
        self._state = State(genesis, store.keyvalue)
        self._lock = self._state.lock
        self._frontier = Frontier()
        self._astray = False
        self._closed = False
        self._handed_over: list[Handover] = []
        self._epochs_read = 0

    @classmethod
    def open(
        cls,
        place: Path | str,
        *,
        genesis_digest: str | None = None,
        clock: Clock = system_clock,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
    ) -> Self:
        """The ledger at ``place``, a path or a PostgreSQL URL. Give ``genesis_digest`` wherever it is known.

        Raises ``GenesisInvalid`` on another genesis, ``LedgerDamaged``, ``LedgerUnavailable``, ``LedgerBusy``, and
        ``UnknownType`` or ``UnknownVersion`` on a ledger of a later version.
        """
        store = LedgerStore.open(place, busy_timeout_s=busy_timeout_s)
        try:
            ledger = cls(store, expected_genesis(store.genesis(), genesis_digest), clock)
            with ledger._open():
                ledger._stand()
        except BaseException:
            store.close()
            raise
        return ledger

    @staticmethod
    def copy(place: Path | str, target: Path) -> None:
        """Copy the ledger at ``place`` to the new file ``target``, whole even while others write.

        Raises as ``open``.
        """
        store = LedgerStore.open(place, busy_timeout_s=BUSY_TIMEOUT_S)
        try:
            store.copy_to(target)
        finally:
            store.close()

    def view(self) -> View:
        """As ``Reader.view``."""
        with self._open():
            self._refresh()
            state = self._state
            return View(state, state.position, state.head, state.height, state.header_digest, self._clock())

    def entries(self, start: int = 0) -> Iterator[Entry]:
        """As ``Reader.entries``; those committed when the iteration begins, read page by page."""
        start = max(start, 0)
        with self._open():
            self._refresh()
            end = self._state.position + 1
            previous = self.genesis.digest if start == 0 or start >= end else self._store.stands(start - 1)[0]
        while start < end:
            with self._open(), _told(f"an entry from {start} on"):
                page = self._store.page(start, end, previous)
            yield from page
            start, previous = start + len(page), page[-1].digest

    def blocks(self, start: int = 1) -> Iterator[LedgerBlock]:
        """As ``Reader.blocks``; those committed when the iteration begins."""
        start = max(start, 1)
        with self._open():
            self._refresh()
            newest = self._state.height
            size = 0 if start == 1 or start > newest else self._store.header(start - 1)[0].size
            previous = self.genesis.digest if size == 0 else self._store.stands(size - 1)[0]
        for height in range(start, newest + 1):
            with self._open(), _told(f"ledger block {height}"):
                block = self._store.block(height, size, previous)
            yield block
            if block.entries:
                size, previous = block.header.size, block.entries[-1].digest

    def tip(self) -> FinalHeader | None:
        """As ``Reader.tip``."""
        with self._open():
            self._refresh()
            return self._final(self._state.height) if self._state.height else None

    def prove(self, positions: Sequence[int]) -> LedgerProof:
        """As ``Reader.prove``."""
        wanted = sorted(set(positions))
        with self._open():
            self._refresh()
            height, size = self._state.height, self._state.position + 1
            if not wanted or wanted[0] < 0 or wanted[-1] >= size:
                raise ProofUnavailable("there is no such entry; ask for positions of entries that are in the ledger")
            with self._store.database.snapshot(), _told("an entry"):
                proofs = tuple(self._proof(position, size) for position in wanted)
                return LedgerProof(tuple(self._handovers(height)), self._final(height), proofs)

    def verify(self) -> Verified:
        """As ``Reader.verify``.

        1. A replica in a scratch file follows every block: link, certificate, each entry's signature, time and rule,
        the header's roots. 2. Its state and Merkle tree are, row by row, the ones here. 3. The database's own check.
        """
        scratch = LedgerStore.laid_out(SqliteDatabase.scratch(), self.genesis)
        try:
            replica = StoredLedger(scratch, self.genesis, self._clock)
            with scratch.database.writing():
                self._replay(replica)
                with self._open(), self._store.database.snapshot():
                    self._replay(replica)  # what was added meanwhile; from here on nothing is
                    self._compare(replica)
            with self._open():
                self._store.database.check()
            state = replica._state
            return Verified(state.position + 1, state.height, state.head, state.root)
        finally:
            scratch.close()

    def close(self) -> None:
        """As ``Reader.close``."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._store.close()

    # Within the lock

    @contextmanager
    def _open(self) -> Iterator[None]:
        with self._lock:
            if self._closed:
                raise LedgerClosed("the ledger was closed; open it again")
            yield

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """The one writer, standing at the newest block; an error that leaves undoes everything."""
        with self._open():
            try:
                with self._store.database.writing():
                    self._refresh()
                    yield
            except BaseException:
                self._undone()
                raise

    def _undone(self) -> None:
        """What was folded in since the newest durable block is no longer in the database, or a commit is in doubt."""
        self._astray = True
        with suppress(LedgerError):  # the error that led here is the one to tell; what comes next stands up again first
            self._stand()

    def _refresh(self) -> None:
        if self._astray:
            self._stand()
        height = self._store.height()
        if height < self._state.height:
            raise LedgerDamaged("the ledger went back to an older copy; restore the newest")
        if height != self._state.height:
            self._stand()

    def _stand(self) -> None:
        """Stand where the database stands, after checking that all of it ends at the same place."""
        state, store = self._state, self._store
        with store.database.snapshot():
            store.keyvalue.forget()
            state.reload()
            if state.height != store.height():
                raise LedgerDamaged("state and ledger blocks do not end together; restore the ledger from a good copy")
            if state.height:
                header, _ = store.header(state.height)
                here = header.digest, header.size, header.state_root, header.time
                if here != (state.header_digest, state.position + 1, state.root, state.time):
                    raise LedgerDamaged("the state is not the newest ledger block's; restore it from a good copy")
            if state.position != EMPTY and store.stands(state.position)[0] != state.head:
                raise LedgerDamaged("the ledger does not end where it says; restore it from a good copy")
            self._frontier = store.tree.frontier(state.position + 1)
            if state.height and self._frontier.root().hex() != header.entries_root:
                raise LedgerDamaged("the entries are not what the delegates signed; restore them from a good copy")
            self._astray = False

    def _fold(self, block: LedgerBlock) -> None:
        """Verify ``block`` and add it. Within ``Database.writing``."""
        frontier = self._frontier.copy()
        transactions = [entry.transaction for entry in block.entries]
        folded = follow(self._state, frontier, block.header, block.certificate, transactions)
        self._store.append(block.header, block.certificate, folded)
        self._frontier = frontier

    def _replay(self, replica: StoredLedger) -> None:
        for block in self.blocks(replica._state.height + 1):
            try:
                replica._fold(block)
            except (BlockInvalid, CertificateInvalid, QuorumMissing, VoteInvalid) as error:
                raise _damaged(f"ledger block {block.header.height}", error) from None

    def _compare(self, replica: StoredLedger) -> None:
        state = self._state
        if (replica._state.header_digest, replica._state.position) != (state.header_digest, state.position):
            raise LedgerDamaged("the ledger does not end where its blocks do; restore it from a good copy")
        pages = zip_longest(self._store.keyvalue.stored(), replica._store.keyvalue.stored())
        if any(here != there for here, there in pages):
            raise LedgerDamaged("the state is not what the entries add up to; restore the ledger from a good copy")
        if any(here != there for here, there in zip_longest(self._store.nodes(), replica._store.nodes())):
            raise LedgerDamaged("the Merkle tree is not that of the entries; restore the ledger from a good copy")

    def _final(self, height: int) -> FinalHeader:
        return FinalHeader(*self._store.header(height))

    def _handovers(self, height: int) -> Sequence[Handover]:
        """The last headers of the epochs before that of ``height`` which named other delegates; each is read once."""
        length = self.genesis.epoch_blocks
        for last in range(self._epochs_read * length + length, height, length):
            final = self._final(last)
            if final.header.delegates != final.header.next_delegates:
                self._handed_over.append(Handover(final, self._state.epoch(last + 1).seats))
            self._epochs_read += 1
        return self._handed_over

    def _proof(self, position: int, size: int) -> EntryProof:
        previous = self._store.stands(position - 1)[0] if position else self.genesis.digest
        (entry,) = self._store.page(position, position + 1, previous)
        return EntryProof.of(entry, inclusion_path(position, size, self._store.tree.subtree))


def expected_genesis(genesis: Genesis, digest: str | None) -> Genesis:
    """``genesis``, if it is the one with ``digest``. Raises ``GenesisInvalid``."""
    if digest not in {None, genesis.digest}:
        raise GenesisInvalid("this is another ledger than the one expected; check the path")
    return genesis


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Bytes in the database that are no transaction are damage; one of a later version is not."""
    try:
        yield
    except (UnknownType, UnknownVersion):
        raise
    except TransactionInvalid as error:
        raise _damaged(what, error) from None


def _damaged(what: str, error: LedgerError) -> LedgerDamaged:
    if isinstance(error, LedgerDamaged):
        return error
    return LedgerDamaged(f"{what} does not hold ({error.code}); restore the ledger from a good copy")
