"""Reading sources and writing sinks in flat memory, and the streams that count, compare and share on the way."""

import hashlib
import io
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO, cast

from cloud.errors import CloudError, LocalFileFailed

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

CHUNK_BYTES = 1 << 20


def read_from(source: BinaryIO, length: int = CHUNK_BYTES) -> bytes:
    """Up to ``length`` bytes, none at the end. Raises ``LocalFileFailed``."""
    try:
        return source.read(length)
    except (OSError, ValueError) as error:
        raise LocalFileFailed("the file to upload cannot be read; check its disk and try again") from error


def read_exactly(source: BinaryIO, length: int) -> bytes:
    """``length`` bytes, fewer only at the end; a raw file may give less than asked for at a time."""
    data = read_from(source, length)
    while 0 < len(data) < length and (more := read_from(source, length - len(data))):
        data += more
    return data


def seek_to(stream: BinaryIO, position: int) -> None:
    """Go to ``position`` bytes from the start. Raises ``LocalFileFailed``."""
    try:
        stream.seek(position)
    except (OSError, ValueError) as error:
        raise LocalFileFailed("the local file is not seekable; give a regular file") from error


def size_of(source: BinaryIO) -> int:
    """Size of ``source`` in bytes; leaves it at position 0. Raises ``LocalFileFailed``."""
    try:
        size = source.seek(0, io.SEEK_END)
        source.seek(0)
    except (OSError, ValueError) as error:
        raise LocalFileFailed("the file to upload is not seekable; give a regular file") from error
    return size


def write_to(sink: BinaryIO, data: bytes) -> None:
    """Write all of ``data``. Raises ``LocalFileFailed``: a full disk here is not an error of the store."""
    try:
        written = sink.write(data)
        while written < len(data):
            data = data[written:]
            written = sink.write(data)
    except (OSError, ValueError) as error:
        raise LocalFileFailed("the downloaded bytes cannot be written here; free some space and try again") from error


def rewind(sink: BinaryIO, position: int) -> None:
    """Forget what was written behind ``position``. Raises ``LocalFileFailed`` on a sink that cannot."""
    try:
        sink.seek(position)
        sink.truncate()
    except (OSError, ValueError) as error:
        raise LocalFileFailed("the download has to start again, but its target is not seekable") from error


def position_of(sink: BinaryIO) -> int:
    """Where ``sink`` stands; 0 for one that cannot tell."""
    try:
        return sink.tell()
    except (OSError, ValueError):
        return 0


class _TallySink(io.BufferedIOBase):
    def __init__(self, sink: BinaryIO, on_bytes: Callable[[bytes], None]) -> None:
        self._sink = sink
        self._on_bytes = on_bytes

    def write(self, data: "ReadableBuffer", /) -> int:
        chunk = bytes(data)
        write_to(self._sink, chunk)
        self._on_bytes(chunk)
        return len(chunk)

    def read(self, size: int | None = -1, /) -> bytes:
        return self._sink.read(-1 if size is None else size)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._sink.seek(offset, whence)

    def tell(self) -> int:
        return self._sink.tell()

    def truncate(self, size: int | None = None, /) -> int:
        return self._sink.truncate(size)


def tally(sink: BinaryIO, on_bytes: Callable[[bytes], None]) -> BinaryIO:
    """A sink that passes everything on to ``sink`` and then shows it to ``on_bytes``."""
    return cast("BinaryIO", _TallySink(sink, on_bytes))


class Difference(CloudError):
    """Two contents are not the same; never leaves the package."""

    code = "difference"


class _ComparingSink(io.BufferedIOBase):
    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.sha256 = hashlib.sha256()

    def write(self, data: "ReadableBuffer", /) -> int:
        chunk = bytes(data)
        if read_exactly(self._source, len(chunk)) != chunk:
            raise Difference("the two contents differ")
        self.sha256.update(chunk)
        return len(chunk)


def digest_if_same(fetch: Callable[[BinaryIO], int], source: BinaryIO, size: int) -> bytes | None:
    """SHA-256 of ``source`` (32 bytes) if ``fetch`` yields exactly its ``size`` bytes, else ``None``."""
    seek_to(source, 0)
    sink = _ComparingSink(source)
    try:
        count = fetch(cast("BinaryIO", sink))
    except Difference:
        return None
    return sink.sha256.digest() if count == size else None


class _SourceView(io.BufferedIOBase):
    """A reader of its own position over one file that several readers share."""

    def __init__(self, source: BinaryIO, lock: threading.Lock, on_position: Callable[[int], None] | None) -> None:
        self._source = source
        self._lock = lock
        self._position = 0
        self._on_position = on_position

    @property
    def name(self) -> object:
        return getattr(self._source, "name", None)

    def fileno(self) -> int:
        return self._source.fileno()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if whence == io.SEEK_CUR:
            offset, whence = self._position + offset, io.SEEK_SET
        with self._lock:
            self._position = self._source.seek(offset, whence)
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        with self._lock:
            self._source.seek(self._position)
            data = self._source.read(-1 if size is None else size)
        self._position += len(data)
        if self._on_position is not None:
            self._on_position(self._position)
        return data


def view(source: BinaryIO, lock: threading.Lock, on_position: Callable[[int], None] | None = None) -> BinaryIO:
    """A view of ``source`` with a position of its own, for one of several threads that share ``lock``.

    ``on_position`` hears after each read how far it went; name and descriptor stay visible, for hard links.
    """
    return cast("BinaryIO", _SourceView(source, lock, on_position))
