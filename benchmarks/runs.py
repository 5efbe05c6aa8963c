"""The runs that result files hold: the lines of one case, measured by one process on one machine, kept apart."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from benchmarks.errors import ResultInvalid
from benchmarks.naming import numbered, slug
from benchmarks.results import Comparison, Figure, Line, Provenance, Series

SMOKE = "smoke"
_T = TypeVar("_T")
_L = TypeVar("_L", bound=Series | Figure)


@dataclass(frozen=True)
class Run:
    """One case's lines, in order; ``title`` and ``slug`` (for file names) tell runs of one case apart."""

    title: str
    slug: str
    lines: tuple[Line, ...]

    @property
    def case(self) -> str:
        """Name of the case."""
        return self.lines[0].case

    @property
    def provenance(self) -> Provenance:
        """Of every line."""
        return self.lines[0].provenance

    @property
    def is_smoke(self) -> bool:
        """Whether the numbers only show that all runs."""
        return self.provenance.get("profile") == SMOKE

    @property
    def series(self) -> Mapping[str, Series]:
        """By name."""
        return {line.name: line for line in self.of(Series)}

    def of(self, kind: type[_T]) -> list[_T]:
        """Lines of one kind."""
        return [line for line in self.lines if isinstance(line, kind)]


def runs(lines: Iterable[Line]) -> list[Run]:
    """The runs in ``lines``, in order. Raises ``ResultInvalid`` when one of them contradicts itself."""
    found: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        found.setdefault((line.case, json.dumps(line.provenance, sort_keys=True)), []).append(line)
    titles, slugs = numbered((case for case, _ in found), " "), numbered((slug(case) for case, _ in found), "-")
    every = [Run(*each) for each in zip(titles, slugs, map(tuple, found.values()), strict=True)]
    for run in every:
        _check(run)
    return every


def by_setting(lines: Iterable[_L], *names: str) -> dict[tuple[Any, ...], list[_L]]:
    """Lines by the values of these settings, in order; those without one of them are left out."""
    found: dict[tuple[Any, ...], list[_L]] = {}
    for line in lines:
        if all(name in line.settings for name in names):
            found.setdefault(tuple(line.settings[name] for name in names), []).append(line)
    return found


def _check(run: Run) -> None:
    series = run.series
    if len(series) != len(run.of(Series)):
        raise ResultInvalid(f"a series of the case {run.case} is there twice; name each result file once")
    for line in run.of(Comparison):
        sides = [line.of] if line.over is None else [line.of, line.over]
        if not all(name in series for name in sides) or len({len(series[name].seconds) for name in sides}) > 1:
            raise ResultInvalid(f"a comparison of the case {run.case} lacks samples of its sides; measure again")
