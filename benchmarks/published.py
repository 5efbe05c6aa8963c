"""What others published of their own systems: ``published.toml``, read and checked. Nothing of it is measured here."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench
from benchmarks.errors import PublishedInvalid

DATA = Path(__file__).with_name("published.toml")
_FIRST_YEAR, _LAST_YEAR = 1970, 2100
_MAX_SECURITY_BITS = 256


@dataclass(frozen=True)
class Entry:
    """One figure, as published; ``published.toml`` says what each field is."""

    case: str
    system: str
    what: str
    value: float | tuple[float, float]
    unit: str
    faults: str
    source: str
    read_at: str
    venue: str = ""
    year: int | None = None
    hardware: str = ""
    security_bits: int | None = None

    @property
    def figure(self) -> str:
        """In words."""
        numbers = self.value if isinstance(self.value, tuple) else (self.value,)
        return f"{self.what}: {' to '.join(f'{number:,}' for number in numbers)} {self.unit}"


def hand_in(bench: Bench) -> None:
    """Hand in what was published about the subject of the case that runs."""
    for entry in load():
        if entry.case == bench.case:
            bench.published(
                entry.system,
                entry.figure,
                entry.faults,
                source=entry.source,
                venue=entry.venue,
                year=entry.year,
                hardware=entry.hardware,
                security_bits=entry.security_bits,
                read_at=entry.read_at,
            )


def load(path: Path = DATA) -> list[Entry]:
    """Every figure, in order. Raises ``PublishedInvalid``, naming the entry and what to mend."""
    try:
        value = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PublishedInvalid(f"{path.name} is no TOML file that can be read ({error}); mend it") from None
    rows = value.pop("figure", None)
    if value or not isinstance(rows, list) or not rows:
        raise PublishedInvalid(f"{path.name} holds [[figure]] entries and nothing else; mend it")
    entries: dict[tuple[str, str, str], Entry] = {}
    for number, row in enumerate(rows, start=1):
        entry = _entry(row, f"entry {number} of {path.name}")
        if entries.setdefault((entry.case, entry.system, entry.what), entry) is not entry:
            raise PublishedInvalid(
                f"entry {number} of {path.name} says what another says: {entry.system}, {entry.what}"
            )
    return list(entries.values())


def _entry(row: Mapping[str, Any], place: str) -> Entry:
    names = {field.name for field in fields(Entry)}
    if unknown := sorted(row.keys() - names):
        raise PublishedInvalid(f"{place} has the field {unknown[0]!r}; known: {', '.join(sorted(names))}")
    if missing := sorted(_REQUIRED - row.keys()):
        raise PublishedInvalid(f"{place} lacks {missing[0]!r}")
    for name in row.keys() & (_REQUIRED | {"venue", "hardware"}) - {"value"}:
        if not isinstance(row[name], str) or not row[name].strip():
            raise PublishedInvalid(f"{place}: {name!r} is a text, and not an empty one")
    for name, low, high in (("year", _FIRST_YEAR, _LAST_YEAR), ("security_bits", 1, _MAX_SECURITY_BITS)):
        if name in row and (type(row[name]) is not int or not low <= row[name] <= high):
            raise PublishedInvalid(f"{place}: {name!r} is a whole number from {low} to {high}")
    return Entry(**(dict(row) | {"value": _value(row["value"], place)}))


_REQUIRED = frozenset({"case", "system", "what", "value", "unit", "faults", "source", "read_at"})


def _value(value: object, place: str) -> float | tuple[float, float]:
    match value:
        case bool():
            pass
        case int() | float() if 0 < value < math.inf:
            return value
        case [int() | float() as low, int() | float() as high] if 0 < low < high < math.inf:
            return low, high
    raise PublishedInvalid(f"{place}: 'value' is a number above 0, or the lowest and the highest of a range")
