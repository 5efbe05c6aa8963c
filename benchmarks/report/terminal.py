"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich import box
from rich.console import Console
from rich.table import Table as Shown

from benchmarks.origin import origin
from benchmarks.results import Line
from benchmarks.runs import Run, runs
from benchmarks.table import Table
from benchmarks.tables import tables

_WIDTH = 160


def show(lines: Iterable[Line]) -> None:
    """For each run: where and when, and its tables. Raises ``ResultInvalid``."""
    console = Console(width=_WIDTH, highlight=False, markup=False)
    for text in (text for run in runs(lines) for text in _parts(run)):
        console.print(text)


def _parts(run: Run) -> Iterator[str | Shown]:
    yield f"\n{run.title}"
    yield from origin(run)
    yield from map(_shown, tables(run))


def _shown(table: Table) -> Shown:
    shown = Shown(*table.columns, box=box.MARKDOWN)
    for column in shown.columns[table.left :]:
        column.justify = "right"
    for row in table.rows:
        shown.add_row(*row)
    return shown
