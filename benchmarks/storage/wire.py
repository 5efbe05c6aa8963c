"""What goes over the real sockets between a system and a server: bytes each way and, for S3, requests by price."""

from __future__ import annotations

import re
from dataclasses import dataclass

from benchmarks.servers.forwarder import Forwarder

_REQUEST = re.compile(rb"(GET|HEAD|PUT|POST|DELETE) /\S* HTTP/1\.1\r\n")
_LISTING = re.compile(rb"[?&](list-type|prefix|uploads|versions)(=|&| )")


@dataclass(frozen=True)
class Traffic:
    """Bytes from and to the client with all headers; requests as S3 is billed: writes (PUT, POST, LIST), reads (GET,
    HEAD), and those that cost nothing (DELETE).
    """

    bytes_up: int = 0
    bytes_down: int = 0
    writes: int = 0
    reads: int = 0
    free: int = 0

    def __sub__(self, other: Traffic) -> Traffic:
        return Traffic(*(mine - theirs for mine, theirs in zip(vars(self).values(), vars(other).values(), strict=True)))


class Wire(Forwarder):
    """A forwarder that counts requests too.

    HTTP/1.1 without pipelining: a client begins a request only after it has the answer to the last one, so each request
    begins a piece. That a piece of a sealed body begins like a request line by chance need not be feared.
    """

    _writes = _reads = _free = 0

    @property
    def traffic(self) -> Traffic:
        """All of it so far."""
        return Traffic(self.bytes_up, self.bytes_down, self._writes, self._reads, self._free)

    def passes(self, way: str, data: bytes) -> tuple[bytes, bool]:
        """See ``Forwarder.passes``; all of it."""
        request = _REQUEST.match(data) if way == "up" else None
        if request is not None:
            with self._lock:
                self._count_request(request[1], request[0])
        return data, False

    def _count_request(self, method: bytes, line: bytes) -> None:
        if method == b"DELETE":
            self._free += 1
        elif method in {b"PUT", b"POST"} or (method == b"GET" and _LISTING.search(line)):
            self._writes += 1
        else:
            self._reads += 1
