"""What this process holds in memory, as Linux tells it (proc(5)); other systems tell nothing that means the same.

``ru_maxrss`` is not used: a process begins with that of the one that started it.
"""

from __future__ import annotations

import re
from pathlib import Path

UNKNOWN = "this system does not tell what a process holds in memory; measure on Linux"
"""Why there is no number, for people."""
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_RESTART = "5"


def peak_bytes() -> int | None:
    """The most that was resident since the process began or ``restart_peak``; ``None`` where nothing tells."""
    return _status("VmHWM")


def resident_bytes() -> int | None:
    """What is resident now; ``None`` where nothing tells."""
    return _status("VmRSS")


def restart_peak() -> bool:
    """Let ``peak_bytes`` begin anew with what is resident now; whether that is allowed here."""
    try:
        _CLEAR.write_text(_RESTART, encoding="ascii")
    except OSError:
        return False
    return True


def _status(kind: str) -> int | None:
    try:
        status = _STATUS.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = re.search(rf"^{kind}:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else None
