"""Stores on real servers for every test that asks; a server is started once, when it is first needed."""

from collections.abc import Iterator

import pytest

from benchmarks.servers.running import Running
from cloud.open import open_store
from cloud.store import Store
from tests.cloud.backends import BACKENDS, QUICK, Servers


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    started = Servers(tmp_path_factory.mktemp("servers"))
    yield started
    started.close()


@pytest.fixture(params=BACKENDS)
def running(request: pytest.FixtureRequest, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Running:
    fresh = servers.fresh(request.param)
    for name, value in fresh.env.items():
        monkeypatch.setenv(name, value)
    return fresh


@pytest.fixture
def store(running: Running) -> Iterator[Store]:
    opened = open_store(running.url, QUICK)
    yield opened
    opened.close()
