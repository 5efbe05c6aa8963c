"""Result files: JSON lines, each complete in itself; every table is made from them and from nothing else.

Each line is one object with ``schema`` (``chartseal/benchmark-result``), ``version``, ``kind``, ``case`` and, but for
the first kind, ``provenance`` (see ``benchmarks.provenance``). The kinds:

``series``      every sample of one thing measured: ``seconds`` (wall) and ``cpu_seconds`` (the process's, all threads;
                empty where CPU time is nobody's in particular, as of one of many readers in a process), each sample
                doing ``amount`` ``unit`` of work; ``settings`` says what was measured; ``security_bits`` where it is
                cryptography; ``peak_memory_bytes``, the most that the process held while the samples were taken.
``comparison``  the rate of series ``of``, over the rate of series ``over`` (paired sample by sample: they ran
                interleaved) or, without ``over``, in units a second; ``at_least`` is the goal, ``None`` for none.
``absent``      something that was not measured, why, and how to get it.
``figure``      a size or another amount that is counted and not timed: ``value`` ``unit``.
``published``   what others published of their own systems, on other machines: ``figure`` in words, ``faults`` that the
                system stands, ``source`` (who), ``venue``, ``year``, ``hardware``, ``security_bits`` as far as they say
                so, ``read_at`` (where in the source); never in a ratio with a series.
``profile``     where the time of one run went: ``functions`` as (name, calls, own seconds, cumulative seconds).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import msgspec

from benchmarks.errors import ResultInvalid

SCHEMA = "chartseal/benchmark-result"
VERSION = 1

Provenance: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Series:
    """Every sample of one thing measured; ``name`` is unique in its case."""

    kind: ClassVar[str] = "series"

    case: str
    name: str
    unit: str
    amount: int | float
    seconds: Sequence[float]
    cpu_seconds: Sequence[float]
    security_bits: int | None = None
    peak_memory_bytes: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    provenance: Provenance = field(default_factory=dict)

    def __post_init__(self) -> None:
        is_whole = len(self.cpu_seconds) in {0, len(self.seconds)}
        if not self.seconds or not is_whole or min(self.seconds) <= 0 or self.amount <= 0:
            raise ResultInvalid(f"the series {self.name!r} holds no samples, or some that took no time; measure again")

    @property
    def rates(self) -> list[float]:
        """Units of work a second, sample by sample."""
        return [self.amount / seconds for seconds in self.seconds]

    @property
    def cpu_share(self) -> float | None:
        """CPU time over wall time, if CPU time was taken."""
        return sum(self.cpu_seconds) / sum(self.seconds) if self.cpu_seconds else None


@dataclass(frozen=True)
class Comparison:
    """A ratio of two series' rates, or one series' rate, with the goal it should reach."""

    kind: ClassVar[str] = "comparison"

    case: str
    title: str
    of: str
    over: str | None
    at_least: int | float | None
    provenance: Provenance = field(default_factory=dict)


@dataclass(frozen=True)
class Absent:
    """What could not be measured here, and how to change that."""

    kind: ClassVar[str] = "absent"

    case: str
    name: str
    reason: str
    provenance: Provenance = field(default_factory=dict)


@dataclass(frozen=True)
class Figure:
    """A size or another amount, counted and not timed."""

    kind: ClassVar[str] = "figure"

    case: str
    name: str
    value: int | float
    unit: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    provenance: Provenance = field(default_factory=dict)


@dataclass(frozen=True)
class Published:
    """What others published of ``system``; not measured here."""

    kind: ClassVar[str] = "published"

    case: str
    system: str
    figure: str
    faults: str
    provenance: Provenance = field(default_factory=dict)
    source: str = ""
    venue: str = ""
    year: int | None = None
    hardware: str = ""
    security_bits: int | None = None
    read_at: str = ""


@dataclass(frozen=True)
class Profile:
    """The functions that took the most time of their own in one profiled run (slower than a measured one)."""

    kind: ClassVar[str] = "profile"

    case: str
    name: str
    seconds: float
    functions: Sequence[tuple[str, int, float, float]]
    provenance: Provenance = field(default_factory=dict)


Line: TypeAlias = Series | Comparison | Absent | Figure | Published | Profile
KINDS: Mapping[str, type[Line]] = {kind.kind: kind for kind in (Series, Comparison, Absent, Figure, Published, Profile)}


def to_json(line: Line) -> str:
    """One line of a result file, without its end. Raises ``ValueError`` on a number that is none (NaN, infinity)."""
    head = {"schema": SCHEMA, "version": VERSION, "kind": line.kind}
    return json.dumps(head | dataclasses.asdict(line), separators=(",", ":"), allow_nan=False)


def from_json(text: str) -> Line:
    """Inverse of ``to_json``. Raises ``ResultInvalid``, naming both versions when the file's is another."""
    try:
        value = msgspec.json.decode(text)
        if value.pop("schema") != SCHEMA:
            raise KeyError("schema")
        version = value.pop("version")
        if version != VERSION:
            raise ResultInvalid(
                f"the result file has version {version} of the schema, this program reads version {VERSION}; "
                "measure again, or use the program that made it"
            )
        kind = KINDS[value.pop("kind")]
        if not value.keys() <= {each.name for each in dataclasses.fields(kind)}:
            raise KeyError("fields")
        return msgspec.convert(value, kind)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ResultInvalid("a line is no benchmark result; name files made by `run --json`") from None


def read(paths: Iterable[Path]) -> Iterator[Line]:
    """Every line of result files, in order. Raises ``ResultInvalid``."""
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            raise ResultInvalid(f"{path.name} cannot be read; name a file made by `run --json`") from None
        yield from (from_json(line) for line in lines if line)
