"""The relay: stores messages for mailboxes until they are read. It sees handles, ciphertext, padded sizes, and when.

Anybody who knows a handle may leave a message there; who knows the mailbox secret reads and deletes. A relay is trusted
with nothing but delivery: what it drops, repeats, swaps or changes, ``matching.session`` detects.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from matching.errors import HandleUnknown, MailboxFull, MessageTooLong, RelayFull, RelayUnavailable
from matching.mailbox import MailboxSecret

FILE_MODE = 0o600
OVERHEAD_BYTES = 4096
"""Most that a message takes of the file besides its own bytes, on the average: what is left of its last page."""
_DAY_S = 86_400
_APPLICATION_ID = 0x43536D72
_FORMAT_VERSION = 1
_SETTINGS = ("journal_mode=TRUNCATE", "synchronous=FULL", "fullfsync=ON", "secure_delete=ON", "foreign_keys=ON",
             "trusted_schema=OFF", "temp_store=MEMORY")  # fmt: skip
_TABLES = (
    "CREATE TABLE mailbox (handle BLOB PRIMARY KEY, next INTEGER NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID",
    """CREATE TABLE message (handle BLOB NOT NULL REFERENCES mailbox ON DELETE CASCADE, number INTEGER NOT NULL,
    day INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (handle, number)) WITHOUT ROWID""",
    "CREATE INDEX message_day ON message (day)",
)


@dataclass(frozen=True)
class RelayLimits:
    """What one mailbox and the whole relay hold."""

    max_message_bytes: int = 128 * 1024
    max_mailbox_messages: int = 200
    max_mailboxes: int = 1_000_000
    max_bytes: int = 1 << 30
    """Of all that the file holds; while much is deleted at once, its journal may have as much again."""
    message_days: int = 30
    """Unread messages are deleted after so many days."""
    mailbox_days: int = 180
    """Mailboxes that nobody read for so many days are deleted."""


@dataclass(frozen=True, repr=False)
class Stored:
    """A message in a mailbox; numbers count from 1 in each mailbox and prove nothing about order."""

    number: int
    data: bytes


class Relay(Protocol):
    """Where messages wait. Methods raise ``HandleUnknown``, ``RelayUnavailable``, and what they name."""

    def open(self, mailbox: MailboxSecret) -> None:
        """Make the mailbox; one that is there stays as it is. Raises ``RelayFull``."""

    def put(self, handle: bytes, data: bytes) -> None:
        """Leave ``data`` at ``handle``, durably. Raises ``MessageTooLong``, ``MailboxFull``, ``RelayFull``."""

    def fetch(self, mailbox: MailboxSecret, *, after: int = 0, limit: int = 50) -> tuple[Stored, ...]:
        """Messages with numbers above ``after``, oldest first, at most ``limit``. Deletes nothing."""

    def delete(self, mailbox: MailboxSecret, *, up_to: int) -> None:
        """Delete messages with numbers up to this one, so that no byte of them is left."""

    def close(self, mailbox: MailboxSecret) -> None:
        """Delete the mailbox and all in it; one that is not there is no error."""


class SqliteRelay:
    """A relay in one SQLite file of mode 0600; what is deleted is overwritten. Threads and processes may share it."""

    def __init__(self, path: Path, *, now: Callable[[], int], limits: RelayLimits | None = None) -> None:
        """``now`` gives unix seconds, of which only the day is kept. Raises ``RelayUnavailable``."""
        self._now, self._limits, self._lock = now, limits or RelayLimits(), threading.Lock()
        self._expired_on = -1
        with self._wrapped():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))
            self._database = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
            for setting in _SETTINGS:
                self._database.execute(f"PRAGMA {setting}")
        self._lay_out()

    def open(self, mailbox: MailboxSecret) -> None:
        """As ``Relay.open``."""
        self._expire()
        with self._writing() as database:
            if _has(database, mailbox.handle):
                return
            if database.execute("SELECT count(*) FROM mailbox").fetchone()[0] >= self._limits.max_mailboxes:
                raise RelayFull("the relay holds as many mailboxes as it may; try again later or use another")
            self._require_room(database, len(mailbox.handle))
            database.execute("INSERT INTO mailbox VALUES (?, 1, ?)", (mailbox.handle, self._day()))

    def put(self, handle: bytes, data: bytes) -> None:
        """As ``Relay.put``."""
        if not 0 < len(data) <= self._limits.max_message_bytes:
            raise MessageTooLong(f"a message at the relay has 1 to {self._limits.max_message_bytes} bytes; send less")
        self._expire()
        with self._writing() as database:
            _require(database, handle)
            (held,) = database.execute("SELECT count(*) FROM message WHERE handle = ?", (handle,)).fetchone()
            if held >= self._limits.max_mailbox_messages:
                raise MailboxFull("the other's mailbox is full; wait until it is read, then send again")
            self._require_room(database, len(data))
            update = "UPDATE mailbox SET next = next + 1 WHERE handle = ? RETURNING next - 1"
            ((number,),) = database.execute(update, (handle,)).fetchall()
            database.execute("INSERT INTO message VALUES (?, ?, ?, ?)", (handle, number, self._day(), data))

    def fetch(self, mailbox: MailboxSecret, *, after: int = 0, limit: int = 50) -> tuple[Stored, ...]:
        """As ``Relay.fetch``; notes the day, so that a mailbox in use is not deleted."""
        query = "SELECT number, data FROM message WHERE handle = ? AND number > ? ORDER BY number LIMIT ?"
        self._expire()
        with self._writing() as database:
            _require(database, mailbox.handle)
            day = self._day()
            database.execute("UPDATE mailbox SET used = ? WHERE handle = ? AND used < ?", (day, mailbox.handle, day))
            rows = database.execute(query, (mailbox.handle, after, max(limit, 0))).fetchall()
        return tuple(Stored(number, data) for number, data in rows)

    def delete(self, mailbox: MailboxSecret, *, up_to: int) -> None:
        """As ``Relay.delete``."""
        with self._writing() as database:
            _require(database, mailbox.handle)
            database.execute("DELETE FROM message WHERE handle = ? AND number <= ?", (mailbox.handle, up_to))

    def close(self, mailbox: MailboxSecret) -> None:
        """As ``Relay.close``."""
        with self._writing() as database:
            database.execute("DELETE FROM mailbox WHERE handle = ?", (mailbox.handle,))

    def shut(self) -> None:
        """Let go of the file."""
        with self._wrapped():
            self._database.close()

    def _day(self) -> int:
        return self._now() // _DAY_S

    def _expire(self) -> None:
        """Delete what is too old, once a day: all mailboxes are looked through."""
        day = self._day()
        if day == self._expired_on:
            return
        with self._writing() as database:
            database.execute("DELETE FROM message WHERE day < ?", (day - self._limits.message_days,))
            database.execute("DELETE FROM mailbox WHERE used < ?", (day - self._limits.mailbox_days,))
        self._expired_on = day

    def _require_room(self, database: sqlite3.Connection, size_bytes: int) -> None:
        """Return if ``size_bytes`` more are within ``max_bytes``, by the pages in use. Raises ``RelayFull``."""
        size, pages, free = (
            database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "page_count", "freelist_count")
        )
        if (pages - free) * size + size_bytes > self._limits.max_bytes:
            raise RelayFull("the relay holds as many bytes as it may; send again when others have read theirs")

    def _lay_out(self) -> None:
        with self._writing() as database:
            tables = [sql for (sql,) in database.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
            if not tables:
                for statement in _TABLES:
                    database.execute(statement)
                database.execute(f"PRAGMA application_id={_APPLICATION_ID}")
                database.execute(f"PRAGMA user_version={_FORMAT_VERSION}")
                return
            (application,) = database.execute("PRAGMA application_id").fetchone()
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if (application, version) != (_APPLICATION_ID, _FORMAT_VERSION) or set(tables) != set(_TABLES):
                raise RelayUnavailable("the file is not a relay's, or of another version; check the path")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._wrapped():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    @contextmanager
    def _wrapped(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError):
            raise RelayUnavailable("the relay's storage does not answer; check its disk, then try again") from None


def _has(database: sqlite3.Connection, handle: bytes) -> bool:
    return database.execute("SELECT 1 FROM mailbox WHERE handle = ?", (handle,)).fetchone() is not None


def _require(database: sqlite3.Connection, handle: bytes) -> None:
    if not _has(database, handle):
        raise HandleUnknown("there is no such mailbox: it expired, or its owner closed it; nothing more can be sent")
