"""The embedded engine's file: rights, damage, a full disk, a second process in the way."""

import shutil
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.database import SqliteDatabase
from ledger.engines.embedded import EmbeddedEngine, system_clock
from ledger.entry import Entry, entry_digest
from ledger.errors import (
    GenesisInvalid,
    LedgerBusy,
    LedgerDamaged,
    LedgerError,
    LedgerExists,
    LedgerFull,
    LedgerUnavailable,
    UnknownType,
    UnknownVersion,
)
from ledger.genesis import Genesis
from ledger.store import LedgerStore
from ledger.tables import Tables
from tests.ledger.engines import founders, open_embedded
from tests.ledger.scene import AUTHORITY, START, Scene, digest, genesis


def clock() -> int:
    return START


@pytest.fixture
def path(scene: Scene, tmp_path: Path) -> Path:
    """A ledger with everybody enrolled and three anchors, closed."""
    path = tmp_path / "ledger.sqlite"
    engine = EmbeddedEngine.create(path, scene.state.genesis, delegates=founders(), clock=clock)
    engine.submit_many([entry.transaction for entry in scene.entries])
    for _ in range(3):
        engine.submit(scene.do(scene.anchor(4), "north").transaction)
    engine.close()
    return path


@pytest.fixture
def engine(path: Path) -> Iterator[EmbeddedEngine]:
    engine = open_embedded(path, clock)
    yield engine
    engine.close()


def edit(path: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement, values)
    connection.close()


def opened_and_verified(path: Path) -> str:
    engine = EmbeddedEngine.open(path, clock=clock)
    try:
        return engine.verify().state_root
    finally:
        engine.close()


def test_file_is_the_owners_only_and_the_one_file(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each for each in path.parent.iterdir() if each.stat().st_size] == [path]


def test_commits_are_synchronous(engine: EmbeddedEngine) -> None:
    connection = engine._store.database.connection
    assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "truncate"


def test_system_clock_is_unix_seconds() -> None:
    assert system_clock() > START


def test_existing_ledger_is_never_written_over(path: Path, scene: Scene) -> None:
    with pytest.raises(LedgerExists):
        EmbeddedEngine.create(path, genesis(), clock=clock)
    assert opened_and_verified(path) == scene.state.root


def test_interrupted_creation_is_told_and_completed(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.touch()
    with pytest.raises(LedgerUnavailable):
        EmbeddedEngine.open(path)
    EmbeddedEngine.create(path, genesis(), clock=clock).close()
    EmbeddedEngine.open(path, genesis_digest=genesis().digest).close()


def test_missing_file_and_missing_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnavailable):
        EmbeddedEngine.open(tmp_path / "nothing.sqlite")
    with pytest.raises(LedgerUnavailable):
        EmbeddedEngine.create(tmp_path / "nowhere" / "ledger.sqlite", genesis())
    assert list(tmp_path.iterdir()) == []


def test_another_ledger_is_not_taken_for_this_one(path: Path) -> None:
    with pytest.raises(GenesisInvalid):
        EmbeddedEngine.open(path, genesis_digest=digest("another"))


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM entry WHERE position = 14",
        "DELETE FROM entry WHERE position = 5",
        "DELETE FROM entry",
        "DELETE FROM ledger",
        "DROP TABLE entry",
        "UPDATE entry SET time = time + 1 WHERE position = 5",
        "UPDATE entry SET time = -1 WHERE position = 5",
        "UPDATE entry SET digest = zeroblob(32) WHERE position = 5",
        "UPDATE entry SET bytes = zeroblob(100) WHERE position = 5",
        "UPDATE entry SET bytes = 'text' WHERE position = 5",
        "UPDATE entry SET position = 99 WHERE position = 14",
        "DELETE FROM block WHERE height = 2",
        "DELETE FROM block",
        "UPDATE block SET header = zeroblob(100)",
        "UPDATE block SET certificate = zeroblob(100) WHERE height = 1",
        "UPDATE block SET certificate = (SELECT certificate FROM block WHERE height = 1)",
        "UPDATE block SET size = size - 1 WHERE height = 2",
        "DELETE FROM state WHERE key = (SELECT max(key) FROM state)",
        "DELETE FROM state",
        "UPDATE state SET value = zeroblob(40) WHERE key = x'00'",
        "UPDATE state SET value = (SELECT value FROM state WHERE key = x'00')",
        "INSERT INTO state SELECT x'ff', value FROM state LIMIT 1",
        "INSERT INTO node VALUES (8, 0, zeroblob(32))",
        "UPDATE ledger SET genesis = zeroblob(10)",
        "UPDATE ledger SET genesis = zeroblob(5000)",
        "CREATE TRIGGER later AFTER INSERT ON entry BEGIN DELETE FROM entry; END",
        "PRAGMA application_id = 7",
    ],
)
def test_edited_file_is_told(path: Path, statement: str) -> None:
    edit(path, statement)
    with pytest.raises(LedgerDamaged):
        opened_and_verified(path)


def test_swapped_genesis_is_told(path: Path) -> None:
    other = Genesis.create(
        authority=AUTHORITY, verifying=genesis().verifying, created=START, founders=genesis().founders
    )
    edit(path, "UPDATE ledger SET genesis = ?", bytes(other))
    with pytest.raises(LedgerDamaged):
        opened_and_verified(path)


def test_forged_signature_is_told_by_verify(path: Path, scene: Scene) -> None:
    last = scene.entries[-1]
    data = bytes(last.transaction)
    begin = data.index(b'"signature":"') + len(b'"signature":"')
    _rewrite_last(path, last, data[:begin] + b"AAAA" + data[begin + 4 :])
    EmbeddedEngine.open(path, clock=clock).close()
    with pytest.raises(LedgerDamaged, match="certificate-invalid"):
        opened_and_verified(path)


def _rewrite_last(path: Path, last: Entry, data: bytes) -> None:
    """As somebody would who can write the file and knows its format, but has no delegate's key."""
    head = entry_digest(last.position, last.time, last.previous, data)
    edit(path, "UPDATE entry SET bytes = ?, digest = ? WHERE position = ?", data, bytes.fromhex(head), last.position)
    store = LedgerStore.open(path, busy_timeout_s=1)
    tip = Tables(genesis(), store.keyvalue).tip
    old = tip.get()
    assert old is not None
    root = store.tree.frontier(last.position + 1).root().hex()
    header, _ = store.header(old.height)
    header = replace(header, entries_root=root)
    with store.database.writing():
        store.keyvalue.write([tip.put(replace(old, head=head, block=header.digest))])
    store.close()
    edit(path, "UPDATE block SET header = ? WHERE height = ?", bytes(header), old.height)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        (b'"type":"anchor-blocks"', b'"type":"mining-block!"', UnknownType),
        (b'"version":1}', b'"version":2}', UnknownVersion),
        (b'"first_index"', b'"first_indez"', LedgerDamaged),
    ],
)
def test_entry_of_a_later_version_is_not_called_damage(
    path: Path, scene: Scene, old: bytes, new: bytes, error: type[LedgerError]
) -> None:
    last = scene.entries[-1]
    _rewrite_last(path, last, bytes(last.transaction).replace(old, new))
    with pytest.raises(error):
        opened_and_verified(path)


def test_file_of_a_later_version_is_not_called_damage(path: Path) -> None:
    edit(path, "PRAGMA user_version = 4")
    with pytest.raises(UnknownVersion):
        EmbeddedEngine.open(path)


def test_truncated_file_is_told(path: Path) -> None:
    data = path.read_bytes()
    for size in range(1, len(data), len(data) // 50):
        path.write_bytes(data[:size])
        with pytest.raises((LedgerDamaged, LedgerUnavailable)):
            opened_and_verified(path)


def flips(path: Path, places: Iterator[tuple[int, int]], expected: str) -> int:
    """Flip each bit in turn: a typed error, or, where SQLite keeps nothing of ours, the very same state. Count told."""
    data = path.read_bytes()
    told = 0
    for place, bit in places:
        flipped = bytearray(data)
        flipped[place] ^= 1 << bit
        path.write_bytes(flipped)
        path.with_name(path.name + "-journal").unlink(missing_ok=True)
        try:
            assert opened_and_verified(path) == expected, place
        except LedgerError:
            told += 1
    return told


def test_flipped_bits_are_told_or_harmless(path: Path, scene: Scene) -> None:
    size = path.stat().st_size
    places = iter([(place, place % 8) for place in range(3, size, size // 200)])
    assert flips(path, places, scene.state.root) > 60


@pytest.mark.slow
def test_flipped_bits_all_over_are_told_or_harmless(path: Path, scene: Scene) -> None:
    size = path.stat().st_size
    places = iter([(place, place % 8) for place in range(0, size, size // 800)])
    assert flips(path, places, scene.state.root) > 200


def test_every_flipped_bit_of_an_entry_is_told(path: Path) -> None:
    data = path.read_bytes()
    begin = data.rindex(b'{"body":{"author"')
    for place in range(begin, begin + 60):
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        path.write_bytes(flipped)
        with pytest.raises(LedgerDamaged):
            opened_and_verified(path)


def test_older_copy_put_back_under_an_open_engine_is_told(
    path: Path, scene: Scene, engine: EmbeddedEngine, tmp_path: Path
) -> None:
    older = shutil.copy(path, tmp_path / "older")
    engine.submit(scene.sign(scene.request(), "saul"))
    with sqlite3.connect(older) as source, sqlite3.connect(path) as target:
        source.backup(target)
    source.close()
    target.close()
    with pytest.raises(LedgerDamaged, match="older copy"):
        engine.view()


def test_full_disk_adds_nothing_and_recovers(path: Path, scene: Scene, engine: EmbeddedEngine) -> None:
    connection = engine._store.database.connection
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    transactions = [scene.sign(scene.request(), "saul"), scene.sign(scene.anchor(4096), "north")]
    with pytest.raises(LedgerFull):
        engine.submit_many(transactions)
    assert engine.view().state.root == scene.state.root
    connection.exec_driver_sql("PRAGMA max_page_count=1000000")
    receipts = engine.submit_many(transactions)
    assert [getattr(receipt, "position", None) for receipt in receipts] == [15, 16]
    engine.verify()


def test_no_room_for_verifying_is_not_damage(
    path: Path, scene: Scene, engine: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.submit(scene.sign(scene.anchor(4096), "north"))
    scratch = SqliteDatabase.scratch

    def small() -> SqliteDatabase:
        database = scratch()
        database.connection.exec_driver_sql("PRAGMA max_page_count=40")
        return database

    monkeypatch.setattr(SqliteDatabase, "scratch", small)
    with pytest.raises(LedgerFull):
        engine.verify()
    monkeypatch.undo()
    engine.verify()


def test_what_was_not_durable_is_never_seen(
    path: Path, scene: Scene, engine: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = engine.view().state

    def interrupted(*_block: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(engine._store, "append", interrupted)
    with pytest.raises(KeyboardInterrupt):
        engine.submit(scene.sign(scene.request(), "saul"))
    assert state.requests() == ()
    assert engine.view().state.root == scene.state.root


def test_write_lock_of_another_process_is_waited_for_then_told(path: Path, scene: Scene) -> None:
    engine = open_embedded(path, clock, busy_timeout_s=0.2)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    transaction = scene.sign(scene.request(), "saul")
    with pytest.raises(LedgerBusy):
        engine.submit(transaction)
    assert engine.view().state.root == scene.state.root
    other.execute("ROLLBACK")
    other.close()
    engine.submit(transaction)
    engine.close()


def test_file_without_rights_is_told(path: Path, scene: Scene) -> None:
    engine = open_embedded(path, clock)
    engine._store.database.connection.exec_driver_sql("PRAGMA query_only=ON")
    with pytest.raises(LedgerUnavailable):
        engine.submit(scene.sign(scene.request(), "saul"))
    engine.close()


def test_no_error_names_what_it_should_not(path: Path, scene: Scene) -> None:
    edit(path, "DELETE FROM entry WHERE position = 5")
    with pytest.raises(LedgerDamaged) as caught:
        opened_and_verified(path)
    assert str(path) not in str(caught.value)
    assert caught.value.__cause__ is None
