"""What a process held: its own peak, since it was asked to begin anew, and no number where nothing tells."""

import json
import subprocess
import sys

from benchmarks import memory, provenance
from benchmarks.bench import PROFILES, Bench
from benchmarks.results import Absent, Figure
from benchmarks.timing import Subject, interleave

LARGE = 64 << 20


def test_a_series_peak_is_what_its_own_samples_held():
    large, small = Subject("large", lambda: bytearray(LARGE)), Subject("small", lambda: bytearray(1))
    interleave([large, small], 2, loops=1)
    assert large.peak_bytes - small.peak_bytes > LARGE * 0.9
    found = []
    bench = Bench("made-up", PROFILES["smoke"], provenance.collect("smoke"), found.append)
    bench.series(small)
    assert found[0].peak_memory_bytes == small.peak_bytes


def test_a_process_does_not_begin_with_its_parents_peak():
    held = bytes(4 * LARGE)
    code = (
        "import json; from benchmarks import memory; print(json.dumps([memory.resident_bytes(), memory.peak_bytes()]))"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
    resident, peak = json.loads(done.stdout)
    assert 0 < resident <= peak < len(held)


def test_where_nothing_tells_there_is_no_number(monkeypatch, tmp_path):
    for name in ("_STATUS", "_CLEAR"):
        monkeypatch.setattr(memory, name, tmp_path / "missing" / name)
    assert memory.peak_bytes() is memory.resident_bytes() is None
    subject = Subject("something", lambda: None)
    interleave([subject], 1)
    assert subject.peak_bytes is None
    found = []
    bench = Bench("made-up", PROFILES["smoke"], provenance.collect("smoke"), found.append)
    bench.memory("an index", memory.peak_bytes(), patients=3)
    bench.memory("an index", 3 << 20, patients=3)
    absent, figure = found
    assert isinstance(absent, Absent)
    assert absent.reason == memory.UNKNOWN
    assert isinstance(figure, Figure)
    assert (figure.value, figure.unit, figure.settings) == (3, "MiB", {"patients": 3})
