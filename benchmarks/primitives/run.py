"""Measures the operations of one library by ``pyperf``, in the processes that it starts for each of them.

``python -m benchmarks.primitives.run LIBRARY --beside FILE [--smoke] [options of pyperf]``. What ``pyperf`` keeps are
wall times; the CPU time of each value goes into FILE, a JSON line each: operation, the value, CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from functools import cache
from itertools import repeat
from pathlib import Path

import pyperf  # type: ignore[import-untyped]

from benchmarks.primitives.libraries import LIBRARIES
from benchmarks.primitives.operation import Operation, of_smoke


def main() -> None:
    """As the module says."""
    runner = pyperf.Runner(program_args=("-m", "benchmarks.primitives.run"), add_cmdline_args=_passed_on)
    runner.argparser.add_argument("library", choices=LIBRARIES)
    runner.argparser.add_argument("--beside", type=Path, required=True)
    runner.argparser.add_argument("--smoke", action="store_true")
    given = runner.parse_args()
    for operation in LIBRARIES[given.library].operations():
        if of_smoke(operation) or not given.smoke:
            runner.bench_time_func(operation.name, _timed(operation, given.beside))


def _passed_on(command: list[str], given: argparse.Namespace) -> None:
    command += (given.library, "--beside", str(given.beside), *(["--smoke"] if given.smoke else []))


def _timed(operation: Operation, beside: Path) -> Callable[[int], float]:
    @cache
    def prepared() -> Callable[[], object]:
        found = operation.prepare()
        if not found.holds(found.run()):
            raise RuntimeError(f"{operation.name} does not give what it should")
        return found.run

    def timed(loops: int) -> float:
        run = prepared()
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in repeat(None, loops):
            run()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        with beside.open("a", encoding="utf-8") as file:
            file.write(json.dumps([operation.name, wall / loops, cpu / loops]) + "\n")
        return wall

    return timed


if __name__ == "__main__":
    main()
