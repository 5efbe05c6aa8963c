"""Messages of elements, scalars and fixed strings one after another, each of known size."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from benchmarks.groups.errors import ElementInvalid
from benchmarks.groups.group import Element, Group, Kind
from benchmarks.schemes.errors import MessageInvalid

Part: TypeAlias = Kind | Literal["scalar"] | int
"""An element, a scalar from 1 to the order less 1, or so many bytes."""


def write(group: Group, *values: Element | int | bytes) -> bytes:
    """``values`` one after another."""
    return b"".join(
        value.to_bytes(group.scalar_size, "big") if isinstance(value, int) else bytes(value) for value in values
    )


def read(group: Group, layout: tuple[Part, ...], data: bytes, *, what: str) -> tuple[Any, ...]:
    """Inverse of ``write``, with every check. Raises ``MessageInvalid`` on the length, ``ElementInvalid``."""
    sizes = [_size(group, part) for part in layout]
    if len(data) != sum(sizes):
        raise MessageInvalid(f"{what} has {sum(sizes)} bytes; fetch it again")
    found, start = [], 0
    for part, size in zip(layout, sizes, strict=True):
        found.append(_read_part(group, part, data[start : start + size], what))
        start += size
    return tuple(found)


def _size(group: Group, part: Part) -> int:
    if isinstance(part, Kind):
        return group.sizes[part]
    return part if isinstance(part, int) else group.scalar_size


def _read_part(group: Group, part: Part, data: bytes, what: str) -> Element | int | bytes:
    if isinstance(part, Kind):
        return group.decode(part, data, what=f"an element of {what}")
    if isinstance(part, int):
        return data
    scalar = int.from_bytes(data, "big")
    if not 0 < scalar < group.order:
        raise ElementInvalid(f"a scalar of {what} is not from 1 to the order less 1; fetch it again")
    return scalar
