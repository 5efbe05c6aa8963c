"""The protocol of every store, what a store declares about itself, and what it returns."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol


@dataclass(frozen=True)
class Receipt:
    """What a store took. ``sha256`` has 32 bytes, or is ``None`` if the backend did not read the bytes itself."""

    locator: str
    size_bytes: int
    sha256: bytes | None


@dataclass(frozen=True)
class Listed:
    """One block of a listing."""

    locator: str
    size_bytes: int


@dataclass(frozen=True)
class Properties:
    """What a store promises; the contract suite holds each backend to its own declaration.

    ``atomic_put``: a block is absent or whole, whenever the writer dies.
    ``conditional_put``: of writers that race for one locator exactly one wins; the store itself decides.
    ``durable_put``: a receipt means that the bytes survive a power cut of the store.
    ``resumable_put``: a put that broke off goes on where it stopped.
    ``server_checksum``: the store itself compares the SHA-256 of what it received.
    ``encrypted_transport``: TLS or SSH all the way (or no network at all).
    ``max_connections``: how many threads may use the store at once.
    """

    atomic_put: bool
    conditional_put: bool
    durable_put: bool
    resumable_put: bool
    server_checksum: bool
    encrypted_transport: bool
    max_connections: int


class Store(Protocol):
    """Opaque blocks under locators; never overwritten. Every method raises only ``CloudError``."""

    @property
    def url(self) -> str:
        """The store as people see it, without credentials."""

    @property
    def properties(self) -> Properties:
        """What this store promises."""

    def put(self, locator: str, source: BinaryIO) -> Receipt:
        """Store all of ``source`` (seekable, at position 0, not changed until the end of time) under ``locator``.

        Never overwrites: the same content again gives a receipt, other content raises ``BlockExists``.
        """

    def get(self, locator: str, sink: BinaryIO) -> int:
        """Stream the whole block into ``sink``; returns the count of bytes. Raises ``BlockNotFound``."""

    def get_range(self, locator: str, offset: int, length: int) -> bytes:
        """``length`` bytes from ``offset`` on, fewer at the end, none behind it. Raises ``BlockNotFound``."""

    def size(self, locator: str) -> int:
        """Size in bytes. Raises ``BlockNotFound``."""

    def exists(self, locator: str) -> bool:
        """Whether the whole block is there."""

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """Blocks whose locator starts with ``prefix``, in the order of their locators; nothing unfinished."""

    def delete(self, locator: str) -> None:
        """Remove a block: for the collection of orphans only. Raises ``BlockNotFound``."""

    def close(self) -> None:
        """Let go of connections; the store is not used afterwards."""
