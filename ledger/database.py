"""The database under a ledger: one SQLite file, or PostgreSQL by URL; what differs between the two is here.

SQLite: rollback journal in TRUNCATE mode with ``synchronous=FULL``. Not WAL: its newest commits live in a second file,
where a flipped bit or a copy without that file drops them without a word; here every acknowledged entry is in the one
file, and in TRUNCATE mode SQLite syncs the journal's end too, so that power loss does not undo a commit.

PostgreSQL: ``synchronous_commit`` stays on; one writer at a time by an advisory lock that ends with its transaction.
"""

from __future__ import annotations

import os
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateTable

from ledger.errors import LedgerDamaged, LedgerExists, LedgerUnavailable, UnknownVersion
from ledger.schema import METADATA
from ledger.sql_errors import wrapped

FILE_MODE = 0o600
_APPLICATION_ID = 0x43536C67
_FORMAT_VERSION = 3
_CACHE = "cache_size=-32768"
_SQLITE_SETTINGS = ("synchronous=FULL", "fullfsync=ON", "trusted_schema=OFF", "cell_size_check=ON", _CACHE)
_POSTGRESQL = ("postgresql://", "postgres://", "postgresql+psycopg://")


class Database(ABC):
    """One connection, on which every statement is its own transaction unless ``writing`` or ``snapshot`` holds one.

    Not for several threads at once; several processes may each have one on the same ledger. Methods raise
    ``LedgerDamaged``, ``LedgerUnavailable``, ``LedgerBusy``, ``LedgerFull``, and never an error of the driver.
    """

    insert: Any
    """The dialect's INSERT that knows ``on_conflict_do_update``."""
    _begin_writing: tuple[str, ...]
    _begin_snapshot: str

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.dialect = connection.dialect
        self._driver: Any = connection.connection.driver_connection
        self._errors: type[Exception] = self.dialect.loaded_dbapi.Error
        self._depth = 0
        self.before_commit: Callable[[], None] = lambda: None
        """Writes what was kept back; called before ``save`` too."""

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the one write lock; what was written is durable on leaving, or undone if an error leaves."""
        self._depth += 1
        try:
            self._control(*self._begin_writing)
            yield
            self.before_commit()
            self._control("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        finally:
            self._depth -= 1

    def snapshot(self) -> AbstractContextManager[None]:
        """What is read within is of one moment. Within ``writing`` it is so already."""
        return nullcontext() if self._depth else self._snapshot()

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        self._depth += 1
        try:
            self._control(self._begin_snapshot)
            yield
        finally:
            self._depth -= 1
            self._roll_back()

    def save(self) -> None:
        """Mark a point to which ``restore`` goes back; within ``writing`` only."""
        self.before_commit()
        self._control("SAVEPOINT block")

    def restore(self) -> None:
        """Undo what was written since ``save``, which stays in force."""
        self._control("ROLLBACK TO SAVEPOINT block")

    def release(self) -> None:
        """Forget the newest mark of ``save``; what was written since stays."""
        self._control("RELEASE SAVEPOINT block")

    @abstractmethod
    def lay_out(self) -> None:
        """Make the tables, within ``writing``. Raises ``LedgerExists``."""

    @abstractmethod
    def require_layout(self) -> None:
        """Return if the tables are those of this version. Raises ``LedgerUnavailable``, ``UnknownVersion``."""

    @abstractmethod
    def check(self) -> None:
        """The database's own full check. Raises ``LedgerDamaged``."""

    def streamed(self, query: sa.Select[Any]) -> sa.CursorResult[Any]:
        """The rows of ``query`` as they are fetched, not all in memory. Within ``snapshot`` or ``writing`` only."""
        return self.connection.execute(query, execution_options={"stream_results": True})

    def close(self) -> None:
        """Let go of the connection, also of one that is lost."""
        with suppress(DBAPIError):
            self.connection.close()
        self._driver.close()
        self.connection.engine.dispose()

    def _execute(self, statement: str) -> sa.CursorResult[Any]:
        return self.connection.exec_driver_sql(statement)

    def _control(self, *statements: str) -> None:
        # Without Core's detours, as in ``ledger.prepared``.
        with wrapped(self._errors):
            for statement in statements:
                self._driver.execute(statement)

    @abstractmethod
    def _roll_back(self) -> None: ...


class SqliteDatabase(Database):
    """One SQLite file of mode 0600."""

    insert = staticmethod(sqlite.insert)
    _begin_writing = ("BEGIN IMMEDIATE",)
    _begin_snapshot = "BEGIN"

    @classmethod
    def create(cls, path: Path, *, busy_timeout_s: float) -> SqliteDatabase:
        """A new or empty file at ``path``."""
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))
            _sync_folder(path.parent)
        except OSError as error:
            raise LedgerUnavailable(f"the ledger cannot be created: {error.strerror}") from None
        return cls.open(path, busy_timeout_s=busy_timeout_s)

    @classmethod
    def open(cls, path: Path, *, busy_timeout_s: float) -> SqliteDatabase:
        """The file at ``path``. Raises ``LedgerUnavailable`` when there is none."""
        if not path.is_file():
            raise LedgerUnavailable("there is no ledger here; create one first, or check the path")
        url = sa.URL.create("sqlite+pysqlite", database=path.absolute().as_uri(), query={"mode": "rw", "uri": "true"})
        arguments = {"timeout": busy_timeout_s, "check_same_thread": False}
        engine = sa.create_engine(
            url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=arguments, hide_parameters=True
        )
        with wrapped():
            connection = engine.connect()
            try:
                for pragma in _SQLITE_SETTINGS:
                    connection.exec_driver_sql(f"PRAGMA {pragma}")
                connection.exec_driver_sql("PRAGMA journal_mode=TRUNCATE").fetchone()
            except BaseException:
                connection.close()
                raise
        return cls(connection)

    @classmethod
    def scratch(cls) -> SqliteDatabase:
        """An empty database in a file of its own that nobody else sees and that is gone when it is closed."""
        engine = sa.create_engine(
            "sqlite+pysqlite://", poolclass=NullPool, isolation_level="AUTOCOMMIT",
            creator=lambda: sqlite3.connect("", check_same_thread=False),
        )  # fmt: skip
        with wrapped():
            connection = engine.connect()
            for pragma in ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE", _CACHE):
                connection.exec_driver_sql(f"PRAGMA {pragma}")
        return cls(connection)

    def lay_out(self) -> None:
        """As ``Database.lay_out``."""
        if self._schema():
            raise LedgerExists("there is a ledger here already; open it, or choose another place")
        with wrapped():
            for statement in self._statements():
                self._execute(statement)
            self._execute(f"PRAGMA application_id={_APPLICATION_ID}")
            self._execute(f"PRAGMA user_version={_FORMAT_VERSION}")

    def require_layout(self) -> None:
        """As ``Database.require_layout``."""
        schema = self._schema()
        if not schema:
            raise LedgerUnavailable("the ledger was never created to its end; create it again")
        with wrapped():
            application = self._execute("PRAGMA application_id").scalar()
            version = self._execute("PRAGMA user_version").scalar()
        if application != _APPLICATION_ID:
            raise LedgerDamaged("the file is not a ledger, or its head is damaged; check the path or restore a copy")
        if version != _FORMAT_VERSION:
            raise UnknownVersion("the ledger's file is of another version of this software; open it with that one")
        if schema != self._statements():
            raise LedgerDamaged("the ledger's tables are not those of this version; restore it from a good copy")

    def check(self) -> None:
        """As ``Database.check``: SQLite's own, of the indexes too."""
        with wrapped():
            findings = self._execute("PRAGMA integrity_check(1)").fetchall()
        if [tuple(row) for row in findings] != [("ok",)]:
            raise LedgerDamaged("the ledger's file is inconsistent; restore it from a good copy")

    def _statements(self) -> list[str]:
        return [str(CreateTable(table).compile(dialect=self.dialect)).strip() for table in METADATA.sorted_tables]

    def _schema(self) -> list[str]:
        query = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"
        with wrapped():
            return [str(sql).strip() for (sql,) in self._execute(query).fetchall()]

    def _roll_back(self) -> None:
        # A full disk has rolled the transaction back already.
        if self._driver.in_transaction:
            self._control("ROLLBACK")


class PostgresqlDatabase(Database):
    """A PostgreSQL database that holds this one ledger. The password never stands in the URL: libpq finds it."""

    insert = staticmethod(postgresql.insert)
    _begin_writing = ("BEGIN", f"SELECT pg_advisory_xact_lock({_APPLICATION_ID})")
    _begin_snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

    @classmethod
    def open(cls, url: str, *, busy_timeout_s: float) -> PostgresqlDatabase:
        """The database at ``url``. Raises ``LedgerUnavailable``."""
        with wrapped():
            address = sa.make_url(url).set(drivername="postgresql+psycopg")
            try:
                engine = sa.create_engine(
                    address, poolclass=NullPool, isolation_level="AUTOCOMMIT", hide_parameters=True
                )
            except ImportError:
                raise LedgerUnavailable(
                    "the PostgreSQL driver is not installed; install it with `pip install 'chartseal[postgresql]'`"
                ) from None
            connection = engine.connect()
            connection.exec_driver_sql(f"SET lock_timeout = {int(busy_timeout_s * 1000)}")
            connection.exec_driver_sql("SET synchronous_commit = on")
        return cls(connection)

    def lay_out(self) -> None:
        """As ``Database.lay_out``."""
        with wrapped():
            if sa.inspect(self.connection).has_table("ledger"):
                raise LedgerExists("there is a ledger here already; open it, or choose another database")
            for table in METADATA.sorted_tables:
                self._execute(str(CreateTable(table).compile(dialect=self.dialect)))

    def require_layout(self) -> None:
        """As ``Database.require_layout``."""
        with wrapped():
            found = {table: sa.inspect(self.connection).has_table(table.name) for table in METADATA.sorted_tables}
        if not any(found.values()):
            raise LedgerUnavailable("there is no ledger in this database; create one first, or check the address")
        if not all(found.values()):
            raise LedgerDamaged("the ledger's tables are not those of this version; restore it from a good copy")

    def check(self) -> None:
        """As ``Database.check``: PostgreSQL checks pages as it reads them; there is no more to ask for."""

    def _roll_back(self) -> None:
        self._control("ROLLBACK")


def create_database(place: Path | str, *, busy_timeout_s: float) -> Database:
    """A connection to where a new ledger will be: a path or a PostgreSQL URL."""
    if isinstance(place, Path):
        return SqliteDatabase.create(place, busy_timeout_s=busy_timeout_s)
    return PostgresqlDatabase.open(_checked(place), busy_timeout_s=busy_timeout_s)


def open_database(place: Path | str, *, busy_timeout_s: float) -> Database:
    """A connection to the ledger at a path or a PostgreSQL URL."""
    if isinstance(place, Path):
        return SqliteDatabase.open(place, busy_timeout_s=busy_timeout_s)
    return PostgresqlDatabase.open(_checked(place), busy_timeout_s=busy_timeout_s)


def _checked(url: str) -> str:
    if not url.startswith(_POSTGRESQL):
        raise LedgerUnavailable("a ledger is kept in a SQLite file, or in PostgreSQL at postgresql://HOST/DATABASE")
    return url


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
