"""Tells a callback how many bytes of a transfer went, once each, also when an attempt is repeated."""

import threading
from collections.abc import Callable
from typing import BinaryIO

from cloud.store import Receipt, Store
from cloud.streams import size_of, tally, view
from cloud.wrapper import StoreWrapper

Progress = Callable[[int], None]
"""Called with the number of further bytes; from several threads at once when the store is used so."""


class ProgressStore(StoreWrapper):
    """A store that reports every byte of each put and get to ``progress``."""

    def __init__(self, inner: Store, progress: Progress) -> None:
        super().__init__(inner)
        self._progress = progress

    def put(self, locator: str, source: BinaryIO) -> Receipt:
        """See ``Store.put``."""
        size = size_of(source)
        farthest = 0

        def on_position(position: int) -> None:
            nonlocal farthest
            if position > farthest:
                self._progress(position - farthest)
                farthest = position

        receipt = self._inner.put(locator, view(source, threading.Lock(), on_position))
        on_position(size)
        return receipt

    def get(self, locator: str, sink: BinaryIO) -> int:
        """See ``Store.get``."""
        return self._inner.get(locator, tally(sink, lambda data: self._progress(len(data))))
