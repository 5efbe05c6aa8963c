"""Every kind of store, each with how its server is started in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.servers.moto import moto
from benchmarks.servers.openssh import openssh
from benchmarks.servers.pyftpdlib import pyftpdlib
from benchmarks.servers.running import Running
from benchmarks.servers.seaweedfs import seaweedfs
from benchmarks.servers.vsftpd import vsftpd


@contextmanager
def _folder(folder: Path) -> Iterator[Running]:
    yield Running(f"file://{folder}", {}, root=folder)


@contextmanager
def _moto(_folder: Path) -> Iterator[Running]:
    with moto() as running:
        yield running


STARTERS: Final[Mapping[str, Callable[..., AbstractContextManager[Running]]]] = {
    "folder": _folder,
    "s3-moto": _moto,
    "s3-seaweedfs": seaweedfs,
    "ftp-pyftpdlib": partial(pyftpdlib, tls=False),
    "ftps-pyftpdlib": partial(pyftpdlib, tls=True),
    "ftp-vsftpd": partial(vsftpd, tls=False),
    "ftps-vsftpd": partial(vsftpd, tls=True),
    "sftp-openssh": openssh,
}
"""Called with a folder; those of FTP and SFTP also with ``listen``. Each raises ``ServerMissing``."""


def endpoint_port(running: Running) -> int:
    """Port of an S3 server's endpoint."""
    return int(running.url.partition("endpoint=http://")[2].partition("&")[0].rpartition(":")[2])


def within(running: Running, name: str) -> Running:
    """An empty store beside others on the same server."""
    path, mark, options = running.url.partition("?")
    root = None if running.root is None else running.root / name
    return replace(running, url=f"{path}/{name}{mark}{options}", root=root)
