"""What a phase should cost, from its counted operations; and why it does not, where it does not."""

import itertools
import re
from types import SimpleNamespace

import pytest

from benchmarks.schemes import prediction
from benchmarks.schemes.prediction import predict
from benchmarks.timing import Subject


def _sampled(name, seconds, run=lambda: None):
    subject = Subject(name, run)
    subject.seconds = subject.cpu_seconds = [seconds] * 5
    return subject


def _slow():
    return sorted(range(1000), key=lambda number: -number)


@pytest.mark.parametrize(
    ("measured", "ratio", "reason"),
    [
        (11e-6, 1.1, r"^$"),
        (
            20e-6,
            2.0,
            r"^50% of the time is outside the counted operations: most of it in benchmarks/test_prediction.py: ",
        ),
    ],
)
def test_a_prediction_that_fails_says_why(measured, ratio, reason):
    costs = {"power": _sampled("power", 4e-6), "pairing": _sampled("pairing", 2e-6)}
    found = predict({"power": 2, "pairing": 1}, costs, _sampled("phase", measured, _slow))
    assert found.seconds == pytest.approx(10e-6)
    assert found.measured_over_predicted.median == pytest.approx(ratio)
    assert re.search(reason, found.reason)


@pytest.mark.parametrize("warmed", ["power", "pairing", None])
def test_a_phase_faster_than_its_operations_names_the_one_that_is_faster_in_turn(monkeypatch, warmed):
    """Three operations that take a second in turn; the samples of one of them say that alone it took ten."""
    passed = itertools.count()
    monkeypatch.setattr(prediction, "time", SimpleNamespace(process_time=lambda: next(passed)))
    costs = {name: _sampled(name, 10 if name == warmed else 1) for name in ("power", "pairing", "product")}
    whole = sum(subject.cpu_seconds[0] for subject in costs.values())
    found = predict(dict.fromkeys(costs, 1), costs, _sampled("phase", whole / 3))
    if warmed:
        told = f"take 9,000 ms less, 112% of the difference; most of all {warmed}: 1,000 ms instead of 10.00 s"
        assert found.reason.endswith(told)
    else:
        assert "the operations take as long as alone" in found.reason
