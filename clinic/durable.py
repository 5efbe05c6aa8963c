"""Files that survive power loss: temporary name, fsync, rename, fsync of the folder; never half-written."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from clinic.errors import DiskFull, HomeInvalid

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


@contextlib.contextmanager
def full_disk_told() -> Iterator[None]:
    """Turn "no space left" into ``DiskFull`` and other operating system errors into ``HomeInvalid``."""
    try:
        yield
    except OSError as error:
        where = Path(str(error.filename)).name if error.filename else "a file"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(
                "no space is left on the disk; nothing was lost, free some space and run this again"
            ) from None
        raise HomeInvalid(f"{where} cannot be read or written: {error.strerror or 'input/output error'}") from None


def sync_folder(folder: Path) -> None:
    """Make renames in ``folder`` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """A new file at ``path`` (mode 0600), visible and durable only when the block ends without an error."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    with full_disk_told():
        path.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def write(path: Path, data: bytes) -> None:
    """Replace or create ``path`` (mode 0600) with ``data``, durably and all at once."""
    with writing(path) as file:
        file.write(data)


def read(path: Path) -> bytes:
    """All of ``path``. Raises ``HomeInvalid``."""
    with full_disk_told():
        return path.read_bytes()
