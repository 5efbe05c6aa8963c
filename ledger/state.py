"""State: the deterministic fold of ledger blocks, and (``ledger.queries``) what can be asked of it.

A block is folded by ``begin``, ``apply`` for each entry, ``finish`` and ``settle``. ``apply`` enforces, in this order:
1. ledger, 2. signer and signature, 3. time and replay, 4. the rule of the body. Nothing changes before all four said
yes. The state knows no clock: time is the entry's.

State root: tagged_hash(``ledger-state``, root before, writes), chained over the ordered writes of each step; the first
root is over the genesis. It covers every row but ``Tip``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from ledger.delegates import delegate_key, epoch_number, genesis_writes, missed_turns, next_epoch
from ledger.entry import Entry
from ledger.errors import EntryMisplaced, LedgerDamaged, OtherLedger
from ledger.genesis import Genesis
from ledger.keyvalue import KeyValue, MemoryKeyValue, Write
from ledger.queries import Queries
from ledger.records import Epoch, Tip
from ledger.refusals import (
    CertificateExpired,
    Replayed,
    SignerRemoved,
    SignerSuspended,
    SignerUnknown,
    TimeSkewed,
)
from ledger.rules import Change, Place, judge
from ledger.tables import Tables
from ledger.transactions import SignedTransaction
from scheme.hashing import Tag, tagged_hash
from scheme.keys import VerifyingKey

EMPTY = -1
"""Position of a ledger without entries."""


class State(Queries):
    """What the ledger says after the entry at ``position`` with digest ``head``, in the block at ``height``.

    ``header_digest`` is that block's, ``root`` the state root. Lives: it moves on as blocks are folded.
    An engine holds ``lock`` from ``begin`` until the block is durable, so that nobody acts on what a crash could undo.
    """

    _TAKEN_AWAY: ClassVar[bytes] = b"\xff" * 4

    position: int
    head: str
    time: int
    height: int
    header_digest: str
    root: str

    def __init__(self, genesis: Genesis, keyvalue: KeyValue | None = None) -> None:
        """The state in ``keyvalue``, where ``lay_down`` was called once; without one, a new state in memory."""
        super().__init__(genesis, Tables(genesis, MemoryKeyValue() if keyvalue is None else keyvalue))
        if keyvalue is None:
            lay_down(self._tables)
        self.reload()

    def reload(self) -> None:
        """Stand again where the key-value store says: after what was folded in was taken back, or others added."""
        with self.lock:
            tip = self._tables.tip.get()
            if tip is None:
                raise LedgerDamaged("the state does not say where it stands; restore the ledger from a good copy")
            self.position, self.head, self.time = tip.position, tip.head, tip.time
            self.height, self.header_digest, self.root = tip.height, tip.block, tip.root

    # One block

    @property
    def next_epoch_number(self) -> int:
        """Number of the epoch in which the next ledger block is."""
        return epoch_number(self.genesis, self.height + 1)

    def begin(self, *, round: int, time: int) -> None:  # noqa: A002 (the field's term)
        """Begin the block after the newest, proposed in ``round`` at ``time`` (unix seconds): turns missed are counted.

        Raises ``EntryMisplaced`` when ``time`` goes back.
        """
        if time < self.time:
            raise EntryMisplaced("a ledger block is older than the one before it; restore the ledger from a good copy")
        self._write(missed_turns(self._tables, self.height + 1, round, self.position + 1))

    def check(self, transaction: SignedTransaction, *, time: int) -> None:
        """Return if ``transaction`` would be admitted as the next entry at ``time``.

        Raises ``OtherLedger``, ``TransactionSignatureInvalid`` or a ``Refused``. Changes nothing.
        """
        self._judge(transaction, self.position + 1, time)

    def apply(self, entry: Entry) -> None:
        """Verify ``entry`` and fold it in, all or nothing.

        Raises ``EntryMisplaced``, ``OtherLedger``, ``TransactionSignatureInvalid`` or a ``Refused``.
        """
        if entry.position != self.position + 1 or entry.previous != self.head or entry.time < self.time:
            raise EntryMisplaced("an entry does not follow the one before it; restore the ledger from a good copy")
        change = self._judge(entry.transaction, entry.position, entry.time)
        with self.lock:
            self._write([self._tables.transactions.put(entry.position, entry.transaction.id), *change])
            self.position, self.head, self.time = entry.position, entry.digest, entry.time

    def finish(self) -> Epoch | None:
        """End the block: at the last one of an epoch, delegates are elected. Returns the epoch that then begins."""
        with self.lock:
            elected = next_epoch(self._tables, self.height + 1, self.position)
            if elected is None:
                return None
            epoch, change = elected
            self._write(change)
            return epoch

    def settle(self, block: str, time: int) -> None:
        """The block has the header digest ``block`` and is the newest now."""
        with self.lock:
            self.height, self.header_digest, self.time = self.height + 1, block, time
            tip = Tip(self.position, self.head, self.time, self.height, self.header_digest, self.root)
            self._tables.keyvalue.write([self._tables.tip.put(tip)])

    def _write(self, change: Change) -> None:
        if change:
            self._tables.keyvalue.write(change)
            self.root = tagged_hash(Tag.LEDGER_STATE, bytes.fromhex(self.root), _encoded(change)).hex()

    def _judge(self, transaction: SignedTransaction, position: int, time: int) -> Change:
        if transaction.ledger != self.genesis.digest:
            raise OtherLedger("the transaction was signed for another ledger; sign it for this one")
        transaction.verify(self._signer_key(transaction.signer, time))
        if abs(transaction.time - time) > self.genesis.max_clock_skew_s:
            raise TimeSkewed(
                f"the signer's clock is more than {self.genesis.max_clock_skew_s} s from the ledger's; "
                "set the clock and sign again"
            )
        if transaction.id in self._tables.transactions:
            raise Replayed("the transaction is in the ledger already; sign a new one if it is meant twice")
        place = Place(position, time, transaction.signer, self.height + 1, self.next_epoch_number)
        return judge(self._tables, transaction.body, place)

    def _signer_key(self, signer: str, time: int) -> VerifyingKey:
        if signer == self.genesis.authority:
            return VerifyingKey(self.genesis.verifying)
        record = self._tables.members.get(signer)
        if record is None:
            key = delegate_key(self._tables, signer, self.height + 1)
            if key is None:
                raise SignerUnknown("the signer is not enrolled in this ledger")
            return VerifyingKey(key)
        if record.removed_at is not None:
            raise SignerRemoved("the signer was removed from the ledger; it can sign nothing more")
        if record.suspended:
            raise SignerSuspended("the signer is suspended by the authority; ask it to reinstate the signer")
        if time > record.not_after:
            raise CertificateExpired("the signer's certificate has ended; have the authority renew it")
        return VerifyingKey(record.keys.verifying)

    def position_of(self, transaction_id: str) -> int | None:
        """Where the transaction stands, if it is in the ledger."""
        with self._reading() as tables:
            return tables.transactions.get(transaction_id)

    def rows(self) -> Iterable[tuple[bytes, bytes]]:
        """Every row, in order of key: for comparing two states. Not while anything is written."""
        return self._tables.keyvalue.scan(b"")


def lay_down(tables: Tables) -> None:
    """Write what the genesis says: nobody is a member, nothing is granted, the founders are the delegates."""
    digest = tables.genesis.digest
    change = genesis_writes(tables)
    root = tagged_hash(Tag.LEDGER_STATE, bytes.fromhex(digest), _encoded(change)).hex()
    tip = Tip(EMPTY, digest, tables.genesis.created, 0, digest, root)
    tables.keyvalue.write([*change, tables.tip.put(tip)])


def _encoded(change: Iterable[Write]) -> bytes:
    parts: list[bytes] = []
    for key, value in change:
        parts += (len(key).to_bytes(2, "big"), key)
        parts += (State._TAKEN_AWAY,) if value is None else (len(value).to_bytes(4, "big"), value)
    return b"".join(parts)
