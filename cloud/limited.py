"""No more threads in a store at once than it declares; the others wait."""

import threading
from collections.abc import Iterator
from typing import BinaryIO

from cloud.store import Listed, Receipt, Store
from cloud.wrapper import StoreWrapper


class LimitedStore(StoreWrapper):
    """At most ``max_connections`` operations at a time (default: what the store declares)."""

    def __init__(self, inner: Store, max_connections: int | None = None) -> None:
        super().__init__(inner)
        declared = inner.properties.max_connections
        self._slots = threading.BoundedSemaphore(min(declared, max_connections or declared))

    def put(self, locator: str, source: BinaryIO) -> Receipt:
        """See ``Store.put``."""
        with self._slots:
            return self._inner.put(locator, source)

    def get(self, locator: str, sink: BinaryIO) -> int:
        """See ``Store.get``."""
        with self._slots:
            return self._inner.get(locator, sink)

    def get_range(self, locator: str, offset: int, length: int) -> bytes:
        """See ``Store.get_range``."""
        with self._slots:
            return self._inner.get_range(locator, offset, length)

    def size(self, locator: str) -> int:
        """See ``Store.size``."""
        with self._slots:
            return self._inner.size(locator)

    def exists(self, locator: str) -> bool:
        """See ``Store.exists``."""
        with self._slots:
            return self._inner.exists(locator)

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """See ``Store.list``; a slot is held only while the next entry is fetched, so a loop may use the store."""
        entries = self._inner.list(prefix)
        while True:
            with self._slots:
                entry = next(entries, None)
            if entry is None:
                return
            yield entry

    def delete(self, locator: str) -> None:
        """See ``Store.delete``."""
        with self._slots:
            self._inner.delete(locator)
