"""FHIR histories to work on: the real ones of the shared data where they are, else made-up ones."""

from __future__ import annotations

import datetime
import zipfile
from dataclasses import dataclass

from benchmarks.datasets import dataset
from clinic.fhir.generate import generate

SEED = 20261121
_TODAY = datetime.date(2026, 11, 21)


@dataclass(frozen=True)
class Histories:
    """Bundles, and where they come from."""

    source: str
    bundles: tuple[bytes, ...]


def load(count: int) -> Histories:
    """At most ``count`` histories: ``synthea_fhir_r4/patients.zip`` of the real data, else generated."""
    path = dataset("synthea_fhir_r4") / "patients.zip"
    if path.is_file():
        with zipfile.ZipFile(path) as archive:
            names = sorted(name for name in archive.namelist() if name.endswith(".json"))[:count]
            return Histories("Synthea, FHIR R4", tuple(archive.read(name) for name in names))
    made_up = tuple(bundle for _, bundle in generate(count, SEED, _TODAY))
    return Histories(f"made up by clinic.fhir.generate, seed {SEED}", made_up)
