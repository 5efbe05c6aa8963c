"""The boundary to SQLite: its errors become the ledger's."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from ledger.errors import LedgerBusy, LedgerDamaged, LedgerError, LedgerFull, LedgerUnavailable

_DAMAGED = "the ledger's file is damaged; restore it from a good copy"
_FULL = {sqlite3.SQLITE_FULL}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_UNAVAILABLE = {
    sqlite3.SQLITE_AUTH,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOLFS,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
}


@contextmanager
def wrapped() -> Iterator[None]:
    """Raise ``LedgerFull``, ``LedgerBusy``, ``LedgerUnavailable``, ``LedgerDamaged`` in place of ``sqlite3.Error``."""
    try:
        yield
    except sqlite3.Error as error:
        raise _ours(error) from None
    except UnicodeDecodeError:
        # SQLite quotes a damaged schema in its message, and Python fails to decode that.
        raise LedgerDamaged(_DAMAGED) from None


def _ours(error: sqlite3.Error) -> LedgerError:
    extended: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    primary = extended & 0xFF
    if primary in _FULL:
        return LedgerFull("there is no room to write to the ledger; nothing was added, make room and submit again")
    if primary in _BUSY:
        return LedgerBusy("another process is writing to the ledger; nothing was added, submit again")
    if primary in _UNAVAILABLE and extended != sqlite3.SQLITE_IOERR_SHORT_READ:
        return LedgerUnavailable("the ledger's file cannot be read or written; check its rights and the disk")
    return LedgerDamaged(_DAMAGED)
