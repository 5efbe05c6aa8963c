"""Times of a case that has no figure of its own: bars with intervals."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from matplotlib.figure import SubFigure

from benchmarks.quantities import LOW_SECURITY_BITS, duration, security
from benchmarks.report.figures import scales, style
from benchmarks.report.figures.bars import INTERVALS, Bar, draw_bars, height, pages
from benchmarks.report.figures.drawing import Drawing
from benchmarks.results import Series
from benchmarks.runs import Run
from benchmarks.summary import summarise


def drawings(run: Run) -> Iterator[Drawing]:
    """As many to a figure as fit on a page; rates in other units stand in tables only."""
    bars = [_bar(line) for line in run.series.values() if line.unit == "operations"]
    parts = pages(bars)
    for place, part in enumerate(parts, 1):
        yield Drawing(
            "times" if place == 1 else f"times-{place}",
            f"{run.title}: time of each operation" + (f", part {place} of {len(parts)}" if len(parts) > 1 else ""),
            f"Medians {INTERVALS}. Hatched or square: the security level is below 112 bits.",
            (style.WIDTH, height([bar.label for bar in part])),
            partial(_draw, part),
        )


def _bar(line: Series) -> Bar:
    is_low = line.security_bits is not None and line.security_bits < LOW_SECURITY_BITS
    label = f"{line.name} [{security(line.security_bits)}]" if is_low else line.name
    return Bar.of(label, summarise(line.seconds), int(is_low))


def _draw(bars: list[Bar], figure: SubFigure) -> None:
    axes = figure.subplots()
    draw_bars(axes, bars, scales.durations, duration)
    axes.set_xlabel("time")
