"""Packages that only reports and data frames need."""

from __future__ import annotations

from importlib.util import find_spec

from benchmarks.errors import ReportUnavailable


def require(*packages: str) -> None:
    """Raise ``ReportUnavailable`` when one of them is not installed."""
    if missing := [name for name in packages if find_spec(name) is None]:
        raise ReportUnavailable(f"not installed: {', '.join(missing)}; pip install 'chartseal[bench]'")
