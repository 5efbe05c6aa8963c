"""From stores, which write into a sink, to answers, which are read piece by piece: in flat memory either way."""

from __future__ import annotations

import io
import itertools
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, BinaryIO, cast

from cloud.errors import BlockNotFound
from cloud.store import Store
from network import wire

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

PIECE_BYTES = 1 << 20
_PIECES_AHEAD = 4
_BLOCKS_AHEAD = 8
_POLL_S = 0.5


class _Pipe(io.RawIOBase):
    """A sink whose bytes another thread reads; it cannot go back, so a transfer that broke off is not begun anew."""

    def __init__(self) -> None:
        self.pieces: queue.Queue[bytes | BaseException | None] = queue.Queue(_PIECES_AHEAD)
        self.left = threading.Event()
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        piece = bytes(data)
        self.put(piece)
        self._position += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._position

    def put(self, piece: bytes | BaseException | None) -> None:
        """Wait for room. Raises ``OSError`` when nobody reads any more."""
        while not self.left.is_set():
            try:
                self.pieces.put(piece, timeout=_POLL_S)
            except queue.Full:
                continue
            return
        raise OSError("the reader hung up")


def pulled(push: Callable[[BinaryIO], object]) -> Iterator[bytes]:
    """What ``push`` writes into the sink that it is given, as an iterator; an error of its own is raised at its place.

    The first piece is waited for here, so an error before it is raised here. The thread ends when the iterator is
    closed or forgotten.
    """
    pipe = _Pipe()

    def run() -> None:
        end: BaseException | None = None
        try:
            push(cast("BinaryIO", pipe))
        except BaseException as error:  # noqa: BLE001 (it is raised where it is waited for)
            end = error
        try:
            pipe.put(end)
        except OSError:
            return

    threading.Thread(target=run, name="download", daemon=True).start()
    rest = _read(pipe)
    first = next(rest, None)
    return iter(()) if first is None else itertools.chain((first,), rest)


def _read(pipe: _Pipe) -> Iterator[bytes]:
    try:
        while True:
            piece = pipe.pieces.get()
            if piece is None:
                return
            if isinstance(piece, BaseException):
                raise piece
            yield piece
    finally:
        pipe.left.set()


def ranged(store: Store, locator: str, start: int, end: int) -> Iterator[bytes]:
    """Bytes ``start`` up to ``end`` of a block."""
    for offset in range(start, end, PIECE_BYTES):
        yield store.get_range(locator, offset, min(PIECE_BYTES, end - offset))


def framed(store: Store, locators: Sequence[str]) -> Iterator[bytes]:
    """The frames (``wire.frame_head``) of many blocks, in order.

    Small blocks are fetched ahead, ``_BLOCKS_AHEAD`` at once; a large one streams when its turn comes, for a store that
    permits few connections must not have them all held by blocks that wait for an earlier one.
    """
    waiting: deque[Future[tuple[str, int | None, bytes | None]]] = deque()
    ahead = iter(locators)
    pool = ThreadPoolExecutor(min(_BLOCKS_AHEAD, len(locators)) or 1, thread_name_prefix="fetch")
    try:
        for locator in itertools.islice(ahead, _BLOCKS_AHEAD):
            waiting.append(pool.submit(_fetched, store, locator))
        while waiting:
            locator, size, data = waiting.popleft().result()
            following = next(ahead, None)
            if following is not None:
                waiting.append(pool.submit(_fetched, store, following))
            yield wire.frame_head(locator, size) + (data or b"")
            if size is not None and data is None:
                yield from _whole(store, locator, size)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _fetched(store: Store, locator: str) -> tuple[str, int | None, bytes | None]:
    """Locator, size (``None`` when it is not there) and, of a small block, the bytes."""
    try:
        size = store.size(locator)
        if size > PIECE_BYTES:
            return locator, size, None
        sink = io.BytesIO()
        store.get(locator, sink)
    except BlockNotFound:
        return locator, None, None
    return locator, len(sink.getvalue()), sink.getvalue()


def _whole(store: Store, locator: str, size: int) -> Iterator[bytes]:
    count = 0
    for piece in pulled(lambda sink: store.get(locator, sink)):
        count += len(piece)
        yield piece
    if count != size:
        raise OSError("the block has not the size that the store said")
