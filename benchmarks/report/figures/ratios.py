"""Every case's ratios as dots with intervals, each with its goal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from benchmarks import tables
from benchmarks.report.figures import scales
from benchmarks.report.figures.dots import Chart, Dot
from benchmarks.report.figures.dots import drawings as pages
from benchmarks.report.figures.drawing import Drawing
from benchmarks.results import Comparison
from benchmarks.runs import Run


def drawings(run: Run) -> Iterator[Drawing]:
    """Rates in units a second are no ratios and stand in tables only, as what is compared with itself."""
    compared = [line for line in run.of(Comparison) if line.over is not None and line.over != line.of]
    if compared:
        alike = Counter(_parts(line.title)[0] for line in compared)
        is_uneven = any(tables.is_uneven(tables.levels(line, run)) for line in compared)
        dots = [_dot(line, run, is_alone=alike[_parts(line.title)[0]] == 1, has_levels=is_uneven) for line in compared]
        is_single = len({(dot.panel, dot.row) for dot in dots}) == len(dots)
        named = scales.digits if is_single else None
        chart = Chart(dots, "ratio of rates (1: equally fast)", scales.numbers, named, at=1)
        caption = "Ratios are taken sample by sample; above 1 the first named is faster."
        yield from pages(chart, "ratios", f"{run.title}: ratios of rates", caption)


def _dot(line: Comparison, run: Run, *, is_alone: bool, has_levels: bool) -> Dot:
    """Kinds are backends, where there are any, else security levels."""
    panel, row = ("", line.title) if is_alone else _parts(line.title)
    backend = run.series[line.of].settings.get("backend", "")
    kind = backend or (tables.security_of(tables.levels(line, run)) if has_levels else "")
    return Dot(panel, row.removeprefix(f"{backend}, "), kind, tables.ratios(line, run), line.at_least)


def _parts(title: str) -> tuple[str, str]:
    """What a title shares with others, and what it does not: ``WHAT: WHO, over PEER`` is one of ``WHO, over PEER``,
    ``WHAT, over PEER`` one of ``over PEER``, and ``WHAT, WHO over PEER`` one of ``WHAT, WHO over``.
    """
    what, colon, sides = title.rpartition(": ")
    if colon:
        return sides, what
    what, _, peer = title.rpartition(" over ")
    return (f"over {peer}", what[:-1]) if what.endswith(",") else (f"{what} over \N{HORIZONTAL ELLIPSIS}", peer)
