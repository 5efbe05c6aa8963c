"""The operations that the schemes use, one by one, for each library that is installed.

``pyperf`` measures: fresh processes for each operation, calibrated loops, warm-up. It runs one benchmark after another,
so rounds are interleaved here: in each round every library's operations get new processes, and a noisy minute hits all.
The values of one process are more alike than those of two, so a sample is the median of a process's values.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.errors import CaseFailed
from benchmarks.optional import BENCH_EXTRA
from benchmarks.primitives.libraries import LIBRARIES, is_installed
from benchmarks.primitives.operation import Library
from benchmarks.timing import Subject, nothing

try:
    import pyperf  # type: ignore[import-untyped]
except ImportError:  # an optional extra; the case says so
    pyperf = None


@dataclass(frozen=True)
class _Rounds:
    """In each of ``rounds`` every library is measured anew, with these ``options`` of pyperf."""

    rounds: int
    options: Sequence[str]


ROUNDS: Mapping[str, _Rounds] = {
    "smoke": _Rounds(2, ("--worker", "--values=1", "--warmups=0", "--loops=1", "--smoke")),
    "paper": _Rounds(2, ("--processes=3", "--values=3", "--warmups=1", "--min-time=0.02")),
    "full": _Rounds(10, ("--processes=2", "--values=3", "--warmups=1", "--min-time=0.1")),
}
"""By profile. Before the processes that count, one finds out how many calls take ``--min-time`` seconds. ``smoke`` has
one process for all operations of a library, and one call a value."""


_Measured = dict[str, Subject]
"""One library's operations by name."""


def measure(bench: Bench) -> None:
    """Hash, AES, RSA, signatures, group operations, pairings, OPRF steps: a call of each, by library.

    Libraries that are not installed are rows that say so. Raises ``CaseFailed``, after all others are measured, for one
    that is installed and fails.
    """
    if pyperf is None:
        raise CaseFailed(f"primitives are measured by pyperf, which is not installed: {BENCH_EXTRA}")
    installed = [library for library in LIBRARIES.values() if is_installed(library)]
    for library in LIBRARIES.values():
        if library not in installed:
            bench.absent(f"{library.name}: all operations", library.how_to_get)
    profile = ROUNDS[bench.sizes.name]
    found: dict[str, _Measured] = {library.name: {} for library in installed}
    failed: dict[str, int] = {}
    for turn in range(1, profile.rounds + 1):
        for library in installed:
            if library.name not in failed and (status := _round(library, profile.options, found[library.name])):
                failed[library.name] = status
                bench.absent(f"{library.name}: all operations", f"failed with status {status}; its error stands above")
            elif library.name not in failed and turn == profile.rounds:
                _hand_in(bench, library, found[library.name])
    _compare(bench, {name: subjects for name, subjects in found.items() if name not in failed})
    if failed:
        raise CaseFailed(f"{', '.join(failed)}: installed, and could not be measured")


def _round(library: Library, options: Sequence[str], subjects: _Measured) -> int:
    """Add one round's samples; the status of pyperf, 0 if all went well."""
    with tempfile.TemporaryDirectory(prefix="chartseal-bench-") as folder:
        values, beside = Path(folder) / "values.json", Path(folder) / "cpu.jsonl"
        command = [sys.executable, "-m", "benchmarks.primitives.run", library.name, f"--beside={beside}"]
        command += ["--quiet", f"--output={values}", *options]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            return done.returncode
        cpu = {(name, value): seconds for name, value, seconds in map(json.loads, beside.read_text().splitlines())}
        for measured in pyperf.BenchmarkSuite.load(str(values)):
            name = measured.get_name()
            subject = subjects.setdefault(name, Subject(f"{library.name}: {name}", nothing))
            subject.loops = round(measured.get_loops())
            for process in measured.get_runs():
                if process.values:  # what it calibrated with has none
                    subject.seconds.append(statistics.median(process.values))
                    subject.cpu_seconds.append(statistics.median(cpu[name, value] for value in process.values))
    return 0


def _hand_in(bench: Bench, library: Library, found: _Measured) -> None:
    for operation in library.operations():
        if operation.name in found:
            settings: dict[str, object] = {"library": library.name, "operation": operation.name}
            if operation.size_bytes is not None:
                settings["size_bytes"] = operation.size_bytes
            settings["tool"] = f"pyperf {pyperf.__version__}"
            bench.series(found[operation.name], security_bits=operation.security_bits, **settings)


def _compare(bench: Bench, found: Mapping[str, _Measured]) -> None:
    """Each library after the first that has an operation, with that first one: processes of the same round."""
    first: dict[str, str] = {}
    for library, subjects in found.items():
        for name, subject in subjects.items():
            reference = first.setdefault(name, library)
            if reference != library:
                bench.compare(f"{name}: {reference}, over {library}", found[reference][name], subject)
