"""Every kind of store, each with the server that the contract suite runs it against."""

import itertools
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from benchmarks.servers.forwarder import in_front_of
from benchmarks.servers.running import BEHIND_PROXY, Running
from benchmarks.servers.starters import STARTERS, within
from cloud.open import Opening
from cloud.retry import RetryLimits
from tests import needs
from tests.servers.cutting_proxy import CuttingProxy

QUICK = Opening(timeout_s=20.0, retry=RetryLimits(max_attempts=4, first_wait_s=0.02, max_wait_s=0.1))
ONCE = Opening(timeout_s=20.0, retry=RetryLimits(max_attempts=1))


BACKENDS: Final = STARTERS
OVER_NETWORK: Final = tuple(name for name in BACKENDS if name != "folder")


class Servers:
    """Starts each server when it is first asked for, and hands out stores of their own on it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self._running: dict[str, Running] = {}
        self._proxied: dict[str, tuple[Running, CuttingProxy]] = {}
        self._numbers = itertools.count(1)

    def fresh(self, backend: str) -> Running:
        """An empty store on the server."""
        if backend not in self._running:
            with needs.servers():
                self._running[backend] = self._stack.enter_context(BACKENDS[backend](self._folder / backend))
        return self._within(self._running[backend])

    def behind_proxy(self, backend: str) -> tuple[Running, CuttingProxy]:
        """An empty store whose connections all go through a proxy."""
        if backend not in self._proxied:
            self._proxied[backend] = self._stack.enter_context(in_front_of(self._hidden(backend), CuttingProxy))
        running, proxy = self._proxied[backend]
        proxy.reset()
        return self._within(running), proxy

    def _hidden(self, backend: str) -> Running:
        if backend.startswith("s3"):
            return self.fresh(backend)
        with needs.servers():
            start = BACKENDS[backend](self._folder / f"{backend}-proxied", listen=BEHIND_PROXY)
            return self._stack.enter_context(start)

    def _within(self, running: Running) -> Running:
        return within(running, f"store-{next(self._numbers)}")

    def close(self) -> None:
        """Stop all."""
        self._stack.close()
