"""The address book of a home: which name goes with which opaque id. Names are nowhere else but in sealed records."""

from __future__ import annotations

import contextlib
import fcntl
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clinic import durable
from clinic.errors import HomeInvalid, InputInvalid, NameAmbiguous, NameUnknown
from scheme import canonical

MIN_PREFIX = 4
MAX_NAME_CHARS = 200
JOINERS = "\u200c\u200d"
"""Zero-width joiner and non-joiner: names in Persian and Indic scripts need them, and so do some emoji."""


@dataclass(frozen=True)
class Person:
    """A member as this home calls it."""

    member_id: str
    role: str
    name: str


class Directory:
    """Names in one file; several processes may add to it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def people(self) -> list[Person]:
        """Everybody, in order of enrolment."""
        if not self._path.exists():
            return []
        value = canonical.loads(durable.read(self._path), what="the home's directory")
        try:
            return [Person(item["member"], item["role"], item["name"]) for item in value["people"]]
        except (KeyError, TypeError):
            raise HomeInvalid("the home's directory of names is damaged; restore it from a backup") from None

    def begin(self) -> None:
        """Start with nobody, durably."""
        self._write([])

    def add(self, person: Person) -> None:
        """Add a person, durably."""
        with self._locked():
            self._write([*self.people(), person])

    def _write(self, people: list[Person]) -> None:
        value = {
            "type": "chartseal/directory",
            "people": [{"member": item.member_id, "role": item.role, "name": item.name} for item in people],
        }
        durable.write(self._path, canonical.dumps(value))

    def find(self, name: str, roles: tuple[str, ...] = ()) -> Person:
        """The person of that name, or of that unique id prefix (from 4 digits). Raises ``NameUnknown``,
        ``NameAmbiguous`` with the candidates."""
        wanted = normal_name(name)
        people = [person for person in self.people() if not roles or person.role in roles]
        found = [person for person in people if person.name.casefold() == wanted.casefold()]
        if not found and len(wanted) >= MIN_PREFIX:
            found = [person for person in people if person.member_id.startswith(wanted.lower())]
        if not found:
            kind = " or ".join(roles) or "member"
            raise NameUnknown(f"no {kind} is called {wanted!r} here; see `chartseal members`")
        if len(found) > 1:
            listed = "; ".join(f"{person.role} {person.name} {person.member_id[:12]}" for person in found)
            raise NameAmbiguous(f"{wanted!r} fits several members, use the id: {listed}")
        return found[0]

    def name_of(self, member_id: str) -> str:
        """The name that goes with an id, or the beginning of the id."""
        return next((person.name for person in self.people() if person.member_id == member_id), member_id[:12])

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with durable.full_disk_told(), self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def normal_name(name: str) -> str:
    """A name in one form (NFC, single spaces). Raises ``InputInvalid`` if it is empty, too long or unprintable."""
    normal = " ".join(unicodedata.normalize("NFC", name).split())
    visible = normal.translate(dict.fromkeys(map(ord, JOINERS)))
    if not visible or len(normal) > MAX_NAME_CHARS or not visible.isprintable():
        raise InputInvalid(f"a name has 1 to {MAX_NAME_CHARS} printable characters")
    return normal
