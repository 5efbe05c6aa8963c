"""Homes are made once a session; each test gets a copy of them, or what serves a copy."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from clinic.cli import session
from network.cli.main import main
from scheme import keyfile
from tests.clinic.cli.conftest import Shell
from tests.clinic.scene import PASSWORD, FakeClock, Template, build_template
from tests.network.running import Clinic, Homes, build_homes, running


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The home that is copied for each test; it lives at ``scene.START``."""
    return build_template(tmp_path_factory.mktemp("network-template") / "home", FakeClock())


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Homes:
    """Homes of a hospital, its members and its proxies, to be copied."""
    return build_homes(tmp_path_factory.mktemp("homes"))


@pytest.fixture(scope="session")
def shared_clinic(homes: Homes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """Server and proxies for the tests that leave them running as they were."""
    with running(homes, tmp_path_factory.mktemp("clinic")) as clinic:
        yield clinic


@pytest.fixture
def clinic(shared_clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clinic]:
    """As ``shared_clinic``, forwarding everything again afterwards; pauses between attempts are short."""
    monkeypatch.setattr("network.client.transport.FIRST_WAIT_S", 0.01)
    yield shared_clinic
    for link in shared_clinic.links:
        link.reset()


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell of anybody's, 120 columns wide; each command names its home."""
    monkeypatch.setattr(session, "PASSWORD_PROFILE", keyfile.TEST)
    monkeypatch.setattr("tests.clinic.cli.conftest.main", main)
    monkeypatch.setattr("network.client.transport.FIRST_WAIT_S", 0.01)
    monkeypatch.setenv("CHARTSEAL_PASSWORD", PASSWORD)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("CHARTSEAL_HOME", raising=False)
    monkeypatch.delenv("CHARTSEAL_SERVER", raising=False)
    return Shell(tmp_path, monkeypatch)
