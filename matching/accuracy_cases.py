"""Labelled cases for measuring how well matching finds the same disease: two tab-separated files, gzip or plain.

``cases``: columns ``id``, ``disease_id``, ``pmid``, ``observed_hpo``, ``excluded_hpo`` (ids joined by commas) and any
others. ``queries``: ``query_id``, ``disease_id``, ``pmids`` and any others.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from matching.errors import CasesInvalid

MIN_TERMS = 3
"""Cases with fewer observed terms are in no answer: they are like many others by chance."""
_MAX_CELL_CHARACTERS = 1 << 20


class Part(StrEnum):
    """Which queries count: all, those on which parameters were chosen, or those held back to report on.

    Half of the diseases each, by a checksum (CRC-32) of the disease's id: no disease is in both.
    """

    ALL = "all"
    CHOSEN_ON = "chosen-on"
    HELD_BACK = "held-back"

    def has(self, disease: str) -> bool:
        """Whether queries of that disease belong to this part."""
        return self is Part.ALL or (zlib.crc32(disease.encode()) % 2 == 0) == (self is Part.CHOSEN_ON)


@dataclass(frozen=True)
class Case:
    """One published patient; ``disease`` and ``publication`` say whether a match is right, and never rank it."""

    id: str
    disease: str
    publications: frozenset[str]
    observed: tuple[str, ...]
    excluded: tuple[str, ...]

    def is_right_for(self, query: Case) -> bool:
        """Whether this case has the same disease in another publication."""
        return self.disease == query.disease and not self.publications & query.publications


def read_cases(path: Path) -> tuple[Case, ...]:
    """The cases that are compared, in their order. Raises ``CasesInvalid``."""
    found = {
        row["id"]: Case(
            row["id"],
            row["disease_id"],
            frozenset(_split(row["pmid"])),
            _split(row["observed_hpo"]),
            _split(row["excluded_hpo"]),
        )
        for row in _rows(path, ("id", "disease_id", "pmid", "observed_hpo", "excluded_hpo"))
    }
    return tuple(case for case in found.values() if len(case.observed) >= MIN_TERMS)


def read_queries(path: Path, cases: tuple[Case, ...], part: Part = Part.ALL) -> tuple[int, ...]:
    """Places in ``cases`` of the queries in ``part``. Raises ``CasesInvalid`` when there is none, or one is no case."""
    places = {case.id: place for place, case in enumerate(cases)}
    queries = []
    for row in _rows(path, ("query_id", "disease_id", "pmids")):
        place = places.get(row["query_id"])
        if place is None or cases[place].disease != row["disease_id"]:
            raise CasesInvalid("a query names no case of that disease with three or more terms; use files that agree")
        if part.has(row["disease_id"]):
            queries.append(place)
    if not queries:
        raise CasesInvalid("the file of queries has none to ask; look at its content")
    return tuple(queries)


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
    csv.field_size_limit(_MAX_CELL_CHARACTERS)
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            if not set(columns) <= set(reader.fieldnames or ()):
                raise CasesInvalid(f"a file of cases or queries lacks one of the columns {', '.join(columns)}")
            for row in reader:
                if any(row[column] is None for column in columns):
                    raise CasesInvalid("a line of cases or queries has too few columns; download the file anew")
                yield row
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error):
        raise CasesInvalid("a file of cases or queries cannot be read; check its path, or download it anew") from None


def _split(cell: str) -> tuple[str, ...]:
    return tuple(each for each in cell.split(",") if each)
