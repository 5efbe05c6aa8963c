"""A report's numbers as CSV: tidy, in base units, each row with its settings and provenance."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from benchmarks import tables
from benchmarks.frames import flat, frame
from benchmarks.results import Absent, Comparison, Figure, Line, Published, Series
from benchmarks.runs import Run
from benchmarks.summary import Summary

_Row = dict[str, Any]


def frames(runs: Sequence[Run]) -> dict[str, pd.DataFrame]:
    """By name: every sample; their summaries; ratios; what was counted; what is missing; and what others published,
    which is never in one file with what was measured.
    """
    lines = [line for run in runs for line in run.lines]
    rows: Mapping[str, Callable[[Run], Iterator[_Row]]] = {
        "measured": _measured,
        "ratios": _ratios,
        "figures": lambda run: _plain(run, Figure),
        "missing": lambda run: _plain(run, Absent),
        "published": lambda run: _plain(run, Published),
    }
    found = {name: pd.DataFrame([row for run in runs for row in of(run)]) for name, of in rows.items()}
    return {"samples": frame(lines), **found}


def _measured(run: Run) -> Iterator[_Row]:
    for line in run.of(Series):
        row = flat(line)
        del row["seconds"], row["cpu_seconds"]
        measure = "seconds" if line.unit == "operations" else f"{line.unit} a second"
        yield row | {
            "measure": measure,
            **_summary(tables.summary(line)),
            "cpu_over_wall": line.cpu_share,
        }


def _ratios(run: Run) -> Iterator[_Row]:
    for line in run.of(Comparison):
        found = tables.ratios(line, run)
        goal = {} if line.at_least is None else {"reached": found.median >= line.at_least}
        yield flat(line) | _summary(found) | {"security": tables.security_of(tables.levels(line, run))} | goal


def _plain(run: Run, kind: type[Line]) -> Iterator[_Row]:
    return (flat(line) for line in run.lines if isinstance(line, kind))


def _summary(found: Summary) -> _Row:
    return {
        "median": found.median,
        "interval_low": found.low,
        "interval_high": found.high,
        "p5": found.p5,
        "p95": found.p95,
        "samples": found.count,
    }
