"""Where the time of one run goes, by function."""

from __future__ import annotations

import cProfile
import time
from collections.abc import Callable
from pathlib import Path
from types import CodeType

FUNCTIONS = 25

Function = tuple[str, int, float, float]
"""Name, calls, own seconds, cumulative seconds."""


def profiled(run: Callable[[], object]) -> tuple[float, list[Function]]:
    """Seconds of a run under ``cProfile`` (slower than without), and the functions with the most time of their own.

    Only the calling thread is seen: what other threads do meanwhile shows as its waiting for them.
    """
    profiler = cProfile.Profile()
    started = time.perf_counter()
    profiler.runcall(run)
    seconds = time.perf_counter() - started
    entries = sorted(profiler.getstats(), key=lambda entry: entry.inlinetime, reverse=True)[:FUNCTIONS]
    return seconds, [
        (_name(entry.code), entry.callcount, round(entry.inlinetime, 6), round(entry.totaltime, 6)) for entry in entries
    ]


def _name(code: CodeType | str) -> str:
    if isinstance(code, str):
        return code
    return f"{'/'.join(Path(code.co_filename).parts[-2:])}: {code.co_qualname}"
