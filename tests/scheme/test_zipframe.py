"""The zip frame: fixed fields, ZIP64 always, right beyond 4 GiB, and read strictly."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheme import zipframe
from scheme.zipframe import Member
from tests.scheme import second_reader

HUGE = 5 << 30


def laid_out(*named: tuple[str, int, int]) -> list[Member]:
    """Members one after another from (name, size, CRC)."""
    members: list[Member] = []
    for name, size, crc in named:
        members.append(Member(name, size, crc, members[-1].end if members else 0))
    return members


def written(files: list[tuple[str, bytes]]) -> bytes:
    members = laid_out(*((name, len(data), zlib.crc32(data)) for name, data in files))
    body = b"".join(
        zipframe.local_header(name) + data + zipframe.descriptor(zlib.crc32(data), len(data)) for name, data in files
    )
    return body + zipframe.central_directory(members)


FILES = st.lists(st.tuples(st.text("abc-.019", min_size=1, max_size=30), st.binary(max_size=100)), max_size=8)


@given(FILES)
def test_the_frame_is_that_of_the_second_writer(files: list[tuple[str, bytes]]) -> None:
    assert written(files) == second_reader.frame(files)


@given(FILES)
def test_what_was_written_is_read_by_us_and_by_zipfile(files: list[tuple[str, bytes]]) -> None:
    data = written(files)
    offset, size = zipframe.directory_span(data[-zipframe.TAIL_SIZE :], len(data))
    members = zipframe.parse_directory(data[offset : offset + size], 8)
    assert [(member.name, data[member.data_offset :][: member.size]) for member in members] == files
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert [(info.filename, info.file_size, info.CRC) for info in archive.infolist()] == [
            (member.name, member.size, member.crc) for member in members
        ]


def test_sizes_are_those_of_the_document() -> None:
    assert len(zipframe.local_header("header.json")) == zipframe.local_header_size("header.json") == 30 + 11 + 20
    assert len(zipframe.descriptor(0, 0)) == zipframe.DESCRIPTOR_SIZE == 24
    assert zipframe.TAIL_SIZE == 56 + 20 + 22
    assert len(zipframe.central_directory(laid_out(("a", 1, 2)))) == 46 + 1 + 28 + 98


class _Sparse(io.RawIOBase):
    """A file of which only some places are written; the rest is zeros."""

    def __init__(self, size: int, places: dict[int, bytes]) -> None:
        self._size, self._places, self._at = size, places, 0

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        end = self._size if size < 0 else min(self._at + size, self._size)
        assert end - self._at < 1 << 20
        found = bytearray(end - self._at)
        for place, data in self._places.items():
            for number, byte in enumerate(data):
                if self._at <= place + number < end:
                    found[place + number - self._at] = byte
        self._at = end
        return bytes(found)


def sparse(members: list[Member]) -> tuple[BinaryIO, bytes]:
    directory = zipframe.central_directory(members)
    places = {member.offset: zipframe.local_header(member.name) for member in members}
    places[members[-1].end] = directory
    return _Sparse(members[-1].end + len(directory), places), directory  # type: ignore[return-value]


def test_sizes_and_offsets_beyond_four_gibibytes() -> None:
    members = laid_out(("records-1.sealed", HUGE, 1), ("records-2.sealed", HUGE, 2), ("header.json", 3, 3))
    file, directory = sparse(members)
    assert members[2].offset > 2 * HUGE
    total = file.seek(0, 2)
    assert zipframe.directory_span(directory[-zipframe.TAIL_SIZE :], total) == (
        members[-1].end,
        len(directory) - zipframe.TAIL_SIZE,
    )
    assert zipframe.parse_directory(directory[: -zipframe.TAIL_SIZE], 3) == members
    with zipfile.ZipFile(file) as archive:
        found = [(info.filename, info.file_size, info.header_offset) for info in archive.infolist()]
        assert found == [(member.name, member.size, member.offset) for member in members]
        with archive.open("records-2.sealed") as opened:
            assert opened.read(10) == bytes(10)
    assert struct.unpack_from("<QQ", zipframe.descriptor(1, HUGE), 8) == (HUGE, HUGE)


def test_more_members_than_16_bits_count() -> None:
    """Blocks have fewer; the frame still says the true count in its ZIP64 end."""
    members = laid_out(*((f"m{number}", 0, 0) for number in range(65_600)))
    directory = zipframe.central_directory(members)
    with zipfile.ZipFile(sparse(members[:1])[0]) as archive:
        assert len(archive.namelist()) == 1
    assert struct.unpack_from("<QQ", directory, len(directory) - zipframe.TAIL_SIZE + 24) == (65_600, 65_600)
    assert struct.unpack_from("<HH", directory, len(directory) - 22 + 8) == (0xFFFF, 0xFFFF)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: data[:-98] + b"PK\x06\x05" + data[-94:],
        lambda data: data[:-58] + b"\xff" * 8 + data[-50:],
        lambda data: b"",
    ],
)
def test_a_tail_that_does_not_fit_is_refused(spoil: object) -> None:
    data = spoil(written([("a", b"b")]))  # type: ignore[operator]
    with pytest.raises(ValueError, match=r"short|directory"):
        zipframe.directory_span(data[-zipframe.TAIL_SIZE :], len(data))


def test_a_directory_that_ends_early_or_is_too_long_is_refused() -> None:
    directory = zipframe.central_directory(laid_out(("a", 1, 2), ("b", 1, 2)))[: -zipframe.TAIL_SIZE]
    for size in range(1, len(directory)):
        if size != len(directory) // 2:
            with pytest.raises(ValueError, match="early"):
                zipframe.parse_directory(directory[:size], 2)
    with pytest.raises(ValueError, match="too many"):
        zipframe.parse_directory(directory, 1)


def test_a_name_that_is_not_utf8_is_refused() -> None:
    directory = zipframe.central_directory(laid_out(("a", 1, 2))).replace(b"a\x01\x00\x18", b"\xff\x01\x00\x18")
    with pytest.raises(ValueError, match="utf-8"):
        zipframe.parse_directory(directory[: -zipframe.TAIL_SIZE], 1)
