"""Dots with intervals on a logarithmic axis, one row for each thing: panels of rows that belong together, on pages."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D

from benchmarks.report.figures import scales, style
from benchmarks.report.figures.bars import INTERVALS, whiskers
from benchmarks.report.figures.drawing import Drawing
from benchmarks.summary import Summary

_LETTERS = 52
"""Of a row's name, in one line."""
_PAGE = 8.4
"""Inches that panels may fill, on a page of its own."""
_LINE, _BETWEEN, _NAME, _AXIS, _LEGEND = 0.135, 0.07, 0.3, 0.7, 0.2
"""Inches of a line of a row's name, between rows, of a panel's name, of the axis, and of a row of the legend."""
_DODGE_POINTS = 3.5
"""Between the dots of neighbouring kinds in a row."""
_COLUMNS = 3
"""Of the legend."""
_MARGIN = 0.04
"""Of the axis, on either side of the outermost dots."""
_GOAL: Mapping[str, Any] = {"color": "black", "marker": "^", "markersize": 4, "linestyle": "none"}


@dataclass(frozen=True)
class Dot:
    """``kind`` chooses colour and marker, and is named in the legend unless it is empty."""

    panel: str
    row: str
    kind: str
    found: Summary
    goal: float | None = None

    @property
    def ends(self) -> list[float]:
        """What must fit on the axis."""
        found = self.found
        return [each for each in (found.median, found.low, found.high, self.goal) if each is not None]


@dataclass(frozen=True)
class Chart:
    """What all its pages share: ``mark`` names the axis's ticks, ``named`` the value of each row's dot, unless it is
    ``None``; ``at`` is a value that every panel marks, if it is not ``None``.
    """

    dots: Sequence[Dot]
    label: str
    mark: scales.Mark
    named: scales.Named | None = None
    at: float | None = None

    @property
    def kinds(self) -> list[str]:
        """Each has its look by its place."""
        return list(dict.fromkeys(dot.kind for dot in self.dots))

    @property
    def limits(self) -> tuple[float, float]:
        """Of the axis."""
        ends = [end for dot in self.dots for end in dot.ends] + ([] if self.at is None else [self.at])
        margin = max((max(ends) / min(ends)) ** _MARGIN, 1 + _MARGIN)
        return min(ends) / margin, max(ends) * margin


_Panel = Mapping[str, Sequence[Dot]]
"""Dots by row."""


def drawings(chart: Chart, name: str, title: str, caption: str) -> Iterator[Drawing]:
    """As many figures as pages; ``caption`` is added to what is said of the dots."""
    parts = pages(chart.dots)
    for place, part in enumerate(parts, 1):
        above = sum(map(_height, _panels(part).values()))
        yield Drawing(
            name if place == 1 else f"{name}-{place}",
            title + (f", part {place} of {len(parts)}" if len(parts) > 1 else ""),
            " ".join([*_captions(part), caption]),
            (style.WIDTH, above + _AXIS + _LEGEND * -(-len(_named(part)) // _COLUMNS)),
            partial(_draw, chart, part),
        )


def pages(dots: Sequence[Dot]) -> list[list[Dot]]:
    """Whole panels, about evenly over as few pages as hold them; one that is longer than a page is cut."""
    panels = [part for panel in _panels(dots).values() for part in _cut(panel)]
    whole = sum(map(_height, panels))
    fewest = max(math.ceil(whole / _PAGE), 1)
    found: list[list[Dot]] = []
    filled = _PAGE
    for panel in panels:
        more = _height(panel)
        is_even = filled + more / 2 > whole / fewest and len(found) < fewest
        if is_even or filled + more > _PAGE:
            found.append([])
            filled = 0.0
        found[-1] += [dot for row in panel.values() for dot in row]
        filled += more
    return found


def _panels(dots: Iterable[Dot]) -> dict[str, dict[str, list[Dot]]]:
    found: dict[str, dict[str, list[Dot]]] = {}
    for dot in dots:
        found.setdefault(dot.panel, {}).setdefault(dot.row, []).append(dot)
    return found


def _cut(panel: _Panel) -> Iterator[_Panel]:
    rows = list(panel)
    count = math.ceil(len(rows) / math.ceil(_height(panel) / _PAGE))
    for start in range(0, len(rows), count):
        yield {row: panel[row] for row in rows[start : start + count]}


def _height(panel: _Panel) -> float:
    lines = max(len(textwrap.wrap(row, _LETTERS)) for row in panel)
    most = max(map(len, panel.values()))
    return _NAME + len(panel) * (_BETWEEN + max(_LINE * lines, _DODGE_POINTS * most / 72))


def _captions(dots: Sequence[Dot]) -> Iterator[str]:
    yield f"Medians {INTERVALS}."
    if any(dot.goal is not None for dot in dots):
        yield "A triangle below a dot's row is its goal."
    if any(dot.found.count == 1 for dot in dots):
        yield "Hollow: a single sample."


def _named(dots: Sequence[Dot]) -> list[str]:
    return [kind for kind in dict.fromkeys(dot.kind for dot in dots) if kind]


def _draw(chart: Chart, dots: Sequence[Dot], figure: SubFigure) -> None:
    panels = _panels(dots)
    heights = [_height(panel) - _NAME for panel in panels.values()]
    column = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    column[0].set_xscale("log")
    column[0].set_xlim(chart.limits)
    for axes, (name, panel) in zip(column, panels.items(), strict=True):
        _draw_panel(axes, panel, chart)
        axes.set_title(name, loc="left")
    chart.mark(column[-1].xaxis)
    column[-1].set_xlabel(chart.label)
    shown = [Line2D([], [], label=kind, linestyle="none", **_look(chart, kind)) for kind in _named(dots)]
    if any(dot.goal is not None for dot in dots):
        shown.append(Line2D([], [], label="goal", **_GOAL))
    if shown:
        figure.legend(handles=shown, loc="outside lower center", ncols=_COLUMNS)


def _draw_panel(axes: Axes, panel: _Panel, chart: Chart) -> None:
    kinds = [kind for kind in chart.kinds if any(dot.kind == kind for row in panel.values() for dot in row)]
    for place, row in enumerate(panel.values()):
        for dot in row:
            down = (kinds.index(dot.kind) - (len(kinds) - 1) / 2) * _DODGE_POINTS if len(row) > 1 else 0.0
            _draw_dot(axes, place, dot, down, _look(chart, dot.kind))
        if chart.named:
            text = chart.named(row[0].found.median)
            axes.annotate(text, (1.01, place), xycoords=("axes fraction", "data"), va="center", fontsize=7.5)
    if chart.at is not None:
        axes.axvline(chart.at, color="black", linewidth=0.8, linestyle=":", zorder=1)
    axes.set_yticks(range(len(panel)), [textwrap.fill(row, _LETTERS) for row in panel])
    axes.tick_params(axis="y", length=0, labelsize=8)
    axes.set_ylim(len(panel) - 0.4, -0.6)


def _draw_dot(axes: Axes, place: int, dot: Dot, down: float, look: Mapping[str, Any]) -> None:
    axes.errorbar(
        [dot.found.median], [place], xerr=whiskers(dot.found), linestyle="none", ecolor="black", elinewidth=1.1,
        markeredgecolor=style.EDGE, fillstyle="none" if dot.found.count == 1 else "full",
        transform=style.aside(axes, down=down), **look,
    )  # fmt: skip
    if dot.goal is not None:
        axes.plot([dot.goal], [place + 0.36], **_GOAL)


def _look(chart: Chart, kind: str) -> dict[str, Any]:
    place = chart.kinds.index(kind)
    return {"color": style.colour(place), "marker": style.marker(place)}
