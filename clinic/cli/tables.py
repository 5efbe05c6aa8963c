"""Tables and words for people: readable in 80 columns, and one line a row in a pipe."""

from __future__ import annotations

import datetime
import os
import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

from clinic.directory import JOINERS
from scheme.scopes import Category

_PIPE_COLUMNS = 10_000
_LONGEST_CATEGORY = max(len(category.value) for category in Category)
_WHOLE = {"ID", "BLOCK", "REQUEST", "GRANT", "CHAIN", "DAY", "TIME", "UNTIL", "STATUS", "ROLE", "EVENT", "DELEGATE"}
_NUMBERS = {
    "#", "ENTRY", "BLOCKS", "BYTES", "RECORDS", "READ", "CLOSED", "CHECKS", "SECONDS",
    "SOUND", "MISSING", "DAMAGED", "UNREACHABLE", "NOT ANCHORED", "TURN", "WEIGHT", "SUPPORT", "REPUTATION", "HEIGHT",
    "ROUND", "SCOPES",
}  # fmt: skip


def plain_table(*columns: str) -> Table:
    """A table whose ids and dates stay whole and whose numbers stand right; names and sentences take what is left."""
    table = Table(box=None, pad_edge=False, header_style="bold", show_header=any(columns))
    for name in columns:
        number = name in _NUMBERS
        table.add_column(
            name,
            overflow="fold",
            no_wrap=number or name in _WHOLE,
            justify="right" if number else "left",
            min_width=_LONGEST_CATEGORY if name == "ABOUT" else None,
        )
    return table


def add_row(table: Table, *cells: str) -> None:
    """Add a row of plain text: what a name or record says is never taken for markup."""
    table.add_row(*(Text(printable(cell)) for cell in cells))


def printable(text: str) -> str:
    """What somebody else wrote, on one line and without what would steer the terminal."""
    return "".join(map(_printable, text))


def _printable(letter: str) -> str:
    if letter.isprintable() or letter in JOINERS:
        return letter
    return " " if letter.isspace() else "\ufffd"


def rendered(table: Table) -> str:
    """The table in the width of the terminal, with no spaces at the ends of lines."""
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    console = Console(highlight=False, width=_PIPE_COLUMNS if piped else None)
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def count(number: int, singular: str, plural: str | None = None) -> str:
    """A number with its noun."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def date_text(moment: int | None) -> str:
    """The last day on which something that ends at ``moment`` still holds."""
    if moment is None:
        return "no end"
    return datetime.datetime.fromtimestamp(moment - 1, datetime.UTC).strftime("%Y-%m-%d")
