"""The boundary to the database: its errors become the ledger's."""

import sqlite3
from types import TracebackType

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ledger.errors import LedgerBusy, LedgerDamaged, LedgerError, LedgerFull, LedgerUnavailable

_DAMAGED = "the ledger's database is damaged; restore it from a good copy"
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
_SQLSTATE_FULL = ("53",)
_SQLSTATE_BUSY = ("55P03", "57014", "40")
_SQLSTATE_DAMAGED = ("XX", "42", "22", "23")
"""PostgreSQL's classes: internal errors and corruption, a missing table, bad data; all else is a lost connection."""


class wrapped:  # noqa: N801 (used as a statement, like ``contextlib.suppress``)
    """Raise ``LedgerFull``, ``LedgerBusy``, ``LedgerUnavailable``, ``LedgerDamaged`` instead of SQLAlchemy's errors.

    ``driver`` is the root of the errors of the driver, where that is called directly.
    A class and no generator: there is one around every statement, and this costs a third.
    """

    __slots__ = ("_driver",)

    def __init__(self, driver: type[Exception] = sqlite3.Error) -> None:
        self._driver = driver

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            return
        if isinstance(error, self._driver):
            raise _ledger_error(error) from None
        if isinstance(error, DBAPIError):
            raise _ledger_error(error.orig) from None
        if isinstance(error, SQLAlchemyError):
            raise LedgerUnavailable(
                "the ledger's database cannot be used; check its address and that it runs"
            ) from None
        if isinstance(error, UnicodeDecodeError):
            # SQLite quotes a damaged schema in its message, and Python fails to decode that.
            raise LedgerDamaged(_DAMAGED) from None


def _ledger_error(cause: BaseException | None) -> LedgerError:
    return _sqlite(cause) if isinstance(cause, sqlite3.Error) else _postgresql(cause)


def _full() -> LedgerError:
    return LedgerFull("there is no room to write to the ledger; nothing was added, make room and submit again")


def _busy() -> LedgerError:
    return LedgerBusy("another process is writing to the ledger; nothing was added, submit again")


def _sqlite(error: sqlite3.Error) -> LedgerError:
    extended: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    primary = extended & 0xFF
    if primary in _FULL:
        return _full()
    if primary in _BUSY:
        return _busy()
    if primary in _UNAVAILABLE and extended != sqlite3.SQLITE_IOERR_SHORT_READ:
        return LedgerUnavailable("the ledger's file cannot be read or written; check its rights and the disk")
    return LedgerDamaged(_DAMAGED)


def _postgresql(error: BaseException | None) -> LedgerError:
    state = getattr(error, "sqlstate", None) or ""
    if state.startswith(_SQLSTATE_FULL):
        return _full()
    if state.startswith(_SQLSTATE_BUSY):
        return _busy()
    if state.startswith(_SQLSTATE_DAMAGED):
        return LedgerDamaged(_DAMAGED)
    return LedgerUnavailable("the ledger's database cannot be reached; check its address and that it runs")
