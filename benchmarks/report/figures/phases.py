"""Cost by role and phase, and how it grows with the length of the history."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from matplotlib.figure import SubFigure
from matplotlib.patches import Patch

from benchmarks.quantities import duration, size
from benchmarks.report.figures import scales, style
from benchmarks.report.figures.curves import Curve, draw_curves, show_legend
from benchmarks.report.figures.drawing import Drawing
from benchmarks.report.figures.stacks import draw_stacks
from benchmarks.results import Figure
from benchmarks.runs import Run, by_setting

CASE = "phases"
LENGTH = "records"
SENT = "sent"
"""What one role sends another receives, so only one of the two is counted."""


@dataclass(frozen=True)
class _Cost:
    """Amounts by length of the history in records, phase and role."""

    name: str
    named: scales.Named
    amounts: Mapping[tuple[int, str, str], float]
    mark: scales.Mark

    def by_role(self, records: int) -> dict[str, dict[str, float]]:
        """By phase and role; phases that cost nothing are left out."""
        found: dict[str, dict[str, float]] = {}
        for (length, phase, role), amount in self.amounts.items():
            if length == records and amount > 0:
                found.setdefault(phase, {})[role] = amount
        return found

    def growth(self) -> Iterator[tuple[str, list[tuple[float, float]]]]:
        """Of each phase all roles' amounts by length."""
        found: dict[str, dict[float, float]] = {}
        for (records, phase, _), amount in self.amounts.items():
            whole = found.setdefault(phase, {})
            whole[records] = whole.get(records, 0.0) + amount
        for phase, values in found.items():
            yield phase, [(records, value) for records, value in values.items() if value > 0]


def drawings(run: Run) -> Iterator[Drawing]:
    """Stacked by role for the longest history, and growth by phase."""
    costs = [cost for cost in (_computation(run), _communication(run)) if cost.amounts]
    if not costs:
        return
    lengths = sorted({records for cost in costs for records, _, _ in cost.amounts})
    phases = max(len(cost.by_role(lengths[-1])) for cost in costs)
    yield Drawing(
        "by-role",
        f"{run.title}: cost by role, history of {lengths[-1]:,} records",
        "Share of each role in each phase, and the whole amount beside the bar. Computation: median CPU time. "
        "Communication: bytes handed over from role to role in one process, without what a network adds; each "
        "counted once, with the role that sent them.",
        (style.WIDTH, 1.5 + 0.24 * phases),
        partial(_draw_roles, costs, lengths[-1]),
    )
    if len(lengths) > 1:
        yield Drawing(
            "growth",
            f"{run.title}: cost by length of the history",
            "Each phase's cost, all roles together: median CPU time, and bytes handed over in one process.",
            (style.WIDTH, 4.4),
            partial(_draw_growth, costs),
        )


def _computation(run: Run) -> _Cost:
    timed = [line for line in run.series.values() if line.cpu_seconds]
    found = by_setting(timed, LENGTH, "phase", "role")
    amounts = {key: sum(statistics.median(line.cpu_seconds) for line in lines) for key, lines in found.items()}
    return _Cost("computation", duration, amounts, scales.durations)


def _communication(run: Run) -> _Cost:
    sent = [line for line in run.of(Figure) if line.unit == "bytes" and line.settings.get("direction") == SENT]
    amounts = {
        key: sum(line.value for line in lines) for key, lines in by_setting(sent, LENGTH, "phase", "role").items()
    }
    return _Cost("communication", size, amounts, scales.sizes)


def _draw_roles(costs: Sequence[_Cost], records: int, figure: SubFigure) -> None:
    roles = list(dict.fromkeys(role for cost in costs for _, _, role in cost.amounts))
    row = figure.subplots(1, len(costs), squeeze=False)[0]
    for axes, cost in zip(row, costs, strict=True):
        draw_stacks(axes, cost.by_role(records), roles, cost.named)
        axes.set_xlabel(f"{cost.name}: share, %")
    shown = [
        Patch(facecolor=style.colour(number), hatch=style.hatch(number), edgecolor=style.EDGE, label=role)
        for number, role in enumerate(roles)
    ]
    figure.legend(handles=shown, loc="outside lower center", ncols=4, handlelength=2)


def _draw_growth(costs: Sequence[_Cost], figure: SubFigure) -> None:
    phases = list(dict.fromkeys(phase for cost in costs for _, phase, _ in cost.amounts))
    row = figure.subplots(1, len(costs), squeeze=False)[0]
    for axes, cost in zip(row, costs, strict=True):
        curves = [Curve.counted(phase, phases.index(phase), values) for phase, values in cost.growth() if values]
        draw_curves(axes, curves, cost.mark)
        axes.set_xlabel(LENGTH)
        axes.set_ylabel(cost.name)
    show_legend(figure, len(costs))
