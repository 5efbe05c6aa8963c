"""A defence that is on changes what the index holds, in the way it says; one that is off changes nothing."""

from __future__ import annotations

import pytest

from matching.accuracy_cases import Case
from matching.closure import Closure, closed
from matching.errors import DefenceInvalid
from matching.leakage.defence import Defence, Defended, is_padding
from matching.leakage.held import Held
from matching.leakage.knowledge import drawn, halves
from matching.leakage.recovered import recovered
from matching.vocabulary import ROOT, Vocabulary
from tests.matching.small_vocabulary import vocabulary

COMMON, RARE, LEAF = "HP:0000002", "HP:0000003", "HP:0000004"
OWN = (RARE, LEAF)


@pytest.fixture(scope="module")
def words() -> Vocabulary:
    parents = {ROOT: (), COMMON: (ROOT,), RARE: (ROOT,), LEAF: (COMMON,)}
    parents |= {f"HP:{number:07}": (COMMON,) for number in range(10, 30)}
    diseases = {f"OMIM:{number}": {f"HP:{number:07}": 1.0, COMMON: 0.9, LEAF: 0.8} for number in range(10, 30)}
    return vocabulary(parents, diseases | {"OMIM:1": {RARE: 1.0}})


@pytest.mark.parametrize("closure", list(Closure))
def test_without_defence_what_the_closure_says_is_sent(closure: Closure, words: Vocabulary) -> None:
    assert Defended(words, closure, Defence()).terms(OWN) == closed(words, OWN, closure)


def test_the_floor_drops_what_tells_little(words: Vocabulary) -> None:
    floor = (words.information(COMMON) + words.information(RARE)) / 2
    assert Defended(words, Closure.FULL, Defence(floor_bits=floor)).terms((RARE, COMMON)) == {RARE}


def test_the_terms_stated_most_often_are_dropped(words: Vocabulary) -> None:
    assert Defended(words, Closure.FULL, Defence(dropped=1)).terms(OWN) == {RARE, LEAF}
    assert Defended(words, Closure.FULL, Defence(dropped=2)).terms(OWN) == {RARE}


def test_decoys_are_real_terms_closed_like_the_others_and_new_for_each_patient(words: Vocabulary) -> None:
    sender = Defended(words, Closure.EXACT, Defence(decoys=5), seed=1)
    sets = [sender.terms(OWN) for _ in range(20)]
    assert {len(sent) for sent in sets} == {len(OWN) + 5}
    assert all(set(OWN) < sent and all(words.term(term) for term in sent) for sent in sets)
    assert len(set(sets)) > 10
    assert COMMON in Defended(words, Closure.FULL, Defence(decoys=5), seed=1).terms([RARE])
    everything = Defended(words, Closure.EXACT, Defence(decoys=1000)).terms(OWN)
    assert everything == {term.id for term in words} - {ROOT}


def test_padding_fills_up_to_the_next_size_with_what_nobody_else_has(words: Vocabulary) -> None:
    sender = Defended(words, Closure.EXACT, Defence(sizes=(4, 8)))
    one, other = sender.terms(OWN), sender.terms(OWN)
    assert len(one) == len(other) == 4
    assert one & other == set(OWN)
    assert all(is_padding(term) for term in one - set(OWN))
    assert len(sender.terms(f"HP:{number:07}" for number in range(10, 15))) == 8
    larger = [f"HP:{number:07}" for number in range(10, 20)]
    assert sender.terms(larger) == set(larger)


def test_a_defence_changes_the_sizes_that_the_index_sees(words: Vocabulary) -> None:
    plain = Held.of([Defended(words, Closure.EXACT, Defence()).terms(OWN)])
    padded = Held.of([Defended(words, Closure.EXACT, Defence(sizes=(16,))).terms(OWN)])
    assert [len(plain.patients[0]), len(padded.patients[0])] == [2, 16]


@pytest.mark.parametrize(
    "wrong", [{"decoys": -1}, {"dropped": -1}, {"floor_bits": -1.0}, {"sizes": (8, 8)}, {"sizes": (0,)}]
)
def test_numbers_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(DefenceInvalid):
        Defence(**wrong)  # type: ignore[arg-type]


def test_a_label_names_what_is_on() -> None:
    assert Defence().label == "none"
    assert Defence(4.0, 3, 2, (8, 16)).label == "floor 4 bits, 3 common dropped, 2 decoys, padded to 8/16"


def test_symptoms_that_are_not_sent_and_tags_that_are_no_symptom_count_as_hidden() -> None:
    index = Held.of([frozenset([LEAF, COMMON]), frozenset([LEAF])])
    right = dict(index.names)
    (leaf,) = (tag for tag, term in right.items() if term == LEAF)
    found = recovered(index, [frozenset([LEAF, RARE]), frozenset([LEAF, RARE])], right, list(right))
    assert (found.tags, found.symptoms) == (1.0, 0.5)
    assert recovered(index, [{LEAF}, {LEAF}], {leaf: COMMON}, [leaf]).symptoms == 0
    assert recovered(Held.of([]), [], {}, []).symptoms == 0


def test_patients_are_drawn_as_annotations_say_and_the_same_seed_draws_the_same(words: Vocabulary) -> None:
    parents = {ROOT: (), **{f"HP:{number:07}": (ROOT,) for number in range(2, 8)}}
    shares = {"HP:0000002": 1.0, "HP:0000003": 1.0, "HP:0000004": 1.0, "HP:0000005": 0.25, "HP:0000006": 0.0}
    some = vocabulary(parents, {"OMIM:1": shares, "OMIM:2": {"HP:0000007": 1.0}})
    cases = drawn(some, 400, 1)
    assert {case.disease for case in cases} == {"OMIM:1"}
    assert 60 < sum("HP:0000005" in case.observed for case in cases) < 140
    assert not any("HP:0000006" in case.observed for case in cases)
    assert cases == drawn(some, 400, 1)
    assert len({case.observed for case in drawn(words, 50, 1, diseases=1)}) < 5


def test_halves_share_no_case_and_no_publication_unless_wanted() -> None:
    cases = [Case(str(number), "D", frozenset([f"P{number // 4}"]), (), ()) for number in range(400)]
    known, held = halves(cases, 1, by_publication=True)
    assert sorted(case.id for case in known + held) == sorted(case.id for case in cases)
    assert not {case.publications for case in known} & {case.publications for case in held}
    assert len(known) == len(held)
    known, held = halves(cases, 1, by_publication=False)
    assert not {case.id for case in known} & {case.id for case in held}
    assert {case.publications for case in known} & {case.publications for case in held}
