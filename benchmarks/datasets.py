"""Where real data lies: below ``$CHARTSEAL_DATA`` or, as for the tests, in ``../shared/data`` beside the repository."""

from __future__ import annotations

import os
from pathlib import Path

NO_PUBLISHED_CASES = "not found; set CHARTSEAL_DATA to the folder that holds phenopackets/"
"""Why there are none, for people."""


def dataset(name: str) -> Path:
    """Folder of the data set ``name``, which need not be there."""
    return Path(os.environ.get("CHARTSEAL_DATA") or Path(__file__).parents[2] / "shared" / "data") / name


def published_cases() -> tuple[Path, Path] | None:
    """The published cases and the queries among them, or ``None`` (``NO_PUBLISHED_CASES``) where they are not."""
    root = dataset("phenopackets")
    files = root / "cases.tsv.gz", root / "match_queries.tsv.gz"
    return files if all(map(Path.is_file, files)) else None
