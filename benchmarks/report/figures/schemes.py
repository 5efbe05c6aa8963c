"""Re-encryption schemes side by side: measured times, and how far the times predicted from counts are from them."""

from __future__ import annotations

import statistics
import textwrap
from collections.abc import Iterator, Sequence
from functools import partial

from matplotlib.figure import SubFigure

from benchmarks.quantities import LOW_SECURITY_BITS
from benchmarks.report.figures import scales, style
from benchmarks.report.figures.bars import INTERVALS, Bar, draw_aligned, height
from benchmarks.report.figures.drawing import Drawing
from benchmarks.results import Figure, Series
from benchmarks.runs import Run, by_setting
from benchmarks.schemes.prediction import TOLERANCE
from benchmarks.summary import summarise

CASE = "schemes"
_COLUMNS = 4
_TITLE_LETTERS = 18
_LETTERS = 28
_MILLI = 1e-3


def drawings(run: Run) -> Iterator[Drawing]:
    """Times by phase, and predicted beside measured times."""
    if bars := _bars(run):
        labels = list(dict.fromkeys(bar.label for each in bars.values() for bar in each))
        rows = -(-len(bars) // _COLUMNS)
        yield Drawing(
            "times",
            f"{run.title}: time of each phase",
            f"Wall time, medians, {INTERVALS}, milliseconds; each phase has a scale of its own. Hatched: the security "
            "level is below 112 bits.",
            (style.WIDTH, 0.3 + rows * (height(labels, letters=_LETTERS) + 0.15)),
            partial(_draw_times, bars, labels),
        )
    if spots := list(_predicted(run)):
        yield Drawing(
            "predicted",
            f"{run.title}: predicted and measured CPU time",
            "Each point is one phase of one scheme: counted operations times the CPU time that each costs, beside the "
            f"median of the CPU time measured. Between the dashed lines the two are within {TOLERANCE:.0%}.",
            (style.WIDTH, 4.4),
            partial(_draw_predicted, spots),
        )


def name(line: Series) -> str:
    """Scheme and group; a low security level is said."""
    group = line.settings.get("group")
    label = f"{line.settings['scheme']}, {group}" if group else str(line.settings["scheme"])
    return f"{label} [{line.security_bits} bits]" if _is_low(line) else label


def _is_low(line: Series) -> bool:
    return line.security_bits is not None and line.security_bits < LOW_SECURITY_BITS


def _bars(run: Run) -> dict[str, list[Bar]]:
    """By phase."""
    found: dict[str, list[Bar]] = {}
    for (phase, _), lines in by_setting(run.series.values(), "phase", "scheme").items():
        for line in lines:
            times = summarise([seconds / _MILLI for seconds in line.seconds])
            found.setdefault(phase, []).append(Bar(name(line), times, int(_is_low(line))))
    return found


_Spot = tuple[str, float, float]
"""Scheme with its group, predicted and measured seconds of CPU time."""


def _predicted(run: Run) -> Iterator[_Spot]:
    measured = {
        (scheme, phase, line.settings.get("group")): line
        for (scheme, phase), lines in by_setting(run.series.values(), "scheme", "phase").items()
        for line in lines
    }
    for line in run.of(Figure):
        settings = line.settings
        beside = measured.get((settings.get("scheme"), settings.get("phase"), settings.get("group")))
        if settings.get("predicted") and line.unit == "seconds" and line.value > 0 and beside:
            yield name(beside), line.value, statistics.median(beside.cpu_seconds)


def _draw_times(bars: dict[str, list[Bar]], labels: list[str], figure: SubFigure) -> None:
    columns = min(_COLUMNS, len(bars))
    grid = figure.subplots(-(-len(bars) // columns), columns, squeeze=False, sharey=True)
    for axes, (phase, each) in zip(grid.flat, bars.items(), strict=False):
        draw_aligned(axes, each, labels, letters=_LETTERS)
        axes.set_title(textwrap.fill(phase, _TITLE_LETTERS))
        axes.set_xlabel("ms")
    for axes in list(figure.axes)[len(bars) :]:
        axes.remove()


def _draw_predicted(spots: Sequence[_Spot], figure: SubFigure) -> None:
    axes = figure.subplots()
    axes.set_xscale("log")
    axes.set_yscale("log")
    for number, scheme in enumerate(dict.fromkeys(scheme for scheme, _, _ in spots)):
        predicted, measured = zip(*((x, y) for each, x, y in spots if each == scheme), strict=True)
        axes.plot(
            predicted, measured, label=scheme, color=style.colour(number), marker=style.marker(number),
            linestyle="none", fillstyle=("full", "none")[number // len(style.MARKERS) % 2],
        )  # fmt: skip
    ends = [min(min(x, y) for _, x, y in spots) / 1.5, max(max(x, y) for _, x, y in spots) * 1.5]
    axes.plot(ends, ends, color="black", linewidth=0.9)
    for factor in (1 - TOLERANCE, 1 + TOLERANCE):
        axes.plot(ends, [end * factor for end in ends], color="black", linewidth=0.7, linestyle="--")
    axes.set_xlim(*ends)
    axes.set_ylim(*ends)
    scales.durations(axes.xaxis)
    scales.durations(axes.yaxis)
    axes.set_xlabel("CPU time, predicted")
    axes.set_ylabel("CPU time, measured")
    figure.legend(loc="outside right upper")
