"""The base of everything that wraps a store: passes every call on; a wrapper overrides what it is about."""

from collections.abc import Iterator
from typing import BinaryIO

from cloud.presign import Direction, Presigned, presigned
from cloud.store import Listed, Properties, Receipt, Store


class StoreWrapper:
    """A store in front of another one."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._inner!r})"

    @property
    def url(self) -> str:
        """URL of the wrapped store."""
        return self._inner.url

    @property
    def properties(self) -> Properties:
        """Properties of the wrapped store."""
        return self._inner.properties

    def put(self, locator: str, source: BinaryIO) -> Receipt:
        """See ``Store.put``."""
        return self._inner.put(locator, source)

    def get(self, locator: str, sink: BinaryIO) -> int:
        """See ``Store.get``."""
        return self._inner.get(locator, sink)

    def get_range(self, locator: str, offset: int, length: int) -> bytes:
        """See ``Store.get_range``."""
        return self._inner.get_range(locator, offset, length)

    def size(self, locator: str) -> int:
        """See ``Store.size``."""
        return self._inner.size(locator)

    def exists(self, locator: str) -> bool:
        """See ``Store.exists``."""
        return self._inner.exists(locator)

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """See ``Store.list``."""
        return self._inner.list(prefix)

    def delete(self, locator: str) -> None:
        """See ``Store.delete``."""
        self._inner.delete(locator)

    def presigned(self, locator: str, direction: Direction, *, seconds: int) -> Presigned:
        """See ``Presigning``; what goes by such a URL passes no wrapper."""
        return presigned(self._inner, locator, direction, seconds=seconds)

    def close(self) -> None:
        """See ``Store.close``."""
        self._inner.close()
