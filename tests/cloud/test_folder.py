"""What only a folder has: hard links, file systems without them, access rights, what a killed writer left."""

import errno
import io
import os
import stat
from pathlib import Path
from typing import NoReturn

import pytest

from cloud.backends.folder import FolderStore
from cloud.errors import AccessDenied, BlockExists, CloudError, StoreFull
from cloud.open import open_store
from tests.cloud.samples import content, fetched, locator_of

DATA = content(3000)
LOCATOR = locator_of(DATA)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "outbox-block"
    path.write_bytes(DATA)
    return path


def test_a_file_becomes_the_block_without_a_copy(tmp_path: Path, source: Path) -> None:
    store = FolderStore(tmp_path / "store", "file:///store")
    with source.open("rb") as file:
        assert store.put(LOCATOR, file).sha256 is None
    assert (tmp_path / "store" / LOCATOR[:2] / LOCATOR).samefile(source)


def test_a_symbolic_link_is_not_linked_to(tmp_path: Path, source: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(source)
    store = FolderStore(tmp_path / "store", "file:///store")
    with link.open("rb") as file:
        store.put(LOCATOR, file)
    block = tmp_path / "store" / LOCATOR[:2] / LOCATOR
    assert stat.S_ISREG(block.lstat().st_mode)
    assert block.read_bytes() == DATA


def refuse(number: int) -> object:
    def link(*_: object, **__: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return link


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.EMLINK])
def test_a_file_system_without_hard_links(
    tmp_path: Path, source: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", refuse(number))
    store = FolderStore(tmp_path / "store", "file:///store")
    with source.open("rb") as file:
        assert store.put(LOCATOR, file).sha256 is not None
    assert fetched(store, LOCATOR) == DATA
    with pytest.raises(BlockExists):
        store.put(LOCATOR, io.BytesIO(b"other"))
    assert fetched(store, LOCATOR) == DATA


@pytest.mark.parametrize(
    ("number", "error"), [(errno.ENOSPC, StoreFull), (errno.EDQUOT, StoreFull), (errno.EROFS, AccessDenied)]
)
def test_a_full_disk_leaves_nothing(
    tmp_path: Path, number: int, error: type[CloudError], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FolderStore(tmp_path / "store", "file:///store")
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", refuse(number))
        with pytest.raises(error):
            store.put(LOCATOR, io.BytesIO(DATA))
    assert list(store.list()) == []
    assert list((tmp_path / "store" / ".partial").iterdir()) == []
    store.put(LOCATOR, io.BytesIO(DATA))


def test_blocks_are_for_their_owner_alone(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store", "file:///store")
    store.put(LOCATOR, io.BytesIO(DATA))
    for path in (tmp_path / "store", *(tmp_path / "store").rglob("*")):
        assert path.stat().st_mode & 0o077 == 0


def test_only_what_nobody_is_writing_is_swept(tmp_path: Path) -> None:
    folder = tmp_path / "store" / ".partial"
    folder.mkdir(parents=True)
    (folder / f"{LOCATOR}.dead").write_bytes(b"half")
    (folder / "readme").write_bytes(b"somebody's own")
    FolderStore(tmp_path / "store", "file:///store")
    assert [path.name for path in folder.iterdir()] == ["readme"]


def test_a_file_where_the_folder_should_be(tmp_path: Path, source: Path) -> None:
    with pytest.raises(CloudError):
        open_store(f"file://{source}")
    with pytest.raises(CloudError):
        open_store(f"file://{source}/below")
