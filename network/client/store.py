"""The hospital's store, through its server or, where the store behind it gives URLs of its own, directly."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import BinaryIO

from cloud.bulk import NewSink
from cloud.errors import (
    AccessDenied,
    BlockNotFound,
    CloudError,
    StoreBusy,
    StoreRefused,
    StoreUnreachable,
    TransferDamaged,
)
from cloud.locator import check_locator
from cloud.store import Listed, Properties, Receipt
from cloud.streams import position_of, rewind
from network import wire
from network.client.direct import DirectBlocks, copied
from network.client.transport import MAX_CONNECTIONS, Answer, Transport, Upload, json_body
from network.errors import AnswerInvalid, Busy, NetworkError, ServerUnreachable, TooManyRequests

_THREADS = MAX_CONNECTIONS // 2
_AHEAD = 2 * _THREADS


class StoreServerUnreachable(ServerUnreachable, StoreUnreachable):
    """The server in front of the store cannot be reached."""


class RemoteStore:
    """``BulkStore`` at a server. Several threads may use it."""

    def __init__(self, transport: Transport) -> None:
        self.url = transport.url
        self.properties = Properties(
            atomic_put=True,
            conditional_put=True,
            durable_put=True,
            resumable_put=False,
            server_checksum=True,
            encrypted_transport=True,
            max_connections=_THREADS,
        )
        self._transport = transport
        self._direct = DirectBlocks(transport)

    def __repr__(self) -> str:
        return f"RemoteStore({self.url})"

    def put(self, locator: str, source: BinaryIO) -> Receipt:
        """See ``Store.put``; the server compares the digest that the author signed into the request."""
        path = _path(locator)
        with _as_cloud():
            upload = Upload.of(source)
            if not self._direct.put(locator, upload):
                self._transport.request("PUT", path, body=upload)
        return Receipt(locator, upload.size_bytes, upload.sha256)

    def get(self, locator: str, sink: BinaryIO) -> int:
        """See ``Store.get``."""
        check_locator(locator)
        with _as_cloud():
            return self._get(locator, sink, self._direct.urls([locator]).get(locator))

    def get_many(
        self, locators: Sequence[str], new_sink: NewSink
    ) -> Generator[tuple[str, BinaryIO | None], None, None]:
        """See ``BulkStore.get_many``: one request for every 4,096 blocks, or each directly, several at once."""
        for start in range(0, len(locators), wire.MAX_FETCHED):
            part = [check_locator(locator) for locator in locators[start : start + wire.MAX_FETCHED]]
            with _as_cloud():
                urls = self._direct.urls(part)
                yield from self._each(part, urls, new_sink) if urls else self._streamed(part, new_sink)

    def get_range(self, locator: str, offset: int, length: int) -> bytes:
        """See ``Store.get_range``."""
        if length <= 0:
            self.size(locator)
            return b""
        headers = {"range": f"bytes={offset}-{offset + length - 1}"}
        with _as_cloud():
            if offset >= self.size(locator):
                return b""
            return self._transport.request("GET", _path(locator), headers=headers, max_bytes=length)

    def size(self, locator: str) -> int:
        """See ``Store.size``."""
        path = _path(locator)

        def attempt() -> int:
            # Not HEAD, whose refusal would have no body that says what is wrong.
            with self._transport.stream("GET", path, headers={"range": "bytes=0-0"}) as answer:
                size = answer.headers.get("content-range", "").rpartition("/")[2]
                answer.read(1)
            if not size.isdecimal():
                raise AnswerInvalid("the server did not say how large the block is")
            return int(size)

        with _as_cloud():
            return self._transport.retrying(attempt)

    def exists(self, locator: str) -> bool:
        """See ``Store.exists``."""
        try:
            self.size(locator)
        except BlockNotFound:
            return False
        return True

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """Not over the network: a listing would tell every member of all the others' blocks."""
        raise AccessDenied(f"the hospital lists its store (blocks {prefix}...) at its own home")

    def delete(self, locator: str) -> None:
        """See ``Store.delete``; the server deletes only what is not on the ledger."""
        with _as_cloud():
            self._transport.request("DELETE", _path(locator), again=False)

    def close(self) -> None:
        """See ``Store.close``; the transport is its owner's to close."""
        self._direct.close()

    def _get(self, locator: str, sink: BinaryIO, url: str | None) -> int:
        start = position_of(sink)
        count = None if url is None else self._direct.get(url, sink, start)
        if count is not None:
            return count

        def attempt() -> int:
            rewind(sink, start)
            with self._transport.stream("GET", _path(locator)) as answer:
                return _whole(answer, sink)

        return self._transport.retrying(attempt)

    def _each(
        self, part: Sequence[str], urls: Mapping[str, str], new_sink: NewSink
    ) -> Iterator[tuple[str, BinaryIO | None]]:
        def fetch(locator: str) -> BinaryIO | None:
            sink = new_sink()
            try:
                self._get(locator, sink, urls.get(locator))
            except BaseException as error:
                sink.close()
                if isinstance(error, BlockNotFound):
                    return None
                raise
            return sink

        with ThreadPoolExecutor(_THREADS) as pool:
            running: deque[Future[BinaryIO | None]] = deque()
            try:
                for place, locator in enumerate(part):
                    while len(running) < _AHEAD and place + len(running) < len(part):
                        running.append(pool.submit(fetch, part[place + len(running)]))
                    yield locator, running.popleft().result()
            finally:
                for future in running:
                    if not future.cancel() and future.exception() is None and (left := future.result()) is not None:
                        left.close()

    def _streamed(self, part: Sequence[str], new_sink: NewSink) -> Iterator[tuple[str, BinaryIO | None]]:
        stream = _Stream(self._transport, part, new_sink)
        try:
            for locator in part:
                yield locator, self._transport.retrying(stream.following)
            stream.end()
        finally:
            stream.close()


class _Stream:
    """The answer to one request for many blocks; asked for the rest of them again when it breaks off."""

    def __init__(self, transport: Transport, wanted: Sequence[str], new_sink: NewSink) -> None:
        self._transport = transport
        self._wanted = wanted
        self._new_sink = new_sink
        self._done = 0
        self._frames: Iterator[wire.Frame] | None = None
        self._opened = ExitStack()

    def following(self) -> BinaryIO | None:
        """The next block."""
        try:
            if self._frames is None:
                rest = {"locators": self._wanted[self._done :]}
                request = self._transport.stream("POST", wire.BLOCKS_FETCH, **json_body(rest))
                self._frames = wire.frames(self._opened.enter_context(request).chunks())
            frame = next(self._frames, None)
            if frame is None or frame.locator != self._wanted[self._done]:
                raise AnswerInvalid("the server left out a block, or sent another; ask again")
            sink = None if frame.size_bytes is None else self._taken(frame)
        except BaseException:
            self.close()
            raise
        self._done += 1
        return sink

    def _taken(self, frame: wire.Frame) -> BinaryIO:
        sink = self._new_sink()
        try:
            copied(frame.chunks, sink)
        except BaseException:
            sink.close()
            raise
        return sink

    def end(self) -> None:
        """Read the answer's end after the last block: only then does the connection serve the next request."""
        if self._frames is not None:
            with suppress(NetworkError):
                next(self._frames, None)

    def close(self) -> None:
        """Let go of the connection."""
        self._frames = None
        self._opened.close()


def _path(locator: str) -> str:
    return wire.BLOCK.format(locator=check_locator(locator))


def _whole(answer: Answer, sink: BinaryIO) -> int:
    count = copied(answer.chunks(), sink)
    size = answer.headers.get("content-length")
    if size is not None and size != str(count):
        raise TransferDamaged("fewer bytes of a block arrived than the server announced; fetch it again")
    return count


@contextmanager
def _as_cloud() -> Iterator[None]:
    """Every error of the transport as a ``CloudError``."""
    try:
        yield
    except CloudError:
        raise
    except ServerUnreachable as error:
        raise StoreServerUnreachable(str(error)) from None
    except (Busy, TooManyRequests) as error:
        raise StoreBusy(str(error)) from None
    except AnswerInvalid as error:
        raise TransferDamaged(str(error)) from None
    except NetworkError as error:
        raise StoreRefused(str(error)) from None
