"""Frames: many blocks in one stream, whatever the pieces it comes in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.engine import Receipt
from network import wire
from network.errors import AnswerInvalid

LOCATORS = st.binary(min_size=32, max_size=32).map(bytes.hex)
BLOCKS = st.lists(st.tuples(LOCATORS, st.none() | st.binary(max_size=300)), max_size=6)


def stream_of(blocks: list[tuple[str, bytes | None]]) -> bytes:
    return b"".join(
        wire.frame_head(locator, None if data is None else len(data)) + (data or b"") for locator, data in blocks
    )


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@given(BLOCKS, st.integers(1, 64))
def test_what_was_framed_is_read_again_from_pieces_of_any_size(
    blocks: list[tuple[str, bytes | None]], size: int
) -> None:
    found = [
        (frame.locator, None if frame.size_bytes is None else b"".join(frame.chunks))
        for frame in wire.frames(cut(stream_of(blocks), size))
    ]
    assert found == blocks


@given(BLOCKS, st.integers(1, 64))
def test_a_frame_that_is_not_read_is_skipped(blocks: list[tuple[str, bytes | None]], size: int) -> None:
    assert [frame.locator for frame in wire.frames(cut(stream_of(blocks), size))] == [locator for locator, _ in blocks]


def test_a_stream_cut_anywhere_within_a_frame_is_told() -> None:
    data = stream_of([("ab" * 32, b"0123456789")])
    for length in range(1, len(data)):
        with pytest.raises(AnswerInvalid):
            list(wire.frames([data[:length]]))


def test_a_receipt_is_read_strictly() -> None:
    receipt = Receipt("ab" * 32, 7, "cd" * 32, 1_000_000)
    value = wire.receipt_to_json(receipt)
    assert wire.receipt_from_json(value) == receipt
    for wrong in (value | {"position": "7"}, value | {"more": 1}, {**value, "entry": "cd"}, None, []):
        with pytest.raises(AnswerInvalid):
            wire.receipt_from_json(wrong)
