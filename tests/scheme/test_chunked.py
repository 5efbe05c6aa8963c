import io

import pytest
from Crypto.Cipher import AES
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given
from hypothesis import strategies as st

from scheme import chunked
from scheme.errors import Damaged, EncodingInvalid, NotForThisKey, SchemeError

KEY = bytes(range(32))
CONTEXT = b"suite, chain, scope, member 1 of 3"
SALT = b"s" * 24
CHUNK = chunked.CHUNK_SIZE
EDGES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 65 * CHUNK, 65 * CHUNK + 7]


def message(size: int) -> bytes:
    return (b"0123456789abcdefghijklmnopqrstuvwxyz%" * (size // 37 + 1))[:size]


def sealed_stream(plain: bytes, pieces: int = 1 << 20) -> bytes:
    sink = io.BytesIO()
    sealer = chunked.Sealer(KEY, CONTEXT, sink, salt=SALT)
    for start in range(0, len(plain), pieces):
        sealer.write(plain[start : start + pieces])
    assert sealer.finish() == len(sink.getvalue())
    return sink.getvalue()


def opened_stream(sealed: bytes, *, size: int | None = None, key: bytes = KEY) -> bytes:
    sink = io.BytesIO()
    total = chunked.open_stream(key, CONTEXT, io.BytesIO(sealed), sink, size=size)
    assert total == len(sink.getvalue())
    return sink.getvalue()


class Dribble(io.BytesIO):
    """A source that gives a few bytes at a time, as a socket does."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size or 0, 777))


@pytest.mark.parametrize("size", EDGES)
def test_every_way_of_sealing_gives_the_same_bytes_and_opens_every_way(size: int) -> None:
    plain = message(size)
    sealed = chunked.seal_bytes(KEY, CONTEXT, plain, salt=SALT)
    assert len(sealed) == chunked.sealed_size(size)
    assert chunked.plaintext_size(len(sealed)) == size
    assert sealed_stream(plain) == sealed
    assert sealed_stream(plain, 5_000) == sealed
    sink = io.BytesIO()
    assert chunked.seal(KEY, CONTEXT, io.BytesIO(plain), sink, salt=SALT) == len(sealed)
    assert sink.getvalue() == sealed
    assert chunked.open_bytes(KEY, CONTEXT, sealed) == plain
    assert opened_stream(sealed) == plain
    assert opened_stream(sealed + b"next member", size=len(sealed)) == plain
    sink = io.BytesIO()
    chunked.open_stream(KEY, CONTEXT, Dribble(sealed), sink)
    assert sink.getvalue() == plain


def test_construction_is_the_specification_written_a_second_time() -> None:
    plain = message(CHUNK + 5)
    sealed = chunked.seal_bytes(KEY, CONTEXT, plain, salt=SALT)
    info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0" + SALT + CONTEXT
    okm = HKDFExpand(SHA512(), 76, info).derive(KEY)
    key, base, commitment = okm[:32], okm[32:44], okm[44:]
    expected = SALT + commitment
    for index, chunk in enumerate((plain[:CHUNK], plain[CHUNK:])):
        nonce = base[:11] + bytes((base[11] ^ index,))
        expected += AESGCM(key).encrypt(nonce, chunk, None)
        cipher = AES.new(key, AES.MODE_GCM, nonce=nonce)
        body, tag = cipher.encrypt_and_digest(chunk)
        assert expected.endswith(body + tag)
    assert sealed == expected


def test_salts_are_fresh() -> None:
    assert chunked.seal_bytes(KEY, CONTEXT, b"x")[:24] != chunked.seal_bytes(KEY, CONTEXT, b"x")[:24]


@given(size=st.integers(0, 3 * CHUNK), offset=st.integers(0, 3 * CHUNK + 5), length=st.integers(0, 3 * CHUNK))
def test_random_access_reads_what_a_slice_would(size: int, offset: int, length: int) -> None:
    plain = message(size)
    sealed = chunked.seal_bytes(KEY, CONTEXT, plain)
    reads: list[int] = []

    def read_at(start: int, count: int) -> bytes:
        reads.append(count)
        return sealed[start : start + count]

    middle = chunked.RandomAccess(KEY, CONTEXT, read_at, len(sealed))
    assert middle.plaintext_size == size
    assert middle.read(offset, length) == plain[offset : offset + length]
    assert max(reads) <= length + 2 * (chunked.SEALED_CHUNK_SIZE + CHUNK // 1024 * 16)


def test_random_access_refuses_a_message_cut_at_a_chunk() -> None:
    sealed = chunked.seal_bytes(KEY, CONTEXT, message(3 * CHUNK + 9))
    cut = sealed[: chunked.HEADER_SIZE + 2 * chunked.SEALED_CHUNK_SIZE + 25]
    with pytest.raises(Damaged):
        chunked.RandomAccess(KEY, CONTEXT, lambda start, count: cut[start : start + count], len(cut))


def test_random_access_notices_a_source_that_is_shorter_than_it_said() -> None:
    sealed = chunked.seal_bytes(KEY, CONTEXT, message(100))
    with pytest.raises(Damaged):
        chunked.RandomAccess(KEY, CONTEXT, lambda start, count: sealed[start : start + count - 1], len(sealed))


def test_random_access_refuses_negative_offsets() -> None:
    sealed = chunked.seal_bytes(KEY, CONTEXT, b"x")
    middle = chunked.RandomAccess(KEY, CONTEXT, lambda start, count: sealed[start : start + count], len(sealed))
    with pytest.raises(EncodingInvalid):
        middle.read(-1, 5)


def _both_refuse(sealed: bytes) -> None:
    with pytest.raises((Damaged, NotForThisKey)):
        chunked.open_bytes(KEY, CONTEXT, sealed)
    with pytest.raises((Damaged, NotForThisKey)):
        opened_stream(sealed)
    with pytest.raises((Damaged, NotForThisKey)):
        opened_stream(sealed, size=len(sealed))


def test_every_flipped_bit_of_a_small_message_is_found() -> None:
    sealed = chunked.seal_bytes(KEY, CONTEXT, b"ten bytes.", salt=SALT)
    for position in range(len(sealed)):
        for bit in (1, 128):
            changed = bytearray(sealed)
            changed[position] ^= bit
            with pytest.raises(NotForThisKey if position < chunked.HEADER_SIZE else Damaged):
                chunked.open_bytes(KEY, CONTEXT, bytes(changed))


def test_every_cut_of_a_small_message_is_found() -> None:
    sealed = chunked.seal_bytes(KEY, CONTEXT, b"ten bytes.", salt=SALT)
    for size in range(len(sealed)):
        _both_refuse(sealed[:size])


LONG = chunked.seal_bytes(KEY, CONTEXT, message(3 * CHUNK + 100), salt=SALT)


@given(position=st.integers(0, len(LONG) - 1), flip=st.integers(1, 255))
def test_a_flipped_byte_of_a_long_message_is_found(position: int, flip: int) -> None:
    changed = bytearray(LONG)
    changed[position] ^= flip
    _both_refuse(bytes(changed))


@given(size=st.integers(0, len(LONG) - 1))
def test_a_cut_long_message_is_found(size: int) -> None:
    _both_refuse(LONG[:size])


@pytest.mark.parametrize("full", [0, 1, 2, 3, 64, 65])
def test_a_cut_at_a_chunk_is_found(full: int) -> None:
    sealed = chunked.seal_bytes(KEY, CONTEXT, message(66 * CHUNK), salt=SALT)
    _both_refuse(sealed[: chunked.HEADER_SIZE + full * chunked.SEALED_CHUNK_SIZE])


@given(extra=st.binary(min_size=1, max_size=40))
def test_trailing_bytes_are_found(extra: bytes) -> None:
    _both_refuse(chunked.seal_bytes(KEY, CONTEXT, b"short") + extra)
    _both_refuse(LONG + extra)


@given(order=st.lists(st.integers(0, 3), max_size=6).filter(lambda order: order != [0, 1, 2, 3]))
def test_chunks_reordered_repeated_or_left_out_are_found(order: list[int]) -> None:
    body = LONG[chunked.HEADER_SIZE :]
    step = chunked.SEALED_CHUNK_SIZE
    chunks = [body[start : start + step] for start in range(0, len(body), step)]
    _both_refuse(LONG[: chunked.HEADER_SIZE] + b"".join(chunks[i] for i in order))


def test_a_stream_that_is_longer_than_its_source_says_is_refused() -> None:
    with pytest.raises(Damaged):
        opened_stream(LONG, size=len(LONG) + 10)


def test_nothing_unauthenticated_reaches_the_sink() -> None:
    plain = message(200 * CHUNK)
    sealed = bytearray(chunked.seal_bytes(KEY, CONTEXT, plain))
    sealed[chunked.HEADER_SIZE + 150 * chunked.SEALED_CHUNK_SIZE] ^= 1
    sink = io.BytesIO()
    with pytest.raises(Damaged):
        chunked.open_stream(KEY, CONTEXT, io.BytesIO(bytes(sealed)), sink)
    assert sink.getvalue() == plain[: 128 * CHUNK]


def test_another_key_or_context_is_not_damage() -> None:
    sealed = chunked.seal_bytes(KEY, CONTEXT, b"x")
    with pytest.raises(NotForThisKey):
        chunked.open_bytes(bytes(32), CONTEXT, sealed)
    with pytest.raises(NotForThisKey):
        chunked.open_bytes(KEY, CONTEXT + b".", sealed)
    with pytest.raises(NotForThisKey):
        opened_stream(sealed, key=bytes(32))


@pytest.mark.parametrize("key", [b"", bytes(16), bytes(31), bytes(33)])
def test_a_key_of_another_length_is_refused(key: bytes) -> None:
    with pytest.raises(EncodingInvalid):
        chunked.seal_bytes(key, CONTEXT, b"x")
    with pytest.raises(EncodingInvalid):
        chunked.open_bytes(key, CONTEXT, LONG)


def test_a_salt_of_another_length_is_refused() -> None:
    with pytest.raises(EncodingInvalid):
        chunked.seal_bytes(KEY, CONTEXT, b"x", salt=bytes(23))


def test_sealing_past_the_last_chunk_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunked, "MAX_CHUNKS", 4)
    sealer = chunked.Sealer(KEY, CONTEXT, io.BytesIO())
    sealer.write(bytes(3 * CHUNK))
    with pytest.raises(EncodingInvalid):
        sealer.write(bytes(CHUNK))


@given(st.integers(0, 1 << 40))
def test_sizes_are_inverse(size: int) -> None:
    assert chunked.plaintext_size(chunked.sealed_size(size)) == size


def test_errors_say_nothing_of_key_or_plaintext() -> None:
    sealed = chunked.seal_bytes(KEY, CONTEXT, b"diagnosis")
    for damaged in (sealed[:-1], sealed[:30], b"\0" + sealed[1:]):
        with pytest.raises(SchemeError) as caught:
            chunked.open_bytes(KEY, CONTEXT, damaged)
        assert "diagnosis" not in str(caught.value)
        assert KEY.hex() not in str(caught.value)
        assert caught.value.__cause__ is None
