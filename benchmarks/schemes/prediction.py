"""What a phase should cost, from what was counted in it and what each operation costs alone, beside what it costs."""

from __future__ import annotations

import gc
import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.profiling import profiled
from benchmarks.quantities import duration
from benchmarks.summary import Summary, summarise
from benchmarks.timing import Subject

TOLERANCE = 0.15
"""Counted and measured cost agree within so much, or a reason is given."""
_PROFILED_CALLS = 20
_PROFILED_RUNS = 5
_RETIMED = 21
_NAMED = 3
_COUNTED_MODULES = ("groups/", "umbral/group.py", "coincurve/", "<built-in", "<method", "asymmetric/")
"""Where counted operations spend their time, as the profiler names it."""
_HARNESS = ("schemes/prediction.py", "schemes/phases.py")
"""What calls a phase under the profiler; next to nothing without it."""


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
    reason = ""
    if ratio.median < 1 - TOLERANCE:
        reason = _faster(counts, costs, statistics.median(predicted) - statistics.median(measured.cpu_seconds))
    elif ratio.median > 1 + TOLERANCE:
        share = f"{1 - 1 / ratio.median:.0%} of the time is outside the counted operations"
        reason = f"{share}: {_outside(measured.run)}"
    return Prediction(statistics.median(predicted), ratio, reason)


def _outside(call: Callable[[], object]) -> str:
    """Where most of it goes, by the functions' own time under the profiler."""

    def often() -> None:
        for _ in range(_PROFILED_CALLS):
            call()

    gc.disable()  # a collection would be put down to whatever function it happens in
    try:
        runs = [profiled(often)[1] for _ in range(_PROFILED_RUNS)]
    finally:
        gc.enable()
    own = [{name: seconds for name, _, seconds, _ in run} for run in runs]
    # The least of several runs: whatever another process took is put down to the function it happened in.
    least = {name: min(run.get(name, seconds) for run in own) for name, seconds in own[0].items()}
    outside = Counter({name: each for name, each in least.items() if not name.startswith(_COUNTED_MODULES + _HARNESS)})
    named = ", ".join(f"{name} ({each / outside.total():.0%})" for name, each in outside.most_common(_NAMED))
    return f"most of it in {named}"


def _faster(counts: Mapping[str, int], costs: Mapping[str, Subject], gap_s: float) -> str:
    """Whether the operations are faster in turn, as often each as in the phase, than alone; which of them most.

    Alone an operation is repeated for milliseconds, other schemes and operations in between.
    """
    samples = [{name: _timed(costs[name].run, number) for name, number in counts.items()} for _ in range(_RETIMED)]
    in_turn = {name: statistics.median(sample[name] for sample in samples) for name in counts}
    alone = {name: statistics.median(costs[name].cpu_seconds) for name in counts}
    dropped = {name: number * (alone[name] - in_turn[name]) for name, number in counts.items()}
    most = max(dropped, key=lambda name: dropped[name])
    share = sum(dropped.values()) / gap_s
    if share < TOLERANCE or dropped[most] <= 0:
        return (
            "timed again in turn, as often as in the phase, the operations take as long as alone: the phase has "
            "cheaper operands, or the machine was slower while one of the two was timed"
        )
    return (
        f"timed again in turn, as often as in the phase, the operations take {duration(sum(dropped.values()))} less, "
        f"{share:.0%} of the difference; most of all {most}: "
        f"{duration(in_turn[most])} instead of {duration(alone[most])}"
    )


def _timed(call: Callable[[], object], number: int) -> float:
    """CPU seconds of one of ``number`` calls."""
    started = time.process_time()
    for _ in range(number):
        call()
    return (time.process_time() - started) / number
