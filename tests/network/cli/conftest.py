"""People of a running clinic, each with a home of her own, and a shell that walks their commands."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ledger.bodies import Role
from tests.clinic.cli.conftest import Shell
from tests.network.at_home import At, join
from tests.network.cli.commands import Walk
from tests.network.running import Clinic, Homes, running


@dataclass(frozen=True)
class Scene:
    """A running clinic, the homes of one test beside it, and the shell that is at them."""

    clinic: Clinic
    walk: Walk
    folder: Path

    def copied(self, name: str) -> At:
        """The home of a member of ``ROLES``, as a copy that nobody else uses."""
        folder = self.folder / name
        shutil.copytree(self.clinic.homes.folder / name, folder)
        return At(self.walk, folder)

    def joined(self, role: Role, name: str) -> At:
        """One more member, who joined by the command."""
        at = At(self.walk, self.folder / name.replace(" ", "-"))
        assert join(self.clinic, at, role, name)["status"] == "admitted"
        return at

    def file(self, name: str, text: str) -> Path:
        """A file to seal."""
        path = self.folder / name
        path.write_text(text)
        return path


def _scene(clinic: Clinic, shell: Shell, folder: Path) -> Scene:
    return Scene(clinic, Walk(shell.home, shell.monkeypatch, clinic.hospital.url), folder)


@pytest.fixture
def scene(clinic: Clinic, shell: Shell, tmp_path: Path) -> Scene:
    """At the clinic of the other tests, which stays as it is but for new members."""
    return _scene(clinic, shell, tmp_path)


@pytest.fixture(scope="session")
def lasting_clinic(homes: Homes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """For stories that change more: who is suspended, how delegates stand, which proxy runs."""
    with running(homes, tmp_path_factory.mktemp("walked")) as clinic:
        yield clinic


@pytest.fixture
def own_scene(lasting_clinic: Clinic, shell: Shell, tmp_path: Path) -> Scene:
    """At a clinic that only the walks of this folder use."""
    return _scene(lasting_clinic, shell, tmp_path)
