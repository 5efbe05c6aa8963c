"""A store that keeps nothing: it reads what it is given and hands out receipts, so that only sealing costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from cloud.errors import BlockNotFound
from cloud.store import Listed, Properties, Receipt
from cloud.streams import read_from


class NullStore:
    """``Store`` without blocks. Promises nothing; for benchmarks only."""

    url = "null:"
    properties = Properties(
        atomic_put=False,
        conditional_put=False,
        durable_put=False,
        resumable_put=False,
        server_checksum=False,
        encrypted_transport=False,
        max_connections=1,
    )

    def put(self, locator: str, source: BinaryIO) -> Receipt:
        """Read ``source`` to its end and forget it."""
        size = 0
        while data := read_from(source):
            size += len(data)
        return Receipt(locator, size, None)

    def get(self, locator: str, sink: BinaryIO) -> int:  # noqa: ARG002 - nothing is ever there
        """Raises ``BlockNotFound``."""
        raise self._missing(locator)

    def get_range(self, locator: str, offset: int, length: int) -> bytes:  # noqa: ARG002
        """Raises ``BlockNotFound``."""
        raise self._missing(locator)

    def size(self, locator: str) -> int:
        """Raises ``BlockNotFound``."""
        raise self._missing(locator)

    def exists(self, locator: str) -> bool:  # noqa: ARG002
        """Never."""
        return False

    def list(self, prefix: str = "") -> Iterator[Listed]:  # noqa: ARG002
        """Nothing."""
        return iter(())

    def delete(self, locator: str) -> None:
        """Raises ``BlockNotFound``."""
        raise self._missing(locator)

    def close(self) -> None:
        """Nothing is open."""

    @staticmethod
    def _missing(locator: str) -> BlockNotFound:
        return BlockNotFound(f"block {locator} is not kept: the null store forgets everything")


class NullSink:
    """A ``Writer`` that forgets what is written to it."""

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        """Take ``data``."""
        return len(data)
