"""Which terms patients of a disease have, and how often: the public disease annotations, file ``phenotype.hpoa``.

Source: Koehler et al., "The Human Phenotype Ontology in 2021", Nucleic Acids Research 49 (2021); format at
https://obophenotype.github.io/human-phenotype-ontology/annotations/phenotype_hpoa/
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from matching.errors import VocabularyInvalid

FREQUENCY_TERMS: Mapping[str, float] = {
    "HP:0040280": 1.0,
    "HP:0040281": 0.895,
    "HP:0040282": 0.545,
    "HP:0040283": 0.17,
    "HP:0040284": 0.025,
    "HP:0040285": 0.0,
}
"""Middles of the ranges that the ontology defines: obligate, 80-99 %, 30-79 %, 5-29 %, 1-4 %, excluded."""

UNSTATED_FREQUENCY = 0.5
"""For the annotations (a quarter of them) that give none."""

_COLUMNS = ("database_id", "qualifier", "hpo_id", "frequency")
_ratio = re.compile(r"(\d{1,9})/(\d{1,9})").fullmatch
_percentage = re.compile(r"(\d{1,3}(?:\.\d{1,9})?) ?%").fullmatch


@dataclass(frozen=True)
class Annotations:
    """Disease id -> term id -> share of its patients who have the term, in (0, 1]; only terms annotated directly."""

    diseases: Mapping[str, Mapping[str, float]] = field(repr=False)


def read_annotations(text: str) -> Annotations:
    """The annotations in ``text``; what a disease is said *not* to have (NOT, 0 %) is left out.

    Several annotations of one disease with one term count by the highest frequency. Raises ``VocabularyInvalid`` when
    the columns are others.
    """
    lines = (line for line in text.split("\n") if line and not line.startswith("#"))
    header = next(lines, "").split("\t")
    if not set(_COLUMNS) <= set(header):
        raise VocabularyInvalid("these are no disease annotations: columns of phenotype.hpoa are missing")
    disease_at, qualifier_at, term_at, frequency_at = (header.index(name) for name in _COLUMNS)
    known: dict[str, float] = {}
    diseases: dict[str, dict[str, float]] = {}
    for line in lines:
        cells = line.split("\t")
        if len(cells) != len(header):
            raise VocabularyInvalid("a line of the disease annotations has a wrong number of columns; download it anew")
        stated = cells[frequency_at]
        share = known.get(stated)
        if share is None:
            share = known[stated] = frequency(stated)
        if share and cells[qualifier_at] != "NOT":
            terms = diseases.setdefault(cells[disease_at], {})
            terms[cells[term_at]] = max(share, terms.get(cells[term_at], 0.0))
    return Annotations(diseases)


def frequency(stated: str) -> float:
    """Share of patients in [0, 1] of a frequency as annotations state it: a term, ``3/7``, ``12%``, or nothing."""
    if stated in FREQUENCY_TERMS:
        return FREQUENCY_TERMS[stated]
    if (ratio := _ratio(stated)) and int(ratio[2]):
        return min(1.0, int(ratio[1]) / int(ratio[2]))
    if percentage := _percentage(stated):
        return min(1.0, float(percentage[1]) / 100)
    return UNSTATED_FREQUENCY
