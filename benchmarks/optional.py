"""Packages that only benchmarks need, and those that only reports and data frames need."""

from __future__ import annotations

from importlib.util import find_spec

from benchmarks.errors import ReportUnavailable

BENCH_EXTRA = "pip install chartseal[bench]"
NOT_INSTALLED = f"not installed: {BENCH_EXTRA}"
"""Of a package that comes with it."""


def require(*packages: str) -> None:
    """Raise ``ReportUnavailable`` when one of them is not installed."""
    if missing := [name for name in packages if find_spec(name) is None]:
        raise ReportUnavailable(f"not installed: {', '.join(missing)}; {BENCH_EXTRA}")
