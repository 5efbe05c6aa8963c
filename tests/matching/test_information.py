"""Information content: bits from public disease annotations."""

from __future__ import annotations

import math

import pytest
from hypothesis import given

from matching.annotations import UNSTATED_FREQUENCY, Annotations, frequency, read_annotations
from matching.errors import VocabularyInvalid
from matching.vocabulary import ROOT, Vocabulary
from tests.matching.small_vocabulary import random_vocabularies, vocabulary

HEADER = "#version: 2030-01-02\ndatabase_id\tdisease_name\tqualifier\thpo_id\treference\tfrequency\n"


@pytest.mark.parametrize(
    ("stated", "share"),
    [
        ("HP:0040280", 1.0),
        ("HP:0040281", 0.895),
        ("HP:0040284", 0.025),
        ("HP:0040285", 0.0),
        ("3/4", 0.75),
        ("0/7", 0.0),
        ("12.5%", 0.125),
        ("5/4", 1.0),
        ("1/0", UNSTATED_FREQUENCY),
        ("", UNSTATED_FREQUENCY),
        ("often", UNSTATED_FREQUENCY),
    ],
)
def test_frequencies_are_read_in_every_form(stated: str, share: float) -> None:
    assert frequency(stated) == share


def test_annotations_keep_the_highest_frequency_and_leave_out_what_is_absent() -> None:
    rows = [
        ("OMIM:1", "", "HP:2", "1/4"),
        ("OMIM:1", "", "HP:2", "3/4"),
        ("OMIM:1", "NOT", "HP:3", "1/1"),
        ("OMIM:1", "", "HP:4", "0/9"),
        ("OMIM:2", "", "HP:2", ""),
    ]
    lines = (f"{disease}\tname\t{qualifier}\t{term}\tPMID:1\t{stated}" for disease, qualifier, term, stated in rows)
    read = read_annotations(HEADER + "\n".join(lines) + "\n")
    assert read == Annotations({"OMIM:1": {"HP:2": 0.75}, "OMIM:2": {"HP:2": UNSTATED_FREQUENCY}})


@pytest.mark.parametrize("text", ["", "<html>", "a\tb\n", HEADER + "OMIM:1\tshort\n"])
def test_another_file_is_refused(text: str) -> None:
    with pytest.raises(VocabularyInvalid):
        read_annotations(text)


def test_bits_follow_the_formula() -> None:
    parents = {ROOT: (), "HP:A": (ROOT,), "HP:B": ("HP:A",), "HP:C": ("HP:A",), "HP:UNSEEN": ("HP:B",)}
    diseases = {
        "OMIM:1": {"HP:B": 1.0, "HP:C": 0.5},
        "OMIM:2": {"HP:B": 1.0},
        "OMIM:3": {ROOT: 1.0},
        "OMIM:4": {ROOT: 1.0},
    }
    known = vocabulary(parents, diseases)
    assert known.information(ROOT) == 0
    assert known.information("HP:A") == known.information("HP:B") == 1
    # Half of one disease's patients: counted as one disease, the least.
    assert known.information("HP:C") == known.information("HP:UNSEEN") == known.most_bits == math.log2(4)
    assert known.information("HP:NEW") == known.unknown_bits == 1


@given(random_vocabularies())
def test_a_term_tells_no_less_than_what_is_above_it(known: Vocabulary) -> None:
    assert known.information(ROOT) == 0
    for term in known:
        assert 0 <= known.information(term.id) <= known.most_bits
        assert all(known.information(above) <= known.information(term.id) for above in known.ancestors(term.id))


def test_real_bits_rise_downward_and_are_zero_at_the_root() -> None:
    hpo = Vocabulary.default()
    assert hpo.information(ROOT) == 0
    for term in hpo:
        assert all(hpo.information(above) <= hpo.information(term.id) for above in hpo.parents(term.id))
    assert hpo.information("HP:0000118") < 0.1
    # Seizure is far commoner among rare diseases than headache; hundreds of diseases have each.
    assert 1 < hpo.information("HP:0001250") < hpo.information("HP:0002315") < 8


def test_without_any_annotation_nothing_tells_anything() -> None:
    known = vocabulary({ROOT: (), "HP:A": (ROOT,)}, {})
    assert known.information("HP:A") == known.information("HP:NEW") == 0
