"""A fresh process for each case: its lines come as they are made, and a crash loses none of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from benchmarks.errors import CaseFailed
from benchmarks.results import Line, Series, from_json


def measured(case: str, profile: str) -> Iterator[Line]:
    """Run ``case`` in a process of its own. Raises ``CaseFailed`` after the lines of one that crashed or was empty."""
    command = [sys.executable, "-m", "benchmarks", "measure", case, "--profile", profile]
    samples = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            for text in process.stdout or ():
                line = from_json(text)
                samples += len(line.seconds) if isinstance(line, Series) else 0
                yield line
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        raise CaseFailed(f"the case {case} ended with status {process.returncode}; its error stands above")
    if not samples:
        raise CaseFailed(f"the case {case} measured nothing")
