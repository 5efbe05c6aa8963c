"""Lying bars with intervals: medians, their 95 % bootstrap interval if there is one, and a goal likewise."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from benchmarks.quantities import number
from benchmarks.report.figures import scales, style
from benchmarks.summary import FEWEST, Summary

INTERVALS = f"with the 95 % bootstrap interval of the median; no whiskers: fewer than {FEWEST} samples"
"""For captions."""
LETTERS = 52
"""Of a label, in one line."""
_PAGE, _AXIS = 8.4, 0.7
"""Inches of a figure on a page of its own, and of what stands below the bars."""
_SPREAD = 50.0
"""Values that differ more than this are shown on a logarithmic scale."""


@dataclass(frozen=True)
class Bar:
    """``kind`` chooses colour, hatch and marker; without an interval, ``low`` and ``high`` are ``None``."""

    label: str
    value: float
    low: float | None
    high: float | None
    kind: int = 0
    goal: float | None = None

    @classmethod
    def of(cls, label: str, found: Summary, kind: int, goal: float | None = None) -> Bar:
        """A median with its interval."""
        return cls(label, found.median, found.low, found.high, kind, goal)

    @property
    def top(self) -> float:
        """What must fit on the axis."""
        return max(self._ends)

    @property
    def bottom(self) -> float:
        """As ``top``."""
        return min(self._ends)

    @property
    def _ends(self) -> list[float]:
        return [each for each in (self.value, self.low, self.high, self.goal) if each is not None]


def draw_bars(
    axes: Axes,
    bars: Sequence[Bar],
    mark: scales.Mark = scales.numbers,
    named: scales.Named = number,
    *,
    letters: int = LETTERS,
) -> None:
    """One below the other, with the value beside each; points where the scale is logarithmic, which has no zero.

    ``mark`` names the axis's ticks, ``named`` the values.
    """
    top, bottom = max(bar.top for bar in bars), min(bar.bottom for bar in bars)
    is_log = bottom > 0 and top / bottom > _SPREAD
    if is_log:
        axes.set_xscale("log")
        axes.set_xlim(bottom / 2, top * 6)
    for place, bar in enumerate(bars):
        _draw(axes, place, bar, named, is_log=is_log)
    _name(axes, [bar.label for bar in bars], letters)
    if not is_log:
        axes.set_xlim(0, top * 1.22)
    mark(axes.xaxis)


def draw_aligned(axes: Axes, bars: Sequence[Bar], labels: Sequence[str], *, letters: int) -> None:
    """As ``draw_bars``, from zero, a row for each of ``labels``, so that panels side by side have the same rows."""
    for bar in bars:
        _draw(axes, labels.index(bar.label), bar, number, is_log=False)
    present = {bar.label for bar in bars}
    for place, label in enumerate(labels):
        if label not in present:
            _write(axes, "not measured", 0.0, place)
    _name(axes, labels, letters)
    axes.set_xlim(0, max(bar.top for bar in bars) * 1.5)


def height(labels: Sequence[str], *, letters: int = LETTERS) -> float:
    """Inches for so many bars and the axis below, by the lines of the longest label."""
    lines = max(len(textwrap.wrap(label, letters)) for label in labels)
    return _AXIS + len(labels) * (0.09 + 0.135 * lines)


def pages(bars: Sequence[Bar], *, letters: int = LETTERS) -> list[list[Bar]]:
    """The bars, as many at once as fit on a page."""
    if not bars:
        return []
    each = (height([bar.label for bar in bars], letters=letters) - _AXIS) / len(bars)
    count = int((_PAGE - _AXIS) / each)
    return [list(bars[start : start + count]) for start in range(0, len(bars), count)]


def _draw(axes: Axes, place: int, bar: Bar, named: scales.Named, *, is_log: bool) -> None:
    shade = style.colour(bar.kind)
    if is_log:
        axes.plot(bar.value, place, color=shade, marker=style.marker(bar.kind), markeredgecolor=style.EDGE)
    else:
        axes.barh(
            place, bar.value, height=0.68, color=shade, hatch=style.hatch(bar.kind), edgecolor=style.EDGE, linewidth=0.6
        )
    if bar.low is not None and bar.high is not None:
        spread = [[bar.value - bar.low], [bar.high - bar.value]]
        axes.errorbar(bar.value, place, xerr=spread, fmt="none", ecolor="black", elinewidth=1.1)
    if bar.goal is not None:
        axes.plot([bar.goal] * 2, [place - 0.42, place + 0.42], color="black", linewidth=2.2)
    _write(axes, named(bar.value), bar.top, place)


def _write(axes: Axes, text: str, end: float, place: int) -> None:
    axes.annotate(
        text, (end, place), xytext=(5, 0), textcoords="offset points", va="center", fontsize=7.5,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
    )  # fmt: skip


def _name(axes: Axes, labels: Sequence[str], letters: int) -> None:
    axes.set_yticks(range(len(labels)), [textwrap.fill(label, letters) for label in labels])
    axes.tick_params(axis="y", length=0, labelsize=8)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
