"""The embedded engine's one SQLite file: entries in order, the genesis, and where the newest entry stands.

Rollback journal in TRUNCATE mode with ``synchronous=FULL``. Not WAL: its newest commits live in a second file, where a
flipped bit or a copy without that file drops them without a word; here every acknowledged entry is in the one file, and
in TRUNCATE mode SQLite syncs the journal's end too, so that power loss does not undo a commit.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from ledger.entry import Entry, entry_digest
from ledger.errors import GenesisInvalid, LedgerDamaged, LedgerExists, LedgerUnavailable, UnknownVersion
from ledger.genesis import MAX_GENESIS_BYTES, Genesis
from ledger.sqlite_errors import wrapped
from ledger.state import EMPTY
from ledger.transactions import MAX_TRANSACTION_BYTES, SignedTransaction

FILE_MODE = 0o600
PAGE_BYTES = 8 * 1024 * 1024
"""Entries are read in pages of about this size, so that a long read neither fills memory nor holds up a writer."""

_APPLICATION_ID = 0x43536C67
_FORMAT_VERSION = 1
_LEDGER_TABLE = """CREATE TABLE ledger (
    one INTEGER PRIMARY KEY, genesis BLOB NOT NULL, position INTEGER NOT NULL, head BLOB NOT NULL
)"""
_ENTRY_TABLE = """CREATE TABLE entry (
    position INTEGER PRIMARY KEY, time INTEGER NOT NULL, transaction_id BLOB NOT NULL UNIQUE,
    digest BLOB NOT NULL, bytes BLOB NOT NULL
)"""
_SCHEMA = [_LEDGER_TABLE, _ENTRY_TABLE]


class EntryFile:
    """Entries on disk. Not for several threads at once; several processes may each have one on the same file.

    Methods raise ``LedgerDamaged``, ``LedgerUnavailable``, ``LedgerBusy``, ``LedgerFull``, and never ``sqlite3.Error``.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def create(cls, path: Path, genesis: Genesis, *, busy_timeout_s: float) -> Self:
        """A new file of mode 0600 at ``path``. Raises ``LedgerExists``; a creation that was cut short is completed."""
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))
            _sync_folder(path.parent)
        except OSError as error:
            raise LedgerUnavailable(f"the ledger cannot be created: {error.strerror}") from None
        file = cls._connect(path, busy_timeout_s)
        try:
            with file.writing():
                file._lay_out(genesis)
        except BaseException:
            file.close()
            raise
        return file

    @classmethod
    def open(cls, path: Path, *, busy_timeout_s: float) -> Self:
        """The file at ``path``. Raises ``LedgerUnavailable`` when there is none."""
        if not path.is_file():
            raise LedgerUnavailable("there is no ledger here; create one first, or check the path")
        file = cls._connect(path, busy_timeout_s)
        try:
            file._require_layout()
        except BaseException:
            file.close()
            raise
        return file

    @classmethod
    def _connect(cls, path: Path, busy_timeout_s: float) -> Self:
        with wrapped():
            connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=rw",
                uri=True,
                timeout=busy_timeout_s,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                for pragma in ("synchronous=FULL", "fullfsync=ON", "trusted_schema=OFF", "cell_size_check=ON"):
                    connection.execute(f"PRAGMA {pragma}")
                connection.execute("PRAGMA journal_mode=TRUNCATE").fetchone()
            except BaseException:
                connection.close()
                raise
        return cls(connection)

    def _lay_out(self, genesis: Genesis) -> None:
        if self._schema():
            raise LedgerExists("there is a ledger here already; open it, or choose another place")
        with wrapped():
            for statement in _SCHEMA:
                self._connection.execute(statement)
            self._connection.execute(
                "INSERT INTO ledger VALUES (0, ?, ?, ?)", (bytes(genesis), EMPTY, bytes.fromhex(genesis.digest))
            )
            self._connection.execute(f"PRAGMA application_id={_APPLICATION_ID}")
            self._connection.execute(f"PRAGMA user_version={_FORMAT_VERSION}")

    def _schema(self) -> list[str]:
        with wrapped():
            rows = self._connection.execute(
                "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"
            ).fetchall()
        return [str(sql) for (sql,) in rows]

    def _require_layout(self) -> None:
        schema = self._schema()
        if not schema:
            raise LedgerUnavailable("the ledger was never created to its end; create it again")
        with wrapped():
            (application,) = self._connection.execute("PRAGMA application_id").fetchone()
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if application == _APPLICATION_ID and version > _FORMAT_VERSION:
            raise UnknownVersion("the ledger's file was made by a later version; upgrade to read it")
        if (application, version) != (_APPLICATION_ID, _FORMAT_VERSION) or schema != _SCHEMA:
            raise LedgerDamaged("the file is no ledger, or was damaged; restore it from a good copy")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the file's one write lock; what was appended is durable on leaving, or undone if an error leaves."""
        with wrapped():
            self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            with wrapped():
                self._connection.execute("COMMIT")
        except BaseException:
            with wrapped():
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            raise

    def genesis(self) -> Genesis:
        """The genesis as stored; the first entry's ``previous`` is its digest."""
        with wrapped():
            rows = self._connection.execute("SELECT genesis FROM ledger").fetchall()
        if len(rows) != 1 or not isinstance(rows[0][0], bytes) or len(rows[0][0]) > MAX_GENESIS_BYTES:
            raise LedgerDamaged("the ledger's genesis is damaged; restore it from a good copy")
        try:
            return Genesis.from_bytes(rows[0][0])
        except GenesisInvalid as error:
            raise LedgerDamaged(f"the ledger's genesis is damaged: {error}") from None

    def head(self) -> tuple[int, str]:
        """Position and digest of the newest entry; -1 and the genesis digest when there is none."""
        with wrapped():
            row = self._connection.execute("SELECT position, head FROM ledger").fetchone()
        match row:
            case (int(position), bytes(digest)):
                return position, digest.hex()
        raise LedgerDamaged("the ledger does not say where it ends; restore it from a good copy")

    def append(self, entry: Entry) -> None:
        """Add ``entry`` as the newest. Within ``writing`` only."""
        digest = bytes.fromhex(entry.digest)
        transaction_id = bytes.fromhex(entry.transaction.id)
        with wrapped():
            self._connection.execute(
                "INSERT INTO entry VALUES (?, ?, ?, ?, ?)",
                (entry.position, entry.time, transaction_id, digest, bytes(entry.transaction)),
            )
            self._connection.execute("UPDATE ledger SET position = ?, head = ?", (entry.position, digest))

    def find(self, transaction_id: str) -> tuple[int, str, int] | None:
        """Position, digest and time of the entry with that transaction."""
        with wrapped():
            row = self._connection.execute(
                "SELECT position, digest, time FROM entry WHERE transaction_id = ?", (bytes.fromhex(transaction_id),)
            ).fetchone()
        match row:
            case None:
                return None
            case (int(position), bytes(digest), int(time)):
                return position, digest.hex(), time
        raise LedgerDamaged("an entry is damaged; restore the ledger from a good copy")

    def digest_at(self, position: int) -> str:
        """Digest of the entry at ``position``."""
        with wrapped():
            row = self._connection.execute("SELECT digest FROM entry WHERE position = ?", (position,)).fetchone()
        match row:
            case (bytes(digest),):
                return digest.hex()
        raise LedgerDamaged(f"entry {position} is missing or damaged; restore the ledger from a good copy")

    def page(self, start: int, end: int, previous: str) -> list[Entry]:
        """Entries from ``start`` up to ``end``, as many as fit a page, at least one if there is any.

        ``previous`` is the digest of the entry before ``start``; each entry is checked against it.
        """
        entries: list[Entry] = []
        size = 0
        with wrapped():
            cursor = self._connection.execute(
                "SELECT position, time, transaction_id, digest, bytes FROM entry WHERE position BETWEEN ? AND ? "
                "ORDER BY position",
                (start, end),
            )
            while size < PAGE_BYTES and (row := cursor.fetchone()) is not None:
                entry = _entry(row, start + len(entries), previous)
                entries.append(entry)
                previous = entry.digest
                size += len(row[-1])
            cursor.close()
        return entries

    def check(self) -> None:
        """SQLite's own full check, of the index too. Raises ``LedgerDamaged``."""
        with wrapped():
            findings = self._connection.execute("PRAGMA integrity_check(1)").fetchall()
        if findings != [("ok",)]:
            raise LedgerDamaged("the ledger's file is inconsistent; restore it from a good copy")

    def copy_to(self, target: Path) -> None:
        """Write a consistent copy of the whole file to ``target``, which must not exist."""
        with wrapped():
            self._connection.execute("VACUUM INTO ?", (str(target),))

    def close(self) -> None:
        """Let go of the file."""
        with wrapped():
            self._connection.close()


def _entry(row: tuple[object, ...], position: int, previous: str) -> Entry:
    match row:
        case (int(stored), int(time), bytes(transaction_id), bytes(digest), bytes(data)) if (
            stored == position and time >= 0 and len(data) <= MAX_TRANSACTION_BYTES
        ):
            pass
        case _:
            raise LedgerDamaged(f"entry {position} is missing or damaged; restore the ledger from a good copy")
    if entry_digest(position, time, previous, data) != digest.hex():
        raise LedgerDamaged(f"entry {position} is not what was written; restore the ledger from a good copy")
    transaction = SignedTransaction.from_bytes(data)
    if transaction.id != transaction_id.hex():
        raise LedgerDamaged(f"entry {position} is filed under another id; restore the ledger from a good copy")
    return Entry(position, time, previous, transaction)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
