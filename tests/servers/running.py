"""What every starter yields, and the small things they share."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

LOOPBACK = "127.0.0.1"
BEHIND_PROXY = "127.0.0.2"
"""Servers that may be put behind the cutting proxy listen here, on the ports that the proxy has on ``LOOPBACK``."""


@dataclass(frozen=True)
class Running:
    """A store that is up: its URL, the environment in which its credentials are found, its files if they can be seen.

    ``secrets`` are the words that must never show; ``ports`` what a proxy has to forward.
    """

    url: str
    env: Mapping[str, str]
    root: Path | None = None
    secrets: tuple[str, ...] = ()
    ports: tuple[int, ...] = field(default=())


def free_ports(count: int, host: str = LOOPBACK) -> list[int]:
    """Ports that nobody listens on now, on ``host`` and on the loopback address of the proxy."""
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
    """A process in a group of its own, killed with its children at the end."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={**os.environ, **(env or {})},
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
