"""A small TCP proxy that adds latency in front of servers on loopback, and counts what a network would make wait for.

It runs in a process of its own, ``python -m benchmarks.latency ROUTES``, told by lines of JSON what to do; it ends when
its standard input does. Half of the latency is added each way, and a whole one to the first bytes of a connection: what
the handshake of TCP takes, which loopback finishes at once. Bandwidth, loss and TCP's growing window are not imitated.

Connections by processes that stand near the servers are counted apart, and passed on at once unless told otherwise.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from benchmarks.errors import CaseFailed
from benchmarks.processes import end
from benchmarks.servers.running import LOOPBACK

_PIECE_BYTES = 1 << 16
_PIECES = 4096
"""Under way in one direction of a connection, until its sender has to wait."""
_STOP_S = 10
_SOCKETS = Path("/proc/net/tcp")


@dataclass(frozen=True)
class Route:
    """What reaches ``port`` of loopback goes on to its port ``target``."""

    name: str
    port: int
    target: int


@dataclass
class Counted:
    """What went through a route: ``round_trips`` is how often a client had to wait for a first byte, once for a new
    connection and once for each time that it sent after it had received; bytes are those of TCP's streams, with TLS.
    """

    connections: int = 0
    round_trips: int = 0
    bytes_up: int = 0
    bytes_down: int = 0

    def __add__(self, other: Counted) -> Counted:
        return Counted(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


class Latency:
    """The proxy's process, from outside."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def near(self, processes: Sequence[int]) -> None:
        """These processes (ids) stand near the servers, with the connections that they open from now on."""
        self._ask(near=list(processes))

    def be(self, latency_ms: float, *, everywhere: bool = False) -> None:
        """Add so much to each round trip from now on, or also to those of who stands near (``everywhere``)."""
        self._ask(latency_ms=latency_ms, everywhere=everywhere)

    def counted(self, *, near: bool = False) -> Mapping[str, Counted]:
        """By route, all since it was asked for last; of the connections by those ``near``, or by all others."""
        return {name: Counted(**value) for name, value in self._ask(count=near).items()}

    def _ask(self, **what: Any) -> dict[str, Any]:
        asked, told = self._process.stdin, self._process.stdout
        if asked is None or told is None:
            raise ValueError("the process was started without pipes")
        asked.write(json.dumps(what) + "\n")
        asked.flush()
        line = told.readline()
        if not line:
            raise CaseFailed("the proxy that adds latency ended; its error stands above")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def in_front_of(routes: Sequence[Route]) -> Iterator[Latency]:
    """Start the proxy, without latency; its ports take connections when this yields. Raises ``CaseFailed``."""
    command = [sys.executable, "-m", "benchmarks.latency", json.dumps([asdict(route) for route in routes])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            latency = Latency(process)
            latency.be(0)
            yield latency
        finally:
            end(process, _STOP_S)


@dataclass
class _Proxy:
    """The state in the proxy's process."""

    delay_s: float = 0.0
    """Each way."""
    is_everywhere: bool = False
    near: frozenset[int] = frozenset()
    counts: dict[bool, dict[str, Counted]] = field(default_factory=lambda: {True: {}, False: {}})
    """By whether the client is near, and by route."""
    under_way: set[asyncio.Task[Any] | None] = field(default_factory=set)
    """Held here: asyncio forgets the task of a connection whose client has gone, though the server has not answered."""

    def told(self, what: Mapping[str, Any]) -> Any:
        """Do as a line of ``Latency`` says; the answer."""
        if "latency_ms" in what:
            self.delay_s, self.is_everywhere = what["latency_ms"] / 2000, what["everywhere"]
        if "near" in what:
            self.near = frozenset(what["near"])
        if "count" not in what:
            return {}
        found, self.counts[what["count"]] = self.counts[what["count"]], {}
        return {name: asdict(counted) for name, counted in found.items()}

    async def connected(self, route: Route, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        """Forward one connection until both sides have ended it."""
        with closing(answers), suppress(ConnectionRefusedError), self._holding(asyncio.current_task()):
            link = _Link(self, route, is_near=_is_by(answers.get_extra_info("peername")[1], route.port, self.near))
            server, requests = await asyncio.open_connection(LOOPBACK, route.target)
            with closing(requests):
                link.counted.connections += 1
                link.counted.round_trips += 1
                await asyncio.gather(
                    _pump(link, client, requests, is_up=True), _pump(link, server, answers, is_up=False)
                )

    @contextmanager
    def _holding(self, task: asyncio.Task[Any] | None) -> Iterator[None]:
        self.under_way.add(task)
        try:
            yield
        finally:
            self.under_way.discard(task)


class _Link:
    """One connection: whose it is, and which way it spoke last."""

    def __init__(self, proxy: _Proxy, route: Route, *, is_near: bool) -> None:
        self._proxy = proxy
        self._route = route
        self._is_near = is_near
        self._is_new = True
        self._went_up = False

    @property
    def counted(self) -> Counted:
        """Where to count."""
        return self._proxy.counts[self._is_near].setdefault(self._route.name, Counted())

    def delay_s(self, size: int, *, is_up: bool) -> float:
        """Count a piece of ``size`` bytes; how long it is under way."""
        counted, times = self.counted, 3 if self._is_new else 1
        self._is_new = False
        if is_up:
            counted.bytes_up += size
            counted.round_trips += not self._went_up
        else:
            counted.bytes_down += size
        self._went_up = is_up
        return 0.0 if self._is_near and not self._proxy.is_everywhere else times * self._proxy.delay_s


async def _pump(link: _Link, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, is_up: bool) -> None:
    clock = asyncio.get_running_loop().time
    pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_PIECES)

    async def deliver() -> None:
        while True:
            due, data = await pieces.get()
            if (wait := due - clock()) > 0:
                await asyncio.sleep(wait)
            if not data:
                return
            sink.write(data)
            await sink.drain()

    delivering = asyncio.create_task(deliver())
    try:
        while data := await source.read(_PIECE_BYTES):
            await pieces.put((clock() + link.delay_s(len(data), is_up=is_up), data))
        await pieces.put((0.0, b""))
        await delivering
        sink.write_eof()
    except OSError:
        sink.transport.abort()
    finally:
        delivering.cancel()


def _is_by(port: int, remote_port: int, processes: frozenset[int]) -> bool:
    """Whether the socket on ``port`` of loopback that is connected to ``remote_port`` is one of these processes'.

    Linux: proc(5).
    """
    if not processes:
        return False
    row = rb"^ *\d+: 0100007F:%04X 0100007F:%04X (.*)$" % (port, remote_port)
    line = re.search(row, _SOCKETS.read_bytes(), re.MULTILINE)
    inode = line[1].split()[6].decode() if line else ""
    return any(f"socket:[{inode}]" in _open_files(process) for process in processes)


def _open_files(process: int) -> Iterator[str]:
    with suppress(FileNotFoundError):
        for link in Path(f"/proc/{process}/fd").iterdir():
            with suppress(FileNotFoundError):
                yield str(link.readlink())


async def _serve(routes: Sequence[Route]) -> None:
    proxy = _Proxy()
    for route in routes:

        async def connected(client: asyncio.StreamReader, answers: asyncio.StreamWriter, route: Route = route) -> None:
            await proxy.connected(route, client, answers)

        await asyncio.start_server(connected, LOOPBACK, route.port)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        sys.stdout.write(json.dumps(proxy.told(json.loads(line))) + "\n")
        sys.stdout.flush()
    os._exit(0)  # what is still under way ends with the process; asyncio would complain of each connection


def main(routes: str) -> None:
    """Serve until the end of standard input; ``routes`` is a list of ``Route`` as JSON."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started this, who then closes standard input
    asyncio.run(_serve([Route(**each) for each in json.loads(routes)]))


if __name__ == "__main__":
    main(*sys.argv[1:])
