"""Growth on logarithmic axes: medians with the band from the 5th to the 95th percentile, or counted amounts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import SubFigure

from benchmarks.quantities import count
from benchmarks.report.figures import scales, style
from benchmarks.summary import summarise

BANDS = "Medians; the band is the 5th to the 95th percentile of the samples."
"""For captions."""
Point = tuple[float, float, float, float]
"""Place, and there the value, its lower and its upper end."""


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
        found = sorted(((place, summarise(each)) for place, each in samples), key=lambda item: item[0])
        return cls(label, number, tuple((place, each.median, each.p5, each.p95) for place, each in found))

    @classmethod
    def counted(
        cls, label: str, number: int, values: Iterable[tuple[float, float]], *, is_measured: bool = True
    ) -> Curve:
        """Amounts without samples."""
        points = tuple((place, value, value, value) for place, value in sorted(values))
        return cls(label, number, points, is_measured)


def draw_curves(
    axes: Axes,
    curves: Sequence[Curve],
    mark: scales.Mark = scales.numbers,
    named: scales.Named = count,
    across: Literal["log", "linear"] = "log",
) -> None:
    """Draw on a logarithmic vertical axis; ``mark`` names its ticks, ``named`` places on the other."""
    axes.set_xscale(across)
    axes.set_yscale("log")
    for curve in curves:
        places, values, lows, highs = zip(*curve.points, strict=True)
        shade = style.colour(curve.number)
        axes.fill_between(places, lows, highs, color=shade, alpha=0.18, linewidth=0)
        axes.plot(
            places,
            values,
            label=curve.label,
            color=shade,
            marker=style.marker(curve.number),
            linestyle=style.line(curve.number),
            markerfacecolor=shade if curve.is_measured else "white",
        )
    scales.places(axes.xaxis, sorted({point[0] for curve in curves for point in curve.points}), named)
    mark(axes.yaxis)


def show_legend(figure: SubFigure, panels: int, *, columns: int = 4) -> None:
    """Name each curve once, below all panels; axes beyond the ``panels`` that were drawn are taken away."""
    for axes in figure.axes[panels:]:
        axes.remove()
    named = [each for axes in figure.axes for each in zip(*axes.get_legend_handles_labels(), strict=True)]
    figure.legend(
        handles=list({label: handle for handle, label in named}.values()), loc="outside lower center", ncols=columns
    )
