"""Lying bars with intervals: medians, and their 95 % bootstrap interval if there is one."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from benchmarks.report.figures import scales, style
from benchmarks.summary import FEWEST, Summary

INTERVALS = f"with the 95 % bootstrap interval of the median; no whiskers: fewer than {FEWEST} samples"
"""For captions."""
_AXIS = 0.7
"""Inches of what stands below the bars."""


@dataclass(frozen=True)
class Bar:
    """``kind`` chooses colour and hatch."""

    label: str
    found: Summary
    kind: int = 0

    @property
    def top(self) -> float:
        """What must fit on the axis."""
        return self.found.median if self.found.high is None else self.found.high


def draw_aligned(axes: Axes, bars: Sequence[Bar], labels: Sequence[str], *, letters: int) -> None:
    """One below the other, from zero, with the value beside each; a row for each of ``labels``, ``letters`` to a line,
    so that panels side by side have the same rows.
    """
    for bar in bars:
        _draw(axes, labels.index(bar.label), bar)
    present = {bar.label for bar in bars}
    for place, label in enumerate(labels):
        if label not in present:
            _write(axes, "not measured", 0.0, place)
    axes.set_yticks(range(len(labels)), [textwrap.fill(label, letters) for label in labels])
    axes.tick_params(axis="y", length=0, labelsize=8)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set_xlim(0, max(bar.top for bar in bars) * 1.5)


def height(labels: Sequence[str], *, letters: int) -> float:
    """Inches for so many bars and the axis below, by the lines of the longest label."""
    lines = max(len(textwrap.wrap(label, letters)) for label in labels)
    return _AXIS + len(labels) * (0.09 + 0.135 * lines)


def whiskers(found: Summary) -> list[list[float]] | None:
    """How far the interval reaches below and above the median, as ``errorbar`` takes it."""
    if found.low is None or found.high is None:
        return None
    return [[found.median - found.low], [found.high - found.median]]


def _draw(axes: Axes, place: int, bar: Bar) -> None:
    found = bar.found
    axes.barh(
        place, found.median, height=0.68, color=style.colour(bar.kind), hatch=style.hatch(bar.kind),
        edgecolor=style.EDGE, linewidth=0.6,
    )  # fmt: skip
    axes.errorbar(found.median, place, xerr=whiskers(found), fmt="none", ecolor="black", elinewidth=1.1)
    _write(axes, scales.digits(found.median), bar.top, place)


def _write(axes: Axes, text: str, end: float, place: int) -> None:
    axes.annotate(
        text, (end, place), xytext=(5, 0), textcoords="offset points", va="center", fontsize=7.5,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
    )  # fmt: skip
