"""Cuts, stalls and kills against real servers: nothing lost, nothing half-visible, the next run finishes the work."""

import io
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.servers.running import Running
from cloud.errors import BlockNotFound, CloudTransient, StoreUnreachable
from cloud.open import open_store
from tests.cloud.backends import BACKENDS, ONCE, OVER_NETWORK, QUICK, Servers
from tests.cloud.samples import LARGE_BYTES, content, fetched, locator_of
from tests.servers.cutting_proxy import CuttingProxy

DATA = content(LARGE_BYTES)
LOCATOR = locator_of(DATA)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "outbox-block"
    path.write_bytes(DATA)
    return path


@pytest.fixture(params=OVER_NETWORK)
def proxied(
    request: pytest.FixtureRequest, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> tuple[Running, CuttingProxy]:
    running, proxy = servers.behind_proxy(request.param)
    for name, value in running.env.items():
        monkeypatch.setenv(name, value)
    return running, proxy


def test_an_upload_that_is_cut_is_resumed_by_the_retry(proxied: tuple[Running, CuttingProxy], source: Path) -> None:
    running, proxy = proxied
    store = open_store(running.url, QUICK)
    proxy.cut_up(LARGE_BYTES * 3 // 4)
    with source.open("rb") as file:
        assert store.put(LOCATOR, file).size_bytes == LARGE_BYTES
    assert proxy.cuts == 1
    if not running.url.startswith("s3"):
        assert proxy.bytes_up < LARGE_BYTES * 1.4, "it started again instead of going on"
    assert fetched(store, LOCATOR) == DATA
    store.close()


def test_after_a_cut_nothing_shows_and_the_next_run_goes_on(
    proxied: tuple[Running, CuttingProxy], source: Path
) -> None:
    running, proxy = proxied
    store = open_store(running.url, ONCE)
    proxy.cut_up(LARGE_BYTES * 3 // 4)
    with source.open("rb") as file, pytest.raises(CloudTransient):
        store.put(LOCATOR, file)
    assert not store.exists(LOCATOR)
    assert list(store.list()) == []
    with pytest.raises(BlockNotFound):
        store.get(LOCATOR, io.BytesIO())
    store.close()
    sent_before = proxy.bytes_up
    store = open_store(running.url, ONCE)
    with source.open("rb") as file:
        store.put(LOCATOR, file)
    assert fetched(store, LOCATOR) == DATA
    if not running.url.startswith("s3"):
        assert proxy.bytes_up - sent_before < LARGE_BYTES * 0.7, "it started again instead of going on"
    store.close()


def test_a_download_that_is_cut_is_resumed(proxied: tuple[Running, CuttingProxy]) -> None:
    running, proxy = proxied
    store = open_store(running.url, QUICK)
    store.put(LOCATOR, io.BytesIO(DATA))
    proxy.cut_down(LARGE_BYTES // 2)
    assert fetched(store, LOCATOR) == DATA
    assert proxy.cuts == 1
    store.close()


def test_a_download_that_is_cut_is_never_taken_for_whole(proxied: tuple[Running, CuttingProxy]) -> None:
    running, proxy = proxied
    store = open_store(running.url, ONCE)
    store.put(LOCATOR, io.BytesIO(DATA))
    proxy.cut_down(LARGE_BYTES // 2)
    with pytest.raises(CloudTransient):
        store.get(LOCATOR, io.BytesIO())
    store.close()


def test_a_server_that_stalls_is_given_up(proxied: tuple[Running, CuttingProxy]) -> None:
    running, proxy = proxied
    store = open_store(running.url, replace(ONCE, timeout_s=0.4))
    store.put(LOCATOR, io.BytesIO(b"warm"))
    proxy.delay_s = 1.5
    with pytest.raises(StoreUnreachable):
        store.size(LOCATOR)
    proxy.delay_s = 0
    store.close()


def test_a_slow_server_is_waited_for(proxied: tuple[Running, CuttingProxy]) -> None:
    running, proxy = proxied
    store = open_store(running.url, ONCE)
    proxy.delay_s = 0.02
    store.put(LOCATOR, io.BytesIO(b"slow"))
    assert fetched(store, LOCATOR) == b"slow"
    store.close()


def test_a_connection_that_broke_while_idle_is_replaced(proxied: tuple[Running, CuttingProxy]) -> None:
    running, proxy = proxied
    store = open_store(running.url, QUICK)
    store.put(LOCATOR, io.BytesIO(b"first"))
    proxy.cut_up(0)
    assert store.exists(LOCATOR)
    assert fetched(store, LOCATOR) == b"first"
    store.close()


@pytest.mark.parametrize("backend", BACKENDS)
def test_sigkill_in_the_middle_of_a_put(
    backend: str, servers: Servers, monkeypatch: pytest.MonkeyPatch, source: Path
) -> None:
    running = servers.fresh(backend)
    for name, value in running.env.items():
        monkeypatch.setenv(name, value)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.cloud.killed_put", running.url, str(source)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=dict(os.environ),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"half\n"
    process.kill()
    process.wait()
    process.stdout.close()
    store = open_store(running.url, QUICK)
    assert not store.exists(LOCATOR)
    assert list(store.list()) == []
    with source.open("rb") as file:
        store.put(LOCATOR, file)
    assert fetched(store, LOCATOR) == DATA
    assert [entry.locator for entry in store.list()] == [LOCATOR]
    if running.root is not None:
        assert [path.name for path in (running.root / ".partial").iterdir()] == [], "the unfinished upload was left"
    store.close()


@pytest.mark.parametrize("scheme", ["ftp", "ftps", "sftp", "s3"])
def test_nobody_listens(scheme: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login clinic password p\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    place = "bucket/p?endpoint=http://127.0.0.1:9&region=us-east-1" if scheme == "s3" else "clinic@127.0.0.1:9/p"
    store = open_store(f"{scheme}://{place}", ONCE)
    with pytest.raises(StoreUnreachable, match="did not answer"):
        store.exists(LOCATOR)
    store.close()
