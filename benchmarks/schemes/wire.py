"""Messages of elements and fixed strings one after another, each of known size; a rekey may be a scalar."""

from __future__ import annotations

from typing import Any, TypeAlias

from benchmarks.groups.group import Element, Group, Kind
from benchmarks.schemes.errors import MessageInvalid

Part: TypeAlias = Kind | int
"""An element, or so many bytes."""


def write(group: Group, *values: Element | int | bytes) -> bytes:
    """``values`` one after another."""
    return b"".join(
        value.to_bytes(group.scalar_size, "big") if isinstance(value, int) else bytes(value) for value in values
    )


def read(group: Group, layout: tuple[Part, ...], data: bytes, *, what: str) -> tuple[Any, ...]:
    """Inverse of ``write`` for elements and bytes, with every check.

    Raises ``MessageInvalid`` on the length, ``ElementInvalid``.
    """
    sizes = [_size(group, part) for part in layout]
    if len(data) != sum(sizes):
        raise MessageInvalid(f"{what} has {sum(sizes)} bytes; fetch it again")
    found, start = [], 0
    for part, size in zip(layout, sizes, strict=True):
        found.append(_read_part(group, part, data[start : start + size], what))
        start += size
    return tuple(found)


def _size(group: Group, part: Part) -> int:
    return group.sizes[part] if isinstance(part, Kind) else part


def _read_part(group: Group, part: Part, data: bytes, what: str) -> Element | bytes:
    return group.decode(part, data, what=f"an element of {what}") if isinstance(part, Kind) else data
