"""A server as a process: uvicorn over TLS, until SIGTERM or SIGINT; then running requests finish, and no more begin.

Nothing acknowledged is lost when the process is killed instead: an answer goes out only after what it acknowledges is
durable. The certificate is renewed while the server runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread
import uvicorn
from starlette.types import ASGIApp

from clinic import durable
from clinic.clock import Clock
from clinic.errors import HomeInvalid, InputInvalid
from network.errors import ClockApart
from network.server.limits import Limits
from network.server.logs import EventLog, log_to, places
from network.server.protocol import protocol_class
from network.signatures import AHEAD_S
from network.tls import ServerIdentity
from scheme.errors import ChartSealError

RENEWAL_S = 3600.0
"""How often the server looks whether its certificate ends soon."""
RESERVED_S = 2
"""Seconds of requests ahead for which the file of ``Started`` is written once."""
_WAIT_S = 0.02
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

    A file has a time up to which requests may have been accepted, always written before the first of them is: a kill
    leaves nothing out, nor does a clock that was set back meanwhile. It is at most ``RESERVED_S`` above the newest one,
    so that it is not written with each. Several threads may use this.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        """Raises ``HomeInvalid`` when the file is damaged."""
        self._path = path
        self._clock = clock
        self._kept = _kept(path)
        self._lock = threading.Lock()
        self.moment = max(clock(), self._kept)

    def remember(self, created: int) -> None:
        """Keep that a request of ``created`` (unix seconds) was accepted, before it is. Raises ``DiskFull``."""
        with self._lock:
            if created > self._kept:
                durable.write(self._path, str(created + RESERVED_S).encode())
                self._kept = created + RESERVED_S

    def wait_until_past(self, sleep: Callable[[float], None] = time.sleep) -> None:
        """Return in the second after the start, so that a client with the right time is not turned away.

        That takes seconds. Raises ``ClockApart`` when this machine's clock was set back by more.
        """
        for _ in range(round((AHEAD_S + RESERVED_S + 1.5) / _WAIT_S)):
            if self._clock() > self.moment:
                return
            sleep(_WAIT_S)
        raise ClockApart(
            f"this machine's clock is {self.moment - self._clock()} s behind requests that the server took before; set "
            "the clock, or start the server when so much time has passed"
        )


def _kept(path: Path) -> int:
    if not path.exists():
        return 0
    text = durable.read(path)
    if not text.isdigit():
        raise HomeInvalid(f"{path.name} is damaged; delete it when the server has been down for two minutes")
    return int(text)


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
        http=protocol_class(limits),
        h11_max_incomplete_event_size=limits.max_head_bytes,
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
    threads = limits.max_requests + limits.max_service_requests
    server = _Server(config, threads, identity, context, on_ready)
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
        log = EventLog()
        while True:
            await asyncio.sleep(RENEWAL_S)
            try:  # what fails is tried again; the certificate at hand is good for weeks
                await asyncio.to_thread(self._identity.renew)
                self._identity.reload(self._context)
            except (ChartSealError, OSError) as error:
                log.tell("renewal-failed", level=logging.WARNING, **places(error))


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
