"""Summaries of samples."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.errors import ResultInvalid
from benchmarks.summary import FEWEST, LEVEL, percentile, summarise

finite = st.floats(1e-6, 1e6)


def test_known_percentiles():
    assert percentile([1.0, 2.0, 3.0, 4.0, 5.0], 0.5) == 3.0
    assert percentile([1.0, 2.0], 0.25) == 1.25
    assert percentile([7.0], 0.95) == 7.0


@given(st.lists(finite, min_size=1, max_size=12))
def test_the_numbers_are_in_order(samples):
    found = summarise(samples)
    assert found.count == len(samples)
    assert found.median == statistics.median(samples)
    assert min(samples) <= found.p5 <= found.median <= found.p95 <= max(samples)
    if len(samples) >= FEWEST:
        assert min(samples) <= found.low <= found.median <= found.high <= max(samples)
    else:
        assert found.low is found.high is None


def test_an_interval_needs_as_many_samples_as_its_level_says():
    covered = {count: 1 - 2 ** (1 - count) for count in range(2, 9)}
    assert next(count for count, share in covered.items() if share >= LEVEL) == FEWEST


def test_the_interval_narrows_with_more_samples():
    few, many = summarise([1.0, 2.0, 3.0] * 2), summarise([1.0, 2.0, 3.0] * 60)
    assert many.high - many.low < few.high - few.low


def test_the_same_samples_give_the_same_interval():
    assert summarise([3.0, 1.0, 2.0, 5.0]) == summarise([3.0, 1.0, 2.0, 5.0])


@pytest.mark.parametrize("samples", [[], [1.0, math.nan], [math.inf]])
def test_nothing_measured_is_an_error(samples):
    with pytest.raises(ResultInvalid):
        summarise(samples)
