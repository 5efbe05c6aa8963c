"""A small TCP proxy that cuts connections after so many bytes, or slows them down."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from tests.servers.running import BEHIND_PROXY, LOOPBACK


class CuttingProxy:
    """Forwards ``ports`` of ``listen`` to the same ports of ``target``, or one port to another of the same address.

    ``cut_up(n)`` and ``cut_down(n)`` break every connection once ``n`` further bytes went from (to) the client, once;
    ``delay_s`` is waited before each piece of up to 64 KiB.
    """

    def __init__(
        self, ports: Sequence[int], listen: str = LOOPBACK, target: str = BEHIND_PROXY, to: int | None = None
    ) -> None:
        self.delay_s = 0.0
        self.cuts = 0
        self.bytes_up = 0
        self._left: dict[str, int | None] = {"up": None, "down": None}
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._listeners = [socket.create_server((listen, port)) for port in ports]
        self.port = self._listeners[0].getsockname()[1]
        for listener, port in zip(self._listeners, ports, strict=True):
            threading.Thread(target=self._accept, args=(listener, (target, to or port)), daemon=True).start()

    def cut_up(self, after_bytes: int) -> None:
        """Break when the client has sent so many bytes more."""
        self._left["up"] = after_bytes

    def cut_down(self, after_bytes: int) -> None:
        """Break when the client has received so many bytes more."""
        self._left["down"] = after_bytes

    def reset(self) -> None:
        """Forward everything at full speed, and count from nothing."""
        self._left = {"up": None, "down": None}
        self.delay_s = 0.0
        self.cuts = self.bytes_up = 0

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
                server = socket.create_connection(target, timeout=5)
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
            while data := start.recv(65_536):
                if self.delay_s:
                    time.sleep(self.delay_s)
                data, cut = self._allow(way, data)
                self.bytes_up += len(data) if way == "up" else 0
                if data:
                    end.sendall(data)
                if cut:
                    self._break_all()
                    return
            end.shutdown(socket.SHUT_WR)

    def _allow(self, way: str, data: bytes) -> tuple[bytes, bool]:
        with self._lock:
            left = self._left[way]
            if left is None:
                return data, False
            if len(data) < left:
                self._left[way] = left - len(data)
                return data, False
            self._left[way] = None
            self.cuts += 1
            return data[:left], True

    def _break_all(self) -> None:
        with self._lock:
            connections, self._connections = self._connections, set()
        for connection in connections:
            with suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


@contextmanager
def cutting_proxy(
    ports: Sequence[int], listen: str = LOOPBACK, target: str = BEHIND_PROXY, to: int | None = None
) -> Iterator[CuttingProxy]:
    """A proxy that is closed at the end."""
    proxy = CuttingProxy(ports, listen, target, to)
    try:
        yield proxy
    finally:
        proxy.close()
