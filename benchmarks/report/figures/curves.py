"""Growth by a number: medians with whiskers from the 5th to the 95th percentile, or counted amounts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import SubFigure

from benchmarks.quantities import count
from benchmarks.report.figures import scales, style
from benchmarks.summary import FEWEST, summarise

_Scale = Literal["log", "linear"]
_Place = Literal["outside lower center", "outside upper center"]
_DODGE_POINTS = 2.5
"""Between neighbouring curves' whiskers at one place, and between their markers where no line tells them apart."""
_TREND = 3
"""Places that a line needs: two show no trend."""
_MARGIN, _MARGIN_OF_TWO = 0.06, 0.3
"""Of the axis, beside the outermost places."""


class Point(NamedTuple):
    """Median of ``samples`` at ``place`` and the ends of its whiskers: NaN with fewer than ``FEWEST`` or none."""

    place: float
    value: float
    low: float
    high: float
    samples: int


@dataclass(frozen=True)
class Curve:
    """``number`` chooses colour, marker and line; what was worked out and not run has hollow markers."""

    label: str
    number: int
    points: tuple[Point, ...]
    is_measured: bool = True

    @classmethod
    def of(cls, label: str, number: int, samples: Iterable[tuple[float, Sequence[float]]]) -> Curve:
        """Medians and percentiles of the samples at each place."""
        return cls(label, number, tuple(_point(*each) for each in sorted(samples, key=lambda item: item[0])))

    @classmethod
    def counted(
        cls, label: str, number: int, values: Iterable[tuple[float, float]], *, is_measured: bool = True
    ) -> Curve:
        """Amounts without samples."""
        points = tuple(Point(place, value, math.nan, math.nan, 0) for place, value in sorted(values))
        return cls(label, number, points, is_measured)


def _point(place: float, samples: Sequence[float]) -> Point:
    found = summarise(samples)
    ends = (found.p5, found.p95) if found.count >= FEWEST else (math.nan, math.nan)
    return Point(place, found.median, *ends, found.count)


def spread(curves: Iterable[Curve]) -> str:
    """For captions: of how many samples the medians are, and what the whiskers say."""
    counts = sorted({point.samples for curve in curves for point in curve.points if point.samples})
    if not counts:
        return ""
    said = " to ".join(dict.fromkeys((count(counts[0]), count(counts[-1]))))
    whiskers = "whiskers from the 5th to the 95th percentile" if counts[-1] >= FEWEST else "no whiskers"
    fewer = f", none for n < {FEWEST}" if counts[0] < FEWEST <= counts[-1] else ""
    return f"Medians, n = {said}; {whiskers}{fewer}."


def draw_curves(
    axes: Axes,
    curves: Sequence[Curve],
    mark: scales.Mark = scales.numbers,
    named: scales.Named = count,
    *,
    across: _Scale = "log",
    upward: _Scale = "log",
) -> None:
    """Draw with ``mark`` naming the upward axis's ticks, ``named`` places on the other; upward linear from zero."""
    axes.set_xscale(across)
    axes.set_yscale(upward)
    measured = sorted({point.place for curve in curves for point in curve.points})
    axes.margins(x=_MARGIN if len(measured) >= _TREND else _MARGIN_OF_TWO)
    for nth, curve in enumerate(curves):
        _draw(axes, curve, (nth - (len(curves) - 1) / 2) * _DODGE_POINTS)
    if upward == "linear":
        axes.set_ylim(0, 1.1 * max(point.value for curve in curves for point in curve.points))
    scales.places(axes.xaxis, measured, named)
    mark(axes.yaxis)


def _draw(axes: Axes, curve: Curve, right: float) -> None:
    places, values, lows, highs, samples = zip(*curve.points, strict=True)
    ends = [[abs(end - value) for end, value in zip(each, values, strict=True)] for each in (lows, highs)]
    has_whiskers, is_trend = max(samples) >= FEWEST, len(places) >= _TREND
    shade = style.colour(curve.number)
    drawn = axes.errorbar(
        places, values, yerr=ends if has_whiskers else None, label=curve.label, color=shade, elinewidth=0.9,
        marker=style.marker(curve.number), markerfacecolor=shade if curve.is_measured else "white",
        linestyle=style.line(curve.number) if is_trend else "none",
    )  # fmt: skip
    if has_whiskers or not is_trend:
        for part in drawn.get_children():  # only now, so that the axes' ends are those of the data
            part.set_transform(style.aside(axes, right=right))


def show_legend(figure: SubFigure, panels: int, *, columns: int = 4, at: _Place = "outside lower center") -> None:
    """Name each curve once, beside all panels; axes beyond the ``panels`` that were drawn are taken away."""
    for axes in figure.axes[panels:]:
        axes.remove()
    named = [each for axes in figure.axes for each in zip(*axes.get_legend_handles_labels(), strict=True)]
    handles = list({label: handle for handle, label in named}.values())
    figure.legend(handles=handles, loc=at, ncols=columns)
