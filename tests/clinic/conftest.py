"""One home is made a session; each test gets a copy of it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from clinic.cli import session
from scheme import keyfile
from tests.clinic.scene import FakeClock, Scene, Template, build_template, copy_home, open_scene


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The home that scenes are copied from; it lives at ``scene.START``."""
    return build_template(tmp_path_factory.mktemp("template") / "home", FakeClock())


@pytest.fixture
def scene(template: Template, tmp_path: Path) -> Iterator[Scene]:
    """A fresh home with everybody enrolled, opened, on a store in memory and with a clock that stands still."""
    with open_scene(template, tmp_path) as opened:
        yield opened


@pytest.fixture(scope="session")
def template_of_today(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """As ``template``, at the machine's time: for the command, which knows no other."""
    return build_template(tmp_path_factory.mktemp("template-today") / "home", lambda: int(time.time()))


@pytest.fixture
def home_folder(template_of_today: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A closed home on a ``file://`` store beside it, for the command; people and password as in ``scene``."""
    monkeypatch.setattr(session, "PASSWORD_PROFILE", keyfile.TEST)
    return copy_home(template_of_today, tmp_path)
