"""Copies of a ledger: where one is read from (a home, a ledger's file or database, an export), and replicas of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from clinic import durable
from clinic.consortium_home import CONSORTIUM
from clinic.delegation import contradictions
from clinic.errors import InputInvalid
from clinic.home import open_home
from clinic.home_folder import LEDGER
from clinic.ledger_url import is_url, require_no_password
from ledger.engine import Reader, View
from ledger.engines.replica import BlockSource, Replica
from ledger.export import ExportFile, write_export
from ledger.genesis import Genesis
from scheme import canonical

_SQLITE = b"SQLite format 3\0"


@dataclass(frozen=True)
class Followed:
    """What became of a replica: its genesis, whether it was made now, how many blocks it took, where it stands."""

    genesis: Genesis
    created: bool
    taken: int
    view: View


def ledger_place(name: str) -> Path | str:
    """Where ``name`` says a ledger is kept: in a home, in a file, or in a PostgreSQL database by URL.

    Raises ``HomeInvalid`` on a folder that is no home, ``InputInvalid`` on a URL with a password.
    """
    if is_url(name):
        return require_no_password(name)
    path = Path(name)
    if not path.is_dir():
        return path
    return path / LEDGER if (path / CONSORTIUM).is_file() else open_home(path).ledger_place


@contextmanager
def opened_copy(name: str, *, genesis: str | None = None) -> Iterator[Replica]:
    """The ledger that is kept at ``name``, to read. Raises as ``StoredLedger.open``, and ``HomeInvalid``."""
    copy = Replica.open(ledger_place(name), genesis_digest=genesis)
    try:
        yield copy
    finally:
        copy.close()


@contextmanager
def opened_source(name: str) -> Iterator[BlockSource]:
    """As ``opened_copy``, or an export file. Raises ``InputInvalid`` when there is nothing of that name."""
    place = ledger_place(name)
    if isinstance(place, str) or _is_database(place):
        with opened_copy(name) as copy:
            yield copy
    else:
        yield ExportFile(place)


def follow(source: BlockSource, target: Path, genesis: Genesis) -> Followed:
    """Take what is new in ``source`` into the replica at ``target``, made now if there is none; all is verified.

    A new replica that gets no block is removed again. Raises ``GenesisInvalid`` when ``target`` is another ledger's,
    and as ``Replica.follow``.
    """
    created = not target.exists()
    if created:
        with durable.full_disk_told():
            target.parent.mkdir(parents=True, exist_ok=True)
        replica = Replica.create(target, genesis)
    else:
        replica = Replica.open(target, genesis_digest=genesis.digest)
    try:
        return Followed(genesis, created, replica.follow(source), replica.view())
    finally:
        empty = created and replica.view().height == 0
        replica.close()
        if empty:
            target.unlink(missing_ok=True)


def export(ledger: Reader, target: Path) -> int:
    """Write all of ``ledger`` to the new file ``target``; returns how many blocks. Raises ``InputInvalid``."""
    if target.exists():
        raise InputInvalid(f"{target.name} exists; name a new file for the export")
    with durable.writing(target) as file:
        return write_export(ledger, file)


def accuse(copy: Path, source: BlockSource, target: Path) -> int:
    """Write what ``copy`` and a contradicting ``source`` show against delegates to the new file ``target``.

    A line of canonical JSON for each; returns how many, and writes nothing when there are none. Raises
    ``InputInvalid``.
    """
    if target.exists():
        raise InputInvalid(f"{target.name} exists; name a new file for the evidence")
    with opened_copy(str(copy)) as reader:
        found = [canonical.dumps(evidence.to_json()) + b"\n" for evidence in contradictions(reader, source)]
    if found:
        durable.write(target, b"".join(found))
    return len(found)


def _is_database(path: Path) -> bool:
    if not path.is_file():
        raise InputInvalid(
            f"there is no {path.name}; name an export, another home, a ledger's file or postgresql://HOST/DATABASE"
        )
    with durable.full_disk_told(), path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE
