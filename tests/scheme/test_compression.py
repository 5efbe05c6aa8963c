import io
import os
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheme import compression
from scheme.errors import Damaged

JSON = b'{"resourceType": "Observation", "status": "final", "value": 7}\n' * 3000


def inflated(data: bytes, *, max_plain_bytes: int, step: int = 1 << 20) -> bytes:
    sink = io.BytesIO()
    inflater = compression.inflate_stream(sink, max_plain_bytes=max_plain_bytes)
    for start in range(0, len(data), step):
        inflater.write(data[start : start + step])
    assert inflater.finish() == len(sink.getvalue())
    return sink.getvalue()


def test_json_shrinks_and_random_bytes_do_not() -> None:
    assert compression.should_compress(JSON)
    assert not compression.should_compress(os.urandom(100_000))
    assert not compression.should_compress(b"")
    assert not compression.should_compress(compression.deflate(os.urandom(50_000).hex().encode()))


def test_only_the_sample_counts() -> None:
    assert not compression.should_compress(os.urandom(compression.SAMPLE_SIZE) + bytes(1 << 20))


@given(data=st.binary(max_size=5000), step=st.integers(1, 1000))
def test_inflating_gives_back_in_any_pieces(data: bytes, step: int) -> None:
    sink = io.BytesIO()
    deflater = compression.Deflater(sink)
    for start in range(0, len(data), step):
        deflater.write(data[start : start + step])
    assert deflater.finish() == len(sink.getvalue())
    assert inflated(sink.getvalue(), max_plain_bytes=len(data), step=step) == data
    assert compression.inflate(compression.deflate(data), max_plain_bytes=len(data)) == data


def test_large_records_come_out_in_small_pieces() -> None:
    pieces: list[int] = []

    class Sink:
        def write(self, data: bytes | bytearray | memoryview, /) -> None:
            pieces.append(len(data))

    inflater = compression.Inflater(Sink(), max_plain_bytes=10_000_000)
    inflater.write(compression.deflate(bytes(10_000_000)))
    assert inflater.finish() == sum(pieces) == 10_000_000
    assert max(pieces) <= 256 * 1024


@pytest.mark.parametrize("limit", [0, 1, 9_999_999])
def test_a_bomb_stops_at_its_limit(limit: int) -> None:
    bomb = compression.deflate(bytes(10_000_000))
    sink = io.BytesIO()
    inflater = compression.Inflater(sink, max_plain_bytes=limit)
    with pytest.raises(compression.ExpansionLimit):
        inflater.write(bomb)
    assert len(sink.getvalue()) <= limit
    with pytest.raises(compression.ExpansionLimit):
        compression.inflate(bomb, max_plain_bytes=limit)


@given(cut=st.integers(1, 60))
def test_a_cut_stream_is_damage(cut: int) -> None:
    data = compression.deflate(JSON)[:-cut]
    with pytest.raises(Damaged):
        inflated(data, max_plain_bytes=len(JSON))
    with pytest.raises(Damaged):
        compression.inflate(data, max_plain_bytes=len(JSON))


@pytest.mark.parametrize("extra", [b"\0", b"more", zlib.compress(b"a second stream")])
def test_anything_after_the_stream_is_damage(extra: bytes) -> None:
    data = compression.deflate(JSON) + extra
    for step in (1, 1 << 20):
        with pytest.raises(Damaged):
            inflated(data, max_plain_bytes=2 * len(JSON), step=step)
    with pytest.raises(Damaged):
        compression.inflate(data, max_plain_bytes=2 * len(JSON))


def test_other_bytes_are_damage() -> None:
    for data in (b"not zlib at all", b"\x1f\x8b\x08\x00", b""):
        with pytest.raises(Damaged):
            inflated(data, max_plain_bytes=100)
        with pytest.raises(Damaged):
            compression.inflate(data, max_plain_bytes=100)
