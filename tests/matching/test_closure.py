"""Closure: what stands beside a patient's own terms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.closure import NEAREST, Closure, closed, nearest
from matching.vocabulary import ROOT, Vocabulary
from tests.matching.small_vocabulary import ids_of, random_vocabularies, vocabulary

FLOORS = st.floats(0, 4)
CLOSURES = st.sampled_from(Closure)


@given(st.data(), random_vocabularies(), CLOSURES, FLOORS)
def test_closure_is_monotone(data: st.DataObject, known: Vocabulary, closure: Closure, floor: float) -> None:
    some, more = data.draw(ids_of(known)), data.draw(ids_of(known))
    assert closed(known, some, closure, floor_bits=floor) <= closed(known, some + more, closure, floor_bits=floor)


@given(st.data(), random_vocabularies(), FLOORS)
def test_full_closure_and_exact_are_idempotent(data: st.DataObject, known: Vocabulary, floor: float) -> None:
    given_ids = data.draw(ids_of(known))
    for closure in (Closure.EXACT, Closure.FULL):
        once = closed(known, given_ids, closure, floor_bits=floor)
        assert closed(known, once, closure, floor_bits=floor) == once


@given(st.data(), random_vocabularies(), FLOORS)
def test_exact_is_in_near_and_near_in_full(data: st.DataObject, known: Vocabulary, floor: float) -> None:
    given_ids = data.draw(ids_of(known))
    exact, near, full = (closed(known, given_ids, closure, floor_bits=floor) for closure in Closure)
    assert exact <= near <= full
    assert exact == set(given_ids) - {ROOT}


@given(st.data(), random_vocabularies(), CLOSURES, FLOORS)
def test_no_root_is_sent_and_unknown_ids_survive(
    data: st.DataObject, known: Vocabulary, closure: Closure, floor: float
) -> None:
    given_ids = data.draw(ids_of(known))
    found = closed(known, given_ids, closure, floor_bits=floor)
    assert ROOT not in found
    assert {term for term in given_ids if known.term(term) is None} <= found


@given(st.data(), random_vocabularies(), FLOORS)
def test_near_adds_at_most_two_ancestors_a_term_all_above_the_floor(
    data: st.DataObject, known: Vocabulary, floor: float
) -> None:
    for term in data.draw(ids_of(known)):
        added = nearest(known, term, floor_bits=floor)
        assert len(added) == len(set(added)) <= NEAREST
        assert set(added) <= known.ancestors(term)
        assert all(known.information(each) >= floor for each in added)
        telling = [each for each in known.ancestors(term) - {ROOT} if known.information(each) >= floor]
        assert len(added) == min(NEAREST, len(telling))


def chain() -> Vocabulary:
    """Root over a, over b, over c, over d; 8 diseases: all have a, 4 have b, 2 have c, 1 has d."""
    parents = {ROOT: (), "HP:A": (ROOT,), "HP:B": ("HP:A",), "HP:C": ("HP:B",), "HP:D": ("HP:C",)}
    deepest = ["HP:D", "HP:C", "HP:B", "HP:B", "HP:A", "HP:A", "HP:A", "HP:A"]
    return vocabulary(parents, {f"OMIM:{at}": {term: 1.0} for at, term in enumerate(deepest)})


@pytest.mark.parametrize(
    ("floor", "added"), [(0.0, {"HP:B", "HP:C"}), (1.0, {"HP:B", "HP:C"}), (1.5, {"HP:C"}), (2.5, set())]
)
def test_near_takes_the_nearest_above_the_floor(floor: float, added: set[str]) -> None:
    assert closed(chain(), ["HP:D"], Closure.NEAR, floor_bits=floor) == {"HP:D"} | added


def test_full_takes_all_but_the_root() -> None:
    assert closed(chain(), ["HP:D"], Closure.FULL) == {"HP:A", "HP:B", "HP:C", "HP:D"}


def test_repeats_spellings_and_an_empty_list() -> None:
    assert closed(chain(), ["HP:D", "hp:d", " HP:D "], Closure.EXACT) == {"HP:D"}
    assert closed(chain(), [], Closure.FULL) == frozenset()
    assert closed(chain(), [ROOT], Closure.FULL) == frozenset()


def test_full_alone_warns_and_says_what_it_gives_away() -> None:
    assert "hierarchy" in (Closure.FULL.warning or "")
    assert Closure.NEAR.warning is Closure.EXACT.warning is None


def test_real_terms_gain_their_telling_ancestors() -> None:
    known = Vocabulary.default()
    absence = "HP:0002121"
    found = closed(known, [absence], Closure.NEAR) - {absence}
    assert found
    assert found < known.ancestors(absence)
    assert "HP:0000118" not in found
    assert "HP:0000118" in closed(known, [absence], Closure.FULL)


def test_a_code_of_icd_gains_its_category_but_never_the_chapter() -> None:
    known = Vocabulary.default()
    assert closed(known, ["R519"], Closure.FULL) == {"R51.9", "R51", "R50-R69"}
    assert closed(known, ["R51.9"], Closure.NEAR) == {"R51.9", "R51"}
    assert closed(known, ["R51.9"], Closure.NEAR, floor_bits=3) == {"R51.9", "R51", "R50-R69"}
