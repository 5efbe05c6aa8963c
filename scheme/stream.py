"""What the streaming parts read from and write to; each stage that is pushed (seal, inflate, unpad) is a ``Writer``."""

from typing import Protocol, TypeAlias

Buffer: TypeAlias = bytes | bytearray | memoryview


class Writer(Protocol):
    """Takes bytes. ``data`` may be a buffer that is used again: consume or copy it before ``write`` returns."""

    def write(self, data: Buffer, /) -> object:
        """Take all of ``data``."""


class Reader(Protocol):
    """Gives bytes as an open binary file does."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes, and none only at the end."""


def read_full(source: Reader, size: int) -> bytes:
    """Exactly ``size`` bytes of ``source``, fewer only when it ends."""
    data = source.read(size)
    if len(data) == size or not data:
        return data
    parts = [data]
    missing = size - len(data)
    while missing and (data := source.read(missing)):
        parts.append(data)
        missing -= len(data)
    return b"".join(parts)
