"""What a phase should cost, from what was counted in it and what each operation costs alone, beside what it costs."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.profiling import profiled
from benchmarks.summary import Summary, summarise
from benchmarks.timing import Subject

TOLERANCE = 0.15
"""Counted and measured cost agree within so much, or a reason is given."""
_PROFILED_CALLS = 20
_NAMED = 3
_COUNTED_MODULES = ("groups/", "umbral/group.py", "coincurve/", "<built-in", "<method", "asymmetric/")
"""Where counted operations spend their time, as the profiler names it."""


@dataclass(frozen=True)
class Prediction:
    """Of one phase, in CPU time (waiting for other programs is in neither side), round by round as it was sampled."""

    seconds: float
    """Median of the sums of counts times costs."""
    measured_over_predicted: Summary
    reason: str
    """Why the two are further apart than ``TOLERANCE``, in words made from the data; empty where they agree."""


def predict(counts: Mapping[str, int], costs: Mapping[str, Subject], measured: Subject) -> Prediction:
    """``costs`` are the operations' samples and ``measured`` the phase's, of the same rounds."""
    rounds = range(len(measured.cpu_seconds))
    predicted = [sum(number * costs[name].cpu_seconds[turn] for name, number in counts.items()) for turn in rounds]
    ratio = summarise([seconds / sum_ for seconds, sum_ in zip(measured.cpu_seconds, predicted, strict=True)])
    return Prediction(statistics.median(predicted), ratio, _reason(ratio, measured.run))


def _reason(ratio: Summary, call: Callable[[], object]) -> str:
    if abs(ratio.median - 1) <= TOLERANCE:
        return ""
    if ratio.median < 1:
        return (
            f"within the phase the operations take {1 - ratio.median:.0%} less than one by one "
            f"(95 % interval of the ratio {ratio.low:.2f} to {ratio.high:.2f})"
        )
    return f"{1 - 1 / ratio.median:.0%} of the time is outside the counted operations: {_outside(call)}"


def _outside(call: Callable[[], object]) -> str:
    """Where most of it goes, by the functions' own time under the profiler."""

    def often() -> None:
        for _ in range(_PROFILED_CALLS):
            call()

    gc.disable()  # a collection would be put down to whatever function it happens in
    try:
        _, functions = profiled(often)
    finally:
        gc.enable()
    outside = [(name, own) for name, _, own, _ in functions if not name.startswith(_COUNTED_MODULES)]
    total = sum(own for _, own in outside)
    named = ", ".join(f"{name} ({own / total:.0%})" for name, own in outside[:_NAMED])
    return f"most of it in {named}"
