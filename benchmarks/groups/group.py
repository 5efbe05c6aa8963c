"""The interface of a pairing group, written multiplicatively as papers do, with every operation counted.

``e: G1 x G2 -> GT`` of prime order; in a symmetric (type 1) group G1 is G2. An element knows its group, so that a
scheme reads like its paper: ``g1 ** r``, ``x * y``, ``x / y``. Exponents are Python integers and nothing runs in
constant time.
"""

from __future__ import annotations

import hashlib
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeAlias

from benchmarks.groups.errors import ElementInvalid, ElementsMixed
from benchmarks.groups.tally import Tally

Below: TypeAlias = Callable[[int], int]
"""Gives a random integer from 0 to below its argument. Anything but the system's generator is for tests only."""

_WIDE = 16
"""Bytes beyond the order's from which a scalar is hashed: the bias is below 2**-127."""


class Kind(StrEnum):
    """Where an element lives."""

    G1 = "G1"
    G2 = "G2"
    GT = "GT"


class Operation(StrEnum):
    """What is counted beside the operations on elements, which are named ``<verb> in <kind>``."""

    PAIRING = "pairing"
    RANDOM_SCALAR = "random scalar"
    INVERT_SCALAR = "inverse of a scalar"
    HASH_TO_SCALAR = "hash to a scalar"


class Element:
    """An element of a group; ``value`` is the library's."""

    __slots__ = ("group", "kind", "value")

    def __init__(self, group: Group, kind: Kind, value: Any) -> None:
        self.group = group
        self.kind = kind
        self.value = value

    def __pow__(self, exponent: int) -> Element:
        return self.group.power(self, exponent)

    def __mul__(self, other: Element) -> Element:
        return self.group.product(self, other)

    def __truediv__(self, other: Element) -> Element:
        return self.group.quotient(self, other)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Element) and self.group.equal(self, other)

    __hash__ = None  # type: ignore[assignment]

    def __bytes__(self) -> bytes:
        return self.group.encode(self)

    def __repr__(self) -> str:
        return f"Element({self.group.name}, {self.kind})"


class Group(ABC):
    """A pairing group of prime ``order``. Raises ``GroupUnavailable`` when its library is not installed."""

    name: str
    security_bits: int
    """As estimated today; the estimate's source stands with each backend."""
    symmetric: bool = False
    order: int
    sizes: Mapping[Kind, int]
    """Bytes of an encoded element."""

    def __init__(self, g1: Any, g2: Any, *, below: Below = secrets.randbelow) -> None:
        self.tally = Tally()
        self.g1 = Element(self, Kind.G1, g1)
        self.g2 = Element(self, Kind.G2, g2)
        self._below = below

    @property
    def scalar_size(self) -> int:
        """Bytes of an encoded scalar."""
        return (self.order.bit_length() + 7) // 8

    def power(self, element: Element, exponent: int) -> Element:
        """``element`` to the ``exponent``."""
        kind = element.kind
        self.tally.add(f"power in {kind}")
        return Element(self, kind, self._power(kind, element.value, exponent % self.order))

    def product(self, one: Element, other: Element) -> Element:
        """Their product. Raises ``ElementsMixed``."""
        self._same(one, other)
        self.tally.add(f"product in {one.kind}")
        return Element(self, one.kind, self._product(one.value, other.value))

    def quotient(self, one: Element, other: Element) -> Element:
        """``one`` times the inverse of ``other``. Raises ``ElementsMixed``."""
        self._same(one, other)
        self.tally.add(f"quotient in {one.kind}")
        return Element(self, one.kind, self._quotient(one.value, other.value))

    def equal(self, one: Element, other: Element) -> bool:
        """Whether they are the same. Raises ``ElementsMixed``."""
        self._same(one, other)
        self.tally.add(f"comparison in {one.kind}")
        return bool(one.value == other.value)

    def as_g2(self, element: Element) -> Element:
        """``element`` of G1 as one of G2, which it is where the group is symmetric. Raises ``ElementsMixed``."""
        if not self.symmetric or element.group is not self or element.kind is not Kind.G1:
            raise ElementsMixed("an element of G1 is one of G2 in a symmetric group only")
        return Element(self, Kind.G2, self._as_g2(element.value))

    def pairing(self, one: Element, other: Element) -> Element:
        """e(one, other), of G1 and G2. Raises ``ElementsMixed``."""
        if one.group is not self or other.group is not self or (one.kind, other.kind) != (Kind.G1, Kind.G2):
            raise ElementsMixed("a pairing takes an element of G1 and one of G2 of the same group")
        self.tally.add(Operation.PAIRING)
        return Element(self, Kind.GT, self._pairing(one.value, other.value))

    def hash_to(self, kind: Kind, domain: str, data: bytes) -> Element:
        """``data`` hashed to G1 or G2; nobody knows the element's discrete logarithm."""
        self.tally.add(f"hash in {kind}")
        return Element(self, kind, self._hash(kind, framed(domain, data)))

    def hash_to_scalar(self, domain: str, data: bytes) -> int:
        """``data`` hashed to a scalar from 1 to the order less 1 (SHAKE256)."""
        self.tally.add(Operation.HASH_TO_SCALAR)
        wide = hashlib.shake_256(framed(domain, data)).digest(self.scalar_size + _WIDE)
        return int.from_bytes(wide, "big") % (self.order - 1) + 1

    def random_scalar(self) -> int:
        """From 1 to the order less 1."""
        self.tally.add(Operation.RANDOM_SCALAR)
        return 1 + self._below(self.order - 1)

    def invert_scalar(self, scalar: int) -> int:
        """1 / ``scalar`` modulo the order."""
        self.tally.add(Operation.INVERT_SCALAR)
        return pow(scalar, -1, self.order)

    def encode(self, element: Element) -> bytes:
        """``sizes[kind]`` bytes, points compressed."""
        self.tally.add(f"encoding in {element.kind}")
        return self._encode(element.kind, element.value)

    def decode(self, kind: Kind, data: bytes, *, what: str) -> Element:
        """Inverse of ``encode``, for what comes from others: the length, the curve, the order, and not the identity.

        Raises ``ElementInvalid``, naming ``what``.
        """
        self.tally.add(f"decoding with checks in {kind}")
        if len(data) != self.sizes[kind]:
            raise ElementInvalid(f"{what} has {self.sizes[kind]} bytes; fetch it again")
        try:
            value = self._decode(kind, data)
        except ValueError:
            value = None
        if value is None:
            raise ElementInvalid(f"{what} is no element of {kind} other than the identity; fetch it again")
        return Element(self, kind, value)

    def _same(self, one: Element, other: Element) -> None:
        if one.group is not self or other.group is not self or one.kind is not other.kind:
            raise ElementsMixed("elements of different groups do not go together")

    @abstractmethod
    def _power(self, kind: Kind, value: Any, exponent: int) -> Any: ...

    @abstractmethod
    def _product(self, one: Any, other: Any) -> Any: ...

    @abstractmethod
    def _quotient(self, one: Any, other: Any) -> Any: ...

    @abstractmethod
    def _pairing(self, one: Any, other: Any) -> Any: ...

    def _as_g2(self, value: Any) -> Any:
        """Where a symmetric group's library keeps G1 and G2 apart, the same element there."""
        return value

    @abstractmethod
    def _hash(self, kind: Kind, data: bytes) -> Any: ...

    @abstractmethod
    def _encode(self, kind: Kind, value: Any) -> bytes: ...

    @abstractmethod
    def _decode(self, kind: Kind, data: bytes) -> Any | None:
        """``None`` or ``ValueError`` for what is no element of the right order, or the identity."""


def framed(domain: str, data: bytes) -> bytes:
    """``data`` in the domain of one purpose."""
    name = domain.encode()
    return bytes((len(name),)) + name + data
