"""Backup of a home: everything but the blocks themselves, in one file sealed under a password.

Format: length of the key file (4 bytes), the key file (Argon2id, holds a random key), then a tar archive in the
chunked encryption. The ledger is copied by SQLite itself, so a backup taken during writes is a whole one.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

from clinic import durable
from clinic.errors import HomeInvalid, InputInvalid
from clinic.home_config import EMBEDDED, HOSPITAL_CONFIG, Config
from clinic.home_folder import CONFIG, LEDGER
from ledger.engines.embedded import EmbeddedEngine
from scheme import canonical, chunked, keyfile
from scheme.keyfile import Argon2Profile
from scheme.stream import Buffer

_CONTEXT = b"chartseal/1/backup"
_LENGTH_SIZE = 4
_SKIPPED = {".lock", ".tmp"}


def write_backup(
    home: Path,
    target: Path,
    password: str,
    *,
    ledger: Path | str | None = None,
    profile: Argon2Profile = keyfile.INTERACTIVE,
) -> int:
    """Seal a backup of ``home`` into the new file ``target``; returns its size in bytes. Raises ``InputInvalid``.

    ``ledger`` is where its ledger is, if not in the home: the backup has a whole copy in a file.
    """
    if target.exists():
        raise InputInvalid(f"{target.name} exists; name a new file for the backup")
    key = os.urandom(chunked.KEY_SIZE)
    head = keyfile.seal_keyfile(password, key, profile=profile, context=_CONTEXT)
    with durable.full_disk_told(), tempfile.TemporaryDirectory() as scratch, durable.writing(target) as file:
        copy = Path(scratch) / LEDGER
        EmbeddedEngine.copy(home / LEDGER if ledger is None else ledger, copy)
        file.write(len(head).to_bytes(_LENGTH_SIZE, "big") + head)
        sealer = chunked.Sealer(key, _CONTEXT, file)
        with tarfile.open(fileobj=cast(BinaryIO, _Pipe(sealer)), mode="w|", format=tarfile.PAX_FORMAT) as archive:
            archive.add(copy, LEDGER)
            for path in sorted(home.rglob("*")):
                relative = path.relative_to(home)
                if path.is_file() and not relative.name.startswith(LEDGER) and path.suffix not in _SKIPPED:
                    archive.add(path, str(relative))
        sealer.finish()
    return target.stat().st_size


def restore_backup(source: Path, home: Path, password: str, *, allow_test_profile: bool = False) -> None:
    """Restore a backup into ``home``, which must be new or empty; all of it is authenticated before any is kept.

    The restored home's ledger is the file in it, also when it was in PostgreSQL: that database may live on.
    Raises ``HomeInvalid``, ``InputInvalid``, ``WrongPassword``, ``Damaged``.
    """
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise HomeInvalid(f"{home.name} is not empty; restore into a new folder")
    if not source.is_file():
        raise InputInvalid(f"there is no backup file {source.name}")
    with durable.full_disk_told(), source.open("rb") as file, tempfile.TemporaryFile() as plain:
        length = int.from_bytes(file.read(_LENGTH_SIZE), "big")
        if length > keyfile.MAX_KEYFILE_BYTES:
            raise InputInvalid(f"{source.name} is not a ChartSeal backup")
        key = keyfile.open_keyfile(password, file.read(length), _CONTEXT, allow_test_profile=allow_test_profile)
        chunked.open_stream(key, _CONTEXT, file, plain)
        plain.seek(0)
        home.mkdir(parents=True, exist_ok=True, mode=durable.PRIVATE_FOLDER)
        try:
            with tarfile.open(fileobj=plain, mode="r:") as archive:
                for member in archive:
                    _extract(archive, member, home)
            _keep_ledger_in_home(home)
        except tarfile.TarError:
            shutil.rmtree(home, ignore_errors=True)
            raise InputInvalid(f"{source.name} holds something else than a home; use another backup") from None
        except BaseException:
            shutil.rmtree(home, ignore_errors=True)
            raise


def _keep_ledger_in_home(home: Path) -> None:
    path = home / CONFIG
    value = canonical.loads(durable.read(path), what=CONFIG)
    if value.get("type") != HOSPITAL_CONFIG:
        return  # a member's, which has its copy of the ledger in the home
    config = Config.from_json(value)
    if config.ledger != EMBEDDED:
        durable.write(path, canonical.dumps(replace(config, ledger=EMBEDDED).to_json()))


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, home: Path) -> None:
    """Write one file below ``home`` (mode 0600). Raises ``tarfile.TarError`` on all that a backup never holds."""
    relative = Path(member.name)
    content = archive.extractfile(member) if member.isreg() else None
    if content is None or relative.is_absolute() or ".." in relative.parts:
        raise tarfile.TarError("not a file of a home")
    for parent in reversed(relative.parents):
        (home / parent).mkdir(exist_ok=True, mode=durable.PRIVATE_FOLDER)
    with durable.writing(home / relative) as file:
        shutil.copyfileobj(content, file)


class _Pipe:
    """Gives ``tarfile`` a file to write to."""

    def __init__(self, sealer: chunked.Sealer) -> None:
        self._sealer = sealer

    def write(self, data: Buffer, /) -> int:
        self._sealer.write(data)
        return len(data)
