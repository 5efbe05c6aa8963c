"""The cases by name; each measures in a fresh process."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from benchmarks.bench import Bench
from benchmarks.cases import history, leakage, ledger, matching, network, phases, primitives, schemes, seal, storage

CASES: Mapping[str, Callable[[Bench], None]] = {
    "primitives": primitives.measure,
    "phases": phases.measure,
    "seal": seal.measure,
    "history": history.measure,
    "ledger": ledger.measure,
    "matching": matching.measure,
    "network": network.measure,
    "leakage": leakage.measure,
    "schemes": schemes.measure,
    "storage": storage.measure,
}
"""The first line of each function's docstring says what it measures."""
