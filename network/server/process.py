"""A server as a process: uvicorn over TLS, until SIGTERM or SIGINT; then running requests finish, and no more begin.

Nothing acknowledged is lost when the process is killed instead: an answer goes out only after what it acknowledges is
durable. The certificate is renewed while the server runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread
import uvicorn
from starlette.types import ASGIApp

from clinic import durable
from clinic.clock import Clock
from clinic.errors import InputInvalid
from network.server.limits import Limits
from network.server.logs import log_to
from network.server.protocol import protocol_class
from network.tls import ServerIdentity
from scheme.errors import ChartSealError

RENEWAL_S = 3600.0
"""How often the server looks whether its certificate ends soon."""
_BACKLOG = 512


@dataclass(frozen=True)
class Listen:
    """Address and port that a server listens on; port 0 takes a free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Listen:
        """From ``HOST:PORT`` or ``[IPV6]:PORT``. Raises ``InputInvalid``."""
        host, _, port = text.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65_535:
            raise InputInvalid("an address to listen on is HOST:PORT, such as 0.0.0.0:8443")
        return cls(host.strip("[]"), int(port))

    def bind(self) -> socket.socket:
        """A listening socket. Raises ``InputInvalid`` when the address is taken or not this machine's."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # asyncio sets TCP_NODELAY only so
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((self.host, self.port))
        except OSError as error:
            bound.close()
            raise InputInvalid(f"cannot listen on {self.host}:{self.port}: {error.strerror}") from None
        return bound


class Started:
    """When a server started, for its signatures' sake: later than any request that an earlier run may have accepted.

    Members whose clock is ahead sign requests of the future; the newest such time is kept in a file.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        kept = durable.read(path).decode() if path.exists() else ""
        self.moment = max(clock(), int(kept) if kept.isdecimal() else 0)
        self._clock = clock

    def remember(self, created: int) -> None:
        """Keep ``created`` (unix seconds), before a request of that time is accepted."""
        durable.write(self._path, str(created).encode())

    def wait_until_past(self) -> None:
        """Return in the second after the start, so that a client with the right time is not turned away."""
        deadline = time.monotonic() + 1.5
        while self._clock() <= self.moment and time.monotonic() < deadline:
            time.sleep(0.02)


def serve(
    app: ASGIApp,
    listen: socket.socket,
    identity: ServerIdentity,
    limits: Limits,
    *,
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Answer requests on ``listen`` until the process is told to stop; returns when the last running one is done.

    ``on_ready`` is called once connections are taken.
    """
    log_to()
    context = identity.server_context()
    config = uvicorn.Config(
        app,
        http=protocol_class(limits.head_timeout_s),
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=limits.max_connections,
        timeout_keep_alive=limits.keep_alive_s,
        timeout_graceful_shutdown=limits.stop_timeout_s,
        backlog=_BACKLOG,
        ssl_context_factory=lambda _config, _default: context,
    )
    server = _Server(config, limits.max_requests, identity, context, on_ready)
    with _stopping(server):
        server.run(sockets=[listen])


class _Server(uvicorn.Server):
    """uvicorn's, with a thread for each request, which leaves signals to ``serve`` and renews its certificate."""

    def __init__(
        self,
        config: uvicorn.Config,
        threads: int,
        identity: ServerIdentity,
        context: ssl.SSLContext,
        on_ready: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._threads = threads
        self._identity = identity
        self._context = context
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        anyio.to_thread.current_default_thread_limiter().total_tokens = self._threads
        await super().startup(sockets)
        self._on_ready()

    async def main_loop(self) -> None:
        renewing = asyncio.create_task(self._renew())
        try:
            await super().main_loop()
        finally:
            renewing.cancel()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEWAL_S)
            with contextlib.suppress(ChartSealError):  # tried again; the certificate at hand is good for weeks
                if await asyncio.to_thread(self._identity.renew):
                    self._identity.reload(self._context)


@contextlib.contextmanager
def _stopping(server: uvicorn.Server) -> Iterator[None]:
    """SIGTERM and SIGINT stop ``server``; a second SIGINT does not wait for running requests."""

    def stop(number: int, _frame: object) -> None:
        server.force_exit = server.should_exit and number == signal.SIGINT
        server.should_exit = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
