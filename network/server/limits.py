"""How much one server takes: requests at once and a second, of all and of a member or address; bytes, and seconds.

All in memory, for one process. What is too much is told with a status and ``Retry-After``, before it costs anything.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from network import wire
from network.errors import Busy, ServerDiskFull
from network.server.problems import answer

_SERVICE = frozenset({wire.HEALTH, wire.METRICS})
"""Asked by whoever watches the server, above all when it is busy; small answers, so that nobody holds one up."""


@dataclass(frozen=True)
class Limits:
    """What a server takes; rates are of token buckets, which hold ``*_burst`` requests (or bytes) when full.

    ``head_timeout_s`` is for a request's head to arrive, ``body_timeout_s`` between two pieces of its body, which
    besides comes with ``min_body_bytes_per_s`` on the whole; ``send_timeout_s`` is for the client to take a piece.
    An address is what the server sees (``address_key``): behind a load balancer everybody has the balancer's, so there
    limits of an address are limits of all strangers.
    """

    max_requests: int = 128
    max_requests_of_member: int = 32
    max_public_requests: int = 96
    """Of ``max_requests``, those that nobody signed; the rest is for members."""
    max_requests_of_address: int = 64
    """Of ``max_public_requests``: a hospital's doctors follow the ledger from one address."""
    max_service_requests: int = 32
    """Health and counters, which do not count in ``max_requests``."""
    max_connections: int = 1024
    max_connections_of_address: int = 512
    max_head_bytes: int = 16 << 10
    member_per_s: float = 100.0
    member_burst: int = 1000
    public_per_s: float = 50.0
    public_burst: int = 500
    service_per_s: float = 10.0
    service_burst: int = 100
    """Of one address, to health and counters."""
    join_per_s: float = 0.5
    join_burst: int = 20
    """Of one address: a code has 128 random bits, so this only keeps the disk quiet.

    Also how often it may have a proxy or issuer look for a member who is new."""
    matching_per_s: float = 10.0
    matching_burst: int = 200
    """Of one address, to index and relay, where nobody says who asks."""
    mailbox_per_s: float = 0.1
    mailbox_burst: int = 50
    """Mailboxes that one address opens."""
    relayed_per_s: float = 128.0
    relayed_burst: int = 32 << 20
    """Bytes of the relay's file that one address fills: about a third of it in the 30 days that messages stay there."""
    pseudonym_per_s: float = 1.0
    pseudonym_burst: int = 60
    refused_per_s: float = 20.0
    refused_burst: int = 500
    """Requests with a signature that does not hold, of one address."""
    head_timeout_s: float = 10.0
    body_timeout_s: float = 20.0
    min_body_bytes_per_s: int = 1024
    send_timeout_s: float = 60.0
    keep_alive_s: int = 30
    stop_timeout_s: int = 30
    """How long running requests may take to finish after SIGTERM."""
    max_block_bytes: int = wire.MAX_BLOCK_BYTES
    reserved_bytes: int = 64 << 20
    """Room on the disk that uploads leave to the ledger."""


class TokenBuckets:
    """A bucket of ``burst`` tokens for each key, filled with ``per_s`` tokens a second. Several threads may take."""

    def __init__(
        self, per_s: float, burst: int, *, max_keys: int = 100_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_s = per_s
        self._burst = burst
        self._max_keys = max_keys
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str, count: int = 1) -> float:
        """Take ``count`` tokens; 0 when there were as many, else the seconds until there will be."""
        with self._lock:
            tokens = self._tokens(key)
            missing = max(0.0, count - tokens)
            self._buckets[key] = (tokens if missing else tokens - count, self._clock())
            self._buckets.move_to_end(key)
            if len(self._buckets) > self._max_keys:
                self._buckets.popitem(last=False)
            return missing / self._per_s

    def wait_s(self, key: str) -> float:
        """Seconds until there will be a token, 0 when there is one; takes none."""
        with self._lock:
            return max(0.0, (1.0 - self._tokens(key)) / self._per_s)

    def _tokens(self, key: str) -> float:
        tokens, since = self._buckets.get(key, (float(self._burst), self._clock()))
        return min(self._burst, tokens + (self._clock() - since) * self._per_s)


def address_key(host: str) -> str:
    """What of an address is limited: IPv4 whole, of IPv6 the network of 64 bits that one customer has."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((address, 64), strict=False))
    return str(address)


def require_room(folder: Path, size_bytes: int, reserved_bytes: int) -> None:
    """Return if ``size_bytes`` fit on the disk of ``folder`` with ``reserved_bytes`` to spare.

    Raises ``ServerDiskFull``.
    """
    disk = os.statvfs(folder)
    if size_bytes + reserved_bytes > disk.f_bavail * disk.f_frsize:
        raise ServerDiskFull("the server's disk has no room for this; tell whoever runs it, nothing was kept")


class Running:
    """The requests at work, counted for each share of them. Several threads may ask."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, shares: Mapping[str, int]) -> bool:
        """Count one more in each of ``shares``, name to how many it holds; in none, and ``False``, if one is full."""
        with self._lock:
            if any(self._counts[name] >= most for name, most in shares.items()):
                return False
            self._counts.update(shares.keys())
            return True

    def remove(self, names: Iterable[str]) -> None:
        """Count one less in each."""
        with self._lock:
            for name in names:
                self._counts[name] -= 1
                if not self._counts[name]:
                    del self._counts[name]


class Slot:
    """One request's place among those at work. Whose it is comes out later, when it is authenticated.

    Methods raise ``Busy`` when the share is full.
    """

    def __init__(self, running: Running, limits: Limits, on_limited: Callable[[str], None]) -> None:
        self._running = running
        self._limits = limits
        self._on_limited = on_limited
        self._held: list[str] = []

    def enter(self, path: str) -> None:
        """Take the place, whoever asks."""
        in_service = path in _SERVICE
        most = self._limits.max_service_requests if in_service else self._limits.max_requests
        self._take({"service" if in_service else "all": most})

    def of_member(self, member_id: str) -> None:
        """It is that member's."""
        self._take({f"member {member_id}": self._limits.max_requests_of_member})

    def of_address(self, address: str) -> None:
        """It is anybody's, from that address."""
        limits = self._limits
        self._take({"public": limits.max_public_requests, f"address {address}": limits.max_requests_of_address})

    def leave(self) -> None:
        """Give the place back."""
        self._running.remove(self._held)

    def _take(self, shares: Mapping[str, int]) -> None:
        if not self._running.add(shares):
            self._on_limited("concurrency")
            raise Busy("the server has as many requests at work as it takes; try again in a moment")
        self._held += shares


class Bounded:
    """ASGI middleware: so many requests at work (``Slot``), and no client may take longer than allowed to read."""

    def __init__(self, app: ASGIApp, limits: Limits, on_limited: Callable[[str], None]) -> None:
        self._app = app
        self._limits = limits
        self._on_limited = on_limited
        self._running = Running()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI. The request's ``Slot`` is ``slot`` in its state."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(self._limits.send_timeout_s):
                await send(message)

        slot = Slot(self._running, self._limits, self._on_limited)
        scope.setdefault("state", {})["slot"] = slot
        try:
            slot.enter(scope["path"])
        except Busy as busy:
            await answer(busy)(scope, receive, send_in_time)
            return
        try:
            await self._app(scope, receive, send_in_time)
        finally:
            slot.leave()
