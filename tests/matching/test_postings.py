"""The pruned search gives what comparing all gives, to the last digit, ties with it."""

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching import postings
from matching.postings import Postings, Rows
from matching.score import SIMGIC, Frequencies, Measure, rank

_FEATURES = 12
_PATIENTS = st.lists(st.frozensets(st.integers(0, _FEATURES - 1), min_size=1, max_size=6), min_size=1, max_size=60)
_MEASURES = st.sampled_from([SIMGIC, Measure(other_rest=0.3, power=2.0), Measure(query_rest=0.5, power=0.5)])


def _loaded(patients: list[frozenset[int]], measure: Measure = SIMGIC) -> tuple[Postings, Frequencies[int]]:
    frequencies = Frequencies.of(patients)
    weights = [measure.weight(frequencies.bits(each)) for each in range(_FEATURES)]
    return Postings(Rows.of(patients, {each: each for each in range(_FEATURES)}), weights, measure), frequencies


def _tie(patient: int) -> bytes:
    return bytes([patient * 37 % 251])


@pytest.fixture
def small_steps() -> Iterator[None]:
    """Every shortcut is taken on a few patients already."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postings, "_PROBES", 2)
        patch.setattr(postings, "_REFINED", 2)
        patch.setattr(postings, "_WALKED", 1)
        yield


@settings(max_examples=400)
@given(
    _PATIENTS,
    st.frozensets(st.integers(0, _FEATURES + 3), min_size=1, max_size=8),
    st.sampled_from([1, 3, 100]),
    st.sampled_from([0.0, 0.2, 0.5, 1.0]),
    _MEASURES,
)
@pytest.mark.usefixtures("small_steps")
def test_the_search_is_the_comparison_with_all(
    patients: list[frozenset[int]], query: frozenset[int], top: int, least: float, measure: Measure
) -> None:
    lists, frequencies = _loaded(patients, measure)
    expected = rank(query, patients, frequencies, top=top, least=least, measure=measure, tie=_tie)
    unseen = [measure.weight(frequencies.bits(each)) for each in query if each >= _FEATURES]
    known = [each for each in query if each < _FEATURES]
    assert lists.search(known, top=top, least=least, unseen=unseen, tie=_tie) == expected
    everybody = rank(query, patients, frequencies, top=len(patients), least=least, measure=measure, tie=_tie)
    assert lists.search(known, top=None, least=least, unseen=unseen, tie=_tie) == everybody


@given(_PATIENTS, st.data())
@pytest.mark.usefixtures("small_steps")
def test_whoever_is_removed_or_skipped_takes_nobodys_place(patients: list[frozenset[int]], data: st.DataObject) -> None:
    lists, frequencies = _loaded(patients)
    places = st.integers(0, len(patients) - 1)
    removed, skipped = data.draw(st.sets(places)), data.draw(st.sets(places))
    for patient in removed:
        lists.remove(patient)
    query = patients[data.draw(places)]
    ranked = rank(query, patients, frequencies, top=len(patients), tie=_tie)
    expected = [each for each in ranked if each.patient not in removed | skipped][:3]
    assert lists.search(query, top=3, skip=skipped, tie=_tie) == expected
    assert len(lists) == len(patients) - len(removed)


@given(_PATIENTS, _MEASURES)
def test_all_scores_at_once_are_the_scores_but_for_rounding(patients: list[frozenset[int]], measure: Measure) -> None:
    lists, frequencies = _loaded(patients, measure)
    exact = {each.patient: each.score for each in rank(patients[0], patients, frequencies, top=99, measure=measure)}
    assert lists.all_scores(patients[0]).tolist() == pytest.approx(
        [exact.get(patient, 0.0) for patient in range(len(patients))], abs=1e-12
    )


def test_the_search_prunes_and_stays_exact_among_many_patients() -> None:
    rng = random.Random(3)
    features = 400
    common_first = [1 / (place + 3) for place in range(features)]
    patients = [frozenset(rng.choices(range(features), common_first, k=10)) for _ in range(20_000)]
    frequencies = Frequencies.of(patients)
    lists = Postings(
        Rows.of(patients, {each: each for each in range(features)}), list(map(frequencies.bits, range(features)))
    )
    weights = frequencies.weights()
    for query in patients[:5]:
        scores = sorted((-SIMGIC.score(query, other, weights), place) for place, other in enumerate(patients))
        found = lists.search(query, top=5)
        assert [(-each.score, each.patient) for each in found] == scores[:5]


def test_an_empty_index_finds_nobody() -> None:
    lists = Postings(Rows.of([], {}), [])
    assert lists.search([], top=5, unseen=[1.0]) == []


def test_a_patient_without_features_is_refused() -> None:
    with pytest.raises(ValueError, match="leave her out"):
        _loaded([frozenset()])
