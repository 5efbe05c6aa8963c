"""ICD-10-CM chapter 18 as terms, beside an independent listing of it."""

from __future__ import annotations

import csv
import math

import pytest

from matching.icd10 import ROOT, chapter_r
from matching.vocabulary import Vocabulary
from tests.needs import data


def test_every_code_has_the_parent_label_and_inclusion_terms_of_the_listing() -> None:
    with (data("icd10cm_chapter_R") / "chapter_R.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    terms = chapter_r().terms
    assert terms.keys() - {ROOT} == {row["code"] for row in rows}
    for row in rows:
        term = terms[row["code"]]
        if row["parent"] != row["code"]:  # R97 and R99 are blocks of the one category of their name
            assert term.parents == (ROOT if row["parent"] == "18" else row["parent"],)
        assert term.label == row["description"].removesuffix(f" ({term.id})")
        assert " | ".join(term.synonyms) == row["inclusion_terms"]


@pytest.mark.parametrize("code", ["R97", "R99"])
def test_a_category_that_is_a_block_of_its_own_hangs_under_the_chapter(code: str) -> None:
    assert Vocabulary.default().ancestors(code) == {ROOT}


@pytest.mark.parametrize("spelling", ["R51.9", "r51.9", "R519", " R51.9 "])
def test_codes_are_found_with_and_without_their_dot(spelling: str) -> None:
    term = Vocabulary.default().term(spelling)
    assert term is not None
    assert (term.id, term.label) == ("R51.9", "Headache, unspecified")


def test_bits_of_codes_come_from_their_place() -> None:
    known = Vocabulary.default()
    terms = chapter_r().terms
    leaves = terms.keys() - {parent for term in terms.values() for parent in term.parents}
    assert known.information(ROOT) == 0
    assert known.information("R51.9") == pytest.approx(math.log2(len(leaves)))
    assert all(known.information(above) <= known.information(code) for code in terms for above in known.parents(code))


def test_a_code_that_does_not_exist_is_an_unknown_term() -> None:
    known = Vocabulary.default()
    assert known.term("R51.77") is None
    assert known.information("R51.77") == known.unknown_bits
