"""How many elements each member had evaluated in an epoch: one SQLite file, counted before anything is answered.

The count is what stands between an enrolled member and a dictionary of all symptoms, so it is on the disk
(``synchronous=FULL``, one transaction) before the issuer evaluates: a killed issuer may have counted what it did not
answer, never the reverse. Whoever can replace the file can also read the issuer's key beside it.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from matching.epoch import epoch_bytes
from matching.errors import BatchRepeated, OtherEpoch, QuotaExceeded, QuotaUnavailable

FILE_MODE = 0o600
_APPLICATION_ID = 0x43534D51
_WAIT_S = 10.0
_SETTINGS = ("journal_mode=TRUNCATE", "synchronous=FULL", "fullfsync=ON", "trusted_schema=OFF", "secure_delete=ON")
_TABLES = (
    "CREATE TABLE IF NOT EXISTS evaluated (epoch INTEGER, member TEXT, elements INTEGER, PRIMARY KEY (epoch, member))",
    "CREATE TABLE IF NOT EXISTS batch (epoch INTEGER, digest BLOB, PRIMARY KEY (epoch, digest))",
    "CREATE TABLE IF NOT EXISTS closed (only INTEGER PRIMARY KEY CHECK (only = 1), epoch INTEGER NOT NULL)",
    f"PRAGMA application_id={_APPLICATION_ID}",
)


class Counter(Protocol):
    """What an issuer needs of its durable count."""

    def charge(self, member: str, epoch: int, elements: int, *, limit: int, batch: bytes) -> None:
        """Add ``elements`` to the member's count in ``epoch`` and remember ``batch`` (a digest), durably, or neither.

        Raises ``OtherEpoch`` if the epoch is closed, ``BatchRepeated`` if the batch is known, ``QuotaExceeded`` if the
        count would pass ``limit``, ``QuotaUnavailable``; nothing is counted then.
        """

    def spent(self, member: str, epoch: int) -> int:
        """Elements counted so far. Raises ``QuotaUnavailable``."""

    def close_epoch(self, epoch: int) -> None:
        """Forget the counts of ``epoch`` and before, and never count there again. Raises ``QuotaUnavailable``."""


class SqliteCounter:
    """The count in a SQLite file (made when absent, mode 0600); for several threads and processes at once.

    Raises ``QuotaUnavailable`` if the file cannot be used or is something else.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, FILE_MODE))
        except OSError:
            raise QuotaUnavailable("the file of the issuer's counts cannot be opened; look at its folder") from None
        with _reported():
            self._connection = sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)
        try:
            with _reported():
                self._prepare()
        except QuotaUnavailable:
            self._connection.close()
            raise

    def charge(self, member: str, epoch: int, elements: int, *, limit: int, batch: bytes) -> None:
        """As ``Counter.charge``. Raises ``EpochInvalid`` too."""
        epoch_bytes(epoch)
        if elements < 1:
            raise ValueError("a batch has elements")
        with self._writing() as connection:
            if epoch <= _number(connection, "SELECT max(epoch) FROM closed", (), absent=-1):
                raise OtherEpoch(f"epoch {epoch} is over; ask in the present one")
            if connection.execute("SELECT 1 FROM batch WHERE epoch=? AND digest=?", (epoch, batch)).fetchone():
                raise BatchRepeated("this batch was evaluated before; blind the symptoms anew and ask again")
            spent = _number(connection, _SPENT, (epoch, member), absent=0)
            if spent + elements > limit:
                raise QuotaExceeded(
                    f"{spent} of {limit} elements are used in epoch {epoch}, and {elements} more were asked for; ask "
                    "for fewer, or in the next epoch"
                )
            connection.execute("INSERT OR REPLACE INTO evaluated VALUES (?, ?, ?)", (epoch, member, spent + elements))
            connection.execute("INSERT INTO batch VALUES (?, ?)", (epoch, batch))

    def spent(self, member: str, epoch: int) -> int:
        """As ``Counter.spent``. Raises ``EpochInvalid`` too."""
        epoch_bytes(epoch)
        with self._lock, _reported():
            return _number(self._connection, _SPENT, (epoch, member), absent=0)

    def close_epoch(self, epoch: int) -> None:
        """As ``Counter.close_epoch``. Raises ``EpochInvalid`` too."""
        epoch_bytes(epoch)
        with self._writing() as connection:
            closed = max(epoch, _number(connection, "SELECT max(epoch) FROM closed", (), absent=-1))
            connection.execute("INSERT OR REPLACE INTO closed VALUES (1, ?)", (closed,))
            connection.execute("DELETE FROM evaluated WHERE epoch <= ?", (closed,))
            connection.execute("DELETE FROM batch WHERE epoch <= ?", (closed,))

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    def _prepare(self) -> None:
        for setting in _SETTINGS:
            self._connection.execute(f"PRAGMA {setting}")
        with self._writing() as connection:
            application = _number(connection, "PRAGMA application_id", (), absent=0)
            tables = _number(connection, "SELECT count(*) FROM sqlite_schema", (), absent=0)
            if application != _APPLICATION_ID and tables:
                raise QuotaUnavailable("the file for the issuer's counts is another program's; name another file")
            for statement in _TABLES:
                connection.execute(statement)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Hold the write lock; durable on leaving, undone if an error leaves."""
        with self._lock, _reported():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


_SPENT = "SELECT elements FROM evaluated WHERE epoch=? AND member=?"


def _number(connection: sqlite3.Connection, query: str, values: tuple[object, ...], *, absent: int) -> int:
    row = connection.execute(query, values).fetchone()
    return absent if row is None or row[0] is None else int(row[0])


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        raise QuotaUnavailable(f"the issuer's counts cannot be used ({name}); nothing was evaluated") from None
