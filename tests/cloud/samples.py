"""Contents and their locators."""

import hashlib
import io
import random

LARGE_BYTES = 16 * 1024 * 1024 + 5
"""A little more than two multipart parts, and not a multiple of anything."""


def content(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def locator_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def fetched(store: object, locator: str) -> bytes:
    sink = io.BytesIO()
    count = store.get(locator, sink)  # type: ignore[attr-defined]
    assert count == len(sink.getvalue())
    return sink.getvalue()
