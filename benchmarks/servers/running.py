"""What every starter yields, and the small things they share."""

from __future__ import annotations

import ctypes
import importlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.errors import ServerMissing
from benchmarks.optional import BENCH_EXTRA

LOOPBACK = "127.0.0.1"
BEHIND_PROXY = "127.0.0.2"
"""Servers that may be put behind a forwarder listen here, on the ports that the forwarder has on ``LOOPBACK``."""


_PR_SET_PDEATHSIG = 1
"""Of prctl(2)."""


@dataclass(frozen=True)
class Running:
    """A store that is up: its URL, the environment in which its credentials are found, its files if they can be seen.

    ``secrets`` are the words that must never show; ``ports`` what a forwarder has to forward.
    """

    url: str
    env: Mapping[str, str]
    root: Path | None = None
    secrets: tuple[str, ...] = ()
    ports: tuple[int, ...] = field(default=())


def program(name: str, *, feature: str, get: str) -> str:
    """Path of an installed program: beside this Python, on the path or in an sbin folder. Raises ``ServerMissing``."""
    places = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath), "/usr/sbin:/usr/local/sbin:/sbin"]
    path = shutil.which(name, path=":".join(places))
    if path is None:
        raise ServerMissing(f"the program {name} is not installed: {get}", feature)
    return path


def module(name: str, *, feature: str, get: str = BENCH_EXTRA) -> Any:
    """An installed Python module. Raises ``ServerMissing``."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ServerMissing(f"the Python module {name} is not installed: {get}", feature) from None


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, on any of this machine's addresses."""
    with_sockets = []
    for _ in range(count):
        listener = socket.socket()
        listener.bind(("0.0.0.0", 0))  # noqa: S104 - bound for a moment, never listening
        with_sockets.append(listener)
    ports = [listener.getsockname()[1] for listener in with_sockets]
    for listener in with_sockets:
        listener.close()
    return ports


def port_answers(host: str, port: int) -> bool:
    """Whether somebody listens there."""
    with suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


def wait_until(condition: Callable[[], bool], timeout_s: float, what: str, log: Path | None = None) -> None:
    """Wait for ``condition``; raises ``TimeoutError`` with the end of ``log``."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            tail = log.read_text(errors="replace")[-2000:] if log is not None and log.exists() else ""
            raise TimeoutError(f"{what} is not up after {timeout_s} s\n{tail}")
        time.sleep(0.02)


@contextmanager
def server_process(
    command: Sequence[str], log: Path, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own, killed with its children at the end.

    On Linux it is also killed, by itself, when the thread that started it ends without coming to the end.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={**os.environ, **(env or {})},
            preexec_fn=_bound_to(os.getpid()),  # noqa: PLW1509 (it calls nothing that a thread could hold)
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _bound_to(starter: int) -> Callable[[], None] | None:
    """For ``preexec_fn``: what it starts is killed when the process ``starter`` ends, however that ends."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def bind() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != starter:  # it ended before
            os._exit(1)

    return bind
