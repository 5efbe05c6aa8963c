"""Made-up result lines."""

from typing import Any

from benchmarks.results import Absent, Comparison, Figure, Profile, Published, Series

PROVENANCE: dict[str, Any] = {
    "time": "2026-11-21T00:00:00+00:00",
    "profile": "smoke",
    "commit": "0123456789abcdef",
    "modified": True,
    "versions": {"chartseal": "0.1.0", "umbral-pre": None},
    "python": "CPython 3.11",
    "openssl": "OpenSSL 3",
    "system": "Linux",
    "machine": "x86_64",
    "cpu": "a processor",
    "cores": 2,
    "governor": None,
    "memory_bytes": 8 << 30,
    "load": 0.0,
    "optimised": 0,
}


def series(name: str, seconds: tuple[float, ...], *, amount: float = 1000, unit: str = "blocks") -> Series:
    return Series("made-up", name, unit, amount, seconds, seconds, provenance=PROVENANCE)


def comparison(title: str, of: str, over: str | None, at_least: float | None) -> Comparison:
    return Comparison("made-up", title, of, over, at_least, PROVENANCE)


def absent() -> Absent:
    return Absent("made-up", "a peer", "not installed: pip install chartseal[bench]", PROVENANCE)


def figure() -> Figure:
    return Figure("made-up", "a certificate", 731, "bytes", {"delegates": 4}, PROVENANCE)


def published() -> Published:
    return Published("made-up", "another ledger", "220 transactions/s", "crashes only", PROVENANCE)


def profile() -> Profile:
    return Profile("made-up", "a run", 1.5, (("scheme/seal.py: seal", 12, 0.5, 1.25),), PROVENANCE)
