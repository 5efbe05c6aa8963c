"""A store in memory with faults on order, for tests. No URL leads to it: only code that names the class gets one."""

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from cloud.errors import BlockNotFound, CloudError
from cloud.locator import check_locator, check_prefix
from cloud.settle import settle_existing
from cloud.store import Listed, Properties, Receipt
from cloud.streams import read_from, size_of, write_to


@dataclass
class Faults:
    """What is going to go wrong; changed while the store is in use.

    ``errors``: raised by the next operations, one each, ``None`` for one that works. ``down``: raised by all.
    ``cut_after_bytes``: the next get or put stops there with ``cut_error``. ``alter``: changes what a get returns.
    """

    errors: deque[CloudError | None] = field(default_factory=deque)
    down: CloudError | None = None
    cut_after_bytes: int | None = None
    cut_error: CloudError | None = None
    alter: Callable[[bytes], bytes] | None = None


class SimulatedStore:
    """Blocks in a dictionary."""

    def __init__(self, name: str = "simulated", faults: Faults | None = None) -> None:
        self.url = f"simulated:{name}"
        self.properties = Properties(
            atomic_put=True,
            conditional_put=True,
            durable_put=False,
            resumable_put=False,
            server_checksum=False,
            encrypted_transport=True,
            max_connections=8,
        )
        self.faults = faults or Faults()
        self.blocks: dict[str, bytes] = {}
        self.closed = False
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"SimulatedStore({self.url})"

    def put(self, locator: str, source: BinaryIO) -> Receipt:
        """See ``Store.put``."""
        check_locator(locator)
        self._meet_fault()
        size_of(source)
        if self.faults.cut_after_bytes is not None:
            read_from(source, self.faults.cut_after_bytes)
            self._cut()
        content = read_from(source, -1)
        with self._lock:
            taken = self.blocks.setdefault(locator, content)
        if taken is not content:
            return settle_existing(self, locator, source)
        return Receipt(locator, len(content), hashlib.sha256(content).digest())

    def get(self, locator: str, sink: BinaryIO) -> int:
        """See ``Store.get``."""
        self._meet_fault()
        content = self._content(locator)
        if self.faults.alter is not None:
            content = self.faults.alter(content)
        if self.faults.cut_after_bytes is not None:
            write_to(sink, content[: self.faults.cut_after_bytes])
            self._cut()
        write_to(sink, content)
        return len(content)

    def get_range(self, locator: str, offset: int, length: int) -> bytes:
        """See ``Store.get_range``."""
        self._meet_fault()
        return self._content(locator)[offset : offset + length]

    def size(self, locator: str) -> int:
        """See ``Store.size``."""
        self._meet_fault()
        return len(self._content(locator))

    def exists(self, locator: str) -> bool:
        """See ``Store.exists``."""
        self._meet_fault()
        return check_locator(locator) in self.blocks

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """See ``Store.list``."""
        check_prefix(prefix)
        for locator in sorted(self.blocks):
            if locator.startswith(prefix):
                self._meet_fault()
                yield Listed(locator, len(self.blocks[locator]))

    def delete(self, locator: str) -> None:
        """See ``Store.delete``."""
        self._meet_fault()
        self._content(locator)
        del self.blocks[locator]

    def close(self) -> None:
        """See ``Store.close``."""
        self.closed = True

    def _content(self, locator: str) -> bytes:
        try:
            return self.blocks[check_locator(locator)]
        except KeyError:
            raise BlockNotFound(f"block {locator} is not in {self.url}") from None

    def _meet_fault(self) -> None:
        if self.faults.down is not None:
            raise self.faults.down
        error = self.faults.errors.popleft() if self.faults.errors else None
        if error is not None:
            raise error

    def _cut(self) -> None:
        self.faults.cut_after_bytes = None
        if self.faults.cut_error is not None:
            raise self.faults.cut_error
