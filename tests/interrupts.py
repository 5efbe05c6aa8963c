"""Ctrl-C in tests that send it, also where the tests themselves were started in the background; and who outlives it."""

import os
import signal
from pathlib import Path


def heeded() -> None:
    """For ``preexec_fn``: what a shell starts in the background ignores SIGINT, and so would the program under test."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def runs(process: int) -> bool:
    """Whether the process with this id is there and has not ended."""
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


def running_with(folder: Path) -> list[str]:
    """Command lines of the processes that were started with ``folder`` somewhere in their environment."""
    return [
        _read(place, "cmdline").replace("\0", " ")
        for place in Path("/proc").iterdir()
        if place.name.isdigit() and int(place.name) != os.getpid() and str(folder) in _read(place, "environ")
    ]


def _read(place: Path, name: str) -> str:
    try:
        return (place / name).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
