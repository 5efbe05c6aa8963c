"""What a test needs from outside: data folders and programs. Absent: a skip with its reason, or an error in CI.

``CHARTSEAL_REQUIRE=all`` (or a comma-separated list of feature names) turns the skip into a failure.
"""

import importlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.errors import ServerMissing


def _absent(feature: str, reason: str) -> None:
    required = os.environ.get("CHARTSEAL_REQUIRE", "").split(",")
    if "all" in required or feature in required:
        pytest.fail(f"{feature} is required here, but {reason}")
    pytest.skip(reason)


def data(folder: str) -> Path:
    """The folder of real data of that name."""
    root = Path(os.environ.get("CHARTSEAL_DATA") or Path(__file__).parents[2] / "shared" / "data")
    path = root / folder
    if not path.is_dir():
        _absent("data", f"the data folder {folder} is not here; set CHARTSEAL_DATA to the folder that holds it")
    return path


def module(name: str, *, feature: str) -> Any:
    """An installed Python module."""
    try:
        return importlib.import_module(name)
    except ImportError:
        _absent(feature, f"the Python module {name} is not installed")


def program(name: str, *, feature: str, folders: Iterable[Path] = ()) -> str:
    """Path of an installed program (also looked for in the sbin folders, and before all in ``folders``)."""
    places = [*map(str, folders), os.environ.get("PATH", os.defpath), "/usr/sbin:/usr/local/sbin:/sbin"]
    path = shutil.which(name, path=":".join(places))
    if path is None:
        _absent(feature, f"the program {name} is not installed")
        raise AssertionError
    return path


@contextmanager
def servers() -> Iterator[None]:
    """What the servers that are started within need."""
    try:
        yield
    except ServerMissing as missing:
        _absent(missing.feature, str(missing))
