"""Upload and download by size and by how many go at once: each backend, and what users would pick beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from matplotlib.figure import SubFigure

from benchmarks.quantities import count, size
from benchmarks.report.figures import scales, style
from benchmarks.report.figures.curves import Curve, draw_curves, show_legend, spread
from benchmarks.report.figures.drawing import Drawing
from benchmarks.results import Series
from benchmarks.runs import Run, by_setting

CASE = "storage"
_FEW = 2
"""Systems on a backend without peers: the library, and the store alone."""
_COLUMNS = 2
_MEGA = 1e6
_Panels = Mapping[str, Sequence[Curve]]
"""Curves by backend."""


def drawings(run: Run) -> Iterator[Drawing]:
    """For each direction throughput by size, and by how many go at once."""
    systems = [system for (system,) in by_setting(run.series.values(), "system")]
    for (direction,), lines in by_setting(run.series.values(), "direction").items():
        at_once, same = _widest(lines, "concurrency", "bytes")
        if same:
            title = f"{run.title}: {direction} by size, {at_once} at once"
            yield from _figures(direction, title, _panels(same, "bytes", systems), "size", size)
        largest, same = _widest(lines, "bytes", "concurrency")
        if len({line.settings["concurrency"] for line in same}) > 1:
            panels = _panels(same, "concurrency", systems)
            title = f"{run.title}: {direction} by how many go at once, {size(largest)} each"
            yield from _figures(f"{direction}-together", title, panels, "transfers at once", count)


def _figures(name: str, title: str, panels: _Panels, places: str, named: scales.Named) -> Iterator[Drawing]:
    """Backends with peers have large panels, those without small ones in a figure of their own."""
    many = {backend: curves for backend, curves in panels.items() if len(curves) > _FEW}
    few = {backend: curves for backend, curves in panels.items() if len(curves) <= _FEW}
    for part, inches, suffix, of in (
        (many, 2.6, "", ""),
        (few, 1.9, "-alone" if many else "", ", backends without peers" if many else ""),
    ):
        if part:
            caption = f"Throughput of all files together. {spread(each for curves in part.values() for each in curves)}"
            size_of_all = style.WIDTH, 0.9 + inches * _rows(part)
            draw = partial(_draw, part, places, named)
            yield Drawing(f"{name}{suffix}", title + of, caption, size_of_all, draw)


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


def _rows(panels: _Panels) -> int:
    return -(-len(panels) // _COLUMNS)


def _draw(panels: _Panels, places: str, named: scales.Named, figure: SubFigure) -> None:
    columns = min(_COLUMNS, len(panels))
    grid = figure.subplots(_rows(panels), columns, squeeze=False, sharex=True, sharey="row")
    shown = list(grid.flat)[: len(panels)]
    for axes, (backend, curves) in zip(shown, panels.items(), strict=True):
        draw_curves(axes, curves, named=named)
        axes.set_title(backend)
    measured = {point.place for curves in panels.values() for curve in curves for point in curve.points}
    scales.places(grid[0, 0].xaxis, sorted(measured), named)
    for axes in shown[-columns:]:
        axes.tick_params(axis="x", labelbottom=True, rotation=45 if named is size else 0)
    figure.supxlabel(places, fontsize="medium")
    figure.supylabel("MB/s", fontsize="medium")
    show_legend(figure, len(panels), columns=3, at="outside upper center")
