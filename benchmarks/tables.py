"""Tables for people, from the lines of result files and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table

from benchmarks.results import Absent, Comparison, Figure, Line, Profile, Provenance, Published, Series
from benchmarks.summary import Summary, summarise

_MEGA = 1e6
_MICRO = 1e-6


def tables(lines: Sequence[Line]) -> Iterator[RenderableType]:
    """For each case: where and when, what was measured, what it is compared with, and where the time went."""
    for case in dict.fromkeys(line.case for line in lines):
        of_case = [line for line in lines if line.case == case]
        series = {line.name: line for line in of_case if isinstance(line, Series)}
        yield Group(f"\n{case}", *_where(of_case[0].provenance))
        yield _measured(series.values(), [line for line in of_case if isinstance(line, Absent)])
        comparisons = [line for line in of_case if isinstance(line, Comparison)]
        if comparisons:
            yield _compared(comparisons, series)
        figures = [line for line in of_case if isinstance(line, Figure)]
        if figures:
            yield _counted(figures)
        published = [line for line in of_case if isinstance(line, Published)]
        if published:
            yield _as_published(published)
        yield from (_profiled(line) for line in of_case if isinstance(line, Profile))


def _where(found: Provenance) -> list[str]:
    if not found:
        return []
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items() if version)
    commit = f"{str(found['commit'])[:12]}{' with changes' if found['modified'] else ''}"
    memory = f"{found['memory_bytes'] / 2**30:.0f} GiB"
    return [
        f"{found['time']}, commit {commit}, profile {found['profile']}, load {found['load']:.1f} at the start",
        f"{found['cpu']}, {found['cores']} cores, {memory}, {found['system']}",
        f"{found['python']}, {found['openssl']}, {versions}",
    ]


def _measured(series: Iterable[Series], absent: Iterable[Absent]) -> Table:
    table = _table("what was measured", "median", "95 % interval", "5 % .. 95 %", "samples", "CPU")
    for line in series:
        found = _summary(line)
        scale, unit = _scale(line)
        cpu = sum(line.cpu_seconds) / sum(line.seconds)
        table.add_row(
            line.name,
            f"{_number(found.median / scale)} {unit}",
            f"{_number(found.low / scale)} .. {_number(found.high / scale)}",
            f"{_number(found.p5 / scale)} .. {_number(found.p95 / scale)}",
            str(found.count),
            f"{cpu:.2f}",
        )
    for missing in absent:
        table.add_row(missing.name, missing.reason)
    return table


def _summary(line: Series) -> Summary:
    """Of seconds for one operation, else of rates."""
    return summarise(line.seconds if line.unit == "operations" else line.rates)


def _scale(line: Series) -> tuple[float, str]:
    if line.unit == "operations":
        return _MICRO, "us"
    return (_MEGA, "MB/s") if line.unit == "bytes" else (1, f"{line.unit}/s")


def _compared(comparisons: Iterable[Comparison], series: dict[str, Series]) -> Table:
    table = _table("ratio of rates", "median", "95 % interval", "5 % .. 95 %", "goal", "")
    for line in comparisons:
        rates = series[line.of].rates
        over = series[line.over].rates if line.over else [1.0] * len(rates)
        found = summarise([rate / other for rate, other in zip(rates, over, strict=True)])
        unit = "" if line.over else f" {series[line.of].unit}/s"
        table.add_row(
            line.title,
            f"{_number(found.median)}{unit}",
            f"{_number(found.low)} .. {_number(found.high)}",
            f"{_number(found.p5)} .. {_number(found.p95)}",
            "" if line.at_least is None else f">= {_number(line.at_least)}",
            "" if line.at_least is None else "reached" if found.median >= line.at_least else "MISSED",
        )
    return table


def _counted(figures: Iterable[Figure]) -> Table:
    table = _table("figure", "value")
    for line in figures:
        table.add_row(line.name, f"{_number(line.value)} {line.unit}")
    return table


def _as_published(published: Iterable[Published]) -> Table:
    table = Table("as published, not measured here", "figure", "faults that it stands", box=box.MARKDOWN)
    for line in published:
        table.add_row(line.system, line.figure, line.faults)
    return table


def _profiled(line: Profile) -> Table:
    table = _table(f"profile: {line.name}, {line.seconds:.2f} s under cProfile", "calls", "own s", "with callees s")
    for name, calls, own, cumulative in line.functions:
        table.add_row(name, f"{calls:,}", f"{own:.3f}", f"{cumulative:.3f}")
    return table


def _table(*columns: str) -> Table:
    table = Table(*columns, box=box.MARKDOWN)
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 100 else f"{value:.2f}"
