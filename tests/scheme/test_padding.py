import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheme import padding
from scheme.errors import Damaged


@pytest.mark.parametrize(
    ("size", "padded"),
    [(0, 0), (1, 1), (2, 2), (8, 8), (9, 10), (100, 104), (1000, 1024), (1025, 1088), (1 << 20, 1 << 20)],
)
def test_known_sizes(size: int, padded: int) -> None:
    assert padding.padded_size(size) == padded


@given(st.integers(0, 1 << 50))
def test_padme_grows_by_at_most_twelve_percent_and_is_stable(size: int) -> None:
    padded = padding.padded_size(size)
    assert size <= padded <= size * 1.12
    assert padding.padded_size(padded) == padded
    assert padding.padded_size(size + 1) >= padded


def test_how_little_a_size_tells() -> None:
    assert len({padding.padded_size(size) for size in range(1 << 16)}) < 400


@given(st.binary(max_size=3000))
def test_unpad_is_the_inverse_of_pad(data: bytes) -> None:
    padded = padding.pad(data)
    assert padding.unpad(padded, len(data)) == data
    assert data + b"".join(padding.zeros(len(data))) == padded


def test_zeros_come_in_small_pieces() -> None:
    size = (1 << 30) + 1
    pieces = [len(piece) for piece in padding.zeros(size)]
    assert sum(pieces) == padding.padded_size(size) - size
    assert max(pieces) <= 64 * 1024


@pytest.mark.parametrize("size", [99, 105, 98, 1000, -1])
def test_another_size_is_refused(size: int) -> None:
    with pytest.raises(Damaged):
        padding.unpad(padding.pad(b"x" * 100), size)


@given(position=st.integers(100, 103))
def test_padding_that_is_not_zero_is_refused(position: int) -> None:
    padded = bytearray(padding.pad(b"x" * 100))
    padded[position] = 1
    with pytest.raises(Damaged):
        padding.unpad(bytes(padded), 100)
    with pytest.raises(Damaged):
        padding.Unpadder(io.BytesIO(), 100).write(padded)


@given(data=st.binary(max_size=2000), step=st.integers(1, 500))
def test_the_stream_unpads_in_any_pieces(data: bytes, step: int) -> None:
    sink = io.BytesIO()
    unpadder = padding.Unpadder(sink, len(data))
    padded = padding.pad(data)
    for start in range(0, len(padded), step):
        unpadder.write(padded[start : start + step])
    unpadder.finish()
    assert sink.getvalue() == data


@pytest.mark.parametrize("cut", [1, 4, 5])
def test_a_stream_that_is_too_short_or_too_long_is_refused(cut: int) -> None:
    padded = padding.pad(b"x" * 100)
    unpadder = padding.Unpadder(io.BytesIO(), 100)
    unpadder.write(padded[:-cut])
    with pytest.raises(Damaged):
        unpadder.finish()
    with pytest.raises(Damaged):
        unpadder.write(bytes(cut + 1))
