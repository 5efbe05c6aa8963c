"""Compares what a store took and gave with what is known about the block."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from cloud.errors import HashMismatch, LocalFileFailed, TransferDamaged
from cloud.store import Receipt, Store
from cloud.streams import position_of, seek_to, size_of, tally
from cloud.wrapper import StoreWrapper
from scheme.errors import ChartSealError

Verify = Callable[[str, BinaryIO], None]
"""Reads the block of that locator from the file (at position 0) and raises a ``ChartSealError`` if it is not sound."""


@dataclass(frozen=True)
class Expected:
    """What is known of a block from elsewhere; ``sha256`` has 32 bytes."""

    size_bytes: int
    sha256: bytes


def nothing_known(_locator: str) -> Expected | None:
    """For callers that know no digest."""
    return None


class CheckedStore(StoreWrapper):
    """A store whose answers are checked.

    ``expected`` tells size and digest of a block where they are known; ``verify`` examines a fetched block, which then
    has to go into a readable and seekable sink. After an error the bytes in the sink are to be thrown away.
    """

    def __init__(
        self,
        inner: Store,
        expected: Callable[[str], Expected | None] = nothing_known,
        verify: Verify | None = None,
    ) -> None:
        super().__init__(inner)
        self._expected = expected
        self._verify = verify

    def put(self, locator: str, source: BinaryIO) -> Receipt:
        """See ``Store.put``. Raises ``TransferDamaged`` if the receipt is not for these bytes."""
        size = size_of(source)
        expected = self._expected(locator)
        receipt = self._inner.put(locator, source)
        wrong_digest = expected is not None and receipt.sha256 not in {None, expected.sha256}
        if receipt.locator != locator or receipt.size_bytes != size or wrong_digest:
            raise TransferDamaged(f"{self.url} confirmed other bytes than were sent for block {locator}; put it again")
        return receipt

    def get(self, locator: str, sink: BinaryIO) -> int:
        """See ``Store.get``. Raises ``HashMismatch``."""
        start = position_of(sink)
        expected = self._expected(locator)
        if expected is None:
            count = self._inner.get(locator, sink)
        else:
            digest = hashlib.sha256()
            count = self._inner.get(locator, tally(sink, digest.update))
            if count != expected.size_bytes or digest.digest() != expected.sha256:
                raise self._mismatch(locator)
        if self._verify is not None:
            self._examine(self._verify, locator, sink, start)
        return count

    def _examine(self, verify: Verify, locator: str, sink: BinaryIO, start: int) -> None:
        if start != 0:
            raise LocalFileFailed("a block that is verified on arrival goes into an empty file")
        end = position_of(sink)
        seek_to(sink, 0)
        try:
            verify(locator, sink)
        except ChartSealError as error:
            raise self._mismatch(locator) from error
        seek_to(sink, end)

    def _mismatch(self, locator: str) -> HashMismatch:
        return HashMismatch(
            f"{self.url} returned other bytes for block {locator} than were stored; run 'chartseal store repair'"
        )
