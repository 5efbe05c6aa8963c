"""A server in a process of its own: one written in Python takes no time from who measures, and none outlives a crash.

The process ends, with the server, when its standard input does.
"""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.errors import ServerMissing, ServerUnavailable
from benchmarks.processes import end
from benchmarks.servers.running import Running
from benchmarks.servers.starters import STARTERS

_STOP_S = 30


@contextmanager
def apart(name: str, folder: Path, *, listen: str | None = None) -> Iterator[Running]:
    """Start the server ``name`` of ``STARTERS``; ``listen`` as there. Raises ``ServerUnavailable``."""
    command = [sys.executable, "-m", "benchmarks.servers.apart", name, str(folder), *([listen] if listen else [])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            told = process.stdout.readline() if process.stdout else ""
            if not told:
                raise ServerUnavailable(f"the server {name} did not start; its error stands above")
            yield _running(json.loads(told))
        finally:
            end(process, _STOP_S)


def _running(told: dict[str, Any]) -> Running:
    if "missing" in told:
        raise ServerMissing(told["missing"], told["feature"])
    root = told["root"] and Path(told["root"])
    return Running(told["url"], told["env"], root, tuple(told["secrets"]), tuple(told["ports"]))


def main(name: str, folder: str, *listen: str) -> None:
    """Start, tell the ``Running`` as one line of JSON, serve until the end of standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started this, who then closes standard input
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    options = {"listen": listen[0]} if listen else {}
    with ExitStack() as stack:
        try:
            running = stack.enter_context(STARTERS[name](place, **options))
        except ServerMissing as missing:
            told = {"missing": str(missing), "feature": missing.feature}
        else:
            told = dataclasses.asdict(running)
        sys.stdout.write(json.dumps(told, default=str) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
