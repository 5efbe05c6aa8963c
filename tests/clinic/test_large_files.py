"""Large files stream: the memory of a command does not grow with what it seals and opens."""

from __future__ import annotations

import filecmp
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clinic.command import ROOT, chartseal
from tests.clinic.scene import AUTHOR, PASSWORD, PATIENT, READER

MIB = 1 << 20
MEASURED = """
import pathlib, resource, sys
from tests.clinic.weak_chartseal import main
try:
    main()
finally:
    status = pathlib.Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    peak = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
    kib = peak[0] if peak else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(kib, file=sys.stderr)
"""


def peak_mib(home: Path, *words: str | Path) -> float:
    """Run a command in a process of its own; the most memory it had, in MiB.

    ``VmHWM`` where there is one, since ``ru_maxrss`` begins with what the test's own process had.
    """
    environment = os.environ | {"CHARTSEAL_PASSWORD": PASSWORD}
    command = [sys.executable, "-c", MEASURED, *map(str, words), "--home", str(home)]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stderr.splitlines()[-1]) / 1024


def incompressible(path: Path, size_mib: int) -> None:
    """Pseudo-random bytes: one MiB of them again and again, which is too far apart for deflate to see."""
    piece = random.Random(1).randbytes(MIB)
    with path.open("wb") as file:
        for number in range(size_mib):
            file.write(number.to_bytes(8, "big") + piece[8:])


def sparse(path: Path, size_mib: int) -> None:
    with path.open("wb") as file:
        file.truncate(size_mib * MIB)


def peaks_of(home: Path, path: Path, folder: Path) -> dict[str, float]:
    """The peak of each step of one file's way, in MiB; what was read is compared and deleted at once."""
    people = ("--doctor", READER, "--patient", PATIENT)
    peaks = {"seal": peak_mib(home, "seal", "--author", AUTHOR, "--patient", PATIENT, path)}
    asked = chartseal(home, "request", *people, "--json")
    assert chartseal(home, "approve", json.loads(asked.out)["request"], "--yes").status == 0
    for step, who in (("history", people), ("open", people[2:])):
        out = folder / step
        peaks[step] = peak_mib(home, step, *who, "--out", out)
        assert filecmp.cmp(path, out / "files" / path.name, shallow=False)
        shutil.rmtree(out)
    peaks["verify"] = peak_mib(home, "verify")
    return peaks


@pytest.mark.parametrize("write", [incompressible, pytest.param(sparse, marks=pytest.mark.slow)])
def test_64_mib_are_never_in_memory_at_once(
    home_folder: Path, tmp_path: Path, write: Callable[[Path, int], None]
) -> None:
    write(tmp_path / "large.bin", 64)
    idle = peak_mib(home_folder, "status")
    for step, peak in peaks_of(home_folder, tmp_path / "large.bin", tmp_path).items():
        assert peak < idle + 40, f"{step} held a large part of the file"


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("write", [incompressible, sparse])
def test_1_gib_in_less_than_200_mb(home_folder: Path, tmp_path: Path, write: Callable[[Path, int], None]) -> None:
    if shutil.disk_usage(tmp_path).free < 5 << 30:
        pytest.skip("a 1 GiB file on its way takes 5 GiB of disk")
    write(tmp_path / "large.bin", 1024)
    for step, peak in peaks_of(home_folder, tmp_path / "large.bin", tmp_path).items():
        assert peak * MIB < 200_000_000, step
