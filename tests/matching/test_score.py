"""simGIC: its definition, its bits under other names, and what counts alone say of information."""

import math
import random
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.errors import MeasureInvalid
from matching.score import SIMGIC, Frequencies, Measure, rank

_SETS = st.frozensets(st.integers(0, 9), min_size=1)


def test_simgic_is_shared_information_over_all_information() -> None:
    weight = {"a": 1.0, "b": 2.0, "c": 4.0}
    assert SIMGIC.score({"a", "b"}, {"b", "c"}, weight) == 2.0 / 7.0
    assert SIMGIC.score({"a"}, {"c"}, weight) == 0.0
    assert SIMGIC.score({"a", "c"}, {"a", "c"}, weight) == 1.0


def test_what_the_other_has_beyond_counts_as_much_as_the_measure_says() -> None:
    weight = {"a": 1.0, "b": 2.0, "c": 4.0}
    assert Measure(other_rest=0.25).score({"a", "b"}, {"b", "c"}, weight) == 2.0 / (2.0 + 1.0 + 1.0)


def test_information_is_log2_of_patients_over_patients_with_it() -> None:
    frequencies = Frequencies.of([{"a", "b"}, {"a"}, {"a", "b"}, {"a", "c"}])
    assert [frequencies.bits(each) for each in "abcz"] == [0.0, 1.0, 2.0, 2.0]


def test_what_everybody_has_makes_nobody_alike() -> None:
    patients = [frozenset("a"), frozenset("a")]
    assert rank({"a"}, patients, Frequencies.of(patients), top=2) == []


@given(st.lists(_SETS, min_size=1, max_size=20), _SETS, st.randoms(use_true_random=False))
def test_scores_have_the_same_bits_under_other_names_and_in_another_order(
    patients: list[frozenset[int]], query: frozenset[int], rng: random.Random
) -> None:
    names = {each: secrets.token_bytes(16) for each in range(10)}
    renamed = [frozenset(rng.sample([names[each] for each in patient], len(patient))) for patient in patients]
    plain = rank(query, patients, Frequencies.of(patients), top=20)
    blind = rank({names[each] for each in query}, renamed, Frequencies.of(renamed), top=20)
    assert [(each.patient, each.score.hex()) for each in plain] == [(each.patient, each.score.hex()) for each in blind]


def test_a_threshold_leaves_nobody_rather_than_a_bad_match() -> None:
    patients = [frozenset("ab"), frozenset("cd"), frozenset("ce")]
    frequencies = Frequencies.of(patients)
    assert len(rank({"c", "d"}, patients, frequencies, top=5)) == 2
    assert [each.patient for each in rank({"c", "d"}, patients, frequencies, top=5, least=0.9)] == [1]
    assert rank({"c", "b", "e"}, patients, frequencies, top=5, least=0.9) == []


def test_ties_come_in_the_order_that_is_asked_for() -> None:
    patients = [frozenset("a"), frozenset("a"), frozenset("b")]
    frequencies = Frequencies.of(patients)
    backwards = rank({"a"}, patients, frequencies, top=2, tie=lambda patient: bytes([9 - patient]))
    assert [each.patient for each in backwards] == [1, 0]


@pytest.mark.parametrize("values", [{"query_rest": 0.0}, {"other_rest": 1.5}, {"power": math.nan}])
def test_parameters_out_of_range_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(MeasureInvalid):
        Measure(**values)
