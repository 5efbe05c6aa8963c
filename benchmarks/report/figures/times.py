"""Times of a case that has no figure of its own: dots with intervals."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.quantities import LOW_SECURITY_BITS, security
from benchmarks.report.figures import scales
from benchmarks.report.figures.dots import Chart, Dot
from benchmarks.report.figures.dots import drawings as pages
from benchmarks.report.figures.drawing import Drawing
from benchmarks.results import Series
from benchmarks.runs import Run
from benchmarks.summary import summarise


def drawings(run: Run) -> Iterator[Drawing]:
    """Series named ``WHO: WHAT`` have a row for each WHAT, in a panel of those that the same WHO can do; rates in
    other units stand in tables only.
    """
    timed = [line for line in run.series.values() if line.unit == "operations"]
    if timed:
        who: dict[str, list[str]] = {}
        for line in timed:
            who.setdefault(_row(line), []).append(_kind(line))
        dots = [Dot(", ".join(who[_row(line)]), _row(line), _kind(line), summarise(line.seconds)) for line in timed]
        yield from pages(Chart(dots, "time", scales.durations), "times", f"{run.title}: time of each operation", "")


def _kind(line: Series) -> str:
    return line.name.rpartition(": ")[0]


def _row(line: Series) -> str:
    is_low = line.security_bits is not None and line.security_bits < LOW_SECURITY_BITS
    what = line.name.rpartition(": ")[2]
    return f"{what} [{security(line.security_bits)}]" if is_low else what
