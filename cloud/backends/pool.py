"""Connections that are kept between operations; a thread borrows one, a broken one is thrown away."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from cloud.errors import (
    AccessDenied,
    BlockNotFound,
    CloudTransient,
    StoreFull,
    StoreRefused,
)

_T = TypeVar("_T")
_CONNECTION_IS_SOUND = (BlockNotFound, AccessDenied, StoreFull, StoreRefused)


class ConnectionPool(Generic[_T]):
    """Idle connections, last used first. ``connect`` and ``disconnect`` raise only ``CloudError``."""

    def __init__(
        self,
        connect: Callable[[], _T],
        disconnect: Callable[[_T], None],
        is_open: Callable[[_T], bool] = lambda _connection: True,
    ) -> None:
        self._is_open = is_open
        self._connect = connect
        self._disconnect = disconnect
        self._idle: list[_T] = []
        self._lock = threading.Lock()

    @contextmanager
    def borrow(self) -> Iterator[_T]:
        """A connection for the body. After a transient error all idle ones go too: their server may be gone."""
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = self._connect()
        keep = False
        try:
            yield connection
            keep = True
        except _CONNECTION_IS_SOUND:
            keep = True
            raise
        except CloudTransient:
            self.close()
            raise
        finally:
            if keep and self._is_open(connection):
                with self._lock:
                    self._idle.append(connection)
            else:
                self._disconnect(connection)

    def close(self) -> None:
        """Close what is idle."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            self._disconnect(connection)
