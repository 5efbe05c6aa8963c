"""A damaged ledger is told, restored from a replica or an export, and goes on."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger.engines.embedded import EmbeddedEngine
from ledger.engines.replica import Replica
from ledger.errors import ForkOffered, GenesisInvalid, LedgerDamaged, LedgerError, LedgerUnavailable
from ledger.export import ExportFile, write_export
from ledger.proofs import LedgerProof, LightClient
from tests.ledger.council import Council
from tests.ledger.engines import ENGINES, founders, open_embedded
from tests.ledger.scene import digest
from tests.servers.postgresql import fresh_database

ENTRIES = 300
"""More than the 256 below one node of the Merkle tree that is kept."""


@pytest.fixture
def council(tmp_path: Path) -> Iterator[Council]:
    council = Council("embedded", tmp_path)
    council.engine.submit_many([council.transaction() for _ in range(ENTRIES)])
    council.blocks(3)
    yield council
    council.engine.close()


@pytest.fixture
def copy(council: Council, tmp_path: Path) -> Path:
    """The file of a replica that is up to date."""
    replica = Replica.create(tmp_path / "replica", council.genesis, clock=council.clock)
    replica.follow(council.engine)
    replica.close()
    return tmp_path / "replica"


def by_sql(statement: str) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        assert connection.execute(statement).rowcount
        connection.close()

    return edit


def truncated(share: float) -> Callable[[Path], None]:
    def cut(path: Path) -> None:
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])

    return cut


def flipped(what: bytes) -> Callable[[Path], None]:
    def flip(path: Path) -> None:
        data = bytearray(path.read_bytes())
        place = data.rindex(what) + len(what) // 2
        data[place] ^= 1
        path.write_bytes(data)

    return flip


def zeroed_page(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[8192 : 8192 + 4096] = bytes(4096)
    path.write_bytes(data)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "gone": lambda path: path.unlink(),
    "empty": truncated(0),
    "cut to a half": truncated(0.5),
    "cut by its end": truncated(0.999),
    "page of zeros": zeroed_page,
    "bit of an entry": flipped(b'"type":"request"'),
    "bit of a header": flipped(b'"entries_root":"'),
    "bit of a certificate": flipped(b'"signatures":[{"delegate":"'),
    "entry": by_sql("UPDATE entry SET bytes = replace(bytes, 'a', 'b') WHERE position = 100"),
    "row of the state": by_sql("UPDATE state SET value = zeroblob(20) WHERE key = (SELECT max(key) FROM state)"),
    "lost row of the state": by_sql("DELETE FROM state WHERE key = (SELECT max(key) FROM state)"),
    "header": by_sql("UPDATE block SET header = zeroblob(200) WHERE height = 3"),
    "certificate": by_sql("UPDATE block SET certificate = (SELECT certificate FROM block WHERE height = 1)"),
    "node": by_sql("UPDATE node SET hash = zeroblob(32) WHERE level = 8"),
    "lost node": by_sql("DELETE FROM node WHERE level = 8"),
    "lost block": by_sql("DELETE FROM block WHERE height = 2"),
    "lost tail": by_sql("DELETE FROM entry WHERE position > 200"),
}


def goes_on(council: Council) -> None:
    """The ledger at the council's place is the old one, whole, and is added to."""
    council.engine = open_embedded(council.place, council.clock, genesis_digest=council.genesis.digest)
    council.scene.state = council.engine.view().state
    transaction = council.transaction()
    council.engine.submit(transaction)
    assert council.count(transaction) == 1
    council.sound()


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_told_and_a_replicas_file_takes_its_place(council: Council, copy: Path, damage: str) -> None:
    place = council.place
    assert isinstance(place, Path)
    entries, tip = council.entries(), council.engine.tip()
    council.engine.close()
    DAMAGES[damage](place)
    with pytest.raises((LedgerDamaged, LedgerUnavailable)) as caught:
        _opened_and_verified(place)
    assert caught.value.code in {"ledger-damaged", "ledger-unavailable"}
    shutil.copy(copy, place)
    restored = open_embedded(place, council.clock)
    assert (list(restored.entries()), restored.tip()) == (entries, tip)
    restored.close()
    goes_on(council)
    replica = Replica.open(copy, clock=council.clock)
    assert replica.follow(council.engine) == 1
    replica.close()


def _opened_and_verified(place: Path) -> None:
    engine = EmbeddedEngine.open(place)
    try:
        engine.verify()
    finally:
        engine.close()


@pytest.mark.parametrize("damage", ["bit of an entry", "row of the state", "cut to a half"])
def test_an_export_takes_its_place(council: Council, tmp_path: Path, damage: str) -> None:
    place = council.place
    assert isinstance(place, Path)
    with (tmp_path / "export").open("wb") as file:
        write_export(council.engine, file)
    entries = council.entries()
    council.engine.close()
    DAMAGES[damage](place)
    with pytest.raises((LedgerDamaged, LedgerUnavailable)):
        _opened_and_verified(place)
    place.unlink()
    source = ExportFile(tmp_path / "export")
    assert source.genesis.digest == council.genesis.digest
    replica = Replica.create(place, source.genesis)
    replica.follow(source)
    assert list(replica.entries()) == entries
    replica.close()
    goes_on(council)


@pytest.mark.parametrize("damage", ["bit of an entry", "bit of a header", "row of the state", "node"])
def test_damaged_source_gives_a_replica_nothing_wrong(council: Council, tmp_path: Path, damage: str) -> None:
    place = council.place
    assert isinstance(place, Path)
    blocks = list(council.engine.blocks())
    council.engine.close()
    DAMAGES[damage](place)
    replica = Replica.create(tmp_path / "new", council.genesis)
    try:
        damaged = EmbeddedEngine.open(place)
        replica.follow(damaged)
        damaged.close()
    except LedgerError as error:
        assert error.code == "ledger-damaged"  # noqa: PT017 (a damage that blocks do not show is none to a replica)
    assert list(replica.blocks()) == blocks[: replica.view().height]
    replica.verify()
    replica.close()


def test_restored_from_an_older_copy_it_is_a_fork_to_who_saw_more(council: Council, copy: Path, tmp_path: Path) -> None:
    """What the copy had not seen is lost; replicas, clients and receipts tell."""
    council.blocks(2)
    seen = Replica.create(tmp_path / "newer", council.genesis, clock=council.clock)
    seen.follow(council.engine)
    client = LightClient(council.genesis)
    lost = council.transaction()
    receipt = council.engine.submit(lost)
    council.engine.prove([receipt.position]).verify(client)
    council.engine.close()
    assert isinstance(council.place, Path)
    shutil.copy(copy, council.place)
    goes_on(council)
    with pytest.raises(ForkOffered):
        seen.follow(council.engine)
    with pytest.raises(ForkOffered):
        council.engine.prove([0]).verify(client)
    assert council.count(lost) == 0
    assert council.engine.submit(lost) != receipt
    seen.close()


def test_copy_of_another_ledger_in_its_place_is_told(council: Council, copy: Path) -> None:
    with pytest.raises(GenesisInvalid):
        EmbeddedEngine.open(copy, genesis_digest=digest("another"))


@pytest.mark.parametrize("kind", ENGINES)
def test_backup_taken_while_it_runs_is_a_ledger_of_its_own(tmp_path: Path, kind: str) -> None:
    council = Council(kind, tmp_path)
    council.blocks(3)
    EmbeddedEngine.copy(council.place, tmp_path / "backup")
    council.blocks(1)
    backup = open_embedded(tmp_path / "backup", council.clock)
    assert list(backup.blocks()) == list(council.engine.blocks())[:-1]
    backup.verify()
    backup.close()
    replica = Replica.open(tmp_path / "backup", clock=council.clock)
    assert replica.follow(council.engine) == 1
    assert replica.verify() == council.engine.verify()
    replica.close()
    council.engine.close()


def test_ledger_moves_to_postgresql_and_goes_on(council: Council) -> None:
    url = fresh_database()
    replica = Replica.create(url, council.genesis, clock=council.clock)
    replica.follow(council.engine)
    proof = LedgerProof.from_bytes(bytes(council.engine.prove([0, ENTRIES])))
    replica.close()
    moved = open_embedded(url, council.clock)
    moved.seat(founders())
    receipt = moved.submit(council.transaction())
    assert receipt.position == council.engine.view().position + 1
    client = LightClient(council.genesis)
    assert proof.verify(client) == moved.prove([0, ENTRIES]).verify(client)
    moved.verify()
    moved.close()
