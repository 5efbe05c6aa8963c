"""Taking samples, by a clock that the subjects themselves move."""

import math
import os
from types import SimpleNamespace

import pytest

from benchmarks import timing
from benchmarks.timing import MIN_SAMPLE_S, Subject, interleave, one_core


class _Clock:
    def __init__(self):
        self.wall = self.cpu = 1000.0

    def work(self, wall, cpu=None):
        self.wall += wall
        self.cpu += wall if cpu is None else cpu


@pytest.fixture
def clock(monkeypatch):
    clock = _Clock()
    monkeypatch.setattr(timing, "time", SimpleNamespace(perf_counter=lambda: clock.wall))
    monkeypatch.setattr(timing, "_cpu_seconds", lambda: clock.cpu)
    return clock


def test_subjects_take_turns_and_change_who_is_first(clock):
    order = []
    subjects = [Subject(name, lambda name=name: (order.append(name), clock.work(1))) for name in "ab"]
    interleave(subjects, 3)
    assert "".join(order) == "ab" + "ab" + "ba" + "ab"
    assert all(subject.seconds == subject.cpu_seconds == [1, 1, 1] for subject in subjects)


def test_tidying_up_is_not_timed(clock):
    tidied = []
    subject = Subject("a", lambda: clock.work(1), tidy=lambda: (tidied.append(1), clock.work(100)))
    interleave([subject], 2)
    assert len(tidied) == 3
    assert subject.seconds == [1, 1]


def test_short_operations_are_repeated_and_counted_singly(clock):
    calls = []
    subject = Subject("a", lambda: (calls.append(1), clock.work(0.003)))
    interleave([subject], 1)
    assert subject.loops == math.ceil(MIN_SAMPLE_S / 0.003)
    assert len(calls) == 1 + subject.loops
    assert subject.seconds == [pytest.approx(0.003)]


def test_time_on_the_processor_is_told_from_waiting(clock):
    subject = Subject("a", lambda: clock.work(2, cpu=0.5))
    interleave([subject], 1)
    assert (subject.seconds, subject.cpu_seconds) == ([2], [0.5])


def test_one_core_for_a_while():
    before = os.sched_getaffinity(0)
    with one_core():
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before
