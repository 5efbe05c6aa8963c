"""A fresh process for each case: its lines come as they are made, and a crash loses none of them.

Its temporary files are in a folder of its own below that for temporary files (``$TMPDIR``), which is removed with it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from tempfile import TemporaryDirectory

from benchmarks.errors import CaseFailed
from benchmarks.results import Figure, Line, Series, from_json

GRACE_S = 15.0
"""So long a stopped case may take to end its own processes and remove its files."""


def measured(case: str, profile: str) -> Generator[Line, None, None]:
    """Run ``case`` in a process of its own. Raises ``CaseFailed`` after the lines of one that crashed or was empty."""
    command = [sys.executable, "-m", "benchmarks", "measure", case, "--profile", profile]
    found = 0
    # In a process group of its own: Ctrl-C reaches it once, from here, and its own children with it.
    with (
        TemporaryDirectory(prefix="chartseal-bench-", ignore_cleanup_errors=True) as scratch,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            process_group=0,
            env=os.environ | {"TMPDIR": scratch},
        ) as process,
    ):
        try:
            for text in process.stdout or ():
                line = from_json(text)
                found += isinstance(line, Series | Figure)
                yield line
        except BaseException:
            _stop(process)
            raise
    if process.returncode:
        raise CaseFailed(f"the case {case} ended with status {process.returncode}; its error stands above")
    if not found:
        raise CaseFailed(f"the case {case} measured nothing")


def end(process: subprocess.Popen[str], seconds: float) -> None:
    """Close the standard input of one that lives as long as that; killed, with ``TimeoutExpired``, if it goes on."""
    try:
        process.communicate(timeout=seconds)
    except BaseException:
        process.kill()
        raise


def _stop(process: subprocess.Popen[str]) -> None:
    for number in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, number)
            try:
                process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                continue
