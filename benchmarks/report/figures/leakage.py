"""Accuracy against leakage: what each closure and defence keeps from a dishonest index, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D

from benchmarks.report.figures import style
from benchmarks.report.figures.drawing import Drawing
from benchmarks.results import Figure
from benchmarks.runs import Run, by_setting

CASE = "leakage"
ACCURACY = "top-10"
_KINDS = {"tags": "tags recovered, %", "symptoms": "patients' symptoms recovered, %"}
_ASKS = "dictionary"
_FILLS = ("full", "none", "left")


@dataclass(frozen=True)
class _Spot:
    kind: str
    knowledge: str
    closure: str
    defence: str
    leaked: float
    accuracy: float


def drawings(run: Run) -> Iterator[Drawing]:
    """One figure: for each kind of knowledge, tags and symptoms recovered by the strongest attack."""
    if spots := list(_spots(run)):
        cases = "; ".join(
            f"{patients:,} patients: {source}" for patients, source in by_setting(run.of(Figure), "patients", "source")
        )
        yield Drawing(
            "accuracy-against-leakage",
            f"{run.title}: accuracy against leakage" + (f", {cases}" if cases else ""),
            (f"Measured on {cases}. " if cases else "")
            + "Each point is a closure (colour, filling) with a defence (shape); further left "
            "leaks less, further up matches better. Leakage is the share that the strongest of the statistical attacks "
            "(frequency, co-occurrence, implication) recovers, by what the attacker knows; what a dictionary recovers "
            "at quota rate, or with issuers' keys, is in the table.",
            (style.WIDTH, 5.4),
            partial(_draw, spots),
        )


def _spots(run: Run) -> Iterator[_Spot]:
    figures = [line for line in run.of(Figure) if {"closure", "defence", "of"} <= line.settings.keys()]
    accuracy = {_setting(line): line.value for line in figures if line.settings["of"] == ACCURACY}
    strongest: dict[tuple[str, str, tuple[str, str]], float] = {}
    for line in figures:
        attack = line.settings.get("attack", _ASKS)
        if line.settings["of"] in _KINDS and not attack.startswith(_ASKS) and _setting(line) in accuracy:
            key = line.settings["of"], line.settings["knowledge"], _setting(line)
            strongest[key] = max(line.value, strongest.get(key, 0.0))
    for (kind, knowledge, setting), leaked in strongest.items():
        yield _Spot(kind, knowledge, *setting, leaked, accuracy[setting])


def _setting(line: Figure) -> tuple[str, str]:
    return line.settings["closure"], line.settings["defence"]


def _draw(spots: Sequence[_Spot], figure: SubFigure) -> None:
    kinds = [kind for kind in _KINDS if any(spot.kind == kind for spot in spots)]
    known = list(dict.fromkeys(spot.knowledge for spot in spots))
    closures = list(dict.fromkeys(spot.closure for spot in spots))
    defences = list(dict.fromkeys(spot.defence for spot in spots))
    panels = figure.subplots(len(kinds), len(known), sharex="row", sharey=True, squeeze=False)
    for row, kind in zip(panels, kinds, strict=True):
        for axes, knowledge in zip(row, known, strict=True):
            for spot in spots:
                if (spot.kind, spot.knowledge) == (kind, knowledge):
                    look = _look(closures.index(spot.closure), defences.index(spot.defence))
                    axes.plot(spot.leaked, spot.accuracy, **look)
            axes.set_xlabel(_KINDS[kind])
            axes.set_title(f"attacker knows:\n{knowledge}" if kind == kinds[0] else "")
        row[0].set_ylabel(f"accuracy, {ACCURACY}, %")
        row[0].set_xlim(left=-0.04 * row[0].get_xlim()[1])
        row[0].set_ylim(top=min(100.8, row[0].get_ylim()[1]))
    shown = [Line2D([], [], label=f"closure {name}", **_look(place, 0)) for place, name in enumerate(closures)]
    shown += [
        Line2D([], [], color="#444444", marker=style.marker(place), linestyle="none", label=f"defence: {name}")
        for place, name in enumerate(defences)
    ]
    figure.legend(handles=shown, loc="outside lower center", ncols=2)


def _look(closure: int, defence: int) -> dict[str, Any]:
    return {
        "color": style.colour(closure),
        "marker": style.marker(defence),
        "fillstyle": _FILLS[closure % len(_FILLS)],
        "markeredgewidth": 1.1,
        "markersize": 6,
        "linestyle": "none",
    }
