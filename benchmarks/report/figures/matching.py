"""How long a search takes as patients grow, beside what others use to find who has the same symptoms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from matplotlib.figure import SubFigure

from benchmarks.report.figures import scales, style
from benchmarks.report.figures.curves import Curve, draw_curves, spread
from benchmarks.report.figures.drawing import Drawing
from benchmarks.results import Figure
from benchmarks.runs import Run

CASE = "matching"


def drawings(run: Run) -> Iterator[Drawing]:
    """One figure: searches measured, the pairing test extrapolated, ``openmined-psi`` measured."""
    if curves := [*_searches(run), *_pairing_test(run), *_intersection(run)]:
        yield Drawing(
            "growth",
            f"{run.title}: time by number of patients",
            f"{spread(curves)} Full markers were measured. Hollow markers were not run: they are worked out from the "
            "time of one pair. openmined-psi intersects two lists of so many items, both parties on one core.",
            (style.WIDTH, 4.6),
            partial(_draw, curves),
        )


def _searches(run: Run) -> Iterator[Curve]:
    found = [line for line in run.series.values() if {"patients", "closure"} <= line.settings.keys()]
    for number, closure in enumerate(dict.fromkeys(line.settings["closure"] for line in found)):
        samples = [(line.settings["patients"], line.seconds) for line in found if line.settings["closure"] == closure]
        yield Curve.of(f"one search, closure {closure}", number, samples)


def _pairing_test(run: Run) -> Iterator[Curve]:
    found = [line for line in run.of(Figure) if line.settings.get("extrapolated") and "patients" in line.settings]
    for number, symptoms in enumerate(sorted({line.settings["symptoms"] for line in found}, reverse=True), 3):
        what = "all pairs of patients, 1 symptom each" if symptoms == 1 else f"one search, {symptoms} symptoms each"
        values = [(line.settings["patients"], line.value) for line in found if line.settings["symptoms"] == symptoms]
        label = f"pairing test, {what} (extrapolated, not run)"
        yield Curve.counted(label, number, values, is_measured=False)


def _intersection(run: Run) -> Iterator[Curve]:
    samples = [(line.settings["items"], line.seconds) for line in run.series.values() if "items" in line.settings]
    if samples:
        yield Curve.of("openmined-psi, two lists of so many items", 2, samples)


def _draw(curves: Sequence[Curve], figure: SubFigure) -> None:
    axes = figure.subplots()
    draw_curves(axes, curves, scales.durations)
    axes.set_xlabel("patients (openmined-psi: items in each list)")
    axes.set_ylabel("time")
    figure.legend(loc="outside lower center", ncols=1)
