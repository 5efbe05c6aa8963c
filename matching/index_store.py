"""Where the match index keeps who opted in: one SQLite file, or PostgreSQL by URL, so that nothing stays after opt-out.

Each patient has a slot of a size that many share. Opting out overwrites the slot with zeros of the same size, in place,
and the slot waits for somebody else. Rows are only ever added at the end, so SQLite never moves one and leaves no copy
of it in the free parts of pages; ``secure_delete`` and a journal that is truncated at each commit do the rest. A second
table holds, by a one-way fingerprint of the pseudonym, how much was done in the epoch; it is emptied with the epoch.

PostgreSQL writes new versions of rows and a log: there, old versions go when the server vacuums and recycles its log.
One process at a time has the database.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from matching.errors import IndexDamaged, IndexUnavailable

FILE_MODE = 0o600
SLOT_BYTES = 1024
"""Slots are multiples of this."""
_APPLICATION_ID = 0x43534D49
_FRAME_BYTES = 4
_ROWS = 1000
"""Fetched at once."""
_POSTGRESQL = ("postgresql://", "postgres://", "postgresql+psycopg://")
_SQLITE = ("secure_delete=ON", "synchronous=FULL", "fullfsync=ON", "trusted_schema=OFF", "temp_store=MEMORY")
_BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_METADATA = sa.MetaData()
_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")

_SLOT = sa.Table(
    "slot",
    _METADATA,
    sa.Column("id", _ID, primary_key=True, autoincrement=False),
    sa.Column("record", sa.LargeBinary, nullable=False),
)
_USE = sa.Table(
    "used",
    _METADATA,
    sa.Column("fingerprint", sa.LargeBinary, primary_key=True),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("changes", sa.Integer, nullable=False),
    sa.Column("searches", sa.Integer, nullable=False),
)
_RECORDS = sa.select(_SLOT.c.id, _SLOT.c.record).order_by(_SLOT.c.id).execution_options(yield_per=_ROWS)
_SET_USED = _USE.update().where(_USE.c.fingerprint == sa.bindparam("known"))


class IndexStore:
    """The open database. Not for several threads. Raises ``IndexUnavailable``, ``IndexDamaged``, nothing else."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._free: dict[int, list[int]] = {}
        self._sizes: dict[int, int] = {}
        self._last = 0

    @classmethod
    def open(cls, place: Path | str) -> IndexStore:
        """The database at a path (made when absent, mode 0600) or a PostgreSQL URL, for this process alone."""
        if isinstance(place, Path):
            return cls._sqlite(place)
        if not place.startswith(_POSTGRESQL):
            raise IndexUnavailable("an index is kept in a SQLite file, or in PostgreSQL at postgresql://HOST/DATABASE")
        with _wrapped():
            url = sa.make_url(place).set(drivername="postgresql+psycopg")
            try:
                engine = sa.create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT", hide_parameters=True)
            except ImportError:
                raise IndexUnavailable("the PostgreSQL driver is not installed; install psycopg") from None
            connection = engine.connect()
            if not connection.execute(sa.select(sa.func.pg_try_advisory_lock(_APPLICATION_ID))).scalar():
                connection.close()
                raise IndexUnavailable("another process has this index open; stop it first")
            _METADATA.create_all(connection)
        return cls(connection)

    @classmethod
    def _sqlite(cls, path: Path) -> IndexStore:
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))
        except OSError:
            raise IndexUnavailable("the index's file cannot be opened; look at its folder") from None
        url = sa.URL.create("sqlite+pysqlite", database=str(path))
        engine = sa.create_engine(
            url, poolclass=NullPool, isolation_level="AUTOCOMMIT", hide_parameters=True,
            connect_args={"timeout": 1.0, "check_same_thread": False},
        )  # fmt: skip
        with _wrapped():
            connection = engine.connect()
            try:
                for pragma in _SQLITE:
                    connection.exec_driver_sql(f"PRAGMA {pragma}").close()
                connection.exec_driver_sql("PRAGMA locking_mode=EXCLUSIVE").close()
                connection.exec_driver_sql("PRAGMA journal_mode=TRUNCATE").close()
                connection.exec_driver_sql("BEGIN EXCLUSIVE")
                known = connection.exec_driver_sql("PRAGMA application_id").scalar()
                if known not in {0, _APPLICATION_ID} or (not known and sa.inspect(connection).get_table_names()):
                    raise IndexDamaged("the file for the index is another program's; name another file")
                connection.exec_driver_sql(f"PRAGMA application_id={_APPLICATION_ID}")
                _METADATA.create_all(connection)
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                connection.close()
                raise
        return cls(connection)

    def records(self) -> Iterator[tuple[int, bytes]]:
        """Slot and record of each patient; learns which slots are free, so read it to its end before writing.

        At most 1,000 of them are in memory at once.
        """
        self._free.clear()
        self._sizes.clear()
        with _wrapped():
            self._connection.exec_driver_sql("BEGIN")  # PostgreSQL hands rows out bit by bit only within a transaction
            try:
                with self._connection.execute(_RECORDS) as found:
                    for slot, held in found:
                        size = int.from_bytes(held[:_FRAME_BYTES], "big")
                        self._sizes[slot] = len(held)
                        self._last = slot
                        if size:
                            yield slot, bytes(held[_FRAME_BYTES : _FRAME_BYTES + size])
                        else:
                            self._free.setdefault(len(held), []).append(slot)
            finally:
                if not self._connection.closed:  # as who left off reading may have done
                    self._connection.exec_driver_sql("COMMIT")

    def put(self, record: bytes) -> int:
        """Keep ``record`` in a free slot, or a new one; within ``writing``. Returns the slot."""
        held = len(record).to_bytes(_FRAME_BYTES, "big") + record
        held += bytes(-len(held) % SLOT_BYTES)
        waiting = self._free.get(len(held))
        with _wrapped():
            if waiting:
                slot = waiting.pop()
                self._overwrite(slot, held)
            else:
                slot = self._last = self._last + 1
                self._connection.execute(_SLOT.insert(), {"id": slot, "record": held})
                self._sizes[slot] = len(held)
        return slot

    def wipe(self, slots: Iterable[int]) -> None:
        """Overwrite the records in ``slots`` with zeros; within ``writing``."""
        with _wrapped():
            for slot in slots:
                size = self._sizes[slot]
                self._overwrite(slot, bytes(size))
                self._free.setdefault(size, []).append(slot)

    def used(self, fingerprint: bytes, epoch: int) -> tuple[int, int, int]:
        """Last sequence number (-1 before any), changes and searches of a pseudonym in ``epoch``."""
        query = sa.select(_USE.c.sequence, _USE.c.changes, _USE.c.searches)
        with _wrapped():
            row = self._connection.execute(
                query.where(_USE.c.fingerprint == fingerprint, _USE.c.epoch == epoch)
            ).one_or_none()
        return (-1, 0, 0) if row is None else (row[0], row[1], row[2])

    def set_used(self, fingerprint: bytes, epoch: int, sequence: int, changes: int, searches: int) -> None:
        """Write what ``used`` returns; within ``writing``."""
        values: dict[str, Any] = {"epoch": epoch, "sequence": sequence, "changes": changes, "searches": searches}
        with _wrapped():
            done = self._connection.execute(_SET_USED, {"known": fingerprint, **values})
            if not done.rowcount:
                self._connection.execute(_USE.insert(), {"fingerprint": fingerprint, **values})

    def forget_before(self, epoch: int) -> None:
        """Drop what was used in epochs before ``epoch``; within ``writing``."""
        with _wrapped():
            self._connection.execute(_USE.delete().where(_USE.c.epoch < epoch))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """What was written within is durable on leaving, or undone if an error leaves."""
        free, last = {size: list(slots) for size, slots in self._free.items()}, self._last
        with _wrapped():
            self._connection.exec_driver_sql("BEGIN")
        try:
            yield
            with _wrapped():
                self._connection.exec_driver_sql("COMMIT")
        except BaseException:
            self._free, self._last = free, last
            with _wrapped():
                self._connection.exec_driver_sql("ROLLBACK")
            raise

    def close(self) -> None:
        """Let go of the database."""
        with _wrapped():
            self._connection.close()

    def _overwrite(self, slot: int, held: bytes) -> None:
        self._connection.execute(_SLOT.update().where(_SLOT.c.id == slot).values(record=held))


@contextmanager
def _wrapped() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _BROKEN:
            raise IndexDamaged("the index's file is damaged or another program's; restore it or name another") from None
        raise IndexUnavailable("the index's database cannot be used, or another process has it open") from None
    except SQLAlchemyError:
        raise IndexUnavailable("the index's database cannot be used; check its address and that it runs") from None
