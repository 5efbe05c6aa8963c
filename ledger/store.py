"""The ledger on disk: blocks, entries, Merkle nodes and state in one database, written together or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import sqlalchemy as sa

from ledger.database import Database, create_database, open_database
from ledger.entry import Entry, entry_digest
from ledger.errors import CertificateInvalid, GenesisInvalid, HeaderInvalid, LedgerDamaged
from ledger.genesis import MAX_GENESIS_BYTES, Genesis
from ledger.header import LedgerHeader
from ledger.merkle import HASH_SIZE
from ledger.pending import PendingBlock
from ledger.prepared import Prepared
from ledger.schema import BLOCK, ENTRY, LEDGER, METADATA, NODE, PENDING
from ledger.sql_errors import wrapped
from ledger.sql_keyvalue import SqlKeyValue
from ledger.state import lay_down
from ledger.tables import Tables
from ledger.transactions import MAX_TRANSACTION_BYTES, SignedTransaction
from ledger.tree import STEP, EntryTree
from ledger.validate import LedgerBlock, NextBlock
from ledger.votes import QuorumCertificate

PAGE_BYTES = 8 * 1024 * 1024
"""Entries are read in pages of about this size, so that a long read neither fills memory nor holds up a writer."""
_PAGE_ENTRIES = 4096
_COPIED_ROWS = 1000


class LedgerStore:
    """One ledger's database. Not for several threads at once; several processes may each have one on the same ledger.

    Methods raise ``LedgerDamaged``, ``LedgerUnavailable``, ``LedgerBusy``, ``LedgerFull``.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.keyvalue = SqlKeyValue(database)
        self.tree = EntryTree(self._leaves, self._nodes)
        self._may_be_kept = True
        connection = database.connection
        position, size, height = ENTRY.c.position, BLOCK.c.size, BLOCK.c.height
        self._put_block = Prepared(connection, sa.insert(BLOCK))
        self._put_entry = Prepared(connection, sa.insert(ENTRY))
        self._put_node = Prepared(connection, sa.insert(NODE))
        self._put_pending = Prepared(connection, sa.insert(PENDING))
        self._drop_pending = Prepared(connection, sa.delete(PENDING))
        self._pending = Prepared(connection, sa.select(PENDING.c.block))
        self._newest = Prepared(connection, sa.select(sa.func.max(height)))
        self._block = Prepared(
            connection, sa.select(size, BLOCK.c.header, BLOCK.c.certificate).where(height == sa.bindparam("at"))
        )
        self._stands = Prepared(
            connection, sa.select(ENTRY.c.digest, ENTRY.c.time).where(position == sa.bindparam("at"))
        )
        span = position >= sa.bindparam("start"), position < sa.bindparam("end")
        self._digests = Prepared(connection, sa.select(ENTRY.c.digest).where(*span).order_by(position))
        self._entries = Prepared(
            connection,
            sa.select(position, ENTRY.c.time, ENTRY.c.digest, ENTRY.c.bytes).where(*span).order_by(position),
        )
        places = NODE.c.place >= sa.bindparam("start"), NODE.c.place < sa.bindparam("end")
        self._kept = Prepared(
            connection,
            sa.select(NODE.c.hash).where(NODE.c.level == sa.bindparam("of_level"), *places).order_by(NODE.c.place),
        )

    @classmethod
    def create(cls, place: Path | str, genesis: Genesis, *, busy_timeout_s: float) -> Self:
        """A new ledger. Raises ``LedgerExists``; a creation that was cut short is completed."""
        database = create_database(place, busy_timeout_s=busy_timeout_s)
        try:
            return cls.laid_out(database, genesis)
        except BaseException:
            database.close()
            raise

    @classmethod
    def laid_out(cls, database: Database, genesis: Genesis) -> Self:
        """A new ledger in an empty database."""
        with database.writing():
            database.lay_out()
            store = cls(database)
            with wrapped():
                database.connection.execute(sa.insert(LEDGER).values(one=0, genesis=bytes(genesis)))
            lay_down(Tables(genesis, store.keyvalue))
        return store

    @classmethod
    def open(cls, place: Path | str, *, busy_timeout_s: float) -> Self:
        """The ledger at ``place``, a path or a PostgreSQL URL. Raises ``LedgerUnavailable`` when there is none."""
        database = open_database(place, busy_timeout_s=busy_timeout_s)
        try:
            database.require_layout()
            return cls(database)
        except BaseException:
            database.close()
            raise

    def genesis(self) -> Genesis:
        """The genesis as stored."""
        with wrapped():
            rows = self.database.connection.execute(sa.select(LEDGER.c.genesis)).fetchall()
        if len(rows) != 1 or not isinstance(rows[0][0], bytes) or len(rows[0][0]) > MAX_GENESIS_BYTES:
            raise LedgerDamaged("the ledger's genesis is damaged; restore the ledger from a good copy")
        try:
            return Genesis.from_bytes(rows[0][0])
        except GenesisInvalid as error:
            raise LedgerDamaged(f"the ledger's genesis is damaged: {error}") from None

    def append(self, header: LedgerHeader, certificate: QuorumCertificate, block: NextBlock) -> None:
        """Add a block as the newest. Within ``Database.writing`` only."""
        self._put_block.run(
            height=header.height, size=header.size, header=bytes(header), certificate=bytes(certificate)
        )
        rows = [
            (each.position, each.time, bytes.fromhex(each.digest), bytes(each.transaction)) for each in block.entries
        ]
        self._put_entry.run_many(rows, ("position", "time", "digest", "bytes"))
        kept = [(level, place, root) for level, place, root in block.subtrees if level % STEP == 0]
        self._put_node.run_many(kept, ("level", "place", "hash"))

    # Blocks

    def height(self) -> int:
        """Height of the newest block; 0 when there is none."""
        height = self._newest.one()[0] or 0
        if not isinstance(height, int):
            raise LedgerDamaged("the ledger's blocks are damaged; restore the ledger from a good copy")
        return height

    def header(self, height: int) -> tuple[LedgerHeader, QuorumCertificate]:
        """Header and certificate of the block at ``height``, as stored and not verified."""
        row = self._block.one(at=height)
        try:
            header, certificate = LedgerHeader.from_bytes(row[1]), QuorumCertificate.from_bytes(row[2])
        except (TypeError, HeaderInvalid, CertificateInvalid):
            raise _damaged_block(height) from None
        if (header.height, header.size) != (height, row[0]):
            raise _damaged_block(height)
        return header, certificate

    def block(self, height: int, start: int, previous: str) -> LedgerBlock:
        """The block at ``height``, whose first entry is at ``start`` and follows the one with digest ``previous``."""
        header, certificate = self.header(height)
        entries: list[Entry] = []
        while start < header.size:
            page = self.page(start, header.size, previous)
            entries += page
            start, previous = start + len(page), page[-1].digest
        return LedgerBlock(header, certificate, tuple(entries))

    def keep(self, block: PendingBlock) -> None:
        """Keep a block that is not final. Within ``Database.writing`` only."""
        self.drop()
        self._put_pending.run(one=0, block=bytes(block))
        self._may_be_kept = True

    def kept(self) -> PendingBlock | None:
        """The block that was proposed last and is not final, if there is one."""
        row = self._pending.one()
        self._may_be_kept = row is not None
        return None if row is None else PendingBlock.from_bytes(row[0])

    def drop(self) -> None:
        """The newest block is final, and none waits after it. Within ``Database.writing`` only, after ``kept``."""
        if self._may_be_kept:
            self._drop_pending.run()

    # Entries

    def stands(self, position: int) -> tuple[str, int]:
        """Digest and time of the entry at ``position``."""
        row = self._stands.one(at=position)
        if row is None or not isinstance(row[0], bytes) or len(row[0]) != 32 or not isinstance(row[1], int):
            raise _damaged_entry(position)
        return row[0].hex(), row[1]

    def page(self, start: int, end: int, previous: str) -> list[Entry]:
        """Entries from ``start`` up to ``end``, as many as fit a page, at least one.

        ``previous`` is the digest of the entry before ``start``; each entry is checked against it.
        """
        entries: list[Entry] = []
        size = 0
        step = _PAGE_ENTRIES
        while size < PAGE_BYTES and start + len(entries) < end:
            first = start + len(entries)
            rows = self._entries.all(start=first, end=min(first + step, end))
            if not rows:
                break
            for row in rows:
                entries.append(_entry(tuple(row), start + len(entries), previous))
                previous = entries[-1].digest
                size += len(row[3])
            # Large entries: the next rows are read a few at a time.
            step = max(1, min(step, PAGE_BYTES * len(entries) // max(size, 1)))
        if not entries:
            raise _damaged_entry(start)
        return entries

    def _leaves(self, start: int, end: int) -> list[bytes]:
        rows = self._digests.all(start=start, end=end)
        if len(rows) != end - start:
            raise _damaged_entry(start)
        return [_hash(digest, "an entry") for (digest,) in rows]

    def _nodes(self, level: int, start: int, end: int) -> list[bytes]:
        rows = self._kept.all(of_level=level, start=start, end=end)
        if len(rows) != end - start:
            raise LedgerDamaged("a node of the ledger's Merkle tree is missing; restore the ledger from a good copy")
        return [_hash(node, "a node of the Merkle tree") for (node,) in rows]

    def nodes(self) -> Iterator[tuple[object, ...]]:
        """All kept nodes, in order: for comparing two trees."""
        query = sa.select(NODE).order_by(NODE.c.level, NODE.c.place)
        with wrapped():
            for row in self.database.streamed(query):
                yield tuple(row)

    # The whole

    def copy_to(self, target: Path) -> None:
        """Write a consistent copy of the whole ledger to the new SQLite file ``target``."""
        copy = create_database(target, busy_timeout_s=0)
        try:
            with self.database.snapshot(), copy.writing():
                copy.lay_out()
                for table in METADATA.sorted_tables:
                    self._copy(table, copy)
        finally:
            copy.close()

    def _copy(self, table: sa.Table, copy: Database) -> None:
        names = tuple(table.columns.keys())
        put = Prepared(copy.connection, sa.insert(table))
        with wrapped():
            rows = self.database.streamed(sa.select(table))
            while page := rows.fetchmany(_COPIED_ROWS):
                put.run_many([tuple(row) for row in page], names)

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()


def _hash(value: object, what: str) -> bytes:
    if not isinstance(value, bytes) or len(value) != HASH_SIZE:
        raise LedgerDamaged(f"the digest of {what} is damaged; restore the ledger from a good copy")
    return value


def _damaged_entry(position: int) -> LedgerDamaged:
    return LedgerDamaged(f"entry {position} is missing or damaged; restore the ledger from a good copy")


def _damaged_block(height: int) -> LedgerDamaged:
    return LedgerDamaged(f"ledger block {height} is missing or damaged; restore the ledger from a good copy")


def _entry(row: Sequence[object], position: int, previous: str) -> Entry:
    match row:
        case (int(stored), int(time), bytes(digest), bytes(data)) if (
            stored == position and time >= 0 and len(data) <= MAX_TRANSACTION_BYTES
        ):
            pass
        case _:
            raise _damaged_entry(position)
    if entry_digest(position, time, previous, data) != digest.hex():
        raise LedgerDamaged(f"entry {position} is not what was written; restore the ledger from a good copy")
    entry = Entry(position, time, previous, SignedTransaction.from_bytes(data))
    vars(entry)["digest"] = digest.hex()  # just computed; not again
    return entry
