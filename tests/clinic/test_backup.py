"""A backup holds everything but the blocks, opens with its password alone, and comes back whole or not at all."""

import io
import os
import random
import shutil
import tarfile
from pathlib import Path

import pytest
import sqlalchemy as sa

from clinic import backup
from clinic.backup import restore_backup, write_backup
from clinic.errors import HomeInvalid, InputInvalid
from clinic.home import Home
from clinic.home_config import EMBEDDED
from scheme import chunked, keyfile
from scheme.errors import ChartSealError, Damaged
from scheme.keyfile import KeyfileWeak, WrongPassword
from tests.clinic.scene import AUTHOR, OTHER, PASSWORD, PATIENT, Scene, draft
from tests.servers.postgresql import fresh_database

SECRET = "the backup's own password"


@pytest.fixture
def written(scene: Scene, tmp_path: Path) -> Path:
    """A backup of a home in which something was sealed and granted."""
    scene.seal(draft(text="potassium 4.10 mmol/l"))
    scene.grant()
    path = tmp_path / "home.backup"
    assert write_backup(scene.home.folder, path, SECRET, profile=keyfile.TEST) == path.stat().st_size
    return path


def restored(source: Path, home: Path, password: str = SECRET) -> Home:
    restore_backup(source, home, password, allow_test_profile=True)
    return Home(home, profile=keyfile.TEST)


def contents(folder: Path) -> dict[str, bytes]:
    """Relative path to bytes, but for locks and the ledger, which SQLite copies in its own way."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "lock" not in path.name and not path.name.startswith("ledger.sqlite")
    }


def test_a_home_comes_back_as_it_was(scene: Scene, written: Path, tmp_path: Path) -> None:
    home = restored(written, tmp_path / "restored")
    assert contents(home.folder) == contents(scene.home.folder)
    home = Home(home.folder, clock=scene.clock, profile=keyfile.TEST)
    with home.site() as site:
        assert site.engine.view().head == scene.site.engine.view().head
        assert site.engine.verify().entries == scene.site.engine.verify().entries
    assert home.unlock(PATIENT, PASSWORD).member_id == scene.patient.member_id


def test_nothing_in_the_restored_home_is_for_others(written: Path, tmp_path: Path) -> None:
    os.umask(os.umask(0))
    home = restored(written, tmp_path / "restored")
    for path in [home.folder, *home.folder.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path
    assert written.stat().st_mode & 0o777 == 0o600


def test_a_backup_shows_nothing(scene: Scene, written: Path) -> None:
    data = written.read_bytes()
    for word in (PATIENT, AUTHOR, OTHER, "potassium", "keystore", "ledger", "directory", scene.patient.member_id):
        assert word.encode() not in data


def test_the_blocks_are_not_in_it(scene: Scene, written: Path, tmp_path: Path) -> None:
    large = os.urandom(1 << 20)
    scene.seal(draft(text=large))
    second = tmp_path / "second.backup"
    assert write_backup(scene.home.folder, second, SECRET, profile=keyfile.TEST) < written.stat().st_size + 100_000


def test_what_is_there_is_not_overwritten(scene: Scene, written: Path, tmp_path: Path) -> None:
    before = written.read_bytes()
    with pytest.raises(InputInvalid):
        write_backup(scene.home.folder, written, SECRET, profile=keyfile.TEST)
    assert written.read_bytes() == before
    with pytest.raises(HomeInvalid):
        restored(written, scene.home.folder)
    with pytest.raises(HomeInvalid):
        restored(written, written)


def test_a_wrong_password_restores_nothing(written: Path, tmp_path: Path) -> None:
    for password in (PASSWORD, SECRET + " ", SECRET.upper()):
        with pytest.raises(WrongPassword):
            restored(written, tmp_path / "restored", password)
    assert not (tmp_path / "restored").exists()


def test_the_test_profile_is_refused_by_everybody_else(written: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyfileWeak):
        restore_backup(written, tmp_path / "restored", SECRET)
    assert not (tmp_path / "restored").exists()


def test_a_backup_that_is_not_there_or_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid):
        restored(tmp_path / "none", tmp_path / "restored")
    for data in (b"", b"\x00", b"\xff" * 100, b"\x00\x00\x00\x10short", os.urandom(5000)):
        path = tmp_path / "garbage"
        path.write_bytes(data)
        with pytest.raises(ChartSealError):
            restored(path, tmp_path / "restored")
    assert not (tmp_path / "restored").exists()


def test_no_damage_anywhere_goes_unnoticed(written: Path, tmp_path: Path) -> None:
    data = written.read_bytes()
    damaged = tmp_path / "damaged"
    places = [*range(120), *random.Random(3).sample(range(len(data)), 60), len(data) - 1]
    for place in places:
        damaged.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(ChartSealError):
            restored(damaged, tmp_path / "restored")
    for size in (4, 100, len(data) // 2, len(data) - 17, len(data) - 1):
        damaged.write_bytes(data[:size])
        with pytest.raises(ChartSealError):
            restored(damaged, tmp_path / "restored")
    damaged.write_bytes(data + b"\x00")
    with pytest.raises(Damaged):
        restored(damaged, tmp_path / "restored")
    assert not (tmp_path / "restored").exists()


def forged(archive: bytes) -> bytes:
    """A backup with any content, as somebody who knows the password could make it."""
    key = os.urandom(chunked.KEY_SIZE)
    head = keyfile.seal_keyfile(SECRET, key, profile=keyfile.TEST, context=backup._CONTEXT)
    return len(head).to_bytes(4, "big") + head + chunked.seal_bytes(key, backup._CONTEXT, archive)


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return sink.getvalue()


def linked(name: str, target: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize(
    "archive",
    [
        b"not a tar at all",
        tar_of((tarfile.TarInfo("../outside"), b"x")),
        tar_of((tarfile.TarInfo("good"), b"x"), (linked("link", "../../outside", tarfile.SYMTYPE), b"")),
        tar_of((linked("device", "", tarfile.CHRTYPE), b"")),
    ],
)
def test_a_forged_archive_leads_nowhere_and_leaves_nothing(tmp_path: Path, archive: bytes) -> None:
    source = tmp_path / "in" / "forged"
    source.parent.mkdir()
    source.write_bytes(forged(archive))
    with pytest.raises(InputInvalid):
        restored(source, tmp_path / "in" / "restored")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["forged", "in"]


def test_a_backup_during_writes_is_a_whole_one(scene: Scene, tmp_path: Path) -> None:
    for number in range(3):
        scene.seal(draft(text=f"record {number}"))
        path = tmp_path / f"{number}.backup"
        write_backup(scene.home.folder, path, SECRET, profile=keyfile.TEST)
        home = Home(restored(path, tmp_path / str(number)).folder, clock=scene.clock, profile=keyfile.TEST)
        with home.site() as site:
            assert len(site.state().blocks(patient=scene.patient.member_id)) == number + 1
        shutil.rmtree(home.folder)


def test_a_ledger_in_postgresql_is_in_the_backup_and_restored_into_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = sa.make_url(fresh_database())
    monkeypatch.setenv("PGPASSWORD", str(given.password))
    home = Home.create(
        tmp_path / "home",
        stores=[(tmp_path / "store").as_uri()],
        ledger=f"postgresql://{given.username}@{given.host}:{given.port}/{given.database}",
        password=SECRET,
        proxies=1,
        threshold=1,
        profile=keyfile.TEST,
    )
    path = tmp_path / "backup"
    write_backup(home.folder, path, SECRET, ledger=home.ledger_place, profile=keyfile.TEST)
    again = Home(restored(path, tmp_path / "again").folder, profile=keyfile.TEST)
    assert again.config.ledger == EMBEDDED
    with home.site() as before, again.site() as after:
        assert after.state().root == before.state().root
        assert after.engine.verify().height == before.engine.view().height == 1


def test_a_home_that_is_none_is_not_backed_up(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ChartSealError):
        write_backup(tmp_path / "empty", tmp_path / "file", SECRET, profile=keyfile.TEST)
    assert not (tmp_path / "file").exists()
