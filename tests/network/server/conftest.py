"""A home being served, in this process and without a socket."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clinic.scene import FakeClock, Template, build_template
from tests.network.server.serving import Served, serving


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The home that is copied for each test; it lives at ``scene.START``."""
    return build_template(tmp_path_factory.mktemp("served-template") / "home", FakeClock())


@pytest.fixture
def served(template: Template, tmp_path: Path) -> Iterator[Served]:
    """A fresh home with everybody of the scene enrolled, being served."""
    with serving(template, tmp_path) as opened:
        yield opened
