"""Upload and download by size and by how many go at once: each backend, and what users would pick beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from matplotlib.figure import SubFigure

from benchmarks.quantities import count, size
from benchmarks.report.figures import scales, style
from benchmarks.report.figures.curves import BANDS, Curve, draw_curves, show_legend
from benchmarks.report.figures.drawing import Drawing
from benchmarks.results import Series
from benchmarks.runs import Run, by_setting

CASE = "storage"
_COLUMNS = 3
_MEGA = 1e6
_CAPTION = f"Throughput of all files together. {BANDS}"
_Panels = Mapping[str, Sequence[Curve]]
"""Curves by backend."""


def drawings(run: Run) -> Iterator[Drawing]:
    """For each direction throughput by size, and by how many go at once."""
    systems = [system for (system,) in by_setting(run.series.values(), "system")]
    for (direction,), lines in by_setting(run.series.values(), "direction").items():
        at_once, same = _widest(lines, "concurrency", "bytes")
        if same:
            panels, title = _panels(same, "bytes", systems), f"{run.title}: {direction} by size, {at_once} at once"
            yield Drawing(direction, title, _CAPTION, _inches(panels), partial(_draw, panels, "size", size))
        largest, same = _widest(lines, "bytes", "concurrency")
        if len({line.settings["concurrency"] for line in same}) > 1:
            panels = _panels(same, "concurrency", systems)
            title = f"{run.title}: {direction} by how many go at once, {size(largest)} each"
            draw = partial(_draw, panels, "at once", count)
            yield Drawing(f"{direction}-together", title, _CAPTION, _inches(panels), draw)


def _widest(lines: Sequence[Series], same: str, places: str) -> tuple[float, list[Series]]:
    """The series that share the value of ``same`` which has the most ``places``; the largest of several."""
    groups: dict[float, list[Series]] = {}
    for (value, _), each in by_setting(lines, same, places).items():
        groups.setdefault(value, []).extend(each)
    if not groups:
        return 0, []
    return max(groups.items(), key=lambda group: (len({line.settings[places] for line in group[1]}), group[0]))


def _panels(lines: Sequence[Series], places: str, systems: Sequence[str]) -> _Panels:
    """By backend a curve for each system; a system looks the same in every figure."""
    found: dict[str, list[Curve]] = {}
    for (backend, system), each in by_setting(lines, "backend", "system").items():
        samples = [(line.settings[places], [rate / _MEGA for rate in line.rates]) for line in each]
        found.setdefault(backend, []).append(Curve.of(system, systems.index(system), samples))
    return found


def _inches(panels: _Panels) -> tuple[float, float]:
    systems = {curve.label for curves in panels.values() for curve in curves}
    return style.WIDTH, 0.6 + 2.1 * -(-len(panels) // _COLUMNS) + 0.18 * -(-len(systems) // _COLUMNS)


def _draw(panels: _Panels, places: str, named: scales.Named, figure: SubFigure) -> None:
    columns = min(_COLUMNS, len(panels))
    grid = figure.subplots(-(-len(panels) // columns), columns, squeeze=False, sharey=True)
    for axes, (backend, curves) in zip(grid.flat, panels.items(), strict=False):
        draw_curves(axes, curves, named=named)
        axes.set_title(backend)
        axes.set_xlabel(places)
        if named is size:
            axes.tick_params(axis="x", rotation=45)
    for row in grid:
        row[0].set_ylabel("MB/s")
    show_legend(figure, len(panels), columns=_COLUMNS)
