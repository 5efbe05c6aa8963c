"""Words of a phrase, and typing mistakes counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.words import mistakes, mistakes_allowed, words

SHORT = st.text(alphabet="abcd", max_size=5)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("Kidney stones", "kidney STONE"),
        ("I have a headache", "headaches"),
        ("Bébé à l'école", "bebe a lecole"),
        ("weak muscles", "weakness of the muscle"),
        ("flaky skin", "flaking skin"),
        ("itching/burning", "itchy burn"),
        ("biopsies", "biopsy"),
        ("ﬁts", "fits"),
    ],
)
def test_phrases_that_say_the_same_have_the_same_words(one: str, two: str) -> None:
    assert sorted(words(one)) == sorted(words(two))


def test_short_and_filling_words_stay_when_there_is_nothing_else() -> None:
    assert words("it is") == ("it", "is")
    assert words("loss of it") == words("loss")
    assert words("gas") != words("ga")


def test_japanese_and_chinese_are_cut_in_pairs() -> None:
    assert words("頭痛") == ("頭痛",)
    assert words("片頭痛") == ("片頭", "頭痛")
    assert words("MRI異常") == ("mri", "異常")


@given(SHORT, SHORT)
def test_mistakes_are_the_optimal_string_alignment_distance(one: str, two: str) -> None:
    count = mistakes(one, two, at_most=20)
    assert count == mistakes(two, one, at_most=20) == _distance(one, two)
    for at_most in range(4):
        assert mistakes(one, two, at_most=at_most) == min(count, at_most + 1)


def _distance(one: str, two: str) -> int:
    """The recursive definition."""
    if not one or not two:
        return len(one) + len(two)
    ways = [
        _distance(one[:-1], two) + 1,
        _distance(one, two[:-1]) + 1,
        _distance(one[:-1], two[:-1]) + (one[-1] != two[-1]),
    ]
    if len(one) > 1 and len(two) > 1 and one[-2:] == two[-1] + two[-2]:
        ways.append(_distance(one[:-2], two[:-2]) + 1)
    return min(ways)


@pytest.mark.parametrize(("word", "count"), [("eye", 0), ("skin", 1), ("headache", 2), ("1250", 0), ("hp12345678", 0)])
def test_short_words_and_numbers_allow_no_mistake(word: str, count: int) -> None:
    assert mistakes_allowed(word) == count
