"""What proxy re-encryption schemes cost: operations counted, time predicted from them and measured, bytes sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from benchmarks.bench import Bench
from benchmarks.schemes import catalogue, properties
from benchmarks.schemes.own import Umbral
from benchmarks.schemes.phases import Made, Phase, Run
from benchmarks.schemes.prediction import predict
from benchmarks.timing import Subject, interleave

ROUNDS: Mapping[str, int] = {"smoke": 2, "paper": 19, "full": 61}
"""Samples of each phase and each operation, by profile."""
LOOPS: Mapping[str, int | None] = {"smoke": 10, "paper": None, "full": None}
"""Calls in a sample; as many as a sample needs where none is said."""
COMPARED = (Phase.ENCAPSULATE, Phase.REENCAPSULATE, Phase.OPEN)
"""Beside the project's own scheme."""
_COMPILED = "compiled: its operations cannot be counted from outside"


def measure(bench: Bench) -> None:
    """Proxy re-encryption schemes side by side: operations counted, time predicted and measured, sizes."""
    lists, missing = catalogue.found()
    for absent in missing:
        bench.absent(absent.name, absent.reason)
    for schemes in lists:
        _measure_together(bench, [_Measured(made) for made in schemes])
    _tell_properties(bench)


def _tell_properties(bench: Bench) -> None:
    """What each scheme holds and breaks, whether or not it is installed: as many tests show it."""
    for each in properties.PROPERTIES:
        for name, claim in each.claims().items():
            bench.figure(
                f"{each.scheme}: {name}", len(claim.tests), "tests",
                scheme=each.scheme, property=name, says=claim.says, shown_by=", ".join(claim.tests),
            )  # fmt: skip


@dataclass
class _Measured:
    """A scheme at work, with a subject for each phase."""

    made: Made
    run: Run = field(init=False)
    label: str = field(init=False)
    settings: Mapping[str, Any] = field(init=False)
    subjects: Mapping[Phase, Subject] = field(init=False)

    def __post_init__(self) -> None:
        self.run = Run(self.made)
        scheme = self.run.scheme
        self.label = f"{scheme.name} on {scheme.group_name}"
        self.settings = {"scheme": scheme.name, "group": scheme.group_name}
        self.subjects = {phase: _subject(f"{self.label}: {phase}", call) for phase, call in self.run.calls.items()}


def _subject(name: str, call: Callable[[], object]) -> Subject:
    return Subject(name, call, collect=False)


def _measure_together(bench: Bench, schemes: Sequence[_Measured]) -> None:
    costs = _costs(schemes)
    subjects = [*costs.values(), *(subject for scheme in schemes for subject in scheme.subjects.values())]
    interleave(subjects, ROUNDS[bench.sizes.name], loops=LOOPS[bench.sizes.name])
    for (group, operation, bits), subject in costs.items():
        bench.series(subject, security_bits=bits, group=group, operation=operation)
    for scheme in schemes:
        _hand_in(bench, scheme, costs)
    _compare(bench, schemes)


_Costs: TypeAlias = Mapping[tuple[str, str, int], Subject]
"""Samples of an operation by the group's name, the operation's, and bits of security."""


def _costs(schemes: Sequence[_Measured]) -> _Costs:
    costs: dict[tuple[str, str, int], Subject] = {}
    for scheme in (measured.run.scheme for measured in schemes):
        for operation, call in scheme.operations().items():
            key = scheme.group_name, str(operation), scheme.security_bits
            costs.setdefault(key, _subject(f"{scheme.group_name}: {operation}", call))
    return costs


def _hand_in(bench: Bench, measured: _Measured, costs: _Costs) -> None:
    scheme, label, settings = measured.run.scheme, measured.label, measured.settings
    for phase, subject in measured.subjects.items():
        bench.series(subject, security_bits=scheme.security_bits, phase=phase, **settings)
        counts = scheme.count(subject.run)
        if counts is not None:
            _predict(bench, measured, phase, counts, costs)
    if not scheme.operations():
        bench.absent(f"{label}: operations", _COMPILED)
    if scheme.one_setup:
        bench.absent(f"{label}: setup", "a second one breaks the keys of the first: it is global to the process")
    for name, size in measured.run.sizes.items():
        bench.figure(f"{label}: {name}", size, "bytes", object=name, security_bits=scheme.security_bits, **settings)


def _predict(bench: Bench, measured: _Measured, phase: Phase, counts: Mapping[str, int], costs: _Costs) -> None:
    scheme, subject = measured.run.scheme, measured.subjects[phase]
    name, settings = subject.name, {"phase": phase, "security_bits": scheme.security_bits, **measured.settings}
    for operation, number in counts.items():
        bench.figure(f"{name}, {operation}", number, "operations", operation=str(operation), **settings)
    own = {operation: costs[scheme.group_name, str(operation), scheme.security_bits] for operation in counts}
    found = predict(counts, own, subject)
    bench.figure(f"{name}, predicted", found.seconds, "seconds", predicted=True, **settings)
    ratio = found.measured_over_predicted
    bench.figure(
        f"{name}, measured over predicted",
        ratio.median,
        "ratio",
        low=ratio.low,
        high=ratio.high,
        reason=found.reason,
        **settings,
    )


def _compare(bench: Bench, schemes: Sequence[_Measured]) -> None:
    own = [scheme for scheme in schemes if isinstance(scheme.run.scheme, Umbral)]
    for scheme in schemes:
        for phase in COMPARED:
            if not own:
                bench.compare(f"{scheme.label}: {phase}", scheme.subjects[phase], None)
            elif scheme is not own[0]:
                title = f"{phase}, {own[0].run.scheme.name} over {scheme.label}"
                bench.compare(title, own[0].subjects[phase], scheme.subjects[phase])
