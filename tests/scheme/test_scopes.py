"""Scopes: their years cover everything once, their keys come from the master secret, their ids tell nothing."""

from __future__ import annotations

import hashlib
import hmac
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheme.errors import EncodingInvalid
from scheme.scopes import YEARS_AHEAD, Category, MasterSecret, Scope, Years, scope_id, scopes_of_card, year_spans
from tests.scheme import second_reader
from tests.scheme.scene import MASTER, SCOPE

CARD_YEARS = st.integers(1910, 2400)


@given(CARD_YEARS)
def test_spans_cover_every_year_from_1900_once(card_year: int) -> None:
    years = [year for span in year_spans(card_year) for year in range(span.first, span.last + 1)]
    assert years == list(range(1900, card_year + YEARS_AHEAD + 1))


@given(CARD_YEARS)
def test_spans_are_single_years_or_whole_decades(card_year: int) -> None:
    for span in year_spans(card_year):
        decade = span.first % 10 == 0 and span.last == span.first + 9
        assert span.first == span.last or decade
    recent = [span for span in year_spans(card_year) if span.last > card_year - 10]
    assert all(span.first == span.last for span in recent)


@given(CARD_YEARS)
def test_a_year_that_is_single_on_one_card_is_not_in_two_spans_of_the_next(card_year: int) -> None:
    """A later card may gather singles into a decade; it never cuts a decade."""
    decades = {span for span in year_spans(card_year) if span.first != span.last}
    assert decades <= {span for span in year_spans(card_year + 1) if span.first != span.last}


def test_spans_of_one_year_are_these() -> None:
    spans = year_spans(2025)
    assert spans[0] == Years(1900, 1909)
    assert spans[-1] == Years(2029, 2029)
    assert [str(span) for span in spans][10:13] == ["2000-2009", "2010", "2011"]
    assert len(spans) == 11 + 20


def test_a_card_of_the_first_decade_has_single_years_only() -> None:
    assert all(span.first == span.last for span in year_spans(1905))
    assert year_spans(1905)[0].first <= 1900


def test_every_scope_of_a_card_has_a_key_and_an_id_of_its_own() -> None:
    scopes = list(scopes_of_card(1930, {Category.BILLING: 3}))
    assert len(scopes) == len(Category) * len(year_spans(1930))
    assert {scope.revision for scope in scopes if scope.category is Category.BILLING} == {3}
    assert {scope.revision for scope in scopes if scope.category is not Category.BILLING} == {0}
    keys = [MASTER.scope_key(scope) for scope in scopes]
    assert len({key.scalar for key in keys}) == len(scopes)
    assert len({scope_id(key.public_key) for key in keys}) == len(scopes)


@pytest.mark.parametrize(
    "other",
    [
        Scope(Category.CLINICAL, Years(2024, 2024), 1),
        Scope(Category.IMAGING, Years(2024, 2024), 0),
        Scope(Category.CLINICAL, Years(2023, 2023), 0),
        Scope(Category.CLINICAL, Years(2020, 2029), 0),
    ],
)
def test_a_change_of_meaning_changes_key_and_id(other: Scope) -> None:
    one, two = MASTER.scope_key(SCOPE).public_key, MASTER.scope_key(other).public_key
    assert bytes(one) != bytes(two)
    assert scope_id(one) != scope_id(two)


def test_another_master_secret_gives_other_keys() -> None:
    assert MasterSecret(bytes(32)).scope_key(SCOPE).scalar != MASTER.scope_key(SCOPE).scalar
    assert MasterSecret.generate().to_secret_bytes() != MasterSecret.generate().to_secret_bytes()


def test_a_key_is_derived_as_the_document_says() -> None:
    secret = second_reader.scope_secret(MASTER.to_secret_bytes(), "clinical", 2024, 2024, 0)
    key = MASTER.scope_key(SCOPE)
    assert key.to_secret_bytes() == secret
    assert bytes(key.public_key) == second_reader.scope_public(secret)
    prefix = hashlib.sha256(b"chartseal/1/scope-id").digest() * 2
    framed = (33).to_bytes(8, "big") + bytes(key.public_key)
    assert scope_id(key.public_key) == hashlib.sha256(prefix + framed).digest()[:16].hex()


def test_a_one_off_key_is_derived_as_the_document_says() -> None:
    grant = "0f" * 16
    prk = hmac.digest(bytes(32), MASTER.to_secret_bytes(), "sha256")
    first = hmac.digest(prk, b"chartseal-1|one-off|" + grant.encode() + b"\x01", "sha256")
    second = hmac.digest(prk, first + b"chartseal-1|one-off|" + grant.encode() + b"\x02", "sha256")
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    expected = int.from_bytes((first + second)[:48], "big") % (order - 1) + 1
    assert MASTER.one_off_key(grant).scalar == expected


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_master_secret_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(EncodingInvalid):
        MasterSecret(bytes(size))


def test_a_master_secret_does_not_show_itself() -> None:
    assert MASTER.to_secret_bytes().hex() not in repr(MASTER)
    assert repr(MASTER) == "MasterSecret(...)"


def test_words_for_people() -> None:
    assert str(SCOPE) == "clinical 2024"
    assert str(Scope(Category.MENTAL_HEALTH, Years(1990, 1999), 2)) == "mental-health 1990-1999"


def test_categories_are_part_of_the_format() -> None:
    expected = "demographics clinical medication laboratory imaging immunisation mental-health reproductive"
    assert [category.value for category in Category] == [*expected.split(), "billing", "device", "other"]
    assert not any("|" in category for category in itertools.chain(Category))
