"""The state's key-value store in the ledger's database. Each value carries a checksum: a flipped bit is told.

Writes are kept back until the commit, so that a whole block's rows go into the database at once and in order of key:
that costs a third of putting each entry's by themselves. What is kept back is read like what is written.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager

import sqlalchemy as sa

from ledger.database import Database
from ledger.errors import LedgerDamaged
from ledger.keyvalue import Write
from ledger.prepared import Prepared
from ledger.schema import STATE

CACHED_ROWS = 4096
"""How many of the rows read or written last stay in memory."""
MAX_CACHED_BYTES = 4096
"""A longer value is never cached."""
MAX_ROWS_KEPT_BACK = 16_384
"""How many rows wait for the commit at most, but for those of one ``write``."""
_PAGE_ROWS = 512
_CHECKSUM_SIZE = 4


class SqlKeyValue:
    """``KeyValue`` in the table ``state``."""

    def __init__(self, database: Database) -> None:
        connection = database.connection
        self._database = database
        database.before_commit = self._flush
        self._cache: OrderedDict[bytes, bytes | None] = OrderedDict()
        self._kept_back: dict[bytes, bytes | None] = {}
        self._kept_tables: set[int] = set()
        """The first bytes of the keys of ``_kept_back``."""
        self._get = Prepared(connection, sa.select(STATE.c.value).where(STATE.c.key == sa.bindparam("key")))
        page = sa.select(STATE.c.key, STATE.c.value).where(
            STATE.c.key >= sa.bindparam("begin"), STATE.c.key < sa.bindparam("end")
        )
        self._page = Prepared(connection, page.order_by(STATE.c.key).limit(_PAGE_ROWS))
        names: list[sa.BindParameter[bytes]] = [sa.bindparam(f"key_{number}") for number in range(_PAGE_ROWS)]
        any_of = sa.select(STATE.c.key).where(STATE.c.key.in_(names)).limit(1)
        self._any = Prepared(connection, any_of)
        insert = database.insert(STATE)
        upsert = insert.on_conflict_do_update(index_elements=[STATE.c.key], set_={"value": insert.excluded.value})
        self._put = Prepared(connection, upsert)
        self._delete = Prepared(connection, sa.delete(STATE).where(STATE.c.key == sa.bindparam("gone")))

    def get(self, key: bytes) -> bytes | None:
        """As ``KeyValue.get``. Raises ``LedgerDamaged``."""
        if key in self._kept_back:
            return self._kept_back[key]
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        row = self._get.one(key=key)
        value = None if row is None else _checked(key, row[0])[1]
        self._remember(key, value)
        return value

    def any_of(self, keys: Iterable[bytes]) -> bool:
        """As ``KeyValue.any_of``."""
        wanted = []
        for key in keys:
            if key not in self._kept_back:
                wanted.append(key)
            elif self._kept_back[key] is not None:
                return True
        for start in range(0, len(wanted), _PAGE_ROWS):
            page = wanted[start : start + _PAGE_ROWS]
            page += page[:1] * (_PAGE_ROWS - len(page))
            if self._any.one(**{f"key_{number}": key for number, key in enumerate(page)}) is not None:
                return True
        return False

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """As ``KeyValue.scan``, page by page. Raises ``LedgerDamaged``."""
        if not prefix or prefix[0] in self._kept_tables:
            self._flush()
        begin, end = prefix, _after(prefix)
        while True:
            rows = self._page.all(begin=begin, end=end)
            for key, value in rows:
                yield _checked(key, value)
            if len(rows) < _PAGE_ROWS:
                return
            begin = bytes(rows[-1][0]) + b"\x00"

    def stored(self) -> Iterator[list[tuple[object, ...]]]:
        """All rows as they are stored, in order of key, in pages of one size: for comparing two stores."""
        self._flush()
        begin, end = b"", _after(b"")
        while rows := self._page.all(begin=begin, end=end):
            yield [tuple(row) for row in rows]
            begin = rows[-1][0] + b"\x00"

    def snapshot(self) -> AbstractContextManager[None]:
        """As ``KeyValue.snapshot``."""
        return self._database.snapshot()

    def write(self, writes: Sequence[Write]) -> None:
        """As ``KeyValue.write``. Within ``Database.writing`` only."""
        self._kept_back.update(writes)
        self._kept_tables.update(key[0] for key, _ in writes)
        if len(self._kept_back) > MAX_ROWS_KEPT_BACK:
            self._flush()

    def forget(self) -> None:
        """Read everything from the database again: something was undone, or another process wrote."""
        self._cache.clear()
        self._kept_back.clear()
        self._kept_tables.clear()

    def _flush(self) -> None:
        if not self._kept_back:
            return
        last = sorted(self._kept_back.items())
        rows = [(key, value + _checksum(key, value)) for key, value in last if value is not None]
        self._put.run_many(rows, ("key", "value"))
        self._delete.run_many([(key,) for key, value in last if value is None], ("gone",))
        for key, value in last:
            if len(last) <= _PAGE_ROWS or key in self._cache:
                self._remember(key, value)
        self._kept_back.clear()
        self._kept_tables.clear()

    def _remember(self, key: bytes, value: bytes | None) -> None:
        if value is not None and len(value) > MAX_CACHED_BYTES:
            self._cache.pop(key, None)
            return
        self._cache[key] = value
        self._cache.move_to_end(key)
        if len(self._cache) > CACHED_ROWS:
            self._cache.popitem(last=False)


def _checksum(key: bytes, value: bytes) -> bytes:
    return zlib.crc32(value, zlib.crc32(key)).to_bytes(_CHECKSUM_SIZE, "big")


def _checked(key: object, stored: object) -> tuple[bytes, bytes]:
    if isinstance(key, bytes) and isinstance(stored, bytes):
        value = stored[:-_CHECKSUM_SIZE]
        if _checksum(key, value) == stored[-_CHECKSUM_SIZE:]:
            return key, value
    raise LedgerDamaged("a row of the ledger's state is damaged; restore the ledger from a good copy")


def _after(prefix: bytes) -> bytes:
    """The first key that is after all those which begin with ``prefix``."""
    rest = prefix.rstrip(b"\xff")
    return rest[:-1] + bytes([rest[-1] + 1]) if rest else b"\xff" * 64
