"""A hospital's home whose server certifies pseudonyms, in this process and without a socket."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clinic.scene import Template
from tests.network.server.serving import Served, serving


@pytest.fixture
def served(template: Template, tmp_path: Path) -> Iterator[Served]:
    """With the authority's key at hand."""
    with serving(template, tmp_path, authority=template.members["authority"]) as opened:
        yield opened
