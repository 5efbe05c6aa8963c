"""A server that answers by script, and a hospital's home for it to tell of."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clinic.scene import Scene, Template, open_scene
from tests.network.client.scripted import Reply, ScriptedServer, scripted


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScriptedServer]:
    """One for all tests, for its keys."""
    with scripted(tmp_path_factory.mktemp("scripted")) as running:
        yield running


@pytest.fixture
def server(shared_server: ScriptedServer) -> ScriptedServer:
    """Answers an empty object to everything, until a test says otherwise."""
    shared_server.asked.clear()
    shared_server.answer = lambda _asked: Reply(body=b"{}")
    return shared_server


@pytest.fixture
def scene(template: Template, tmp_path: Path) -> Iterator[Scene]:
    """The hospital's own home, opened."""
    with open_scene(template, tmp_path / "hospital") as opened:
        yield opened


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between attempts take no time."""
    monkeypatch.setattr("network.client.transport.FIRST_WAIT_S", 0.001)
