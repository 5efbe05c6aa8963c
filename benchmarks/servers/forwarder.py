"""A small TCP proxy in front of a server: whoever forwards sees and counts every byte on the real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from typing import TypeVar

from benchmarks.servers.running import BEHIND_PROXY, LOOPBACK, Running, free_ports
from benchmarks.servers.starters import endpoint_port

_PIECE_BYTES = 65_536


class Forwarder:
    """Forwards ``ports`` of ``listen`` to the same ports of ``target``, or one port to another of the same address."""

    def __init__(
        self, ports: Sequence[int], listen: str = LOOPBACK, target: str = BEHIND_PROXY, to: int | None = None
    ) -> None:
        self.bytes_up = self.bytes_down = 0
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._listeners = [socket.create_server((listen, port)) for port in ports]
        self.port = self._listeners[0].getsockname()[1]
        for listener, port in zip(self._listeners, ports, strict=True):
            threading.Thread(target=self._accept, args=(listener, (target, to or port)), daemon=True).start()

    def reset(self) -> None:
        """Count from nothing."""
        self.bytes_up = self.bytes_down = 0

    def passes(self, way: str, data: bytes) -> tuple[bytes, bool]:  # noqa: ARG002 - ``way`` is for who overrides this
        """Which of ``data``, going ``up`` to the server or ``down``, is let through, and whether all breaks then."""
        return data, False

    def connect(self, target: tuple[str, int]) -> socket.socket:
        """To the server; for who overrides this, to another in its place."""
        return socket.create_connection(target, timeout=5)

    def close(self) -> None:
        """Stop listening and break what is open."""
        for listener in self._listeners:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self._break_all()

    def _accept(self, listener: socket.socket, target: tuple[str, int]) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = self.connect(target)
                server.settimeout(None)
            except OSError:
                client.close()
                continue
            for connection in (client, server):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._connections |= {client, server}
            for start, end, way in ((client, server, "up"), (server, client, "down")):
                threading.Thread(target=self._pump, args=(start, end, way), daemon=True).start()

    def _pump(self, start: socket.socket, end: socket.socket, way: str) -> None:
        with suppress(OSError):
            while data := start.recv(_PIECE_BYTES):
                let_through, breaks = self.passes(way, data)
                self._count(way, len(let_through))
                if let_through:
                    end.sendall(let_through)
                if breaks:
                    self._break_all()
                    return
        with suppress(OSError):  # also after an error: the other side would wait for one that was killed
            end.shutdown(socket.SHUT_WR)

    def _count(self, way: str, size: int) -> None:
        with self._lock:
            if way == "up":
                self.bytes_up += size
            else:
                self.bytes_down += size

    def _break_all(self) -> None:
        with self._lock:
            connections, self._connections = self._connections, set()
        for connection in connections:
            with suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


_F = TypeVar("_F", bound=Forwarder)


@contextmanager
def in_front_of(running: Running, forwarder: type[_F]) -> Iterator[tuple[Running, _F]]:
    """The server as it is reached through a forwarder; one of FTP or SFTP has to listen on ``BEHIND_PROXY``."""
    if running.ports:
        proxy = forwarder(running.ports)
    else:
        endpoint = endpoint_port(running)
        proxy = forwarder(free_ports(1), target=LOOPBACK, to=endpoint)
        running = replace(running, url=running.url.replace(f":{endpoint}", f":{proxy.port}"))
    with closing(proxy):
        yield running, proxy
