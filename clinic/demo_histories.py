"""The histories that the demo plays with: files, folders and zips of FHIR bundles, or made-up ones."""

from __future__ import annotations

import datetime
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from clinic import durable
from clinic.errors import InputInvalid
from clinic.fhir.generate import generate

DEMO_PATIENTS = 3
DEMO_SEED = 20261121
_UUID_AT_END = re.compile(r"_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


def histories(paths: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    """Bundles to play with, each with a name: files, folders and zips of them; none given, made-up ones.

    Raises ``InputInvalid``.
    """
    taken: set[str] = set()
    for stem, data in _files(paths):
        short = _UUID_AT_END.sub("", stem).replace("_", " ")
        name = stem if short in taken else short
        taken.add(name)
        yield name, data


def _files(paths: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    if not paths:
        for name, data in generate(DEMO_PATIENTS, DEMO_SEED, datetime.datetime.now(datetime.UTC).date()):
            yield Path(name).stem, data
    for path in paths:
        if path.is_dir():
            for file in sorted(path.glob("*.json")):
                yield file.stem, durable.read(file)
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for name in sorted(archive.namelist()):
                    if name.endswith(".json"):
                        yield Path(name).stem, archive.read(name)
        elif path.is_file():
            yield path.stem, durable.read(path)
        else:
            raise InputInvalid(f"there is no file or folder {path.name}")
