"""Taking samples: subjects run interleaved in one process, so that a noisy machine hits all of them alike.

``pyperf``, the field's tool, times the single operations (``benchmarks.cases.primitives``). Here it is not used: costs
predicted from those of operations need CPU time, which ``pyperf`` does not take, of the same round as the phase that
they are held against; and whole operations take turns in one process with what they are compared with, write to disk,
and need another folder or fresh input each time, which is made and removed outside of the time.
"""

from __future__ import annotations

import gc
import math
import os
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks import memory

MIN_SAMPLE_S = 0.02
"""Operations shorter than this are repeated within one sample."""


def nothing() -> None:
    """Nothing to tidy up."""


@dataclass
class Subject:
    """Something to be timed: each call of ``run`` does ``amount`` ``unit`` of work; ``tidy`` is not timed."""

    name: str
    run: Callable[[], object]
    amount: float = 1
    unit: str = "operations"
    tidy: Callable[[], object] = nothing
    loops: int = 1
    """Calls in one sample; a sample's seconds are those of one call."""
    collect: bool = True
    """Whether garbage is collected before each sample; arithmetic leaves none, and would wait for it far longer."""
    track_peak: bool = True
    """Whether ``peak_bytes`` is taken: not of what starts programs, whose memory is not this process's."""
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    peak_bytes: int | None = None
    """The most that this process held while a sample was taken; ``None`` if not tracked, or the system tells none."""

    def warm_up(self) -> None:
        """Run once, and see how many calls make a sample of at least ``MIN_SAMPLE_S``."""
        started = time.perf_counter()
        self.run()
        once = max(time.perf_counter() - started, 1e-7)
        self.tidy()
        self.loops = math.ceil(MIN_SAMPLE_S / once)

    def sample(self) -> None:
        """Take one sample. The collector runs as usual, but passes over what was there before (prepared input)."""
        if self.collect:
            gc.collect()
        gc.freeze()
        is_told = self.track_peak and memory.restart_peak()
        cpu, wall = _cpu_seconds(), time.perf_counter()
        for _ in range(self.loops):
            self.run()
        self.seconds.append((time.perf_counter() - wall) / self.loops)
        self.cpu_seconds.append((_cpu_seconds() - cpu) / self.loops)
        if is_told and (peak := memory.peak_bytes()) is not None:
            self.peak_bytes = max(peak, self.peak_bytes or 0)
        gc.unfreeze()
        self.tidy()


def _cpu_seconds() -> float:
    """Of this process, all threads, and of the programs that it ran to their end."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def interleave(subjects: Sequence[Subject], repeats: int, *, loops: int | None = None) -> None:
    """Warm up, then take ``repeats`` samples of each subject in turn; who is first changes from round to round.

    ``loops`` calls make a sample, or as many as ``MIN_SAMPLE_S`` needs; 1 for what is prepared and cannot be repeated.
    """
    for subject in subjects:
        subject.warm_up()
        subject.loops = loops or subject.loops
    for turn in range(repeats):
        first = turn % len(subjects)
        for subject in (*subjects[first:], *subjects[:first]):
            subject.sample()


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this thread, and those it starts, on one core meanwhile."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
