"""What the ledger costs by number of delegates, and by number of entries beside the signatures and hashes in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from matplotlib.figure import SubFigure

from benchmarks.report.figures import scales, style
from benchmarks.report.figures.curves import Curve, draw_curves, show_legend, spread
from benchmarks.report.figures.drawing import Drawing
from benchmarks.results import Figure
from benchmarks.runs import Run, by_setting

CASE = "ledger"
_Panel = tuple[str, scales.Mark, Sequence[Curve]]
"""Name of the vertical axis, how it is marked, and curves."""


def drawings(run: Run) -> Iterator[Drawing]:
    """By delegates and by entries, as far as the run has them."""
    captions = {
        "delegates": "Transactions of one caller, one ledger block each; proofs of one entry, leading through so many "
        "changes of the delegates, verified by a client that knows the genesis and nothing else.",
        "entries": "Appending, following and verifying, beside the Ed25519 signatures and SHA-256 hashes contained in "
        "what was followed or verified, which no ledger with these does faster; peak memory of the process of each "
        "step. Numbers of entries are rounded.",
    }
    for what, panels in (("delegates", _by_delegates(run)), ("entries", _by_entries(run))):
        if shown := [panel for panel in panels if panel[2]]:
            title = f"{run.title}: cost by number of {what}"
            caption = f"{captions[what]} {spread(curve for _, _, curves in shown for curve in curves)}"
            yield Drawing(what, title, caption, (style.WIDTH, 3.2), partial(_draw, shown, what))


def _by_delegates(run: Run) -> Iterator[_Panel]:
    callers = [line for line in run.series.values() if line.settings.keys() == {"delegates", "loops"}]
    rates = [(line.settings["delegates"], line.rates) for line in callers]
    yield "transactions a second", scales.numbers, [Curve.of("one caller", 0, rates)] if len(rates) > 1 else []
    verified = by_setting((line for line in run.series.values() if "delegates" in line.settings), "handovers")
    yield (
        "time to verify a proof",
        scales.durations,
        [
            Curve.of(f"{handovers} handovers", number, [(line.settings["delegates"], line.seconds) for line in lines])
            for number, ((handovers,), lines) in enumerate(verified.items(), 1)
        ],
    )
    sizes = by_setting((line for line in run.of(Figure) if "delegates" in line.settings), "handovers")
    yield (
        "size of a proof",
        scales.sizes,
        [
            Curve.counted(
                f"{handovers} handovers", number, [(each.settings["delegates"], each.value) for each in lines]
            )
            for number, ((handovers,), lines) in enumerate(sizes.items(), 1)
        ],
    )


def _by_entries(run: Run) -> Iterator[_Panel]:
    """A step looks the same in both panels."""
    series = by_setting(run.series.values(), "step", "entries")
    peaks = by_setting((line for line in run.of(Figure) if line.unit == "MiB"), "step")
    steps = list(dict.fromkeys([*(step for step, _ in series), *(step for (step,) in peaks)]))
    rates: dict[tuple[int, str], list[tuple[float, list[float]]]] = {}
    for (step, entries), lines in series.items():
        for line in lines:
            number = steps.index(step) + (len(steps) if line.settings.get("bare") else 0)
            label = f"{step}: its signatures and hashes alone" if line.settings.get("bare") else step
            rates.setdefault((number, label), []).append((entries, line.rates))
    curves = [Curve.of(label, number, each) for (number, label), each in sorted(rates.items())]
    yield "entries a second", scales.numbers, curves
    yield (
        "peak memory, MiB",
        scales.numbers,
        [
            Curve.counted(step, steps.index(step), [(line.settings["entries"], line.value) for line in lines])
            for (step,), lines in peaks.items()
        ],
    )


def _draw(panels: Sequence[_Panel], places: str, figure: SubFigure) -> None:
    row = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (name, mark, curves) in zip(row, panels, strict=True):
        draw_curves(axes, curves, mark, scales.rounded)
        axes.set_xlabel(places)
        axes.set_ylabel(name)
    show_legend(figure, len(panels), columns=3)
