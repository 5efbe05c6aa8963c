"""Names for unfinished uploads to servers that have no conditional put of their own.

The name is derived from locator and content, so that the next run finds what a broken one left and goes on with it. Two
writers must never write to one unfinished upload: a lock on the source file (between processes of this machine), the
machine's name in the hash (between machines) and a set in memory (between threads) see to it; who comes second gets a
random name and starts from nothing.
"""

import contextlib
import fcntl
import hashlib
import os
import secrets
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from cloud.streams import read_from, seek_to

_lock = threading.Lock()
_in_use: set[tuple[str, str]] = set()
_file_locks: dict[tuple[int, int], tuple[int, int]] = {}


@contextlib.contextmanager
def partial_name(store_url: str, locator: str, source: BinaryIO) -> Iterator[str]:
    """Name (99 characters) of the unfinished upload of ``source``, for the body alone."""
    with contextlib.ExitStack() as held:
        identity = _identity(source, held)
        seek_to(source, 0)
        name = f"{locator}.{secrets.token_hex(17)}"
        if identity is not None:
            digest = hashlib.sha256(f"{socket.gethostname()} {identity}".encode()).hexdigest()
            resumable = f"{locator}.{digest[:34]}"
            if held.enter_context(_reserved(store_url, resumable)):
                name = resumable
        yield name


@contextlib.contextmanager
def _reserved(store_url: str, name: str) -> Iterator[bool]:
    key = (store_url, name)
    with _lock:
        free = key not in _in_use
        _in_use.add(key)
    try:
        yield free
    finally:
        if free:
            with _lock:
                _in_use.discard(key)


def _identity(source: BinaryIO, held: contextlib.ExitStack) -> str | None:
    """What tells this content from any other on this machine; ``None`` if another process is uploading it now."""
    try:
        path, status = Path(source.name), os.fstat(source.fileno())
        named = stat.S_ISREG(status.st_mode) and os.path.samestat(path.stat(), status)
    except (OSError, AttributeError, TypeError, ValueError):
        named = False
    if not named:
        digest = hashlib.sha256()
        while chunk := read_from(source):
            digest.update(chunk)
        return f"{os.getpid()} {digest.hexdigest()}"
    if not held.enter_context(_file_locked(path, (status.st_dev, status.st_ino))):
        return None
    return f"{status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns}"


@contextlib.contextmanager
def _file_locked(path: Path, key: tuple[int, int]) -> Iterator[bool]:
    """Hold an advisory lock on the file for this process; its threads share the lock, other processes do not get it."""
    with _lock:
        descriptor, users = _file_locks.get(key, (-1, 0))
        if users == 0:
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                descriptor = -1
            if descriptor >= 0:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    os.close(descriptor)
                    descriptor = -1
        if descriptor >= 0:
            _file_locks[key] = (descriptor, users + 1)
    try:
        yield descriptor >= 0
    finally:
        if descriptor >= 0:
            with _lock:
                descriptor, users = _file_locks.pop(key)
                if users > 1:
                    _file_locks[key] = (descriptor, users - 1)
                else:
                    os.close(descriptor)
