"""A table in words; ``benchmarks.report`` writes it in several forms."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """``name`` is unique in its run, for file names; columns after the first ``left`` hold numbers."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1
