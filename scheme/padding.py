"""Padme sizes: what a sealed member's size tells about its content is O(log log size) bits.

Source: Nikitin, Barman, Lueks, Underwood, Hubaux, Ford, "Reducing Metadata Leakage from Encrypted Files and
Communication with PURBs", PETS 2019, algorithm 1. The overhead is at most 12 percent and falls as files grow. Zero
bytes are appended to the plaintext before it is sealed; the true size stands in the sealed manifest.
"""

from collections.abc import Iterator

from scheme.errors import Damaged
from scheme.stream import Buffer, Writer

_ZEROS = bytes(64 * 1024)


def padded_size(size: int) -> int:
    """The Padme size in bytes for ``size`` bytes: the significand keeps as many bits as the exponent needs."""
    if size < 2:
        return size
    exponent = size.bit_length() - 1
    low_bits = exponent - exponent.bit_length()
    mask = (1 << max(low_bits, 0)) - 1
    return (size + mask) & ~mask


def zeros(size: int) -> Iterator[memoryview]:
    """The padding that follows a plaintext of ``size`` bytes, in pieces of at most 64 KiB."""
    missing = padded_size(size) - size
    whole = memoryview(_ZEROS)
    while missing:
        piece = whole[:missing]
        yield piece
        missing -= len(piece)


def pad(data: bytes) -> bytes:
    """``data`` with zero bytes appended up to its Padme size."""
    return data.ljust(padded_size(len(data)), b"\x00")


def unpad(padded: bytes, size: int) -> bytes:
    """The first ``size`` bytes of ``padded``. Raises ``Damaged`` unless it is exactly what ``pad`` makes of them."""
    if size < 0 or len(padded) != padded_size(size) or padded.count(0, size) != len(padded) - size:
        raise _wrong()
    return padded[:size]


class Unpadder:
    """Passes the first ``size`` bytes written to it on to ``sink``; the rest must be its padding."""

    def __init__(self, sink: Writer, size: int) -> None:
        self._sink = sink
        self._data_left = size
        self._zeros_left = padded_size(size) - size

    def write(self, data: Buffer) -> None:
        """Take plaintext or padding. Raises ``Damaged`` on padding that is too long or not zero."""
        view = memoryview(data).cast("B")
        if self._data_left:
            plain = view[: self._data_left]
            self._sink.write(plain)
            self._data_left -= len(plain)
            view = view[len(plain) :]
        if len(view) > self._zeros_left or not _is_zero(view):
            raise _wrong()
        self._zeros_left -= len(view)

    def finish(self) -> None:
        """Say that nothing follows. Raises ``Damaged`` when something is missing."""
        if self._data_left or self._zeros_left:
            raise _wrong()


def _is_zero(view: memoryview) -> bool:
    """Compared in pieces with zeros: a padding of 12 percent of a large member is long."""
    pieces = (view[start : start + len(_ZEROS)] for start in range(0, len(view), len(_ZEROS)))
    return all(piece.tobytes() == _ZEROS[: len(piece)] for piece in pieces)


def _wrong() -> Damaged:
    return Damaged("the padding does not fit the size in the manifest; the block was not made by this software")
