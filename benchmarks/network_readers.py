"""Many readers at once: doctors with homes of their own, each a thread of one of a few processes.

Such a process, ``python -m benchmarks.network_readers``, is told by lines of JSON: first who it is, then each time that
all of its doctors are to read. It ends when its standard input does.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.errors import CaseFailed
from benchmarks.network_scene import PASSWORD, Outs, member_options, read
from benchmarks.processes import end
from network.member_home import MemberHome
from scheme.errors import ChartSealError

_STOP_S = 60
_PROCESSES_A_CORE = 2


@dataclass(frozen=True)
class Doctors:
    """Those of one process: their homes, whose history they read, of how many blocks, and where they write it."""

    homes: Sequence[str]
    patient: str
    blocks: int
    out: str


@dataclass(frozen=True)
class Round:
    """All read once: until the last was done, CPU of all, and how long each of them took, in seconds."""

    seconds: float
    cpu_seconds: float
    each: Sequence[float]


class Readers:
    """The processes, from outside."""

    def __init__(self, processes: Sequence[subprocess.Popen[str]]) -> None:
        self._processes = processes

    def read(self) -> Round:
        """Let all read at the same time. Raises ``CaseFailed`` when one of them could not."""
        started = time.perf_counter()
        for process in self._processes:
            _say(process, {})
        answers = [_heard(process) for process in self._processes]
        seconds = time.perf_counter() - started
        if errors := [error for answer in answers for error in answer["errors"]]:
            raise CaseFailed(f"{len(errors)} readers of those at once could not read, one because {errors[0]}")
        each = [taken for answer in answers for taken in answer["seconds"]]
        return Round(seconds, sum(answer["cpu_seconds"] for answer in answers), each)


@contextmanager
def readers(homes: Sequence[Path], patient_id: str, blocks: int, folder: Path) -> Iterator[Readers]:
    """Start processes for the doctors of ``homes``, who write below ``folder``; ready when this yields.

    They end with what is done with them; when that fails, at once and not after their round.
    """
    count = min(len(homes), _PROCESSES_A_CORE * len(os.sched_getaffinity(0)))
    command = [sys.executable, "-m", "benchmarks.network_readers"]
    with ExitStack() as opened:
        processes = []
        for number in range(count):
            process = opened.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            opened.enter_context(_ended(process))
            out = folder / f"readers-{number}"
            out.mkdir()
            _say(process, asdict(Doctors([str(home) for home in homes[number::count]], patient_id, blocks, str(out))))
            processes.append(process)
        for process in processes:
            _heard(process)
        yield Readers(processes)


@contextmanager
def _ended(process: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        process.kill()
        raise
    end(process, _STOP_S)


def _say(process: subprocess.Popen[str], what: dict[str, Any]) -> None:
    if process.stdin is not None:
        process.stdin.write(json.dumps(what) + "\n")
        process.stdin.flush()


def _heard(process: subprocess.Popen[str]) -> dict[str, Any]:
    line = process.stdout.readline() if process.stdout is not None else ""
    if not line:
        raise CaseFailed("a process of readers ended; its error stands above")
    answer: dict[str, Any] = json.loads(line)
    return answer


def _round(doctors: Doctors, homes: Sequence[MemberHome], outs: Outs) -> dict[str, Any]:
    def one(home: MemberHome, out: Path) -> float | str:
        started = time.perf_counter()
        try:
            read(home, home.secrets(), doctors.patient, doctors.blocks, out)
        except ChartSealError as error:
            return f"[{error.code}] {error}"
        return time.perf_counter() - started

    cpu = time.process_time()
    with ThreadPoolExecutor(len(homes)) as pool:
        found = list(pool.map(one, homes, [next(outs) for _ in homes]))
    spent = time.process_time() - cpu
    outs.remove()
    return {
        "seconds": [each for each in found if isinstance(each, float)],
        "errors": [each for each in found if isinstance(each, str)],
        "cpu_seconds": spent,
    }


def _tell(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Unlock the doctors' homes, then read whenever told to, until the end of standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started this, who then closes standard input
    doctors = Doctors(**json.loads(sys.stdin.readline()))
    homes = [MemberHome(Path(home), member_options()) for home in doctors.homes]
    for home in homes:
        home.unlock(home.me.name, PASSWORD)
    outs = Outs(Path(doctors.out))
    _tell({})
    for _ in sys.stdin:
        _tell(_round(doctors, homes, outs))


if __name__ == "__main__":
    main()
