"""Presigned URLs: one block, one direction, for a while, and nothing is overwritten by them."""

import io
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cloud.backends.s3 import S3Store
from cloud.errors import PresignUnsupported
from cloud.open import Opening, open_store, open_stores
from cloud.presign import Direction, presigned
from cloud.store import Store
from cloud.url import parse_url
from tests.cloud.backends import QUICK, Servers
from tests.cloud.samples import content, fetched, locator_of

DATA = content(50_000)
LOCATOR = locator_of(DATA)
OTHER = locator_of(b"other")


@pytest.fixture
def weed(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Store, str]]:
    """A store on SeaweedFS behind the standard wrappers, and its URL."""
    running = servers.fresh("s3-seaweedfs")
    for name, value in running.env.items():
        monkeypatch.setenv(name, value)
    store = open_store(running.url, QUICK)
    yield store, running.url
    store.close()


def test_a_block_goes_directly_to_and_from_the_store(weed: tuple[Store, str]) -> None:
    store, _ = weed
    to = presigned(store, LOCATOR, Direction.PUT, seconds=60)
    assert httpx.put(to.url, content=DATA, headers=dict(to.headers)).is_success
    assert fetched(store, LOCATOR) == DATA
    back = presigned(store, LOCATOR, Direction.GET, seconds=60)
    assert httpx.get(back.url, headers=dict(back.headers)).content == DATA


def test_a_put_by_url_overwrites_nothing(weed: tuple[Store, str]) -> None:
    store, _ = weed
    store.put(LOCATOR, io.BytesIO(DATA))
    to = presigned(store, LOCATOR, Direction.PUT, seconds=60)
    assert httpx.put(to.url, content=b"other", headers=dict(to.headers)).status_code == 412
    unconditional = httpx.put(to.url, content=b"other")  # the condition is part of what was signed
    assert unconditional.status_code == 403
    assert fetched(store, LOCATOR) == DATA


def test_a_url_is_for_its_block_and_direction_alone(weed: tuple[Store, str]) -> None:
    store, _ = weed
    for locator, data in ((LOCATOR, DATA), (OTHER, b"other")):
        store.put(locator, io.BytesIO(data))
    url = presigned(store, LOCATOR, Direction.GET, seconds=60).url
    assert httpx.get(url.replace(LOCATOR, OTHER)).status_code == 403
    assert httpx.delete(url).status_code == 403
    assert httpx.put(url, content=b"x").status_code == 403
    assert fetched(store, LOCATOR) == DATA


def test_a_url_ends(weed: tuple[Store, str]) -> None:
    store, _ = weed
    store.put(LOCATOR, io.BytesIO(DATA))
    url = presigned(store, LOCATOR, Direction.GET, seconds=1).url
    time.sleep(2.1)
    assert httpx.get(url).status_code == 403


def test_a_url_is_in_no_repr(weed: tuple[Store, str]) -> None:
    made = presigned(weed[0], LOCATOR, Direction.GET, seconds=60)
    assert "X-Amz-Signature" in made.url
    assert "Signature" not in repr(made)


def test_where_each_block_gets_a_retention_none_is_put_by_url(weed: tuple[Store, str]) -> None:
    store = S3Store(parse_url(f"{weed[1]}&retention_days=1"))
    with pytest.raises(PresignUnsupported):
        store.presigned(LOCATOR, Direction.PUT, seconds=60)
    assert store.presigned(LOCATOR, Direction.GET, seconds=60).url
    store.close()


def test_a_folder_and_mirrors_have_none(tmp_path: Path) -> None:
    folders = [(tmp_path / name).as_uri() for name in ("one", "two")]
    for store in (open_store(folders[0], Opening()), open_stores(folders, Opening())):
        for direction in Direction:
            with pytest.raises(PresignUnsupported):
                presigned(store, LOCATOR, direction, seconds=60)
        store.close()
