"""What a put does when the locator is already taken."""

from typing import BinaryIO

from cloud.errors import BlockExists
from cloud.store import Receipt, Store
from cloud.streams import digest_if_same, size_of


def block_exists(store: Store, locator: str) -> BlockExists:
    """The error for a locator that holds other bytes."""
    return BlockExists(
        f"block {locator} is already in {store.url} with other content, which is left as it is; "
        "run 'chartseal store check' on this store"
    )


def settle_existing(store: Store, locator: str, source: BinaryIO) -> Receipt:
    """A receipt if the store holds exactly ``source`` (it is read back to know), else raises ``BlockExists``."""
    size = size_of(source)
    if store.size(locator) == size:
        sha256 = digest_if_same(lambda sink: store.get(locator, sink), source, size)
        if sha256 is not None:
            return Receipt(locator, size, sha256)
    raise block_exists(store, locator)
