"""The cases by name; each measures in a fresh process."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from benchmarks.bench import Bench
from benchmarks.cases import history, leakage, ledger, matching, seal

CASES: Mapping[str, Callable[[Bench], None]] = {
    "seal": seal.measure,
    "history": history.measure,
    "ledger": ledger.measure,
    "matching": matching.measure,
    "leakage": leakage.measure,
}
"""The first line of each function's docstring says what it measures."""
