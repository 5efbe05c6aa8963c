"""What is no request and no answer is refused, whatever a stranger sends."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic.proxy_answer import Ask, ProxyAnswer
from network.errors import AnswerInvalid, MessageInvalid
from network.proxy.messages import MAX_ASKS, AskMessage, answer_from_bytes, answer_to_bytes
from scheme.chapter import ChapterContext
from scheme.umbral import SecretKey, encapsulate

CONTEXT = ChapterContext("11" * 16, "22" * 16, "33" * 16, "44" * 16)
ASK = Ask(CONTEXT, encapsulate(SecretKey.generate().public_key, CONTEXT.label)[0])
VALUE = json.loads(bytes(AskMessage("55" * 16, (ASK,))))


def test_a_request_comes_back_as_it_was_sent() -> None:
    message = AskMessage("55" * 16, (ASK, ASK))
    assert AskMessage.from_bytes(bytes(message)) == message


@given(st.lists(st.binary(max_size=400), max_size=4), st.binary(min_size=64, max_size=64))
def test_an_answer_comes_back_as_it_was_sent(fragments: list[bytes], signature: bytes) -> None:
    """Also one with fragments that are none: they are what evidence is made of."""
    answer = ProxyAnswer(tuple(fragments), signature)
    assert answer_from_bytes(answer_to_bytes(answer)) == answer


@pytest.mark.parametrize(
    "change",
    [
        {"release": "5" * 31},
        {"release": None},
        {"asks": []},
        {"asks": {}},
        {"asks": [None]},
        {"asks": [VALUE["asks"][0]] * (MAX_ASKS + 1)},
        {"asks": [VALUE["asks"][0] | {"capsule": "AAAA"}]},
        {"asks": [VALUE["asks"][0] | {"chain": "../etc"}]},
        {"asks": [VALUE["asks"][0] | {"more": 1}]},
        {"more": 1},
    ],
)
def test_a_request_with_anything_out_of_place_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(MessageInvalid, match="no request for re-encryption"):
        AskMessage.from_bytes(json.dumps(VALUE | change).encode())


@given(st.binary(max_size=200) | st.just(b"[" * 100_000) | st.just(b"\xff{}"))
def test_bytes_that_are_no_message_are_refused(data: bytes) -> None:
    with pytest.raises(MessageInvalid):
        AskMessage.from_bytes(data)
    with pytest.raises(AnswerInvalid):
        answer_from_bytes(data)


@pytest.mark.parametrize("text", ['{"fragments":["??"],"signature":""}', '{"fragments":[],"signature":"AAAA"}', "{}"])
def test_an_answer_with_anything_out_of_place_is_refused(text: str) -> None:
    with pytest.raises(AnswerInvalid):
        answer_from_bytes(text.encode())
