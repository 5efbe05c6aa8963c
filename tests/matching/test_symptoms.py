"""A patient's symptoms: merged, counted, refused when there are none or too many."""

from __future__ import annotations

import pytest

from matching.errors import SymptomInvalid, SymptomsEmpty, SymptomsTooMany
from matching.symptoms import MAX_SYMPTOMS, Symptoms
from matching.vocabulary import ROOT, Vocabulary


def test_repeats_and_former_ids_are_one_symptom() -> None:
    found = Symptoms.of(Vocabulary.default(), ["HP:0001250", "hp:0001250", "HP:0001303", "R519", "R51.9"])
    assert found == Symptoms(frozenset({"HP:0001250", "R51.9"}))


def test_what_was_seen_once_is_not_excluded() -> None:
    found = Symptoms.of(Vocabulary.default(), ["HP:0001250"], ["HP:0001303", "HP:0002315", "HP:0002315"])
    assert found.excluded == {"HP:0002315"}


@pytest.mark.parametrize("nothing", [[], [ROOT]])
def test_no_symptom_is_refused(nothing: list[str]) -> None:
    with pytest.raises(SymptomsEmpty) as refused:
        Symptoms.of(Vocabulary.default(), nothing, ["HP:0001250"])
    assert refused.value.code == "symptoms-empty"


def test_a_huge_list_is_refused_but_one_repeated_symptom_is_not_huge() -> None:
    known = Vocabulary.default()
    many = [f"HP:9{number:06}" for number in range(MAX_SYMPTOMS + 1)]
    assert len(Symptoms.of(known, many[1:]).observed) == MAX_SYMPTOMS
    assert len(Symptoms.of(known, many[:1] * 10_000).observed) == 1
    for observed, excluded in ((many, []), (many[:1], many)):
        with pytest.raises(SymptomsTooMany, match=str(MAX_SYMPTOMS)) as refused:
            Symptoms.of(known, observed, excluded)
        assert refused.value.code == "symptoms-too-many"


def test_an_endless_list_is_refused_before_it_ends() -> None:
    with pytest.raises(SymptomsTooMany):
        Symptoms.of(Vocabulary.default(), map(str, range(10**12)))


def test_a_malformed_id_is_refused() -> None:
    with pytest.raises(SymptomInvalid):
        Symptoms.of(Vocabulary.default(), ["HP:0001250", "not an id"])


def test_no_symptom_stands_in_the_repr() -> None:
    found = Symptoms.of(Vocabulary.default(), ["HP:0001250"], ["HP:0002315"])
    assert repr(found) == "Symptoms(1 observed, 1 excluded)"
