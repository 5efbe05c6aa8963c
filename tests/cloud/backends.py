"""Every kind of store, each with the server that the contract suite runs it against."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from cloud.open import Opening
from cloud.retry import RetryLimits
from tests.servers.cutting_proxy import CuttingProxy, cutting_proxy
from tests.servers.moto import moto
from tests.servers.openssh import openssh
from tests.servers.pyftpdlib import pyftpdlib
from tests.servers.running import BEHIND_PROXY, LOOPBACK, Running, free_ports
from tests.servers.seaweedfs import seaweedfs
from tests.servers.vsftpd import vsftpd

QUICK = Opening(timeout_s=20.0, retry=RetryLimits(max_attempts=4, first_wait_s=0.02, max_wait_s=0.1))
ONCE = Opening(timeout_s=20.0, retry=RetryLimits(max_attempts=1))


@contextmanager
def _folder(folder: Path) -> Iterator[Running]:
    yield Running(f"file://{folder}", {}, root=folder)


@contextmanager
def _moto(_folder: Path) -> Iterator[Running]:
    with moto() as running:
        yield running


BACKENDS: Final[Mapping[str, Callable[[Path], AbstractContextManager[Running]]]] = {
    "folder": _folder,
    "s3-moto": _moto,
    "s3-seaweedfs": seaweedfs,
    "ftp-pyftpdlib": partial(pyftpdlib, tls=False),
    "ftps-pyftpdlib": partial(pyftpdlib, tls=True),
    "ftp-vsftpd": partial(vsftpd, tls=False),
    "ftps-vsftpd": partial(vsftpd, tls=True),
    "sftp-openssh": openssh,
}
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
            self._running[backend] = self._stack.enter_context(BACKENDS[backend](self._folder / backend))
        return self._within(self._running[backend])

    def behind_proxy(self, backend: str) -> tuple[Running, CuttingProxy]:
        """An empty store whose connections all go through a proxy."""
        if backend not in self._proxied:
            self._proxied[backend] = self._start_behind_proxy(backend)
        running, proxy = self._proxied[backend]
        proxy.reset()
        return self._within(running), proxy

    def _start_behind_proxy(self, backend: str) -> tuple[Running, CuttingProxy]:
        if backend.startswith("s3"):
            running = self.fresh(backend)
            endpoint = running.url.partition(f"http://{LOOPBACK}:")[2].partition("&")[0]
            proxy = self._stack.enter_context(cutting_proxy(free_ports(1), target=LOOPBACK, to=int(endpoint)))
            return replace(running, url=running.url.replace(f":{endpoint}", f":{proxy.port}")), proxy
        start: Callable[..., AbstractContextManager[Running]] = BACKENDS[backend]
        running = self._stack.enter_context(start(self._folder / f"{backend}-proxied", listen=BEHIND_PROXY))
        return running, self._stack.enter_context(cutting_proxy(running.ports))

    def _within(self, running: Running) -> Running:
        name = f"store-{next(self._numbers)}"
        path, mark, options = running.url.partition("?")
        root = None if running.root is None else running.root / name
        return replace(running, url=f"{path}/{name}{mark}{options}", root=root)

    def close(self) -> None:
        """Stop all."""
        self._stack.close()
