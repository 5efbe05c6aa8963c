"""Result files as data frames, for notebooks and for the CSV tables of reports."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.errors import ResultInvalid
from benchmarks.optional import require
from benchmarks.results import KINDS, Line, Series, read

if TYPE_CHECKING:
    from pandas import DataFrame

_SPREAD = ("settings", "provenance")
"""Fields that are mappings: each key becomes a column with the field's name before it."""


def load(path: str | os.PathLike[str], kind: str = Series.kind) -> DataFrame:
    """The lines of one ``kind`` in a result file (kinds: ``benchmarks.results``).

    Of ``series`` one row a sample, with its place (``sample``), ``seconds``, ``cpu_seconds`` (missing where none
    were taken) and ``rate`` (units of work a second); of the other kinds one row a line. Settings and provenance are
    columns such as ``settings.delegates``, ``provenance.commit``, ``provenance.versions.cryptography``; a setting that
    a line does not have is missing (NaN or None). Raises ``ResultInvalid``, and ``ReportUnavailable`` without pandas.
    """
    return frame(read([Path(path)]), kind)


def frame(lines: Iterable[Line], kind: str = Series.kind) -> DataFrame:
    """As ``load``, of lines that were read."""
    if kind not in KINDS:
        raise ResultInvalid(f"there is no kind of lines {kind!r}; known: {', '.join(KINDS)}")
    require("pandas")
    import pandas as pd  # noqa: PLC0415 - only who asks for a frame needs it

    return pd.DataFrame.from_records([row for line in lines if line.kind == kind for row in _rows(line)])


def _rows(line: Line) -> Iterator[dict[str, Any]]:
    whole = flat(line)
    if not isinstance(line, Series):
        yield whole
        return
    samples = zip(line.seconds, line.cpu_seconds or repeat(None, len(line.seconds)), line.rates, strict=True)
    for place, (seconds, cpu_seconds, rate) in enumerate(samples):
        yield whole | {"sample": place, "seconds": seconds, "cpu_seconds": cpu_seconds, "rate": rate}


def flat(line: Line) -> dict[str, Any]:
    """A line's fields by column; of a series without its samples' values."""
    row: dict[str, Any] = {}
    for field in dataclasses.fields(line):
        value = getattr(line, field.name)
        if field.name in _SPREAD:
            row |= _spread(field.name, value)
        else:
            row[field.name] = value
    return row


def _spread(before: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _spread(f"{before}.{key}", value)
        else:
            yield f"{before}.{key}", value
