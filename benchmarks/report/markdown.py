"""A report in Markdown (CommonMark with GitHub's tables): all tables, and the figures by their files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from benchmarks.report.section import Section
from benchmarks.table import Table

_MARKS = re.compile(r"([\\`*_{}\[\]()<>#+!|~$&])")
"""CommonMark 2.4: with a backslash before it each of them is only itself."""


def markdown(sections: Iterable[Section]) -> str:
    """The whole report."""
    return "\n".join(["# Benchmarks", *(line for section in sections for line in _section(section)), ""])


def _section(section: Section) -> Iterator[str]:
    yield from ("", f"## {_plain(section.title)}", "")
    yield from (f"- {_plain(line)}" for line in section.origin)
    for drawing in section.drawings:
        yield from ("", f"![{_plain(drawing.title)}](figures/{section.slug}-{drawing.name}.svg)")
        yield from ("", f"{_plain(drawing.title)}. {_plain(drawing.caption)}")
    for table in section.tables:
        yield ""
        yield from _table(table)


def _table(table: Table) -> Iterator[str]:
    yield _row(table.columns)
    yield _row(("---" if place < table.left else "--:" for place in range(len(table.columns))), escaped=True)
    yield from map(_row, table.rows)


def _row(cells: Iterable[str], *, escaped: bool = False) -> str:
    return f"| {' | '.join(cell if escaped else _plain(cell) for cell in cells)} |"


def _plain(text: str) -> str:
    return _MARKS.sub(r"\\\1", " ".join(text.split()))
