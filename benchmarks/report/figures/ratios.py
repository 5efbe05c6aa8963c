"""Every case's ratios as bars with intervals, each with its goal."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D

from benchmarks import tables
from benchmarks.quantities import LOW_SECURITY_BITS
from benchmarks.report.figures import style
from benchmarks.report.figures.bars import INTERVALS, Bar, draw_bars, height, pages
from benchmarks.report.figures.drawing import Drawing
from benchmarks.results import Comparison
from benchmarks.runs import Run

_LETTERS = 60


def drawings(run: Run) -> Iterator[Drawing]:
    """As many to a figure as fit on a page; rates in units a second are no ratios and stand in tables only."""
    bars = [_bar(line, run) for line in run.of(Comparison) if line.over is not None]
    parts = pages(bars, letters=_LETTERS)
    for place, part in enumerate(parts, 1):
        yield Drawing(
            "ratios" if place == 1 else f"ratios-{place}",
            f"{run.title}: ratios of rates" + (f", part {place} of {len(parts)}" if len(parts) > 1 else ""),
            f"Medians of ratios taken sample by sample, {INTERVALS}. Above 1 the first named is faster. A thick mark "
            "is the goal. Hatched or square: a security level below 112 bits.",
            (style.WIDTH, height([bar.label for bar in part], letters=_LETTERS) + 0.3),
            partial(_draw, part),
        )


def _bar(line: Comparison, run: Run) -> Bar:
    levels = tables.levels(line, run)
    is_said = all(f"{bits} bits" in line.title for bits in levels)
    label = line.title if is_said or not tables.is_uneven(levels) else f"{line.title} [{tables.security_of(levels)}]"
    is_low = any(bits < LOW_SECURITY_BITS for bits in levels)
    return Bar.of(label, tables.ratios(line, run), int(is_low), line.at_least)


def _draw(bars: list[Bar], figure: SubFigure) -> None:
    axes = figure.subplots()
    draw_bars(axes, bars, letters=_LETTERS)
    axes.axvline(1, color="black", linewidth=0.8, linestyle=":")
    axes.set_xlabel("ratio of rates (1: equally fast)")
    if any(bar.goal is not None for bar in bars):
        goal = Line2D([], [], color="black", marker="|", markersize=9, markeredgewidth=2.2, linestyle="none")
        figure.legend([goal], ["goal"], loc="outside upper right")
