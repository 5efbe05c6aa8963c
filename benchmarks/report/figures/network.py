"""What a network between the roles costs: time by its latency, and how often a reader waits for it, by blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from matplotlib.figure import SubFigure

from benchmarks.quantities import count
from benchmarks.report.figures import scales, style
from benchmarks.report.figures.curves import Curve, draw_curves, show_legend, spread
from benchmarks.report.figures.drawing import Drawing
from benchmarks.results import Figure, Series
from benchmarks.runs import Run, by_setting

CASE = "network"
_ROUND_TRIPS = "round trips"
_LATENCY = "latency_ms"


def drawings(run: Run) -> Iterator[Drawing]:
    """Time by latency, with a curve for each history and number of readers; round trips by blocks."""
    if curves := _by_latency(run):
        yield Drawing(
            "latency",
            f"{run.title}: time by latency of the network",
            "Time until all readers are done, by what is added to each of their round trips; every link: also to those "
            f"between the servers. {spread(curves)}",
            (style.WIDTH, 3.4),
            partial(_draw_latency, curves),
        )
    if counted := [line for line in run.of(Figure) if line.unit == _ROUND_TRIPS and _LATENCY in line.settings]:
        added = " and ".join(f"{count(ms)} ms" for (ms,) in by_setting(counted, _LATENCY))
        yield Drawing(
            "round-trips",
            f"{run.title}: round trips of one read by blocks of the history",
            "How often the reader waits for a server, with those for new connections, counted in one read while "
            f"{added} were added to each round trip; one after another: in all, the proxies being asked at the "
            "same time.",
            (style.WIDTH, 3.4),
            partial(_draw_round_trips, _by_blocks(counted)),
        )


def _by_latency(run: Run) -> list[Curve]:
    found: dict[str, list[tuple[float, Sequence[float]]]] = {}
    for lines in by_setting(run.series.values(), "readers", "blocks", _LATENCY).values():
        for line in lines:
            found.setdefault(_label(line), []).append((line.settings[_LATENCY], line.seconds))
    return [Curve.of(label, number, samples) for number, (label, samples) in enumerate(found.items())]


def _label(line: Series) -> str:
    readers, blocks = line.settings["readers"], line.settings["blocks"]
    who = f"{count(readers)} {'reader' if readers == 1 else 'readers'}, {count(blocks)} blocks"
    return f"{who}, every link" if line.settings.get("links") == "all" else who


def _by_blocks(counted: Sequence[Figure]) -> list[Curve]:
    found: dict[str, list[tuple[float, float]]] = {}
    for (server, blocks), (line, *_) in by_setting(counted, "server", "blocks").items():
        found.setdefault(server, []).append((blocks, line.value))
    return [Curve.counted(server, number, values) for number, (server, values) in enumerate(found.items())]


def _draw_latency(curves: Sequence[Curve], figure: SubFigure) -> None:
    axes = figure.subplots()
    draw_curves(axes, curves, scales.durations, across="linear")
    axes.set_xlabel("latency added to a round trip, ms")
    axes.set_ylabel("time")
    show_legend(figure, 1, columns=3)


def _draw_round_trips(curves: Sequence[Curve], figure: SubFigure) -> None:
    axes = figure.subplots()
    draw_curves(axes, curves, upward="linear")
    axes.set_xlabel("blocks of the history")
    axes.set_ylabel("round trips")
    show_legend(figure, 1, columns=3)
