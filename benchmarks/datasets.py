"""Where real data lies: below ``$CHARTSEAL_DATA`` or, as for the tests, in ``../shared/data`` beside the repository."""

from __future__ import annotations

import os
from pathlib import Path


def dataset(name: str) -> Path:
    """Folder of the data set ``name``, which need not be there."""
    return Path(os.environ.get("CHARTSEAL_DATA") or Path(__file__).parents[2] / "shared" / "data") / name
