"""What a report says of one run, ready to be written in any form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from benchmarks.naming import numbered, slug
from benchmarks.origin import footer, origin
from benchmarks.report.figures import leakage, ledger, matching, network, phases, ratios, schemes, storage, times
from benchmarks.report.figures.drawing import Drawing
from benchmarks.runs import Run
from benchmarks.table import Table
from benchmarks.tables import tables

_N = TypeVar("_N", Table, Drawing)
_OWN: Mapping[str, Callable[[Run], Iterator[Drawing]]] = {
    each.CASE: each.drawings for each in (leakage, ledger, matching, network, phases, schemes, storage)
}


@dataclass(frozen=True)
class Section:
    """``slug`` stands before the names of this run's files."""

    run: Run
    origin: tuple[str, ...]
    tables: tuple[Table, ...]
    drawings: tuple[Drawing, ...]

    @property
    def slug(self) -> str:
        """Of the run."""
        return self.run.slug

    @property
    def title(self) -> str:
        """Of the run."""
        return self.run.title

    @property
    def footer(self) -> str:
        """Where the numbers of a figure come from."""
        return footer(self.run)


def section(run: Run) -> Section:
    """All of a run."""
    found = [*_OWN.get(run.case, times.drawings)(run), *ratios.drawings(run)]
    return Section(run, tuple(origin(run)), _for_files(tables(run)), _for_files(found))


def _for_files(named: Iterable[_N]) -> tuple[_N, ...]:
    """With names that can be those of files, no two alike."""
    found = list(named)
    names = numbered((slug(each.name) for each in found), "-")
    return tuple(replace(each, name=name) for each, name in zip(found, names, strict=True))
