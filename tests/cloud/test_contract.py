"""The contract of a store, against every backend on a real server. A new backend is a line in ``backends.py``."""

import hashlib
import io
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pytest

from benchmarks.servers.running import Running
from cloud.errors import BlockExists, BlockNotFound, CloudError, LocatorInvalid
from cloud.open import open_store
from cloud.store import Listed, Receipt, Store
from cloud.url import parse_url
from tests.cloud.backends import QUICK
from tests.cloud.samples import LARGE_BYTES, content, fetched, locator_of

SMALL = content(1000)
LOCATOR = locator_of(SMALL)


@pytest.mark.parametrize("size", [0, 1, 1000, 1 << 20, LARGE_BYTES])
def test_what_is_put_comes_back(store: Store, size: int) -> None:
    data = content(size)
    locator = locator_of(data)
    receipt = store.put(locator, io.BytesIO(data))
    assert (receipt.locator, receipt.size_bytes) == (locator, size)
    assert receipt.sha256 == hashlib.sha256(data).digest()
    assert fetched(store, locator) == data
    assert store.size(locator) == size
    assert store.exists(locator)


def test_a_file_is_taken_and_its_name_may_go(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "block"
    path.write_bytes(SMALL)
    with path.open("rb") as source:
        receipt = store.put(LOCATOR, source)
    path.unlink()
    assert receipt.size_bytes == len(SMALL)
    assert receipt.sha256 in {None, hashlib.sha256(SMALL).digest()}
    assert fetched(store, LOCATOR) == SMALL


def test_an_unnamed_file_is_copied(store: Store) -> None:
    with tempfile.TemporaryFile() as source:
        source.write(SMALL)
        source.seek(0)
        store.put(LOCATOR, source)
        source.truncate(0)
    assert fetched(store, LOCATOR) == SMALL


@pytest.mark.parametrize("size", [1000, LARGE_BYTES])
def test_the_same_content_again_gives_a_receipt(store: Store, size: int) -> None:
    data = content(size)
    first = store.put(locator_of(data), io.BytesIO(data))
    second = store.put(locator_of(data), io.BytesIO(data))
    assert (first.locator, first.size_bytes) == (second.locator, second.size_bytes)
    assert second.sha256 == hashlib.sha256(data).digest()


@pytest.mark.parametrize("size", [1000, LARGE_BYTES])
def test_other_content_never_replaces_a_block(store: Store, size: int) -> None:
    data = content(size)
    store.put(locator_of(data), io.BytesIO(data))
    for other in (data[:-1] + bytes([data[-1] ^ 1]), data[:-1], data + b"x", b""):
        with pytest.raises(BlockExists, match=locator_of(data)):
            store.put(locator_of(data), io.BytesIO(other))
    assert fetched(store, locator_of(data)) == data
    assert list(store.list()) == [Listed(locator_of(data), size)]


def test_ranges(store: Store) -> None:
    data = content(3 << 20)
    locator = locator_of(data)
    store.put(locator, io.BytesIO(data))
    assert store.get_range(locator, 0, 10) == data[:10]
    assert store.get_range(locator, 1_000_000, 100_000) == data[1_000_000:1_100_000]
    assert store.get_range(locator, len(data) - 22, 22) == data[-22:]
    assert store.get_range(locator, len(data) - 5, 100) == data[-5:]
    assert store.get_range(locator, 0, len(data) + 1) == data
    assert store.get_range(locator, len(data), 10) == b""
    assert store.get_range(locator, len(data) + 10, 10) == b""
    assert store.get_range(locator, 5, 0) == b""
    assert fetched(store, locator) == data


def test_an_absent_block(store: Store) -> None:
    assert not store.exists(LOCATOR)
    for ask in (
        lambda: store.get(LOCATOR, io.BytesIO()),
        lambda: store.get_range(LOCATOR, 0, 1),
        lambda: store.size(LOCATOR),
        lambda: store.delete(LOCATOR),
    ):
        with pytest.raises(BlockNotFound, match=LOCATOR):
            ask()
    assert list(store.list()) == []


def test_listing_is_ordered_and_whole(store: Store) -> None:
    blocks = {locator_of(content(size, seed=size)): size for size in range(1, 30)}
    for locator, size in blocks.items():
        store.put(locator, io.BytesIO(content(size, seed=size)))
    assert list(store.list()) == [Listed(locator, blocks[locator]) for locator in sorted(blocks)]
    one = min(blocks)
    for prefix in (one[:1], one[:2], one[:3], one):
        expected = [Listed(locator, blocks[locator]) for locator in sorted(blocks) if locator.startswith(prefix)]
        assert list(store.list(prefix)) == expected


def test_a_loop_over_the_listing_may_use_the_store(store: Store) -> None:
    for size in range(1, 6):
        store.put(locator_of(content(size)), io.BytesIO(content(size)))
    assert sum(len(fetched(store, entry.locator)) for entry in store.list()) == 1 + 2 + 3 + 4 + 5


def test_a_deleted_block_is_gone_and_can_be_put_again(store: Store) -> None:
    store.put(LOCATOR, io.BytesIO(SMALL))
    store.delete(LOCATOR)
    assert not store.exists(LOCATOR)
    store.put(LOCATOR, io.BytesIO(SMALL))
    assert fetched(store, LOCATOR) == SMALL


@pytest.mark.parametrize("name", ["", "..", "../" + LOCATOR, LOCATOR.upper(), LOCATOR + "0", LOCATOR[:-1] + "/", "a\n"])
def test_no_other_name_reaches_the_store(store: Store, name: str) -> None:
    for ask in (
        lambda: store.put(name, io.BytesIO(SMALL)),
        lambda: store.get(name, io.BytesIO()),
        lambda: store.get_range(name, 0, 1),
        lambda: store.size(name),
        lambda: store.exists(name),
        lambda: store.delete(name),
        lambda: list(store.list(name + "/")),
    ):
        with pytest.raises(LocatorInvalid):
            ask()


def test_of_racing_writers_one_wins(running: Running) -> None:
    """Two computers, so to say: each writer has its own connections."""
    writers = [open_store(running.url, QUICK) for _ in range(4)]
    assert writers[0].properties.conditional_put
    for round_ in range(5):
        locator = locator_of(b"race %d" % round_)
        start = threading.Barrier(len(writers))

        def put(number: int, locator: str = locator, start: threading.Barrier = start) -> Receipt | CloudError:
            data = content(20_000, seed=number)
            start.wait()
            try:
                return writers[number].put(locator, io.BytesIO(data))
            except CloudError as error:
                return error

        with ThreadPoolExecutor(len(writers)) as threads:
            results = list(threads.map(put, range(len(writers))))
        won = [number for number, result in enumerate(results) if isinstance(result, Receipt)]
        assert len(won) == 1, results
        assert {type(result) for result in results} == {Receipt, BlockExists}, results
        assert fetched(writers[0], locator) == content(20_000, seed=won[0])
    for writer in writers:
        writer.close()


def test_racing_writers_of_the_same_block_all_get_a_receipt(running: Running, tmp_path: Path) -> None:
    data = content(3 << 20)
    path = tmp_path / "block"
    path.write_bytes(data)
    writers = [open_store(running.url, QUICK) for _ in range(3)]
    start = threading.Barrier(len(writers))

    def put(writer: Store) -> Receipt:
        with path.open("rb") as source:
            start.wait()
            return writer.put(locator_of(data), source)

    with ThreadPoolExecutor(len(writers)) as threads:
        receipts = list(threads.map(put, writers))
    assert {receipt.size_bytes for receipt in receipts} == {len(data)}
    assert fetched(writers[0], locator_of(data)) == data
    assert [entry.size_bytes for entry in writers[0].list()] == [len(data)]
    for writer in writers:
        writer.close()


def test_many_threads_share_a_store(store: Store) -> None:
    blocks = {locator_of(content(5000, seed=number)): content(5000, seed=number) for number in range(24)}

    def there_and_back(locator: str) -> bytes:
        store.put(locator, io.BytesIO(blocks[locator]))
        return fetched(store, locator)

    with ThreadPoolExecutor(12) as threads:
        assert list(threads.map(there_and_back, blocks)) == list(blocks.values())
    assert [entry.locator for entry in store.list()] == sorted(blocks)


def test_foreign_and_unfinished_names_are_not_listed(running: Running, store: Store) -> None:
    store.put(LOCATOR, io.BytesIO(SMALL))
    if running.root is None:
        bucket, prefix = parse_url(running.url).host, parse_url(running.url).path.strip("/")
        s3 = boto3.Session().client(
            "s3", endpoint_url=parse_url(running.url).options["endpoint"], region_name="us-east-1"
        )
        s3.put_object(Bucket=bucket, Key=f"{prefix}/readme", Body=b"somebody's own")
        s3.create_multipart_upload(Bucket=bucket, Key=f"{prefix}/{locator_of(b'other')}")
        assert list(store.list()) == [Listed(LOCATOR, len(SMALL))]
        assert not store.exists(locator_of(b"other"))
        return
    unfinished = running.root / ".partial" / f"{locator_of(b'other')}.0123"
    if "ftp://" in running.url or "ftps://" in running.url:
        unfinished.mkdir()
    else:
        unfinished.write_bytes(b"half")
    (running.root / LOCATOR[:2] / "notes.txt").write_bytes(b"somebody's own")
    (running.root / "readme").write_bytes(b"somebody's own")
    assert list(store.list()) == [Listed(LOCATOR, len(SMALL))]
    assert not store.exists(locator_of(b"other"))
