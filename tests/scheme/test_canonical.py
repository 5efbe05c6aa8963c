"""Canonical JSON is RFC 8785's, and only that is read."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from scheme import canonical
from scheme.errors import EncodingInvalid

INTEGERS = st.integers(-(2**53) + 1, 2**53 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)
OBJECTS = st.dictionaries(TEXT, VALUES, max_size=5)
ASCII_OBJECTS = st.dictionaries(st.text(st.characters(max_codepoint=127)), VALUES, max_size=5)


class Word(StrEnum):
    ONE = "one"


@given(OBJECTS | ASCII_OBJECTS)
@example({"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "\xf6": 7})
@example({"text": '\x00\x08\t\n\x0b\x0c\r\x1f"\\/\x7f\u2028<>&'})
@example({"n": [2**53 - 1, -(2**53) + 1, 0, True, False, None]})
def test_the_bytes_are_those_of_rfc8785(value: dict[str, Any]) -> None:
    assert canonical.dumps(value) == rfc8785.dumps(value)


@given(OBJECTS | ASCII_OBJECTS)
def test_what_was_written_is_read(value: dict[str, Any]) -> None:
    assert canonical.loads(canonical.dumps(value), what="it") == value


def test_subclasses_of_text_are_text() -> None:
    assert canonical.dumps({"word": Word.ONE, "list": (Word.ONE, 1)}) == b'{"list":["one",1],"word":"one"}'


@given(OBJECTS | ASCII_OBJECTS, st.data())
def test_any_other_form_is_refused(value: dict[str, Any], data: st.DataObject) -> None:
    right = canonical.dumps(value)
    other = data.draw(
        st.sampled_from(
            [
                json.dumps(value, sort_keys=True, indent=1).encode("utf-8", "surrogatepass"),
                b" " + right,
                right + b"\n",
                b"\xef\xbb\xbf" + right,
                right[:-1],
                right + b"}",
                b"[" + right + b"]",
            ]
        )
    )
    if other != right:
        with pytest.raises(EncodingInvalid):
            canonical.loads(other, what="it")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"7",
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"b":1}}',
        b'{"a":1.0}',
        b'{"a":1e3}',
        b'{"a":0.5}',
        b'{"a":-0}',
        b'{"a":-0.0}',
        b'{"a":1e400}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":9007199254740992}',
        b'{"a":-9007199254740992}',
        b'{"a":' + b"9" * 400 + b"}",
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":01}',
        b'{"a":+1}',
        b'{"b":1,"a":2}',
        b'{"a":1,}',
        b"{'a':1}",
        b'{"a":"\\u0041"}',
        b'{"a":"\\/"}',
        b'{"a":"\\u000A"}',
        b'{"a":"\\u001F"}',
        b'{"a":"\n"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\xff"}',
        b'{"a":"\xc0\x80"}',
        b'{"a":1}\x00',
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-32-le"),
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b"\x00" * 100,
    ],
    ids=lambda data: repr(data[:24]),
)
def test_what_is_not_canonical_is_refused(data: bytes) -> None:
    with pytest.raises(EncodingInvalid) as caught:
        canonical.loads(data, what="the thing")
    assert "the thing" in str(caught.value)


@given(st.binary(max_size=60))
def test_no_bytes_give_another_error(data: bytes) -> None:
    try:
        value = canonical.loads(data, what="it")
    except EncodingInvalid:
        return
    assert canonical.dumps(value) == data


def test_nothing_of_the_content_stands_in_the_error() -> None:
    with pytest.raises(EncodingInvalid) as caught:
        canonical.loads(b'{"name":"Secret Person",}', what="the card")
    assert "Secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("value", [{"a": 2**53}, {"a": float("nan")}, {1: 2}, {"a": b"bytes"}, {"a": {1, 2}}])
def test_what_json_cannot_hold_is_not_written(value: Any) -> None:
    with pytest.raises(EncodingInvalid):
        canonical.dumps(value)


@given(st.binary(max_size=100))
def test_base64_and_hex_are_read_back(data: bytes) -> None:
    assert canonical.unb64(canonical.b64(data), what="it") == data
    assert canonical.unb64(canonical.b64(data), what="it", size=len(data)) == data
    assert canonical.unhex(data.hex(), what="it", size=len(data)) == data


@pytest.mark.parametrize(
    "text",
    ["AA", "AA=", "AB==", "AAA", "A", "AA==\n", " AA==", "AA==AA==", "A-_A", "=", "AA===", "ÀÁ==", None, 5, b"AA=="],
)
def test_base64_has_one_form(text: object) -> None:
    with pytest.raises(EncodingInvalid):
        canonical.unb64(text, what="it")


@pytest.mark.parametrize("text", ["AB", "a", "ab ", " ab", "a b", "0xab", "zz", "٠٠", "abab", "", None, 5, b"ab"])
def test_hex_has_one_form(text: object) -> None:
    with pytest.raises(EncodingInvalid):
        canonical.unhex(text, what="it", size=1)


def test_another_size_is_refused() -> None:
    with pytest.raises(EncodingInvalid):
        canonical.unb64("AAAA", what="it", size=2)
