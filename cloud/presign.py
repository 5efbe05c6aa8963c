"""URLs by which their holder moves one block directly to or from a store, for a while; only some stores have them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

from cloud.errors import PresignUnsupported
from cloud.store import Store


class Direction(StrEnum):
    """What a URL is for, as an HTTP method."""

    GET = "GET"
    PUT = "PUT"


@dataclass(frozen=True)
class Presigned:
    """A URL that is as good as credentials until it ends, and the header fields that have to come with the request."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class Presigning(Protocol):
    """A store, or a wrapper of one, that may have such URLs."""

    def presigned(self, locator: str, direction: Direction, *, seconds: int) -> Presigned:
        """A URL for one block, valid for ``seconds``; a put by it overwrites nothing.

        Nothing is asked of the store: the block may not be there. Raises ``PresignUnsupported``.
        """


def presigned(store: Store, locator: str, direction: Direction, *, seconds: int) -> Presigned:
    """As ``Presigning.presigned``, of any store. Raises ``PresignUnsupported``."""
    if isinstance(store, Presigning):
        return store.presigned(locator, direction, seconds=seconds)
    raise PresignUnsupported(f"{store.url} gives no URLs of its own; send the block through the store's own client")
