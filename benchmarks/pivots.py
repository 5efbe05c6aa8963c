"""Tables that set values side by side: the counts and costs of schemes, and what each phase costs each role."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.quantities import count, duration, number, security, size
from benchmarks.results import Figure
from benchmarks.runs import Run, by_setting
from benchmarks.table import Table

_NOTHING = "-"


@dataclass
class Pivots:
    """``tables``, and which figures stand in them (by ``id``) and need not be listed again."""

    tables: list[Table] = field(default_factory=list)
    shown: set[int] = field(default_factory=set)


def pivots(run: Run) -> Pivots:
    """The tables whose settings a run has."""
    found = Pivots()
    _operations(run, found)
    _predictions(run, found)
    _properties(run, found)
    _accuracy(run, found)
    _roles(run, found)
    return found


def _operations(run: Run, found: Pivots) -> None:
    """What each phase of each scheme was counted to do."""
    keys = "scheme", "group", "phase"
    counted = [line for line in run.of(Figure) if line.unit == "operations" and "operation" in line.settings]
    rows = [
        (*map(str, key), ", ".join(f"{count(line.value)} {line.settings['operation']}" for line in lines))
        for key, lines in by_setting(counted, *keys).items()
    ]
    if rows:
        columns = (*keys, "operations, counted")
        found.tables.append(Table("operations", columns, tuple(rows), left=len(columns)))
        found.shown |= {id(line) for lines in by_setting(counted, *keys).values() for line in lines}


def _predictions(run: Run, found: Pivots) -> None:
    """Predicted and measured CPU times; how far they are apart, and why, as the case says."""
    keys = "scheme", "group", "phase"
    figures = by_setting(run.of(Figure), *keys)
    series = by_setting(run.series.values(), *keys)
    rows = []
    for key, lines in series.items():
        predicted = [line for line in figures.get(key, []) if line.unit == "seconds" and line.settings.get("predicted")]
        ratio = [line for line in figures.get(key, []) if line.unit == "ratio"]
        if predicted and ratio and lines[0].cpu_seconds:
            settings = ratio[0].settings
            rows.append((
                *map(str, key),
                duration(predicted[0].value),
                duration(statistics.median(lines[0].cpu_seconds)),
                f"{number(ratio[0].value)}{_ends(settings)}",
                security(lines[0].security_bits),
                str(settings.get("reason", "")),
            ))  # fmt: skip
            found.shown |= {id(predicted[0]), id(ratio[0])}
    if rows:
        columns = (
            *keys, "CPU time, predicted", "CPU time, measured", "measured over predicted (95 % interval)", "security",
            "why they differ",
        )  # fmt: skip
        found.tables.append(Table("predicted", columns, tuple(rows), left=len(columns)))


def _properties(run: Run, found: Pivots) -> None:
    """What each scheme holds and breaks, and the tests that show it."""
    keys = "scheme", "property", "says", "shown_by"
    claims = by_setting(run.of(Figure), *keys)
    if claims:
        columns = ("scheme", "property", "as built here", "shown by")
        rows = tuple(tuple(map(str, key)) for key in claims)
        found.tables.append(Table("properties", columns, rows, left=len(columns)))
        found.shown |= {id(line) for lines in claims.values() for line in lines}


def _accuracy(run: Run, found: Pivots) -> None:
    """How often each ranking answers rightly."""
    keys = "ranking", "closure", "queries"
    figures = by_setting(run.of(Figure), *keys, "of")
    if figures:
        cells = {
            (", ".join(map(str, key)), of): number(lines[0].value) + (" %" if lines[0].unit == "%" else "")
            for (*key, of), lines in figures.items()
        }
        found.tables.append(_pivot("accuracy", "ranking, closure, queries", cells))
        found.shown |= {id(line) for lines in figures.values() for line in lines}


def _ends(settings: Mapping[str, Any]) -> str:
    """Of the interval, as far as there were samples enough for one."""
    low, high = settings.get("low"), settings.get("high")
    return "" if low is None or high is None else f" ({number(low)} .. {number(high)})"


def _roles(run: Run, found: Pivots) -> None:
    """Computation and communication of each role, for each length of the history."""
    sent = [line for line in run.of(Figure) if line.unit == "bytes" and "direction" in line.settings]
    timed = [line for line in run.series.values() if line.cpu_seconds]
    for (records,), lines in by_setting(timed, "records").items():
        times = by_setting(lines, "phase", "role")
        if times:
            cells = {key: duration(statistics.median(each[0].cpu_seconds)) for key, each in times.items()}
            found.tables.append(_pivot(f"computation-{records}", f"CPU time, {records:,} records: phase", cells))
    for (records, direction), figures in by_setting(sent, "records", "direction").items():
        sizes = by_setting(figures, "phase", "role")
        if sizes:
            cells = {key: size(each[0].value) for key, each in sizes.items()}
            name = f"communication-{records}-{direction}"
            head = f"bytes handed over, {direction}, {records:,} records: phase"
            found.tables.append(_pivot(name, head, cells))
            found.shown |= {id(line) for each in sizes.values() for line in each}


def _pivot(name: str, head: str, cells: Mapping[tuple[Any, ...], str]) -> Table:
    """Cells by row and column."""
    columns = list(dict.fromkeys(str(column) for _, column in cells))
    rows: dict[str, dict[str, str]] = {}
    for (row, column), cell in cells.items():
        rows.setdefault(str(row), {})[str(column)] = cell
    shown = tuple((row, *(values.get(column, _NOTHING) for column in columns)) for row, values in rows.items())
    return Table(name, (head, *columns), shown)
