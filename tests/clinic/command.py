"""The command in a process of its own, as people run it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.clinic.scene import PASSWORD

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    status: int
    out: str
    err: str


def chartseal(home: Path, *words: str) -> Ran:
    """Run ``chartseal`` on a home whose passwords are all ``PASSWORD``."""
    environment = os.environ | {"CHARTSEAL_PASSWORD": PASSWORD}
    command = [sys.executable, "-m", "tests.clinic.weak_chartseal", *words, "--home", str(home)]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    return Ran(done.returncode, done.stdout, done.stderr)
