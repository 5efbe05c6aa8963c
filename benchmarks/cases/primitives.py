"""The operations that the schemes use, one by one, for each library that is installed.

``pyperf`` measures: fresh processes for each operation, calibrated loops, warm-up. It runs one benchmark after another,
so rounds are interleaved here: in each round every library's operations get new processes, and a noisy minute hits all.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.errors import CaseFailed
from benchmarks.primitives.libraries import LIBRARIES, is_installed
from benchmarks.primitives.operation import Library
from benchmarks.results import Series

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
    "smoke": _Rounds(1, ("--worker", "--values=2", "--warmups=0", "--loops=1", "--smoke")),
    "paper": _Rounds(3, ("--processes=2", "--values=3", "--warmups=1", "--min-time=0.02")),
    "full": _Rounds(10, ("--processes=2", "--values=3", "--warmups=1", "--min-time=0.1")),
}
"""By profile. Before the processes that count, one finds out how many calls take ``--min-time`` seconds. ``smoke`` has
one process for all operations of a library, and one call a value."""


@dataclass
class _Samples:
    """Of one operation, from all rounds."""

    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    loops: int = 1


def measure(bench: Bench) -> None:
    """Hash, AES, RSA, signatures, group operations, pairings, OPRF steps: a call of each, by library.

    Libraries that are not installed are rows that say so. Raises ``CaseFailed``, after all others are measured, for one
    that is installed and fails.
    """
    if pyperf is None:
        raise CaseFailed("primitives are measured by pyperf, which is not installed: pip install chartseal[bench]")
    installed = [library for library in LIBRARIES.values() if is_installed(library)]
    for library in LIBRARIES.values():
        if library not in installed:
            bench.absent(f"{library.name}: all operations", library.how_to_get)
    profile = ROUNDS[bench.sizes.name]
    found: dict[str, dict[str, _Samples]] = {library.name: {} for library in installed}
    failed: dict[str, int] = {}
    for turn in range(1, profile.rounds + 1):
        for library in installed:
            if library.name not in failed and (status := _round(library, profile.options, found[library.name])):
                failed[library.name] = status
                bench.absent(f"{library.name}: all operations", f"failed with status {status}; its error stands above")
            elif library.name not in failed and turn == profile.rounds:
                _hand_in(bench, library, found[library.name])
    _compare(bench, {name: samples for name, samples in found.items() if name not in failed})
    if failed:
        raise CaseFailed(f"{', '.join(failed)}: installed, and could not be measured")


def _round(library: Library, options: Sequence[str], samples: dict[str, _Samples]) -> int:
    """Add one round's values; the status of pyperf, 0 if all went well."""
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
            kept = samples.setdefault(name, _Samples())
            kept.seconds += measured.get_values()
            kept.cpu_seconds += (cpu[name, value] for value in measured.get_values())
            kept.loops = round(measured.get_loops())
    return 0


def _hand_in(bench: Bench, library: Library, found: Mapping[str, _Samples]) -> None:
    for operation in library.operations():
        if operation.name in found:
            samples = found[operation.name]
            settings = {"library": library.name, "operation": operation.name, "loops": samples.loops}
            if operation.size_bytes is not None:
                settings["size_bytes"] = operation.size_bytes
            bench.emit(
                Series(
                    case=bench.case,
                    name=f"{library.name}: {operation.name}",
                    unit="operations",
                    amount=1,
                    seconds=samples.seconds,
                    cpu_seconds=samples.cpu_seconds,
                    security_bits=operation.security_bits,
                    settings=settings | {"tool": f"pyperf {pyperf.__version__}"},
                    provenance=bench.provenance,
                )
            )


def _compare(bench: Bench, found: Mapping[str, Mapping[str, _Samples]]) -> None:
    """Each library after the first that has an operation, with that first one."""
    first: dict[str, str] = {}
    for library, samples in found.items():
        for name in samples:
            reference = first.setdefault(name, library)
            if reference != library:
                title = f"{name}: {reference}, over {library}"
                bench.compare_series(title, f"{reference}: {name}", f"{library}: {name}")
