"""Many blocks in one round trip: what a store may offer beside ``Store``, and how to see whether it does."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import BinaryIO, Protocol, runtime_checkable

from cloud.progress import Progress, ProgressStore
from cloud.store import Store
from cloud.streams import position_of

NewSink = Callable[[], BinaryIO]
"""Makes an empty, seekable file for one block."""


@runtime_checkable
class BulkStore(Store, Protocol):
    """A store that streams many blocks in a number of round trips that hardly grows with theirs."""

    def get_many(
        self, locators: Sequence[str], new_sink: NewSink
    ) -> Generator[tuple[str, BinaryIO | None], None, None]:
        """Each block in the order of ``locators``: all its bytes in a new sink, which stands behind them, or ``None``.

        ``None`` says that the block is not there. A sink belongs to the caller once it is given. Who stops half way
        closes the generator: then nothing is fetched any more. Raises ``CloudError``.
        """


class BulkProgressStore(ProgressStore):
    """As ``ProgressStore``, of a ``BulkStore``; of many blocks each is reported when all of it is here."""

    def __init__(self, inner: BulkStore, progress: Progress) -> None:
        super().__init__(inner, progress)
        self._bulk = inner

    def get_many(
        self, locators: Sequence[str], new_sink: NewSink
    ) -> Generator[tuple[str, BinaryIO | None], None, None]:
        """See ``BulkStore.get_many``."""
        with closing(self._bulk.get_many(locators, new_sink)) as arriving:
            for locator, sink in arriving:
                if sink is not None:
                    self._progress(position_of(sink))
                yield locator, sink


def with_progress(store: Store, progress: Progress) -> Store:
    """``store``, which reports every byte of each put and get to ``progress``."""
    return BulkProgressStore(store, progress) if isinstance(store, BulkStore) else ProgressStore(store, progress)
