"""The zip around a block: stored members, fixed names, no clock, always ZIP64, so the same members give the same bytes.

The layout is APPNOTE.TXT 6.3.10 with every choice made once. A block is read by rebuilding the frame from the member
sizes and CRCs and comparing it with the bytes at hand, so no byte of a block is without a check. Any zip tool opens it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_LOCAL = struct.Struct("<IHHHHHIIIHH")
_CENTRAL = struct.Struct("<IHHHHHHIIIHHHHHII")
_DESCRIPTOR = struct.Struct("<IIQQ")
_END64 = struct.Struct("<IQHHIIQQQQ")
_LOCATOR64 = struct.Struct("<IIQI")
_END = struct.Struct("<IHHHHIIH")
_VERSION = 45
_FLAGS = 0x0808  # sizes and CRC follow the data; names are UTF-8
_DOS_DATE = 0x0021  # 1980-01-01
_FULL32 = 0xFFFFFFFF
TAIL_SIZE = _END64.size + _LOCATOR64.size + _END.size
DESCRIPTOR_SIZE = _DESCRIPTOR.size


@dataclass(frozen=True)
class Member:
    """A stored member: its name, size in bytes, CRC-32, and the offset of its local header."""

    name: str
    size: int
    crc: int
    offset: int

    @property
    def data_offset(self) -> int:
        """Where the member's bytes start."""
        return self.offset + local_header_size(self.name)

    @property
    def end(self) -> int:
        """Where the next member's local header starts."""
        return self.data_offset + self.size + DESCRIPTOR_SIZE


def local_header_size(name: str) -> int:
    """Size in bytes of ``local_header(name)``."""
    return _LOCAL.size + len(name.encode()) + 20


def local_header(name: str) -> bytes:
    """What stands before a member's bytes; sizes follow in the descriptor, so that a block can be streamed."""
    encoded = name.encode()
    fixed = _LOCAL.pack(0x04034B50, _VERSION, _FLAGS, 0, 0, _DOS_DATE, 0, _FULL32, _FULL32, len(encoded), 20)
    return fixed + encoded + struct.pack("<HHQQ", 1, 16, 0, 0)


def descriptor(crc: int, size: int) -> bytes:
    """What stands behind a member's bytes: 24 bytes."""
    return _DESCRIPTOR.pack(0x08074B50, crc, size, size)


def central_directory(members: list[Member]) -> bytes:
    """Everything behind the last member."""
    start = members[-1].end if members else 0
    parts = []
    for member in members:
        name = member.name.encode()
        parts.append(
            _CENTRAL.pack(
                0x02014B50, 0x0300 | _VERSION, _VERSION, _FLAGS, 0, 0, _DOS_DATE, member.crc, _FULL32, _FULL32,
                len(name), 28, 0, 0, 0, 0o100600 << 16, _FULL32,
            )
        )  # fmt: skip
        parts.append(name)
        parts.append(struct.pack("<HHQQQ", 1, 24, member.size, member.size, member.offset))
    directory = b"".join(parts)
    count = len(members)
    return b"".join(
        (
            directory,
            _END64.pack(0x06064B50, 44, 0x0300 | _VERSION, _VERSION, 0, 0, count, count, len(directory), start),
            _LOCATOR64.pack(0x07064B50, 0, start + len(directory), 1),
            _END.pack(0x06054B50, 0, 0, min(count, 0xFFFF), min(count, 0xFFFF), _FULL32, _FULL32, 0),
        )
    )


def directory_span(tail: bytes, total_size: int) -> tuple[int, int]:
    """Offset and size of the central directory from the last ``TAIL_SIZE`` bytes of a zip. Raises ``ValueError``."""
    if len(tail) != TAIL_SIZE:
        raise ValueError("too short for a zip")
    signature, *_, size, offset = _END64.unpack_from(tail)
    if signature != 0x06064B50 or offset + size + TAIL_SIZE != total_size:
        raise ValueError("no central directory where it should be")
    return offset, size


def parse_directory(directory: bytes, max_members: int) -> list[Member]:
    """Members of a central directory; only the fields, the caller compares the frame. Raises ``ValueError``."""
    members: list[Member] = []
    position = 0
    while position < len(directory):
        if len(members) == max_members:
            raise ValueError("too many members")
        try:
            fields = _CENTRAL.unpack_from(directory, position)
            name_size = fields[10]
            name = directory[position + _CENTRAL.size : position + _CENTRAL.size + name_size].decode()
            size, _, offset = struct.unpack_from("<QQQ", directory, position + _CENTRAL.size + name_size + 4)
        except struct.error:
            raise ValueError("the central directory ends early") from None
        members.append(Member(name, size, fields[7], offset))
        position += _CENTRAL.size + name_size + 28
    return members
