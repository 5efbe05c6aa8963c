"""An export: all of a ledger in one text file, which is followed like a ledger and believed no more."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger.engines.embedded import EmbeddedEngine
from ledger.engines.replica import Replica
from ledger.errors import ExportInvalid, ForkOffered, LedgerError, OtherLedger
from ledger.export import ExportFile, write_export
from tests.ledger.council import Council
from tests.ledger.engines import ENGINES, founders
from tests.ledger.scene import genesis, ident

BLOCKS = 5


@pytest.fixture
def council(tmp_path: Path) -> Iterator[Council]:
    council = Council("embedded", tmp_path)
    for _ in range(BLOCKS - 1):
        council.engine.submit_many([council.transaction() for _ in range(2)])
    yield council
    council.engine.close()


@pytest.fixture
def replica(council: Council, tmp_path: Path) -> Iterator[Replica]:
    replica = Replica.create(tmp_path / "replica", council.genesis, clock=council.clock)
    yield replica
    replica.close()


def exported(council: Council, path: Path) -> Path:
    with path.open("wb") as file:
        assert write_export(council.engine, file) == council.newest.height
    return path


@pytest.fixture
def path(council: Council, tmp_path: Path) -> Path:
    return exported(council, tmp_path / "export")


@pytest.mark.parametrize("kind", ENGINES)
def test_export_is_the_whole_ledger_and_followed_like_it(tmp_path: Path, kind: str) -> None:
    council = Council(kind, tmp_path)
    council.blocks(3)
    path = exported(council, tmp_path / "export")
    source = ExportFile(path)
    assert source.genesis == council.genesis
    assert list(source.blocks()) == list(council.engine.blocks())
    assert list(source.blocks(3)) == list(council.engine.blocks(3))
    replica = Replica.create(tmp_path / "replica", source.genesis, clock=council.clock)
    assert replica.follow(source) == 4
    assert replica.verify() == council.engine.verify()
    council.blocks(2)
    assert replica.follow(source) == 0
    assert replica.follow(ExportFile(exported(council, path))) == 2
    assert replica.follow(council.engine) == 0
    assert list(replica.view().state.rows()) == list(council.engine.view().state.rows())
    replica.close()
    council.engine.close()


def test_whoever_exports_it_the_bytes_are_the_same(council: Council, path: Path, replica: Replica) -> None:
    replica.follow(ExportFile(path))
    again = io.BytesIO()
    write_export(replica, again)
    assert again.getvalue() == path.read_bytes()


def test_ledger_without_blocks_is_one_line(tmp_path: Path) -> None:
    engine = EmbeddedEngine.create(tmp_path / "new", genesis())
    file = io.BytesIO()
    assert write_export(engine, file) == 0
    (tmp_path / "export").write_bytes(file.getvalue())
    assert list(ExportFile(tmp_path / "export").blocks()) == []
    engine.close()


def test_export_of_another_ledger_is_refused(replica: Replica, tmp_path: Path) -> None:
    other = EmbeddedEngine.create(tmp_path / "other", genesis(epoch_blocks=7))
    with (tmp_path / "export").open("wb") as file:
        write_export(other, file)
    with pytest.raises(OtherLedger):
        replica.follow(ExportFile(tmp_path / "export"))
    other.close()


def test_older_export_and_one_of_a_fork_are_told(
    council: Council, path: Path, replica: Replica, tmp_path: Path
) -> None:
    EmbeddedEngine.copy(council.place, tmp_path / "backup")
    council.blocks(1)
    replica.follow(council.engine)
    with pytest.raises(ForkOffered):
        replica.follow(ExportFile(path))
    fork = EmbeddedEngine.open(tmp_path / "backup", clock=council.clock)
    fork.seat(founders())
    for _ in range(3):
        fork.submit(council.transaction())
    with path.open("wb") as file:
        write_export(fork, file)
    with pytest.raises(ForkOffered):
        replica.follow(ExportFile(path))
    fork.close()
    council.blocks(1)
    assert replica.follow(ExportFile(exported(council, path))) == 1
    replica.verify()


# Damage


def taken(replica: Replica, path: Path) -> tuple[int, str]:
    """How many blocks of a damaged export are in, and with which error it ended; the replica is good."""
    with pytest.raises(LedgerError) as caught:
        replica.follow(ExportFile(path))
    assert replica.verify().height == replica.view().height
    return replica.view().height, caught.value.code


def test_cut_short_inside_a_line_it_is_told(path: Path, council: Council, replica: Replica) -> None:
    data = path.read_bytes()
    ends = [place + 1 for place, byte in enumerate(data) if byte == ord("\n")]
    first, *lines = ends
    for size in (0, 1, first - 1):
        path.write_bytes(data[:size])
        with pytest.raises(ExportInvalid):
            ExportFile(path)
    for count, end in enumerate(lines):
        path.write_bytes(data[: end - 1])
        assert taken(replica, path) == (count, "export-invalid")
        path.write_bytes(data[: end - 20])
        assert taken(replica, path) == (count, "export-invalid")
    path.write_bytes(data)
    assert replica.follow(ExportFile(path)) == 1
    assert replica.verify() == council.engine.verify()


def edited(number: int, change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    def edit(data: bytes) -> bytes:
        lines = data.splitlines(keepends=True)
        lines[number] = change(lines[number])
        return b"".join(lines)

    return edit


def with_field(name: str, value: object) -> Callable[[bytes], bytes]:
    def change(line: bytes) -> bytes:
        content = json.loads(line) | {name: value}
        return json.dumps(content, sort_keys=True, separators=(",", ":")).encode() + b"\n"

    return change


@pytest.mark.parametrize(
    ("edit", "height", "code"),
    [
        (edited(3, lambda line: line.replace(b'":', b'": ', 1)), 2, "export-invalid"),
        (edited(3, lambda line: b" " + line), 2, "export-invalid"),
        (edited(3, lambda line: line[:-1] + b"\r\n"), 2, "export-invalid"),
        (edited(3, lambda line: line.replace(b'"header":', b'"header":{},"header":', 1)), 2, "export-invalid"),
        (edited(3, lambda _: b"\n"), 2, "export-invalid"),
        (edited(3, lambda _: b"{}\n"), 2, "export-invalid"),
        (edited(3, lambda _: b"[" * 100_000 + b"\n"), 2, "export-invalid"),
        (edited(3, lambda _: b"\xff\xfe\n"), 2, "export-invalid"),
        (edited(3, with_field("more", 1)), 2, "export-invalid"),
        (edited(3, with_field("transactions", {})), 2, "export-invalid"),
        (edited(3, with_field("transactions", [1])), 2, "export-invalid"),
        (edited(3, with_field("certificate", None)), 2, "export-invalid"),
        (edited(3, lambda line: line.replace(b'"height":3', b'"height":4')), 2, "block-invalid"),
        (edited(3, lambda line: line.replace(b'"round":0', b'"round":1')), 2, "certificate-invalid"),
        (edited(3, lambda _: b""), 2, "block-invalid"),
        (edited(3, lambda line: line + line), 3, "block-invalid"),
        (edited(3, with_field("transactions", [])), 2, "block-invalid"),
        (lambda data: data + b"\n", BLOCKS, "export-invalid"),
    ],
)
def test_damaged_line_is_told_and_the_blocks_before_stay(
    path: Path, council: Council, replica: Replica, edit: Callable[[bytes], bytes], height: int, code: str
) -> None:
    data = path.read_bytes()
    changed = edit(data)
    assert changed != data
    path.write_bytes(changed)
    assert taken(replica, path) == (height, code)
    assert replica.follow(council.engine) == BLOCKS - height
    assert replica.verify() == council.engine.verify()


def test_every_flipped_bit_is_told_before_it_is_taken(path: Path, council: Council, replica: Replica) -> None:
    data = path.read_bytes()
    begin = data.index(b"\n") + 1
    newest = list(council.engine.blocks())
    for place in range(begin, len(data), max(1, (len(data) - begin) // 150)):
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        path.write_bytes(flipped)
        with pytest.raises(LedgerError):
            replica.follow(ExportFile(path))
        assert list(replica.blocks()) == newest[: replica.view().height]
    path.write_bytes(data)
    replica.follow(ExportFile(path))
    assert replica.verify() == council.engine.verify()


@pytest.mark.parametrize(
    "first",
    [b"", b"\n", b"{}\n", b"[]\n", b"1\n", b'"text"\n', b"no json\n", b"\xff\n", b"\x00" * 100 + b"\n"],
)
def test_file_that_is_no_export_is_told(path: Path, first: bytes) -> None:
    path.write_bytes(first)
    with pytest.raises(ExportInvalid):
        ExportFile(path)


@pytest.mark.parametrize("field", ["format", "version", "genesis"])
@pytest.mark.parametrize("value", [None, True, 2, "chartseal", {}, []])
def test_head_of_another_kind_is_told(path: Path, field: str, value: object) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(with_field(field, value)(lines[0]) + b"".join(lines[1:]))
    with pytest.raises(ExportInvalid):
        ExportFile(path)


def test_genesis_that_is_none_is_told(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"seats":4', b'"seats":0', 1))
    with pytest.raises(ExportInvalid):
        ExportFile(path)


def test_genesis_of_another_ledger_under_these_blocks_is_told(path: Path, tmp_path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data.replace(ident("this ledger").encode(), ident("another ledger").encode(), 1))
    source = ExportFile(path)
    replica = Replica.create(tmp_path / "other", source.genesis)
    with pytest.raises(LedgerError) as caught:
        replica.follow(source)
    assert caught.value.code == "block-invalid"
    assert replica.view().height == 0
    replica.close()
