"""An HTTP client that several threads use and one of them closes: no socket is closed under the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

from network.errors import ConnectionsClosed


class Connections:
    """The client that ``new`` makes for the first request; ``of`` says whose, in errors. Several threads may use it."""

    def __init__(self, new: Callable[[], httpx.Client], of: str) -> None:
        self._new = new
        self._of = of
        self._client: httpx.Client | None = None
        self._running = 0
        self._closed = False
        self._lock = threading.Lock()

    @contextmanager
    def in_use(self) -> Iterator[httpx.Client]:
        """The client, which stays open at least until the block ends. Raises ``ConnectionsClosed``."""
        with self._lock:
            if self._closed:
                raise ConnectionsClosed(f"{self._of} is no longer asked: what wanted to know has ended")
            if self._client is None:
                self._client = self._new()
            client = self._client
            self._running += 1
        try:
            yield client
        finally:
            with self._lock:
                self._running -= 1
                self._close_unused()

    def close(self) -> None:
        """Let go of connections, of those at work when their request ends; no new request is made.

        A socket closed under a thread that reads or writes it would leave that thread with a descriptor which the
        system gives to the next file: TLS records have overwritten a database so.
        """
        with self._lock:
            self._closed = True
            self._close_unused()

    def _close_unused(self) -> None:
        if self._closed and not self._running and self._client is not None:
            self._client.close()
