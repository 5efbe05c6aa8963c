"""The operations of a pairing group, by whatever library: e: G1 x G2 -> GT, written multiplicatively as papers do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from benchmarks.primitives.operation import Operation, Prepared

_DATA = b"benchmark"

Call = Callable[..., Any]


@dataclass(frozen=True)
class PairingGroup:
    """What a library calls the operations; by group, ``G1``, ``G2`` and ``GT``, where they differ.

    A group without a hash or a decoding here has none in the library. In a symmetric group only G1 is named.
    """

    generators: Mapping[str, Any]
    random_scalar: Call
    pair: Call
    power: Mapping[str, Call]
    product: Mapping[str, Call]
    hashed: Mapping[str, Call] = field(default_factory=dict)
    encode: Mapping[str, Call] = field(default_factory=dict)
    decode: Mapping[str, Call] = field(default_factory=dict)

    def element(self, kind: str) -> Any:
        """A random one."""
        if kind == "GT":
            return self.pair(self.element("G1"), self.generators[self.right])
        return self.power[kind](self.generators[kind], self.random_scalar())

    @property
    def right(self) -> str:
        """The group on the right of a pairing."""
        return "G2" if "G2" in self.generators else "G1"

    def paired(self, kind: str, element: Any, scalar: Any = None) -> Any:
        """``element`` paired with the generator of the other side, raised to ``scalar`` there."""
        other = self.right if kind == "G1" else "G1"
        across = self.generators[other] if scalar is None else self.power[other](self.generators[other], scalar)
        return self.pair(element, across) if kind == "G1" else self.pair(across, element)


def operations(curve: str, security_bits: int, group: PairingGroup) -> Sequence[Operation]:
    """Power, product, pairing, and as far as ``group`` has them hashes and encodings; ``curve`` stands in each name."""
    found = [Operation(f"{curve} pairing", partial(_paired, group), security_bits)]
    for name, kinds, prepare in (
        ("power in", group.power, _raised),
        ("product in", group.product, _multiplied),
        ("hash to", group.hashed, _hashed),
        ("encode", group.encode, _encoded),
        ("decode", group.decode, _decoded),
    ):
        found += (Operation(f"{curve} {name} {kind}", partial(prepare, group, kind), security_bits) for kind in kinds)
    return found


def _paired(group: PairingGroup) -> Prepared:
    one, other = group.random_scalar(), group.random_scalar()
    left, right = group.generators["G1"], group.generators[group.right]
    first, second = group.power["G1"](left, one), group.power[group.right](right, other)
    expected = group.pair(group.power["G1"](left, other), group.power[group.right](right, one))
    return Prepared(lambda: group.pair(first, second), lambda found: found == expected)


def _raised(group: PairingGroup, kind: str) -> Prepared:
    power, scalar = group.power[kind], group.random_scalar()
    if kind == "GT":
        element = group.element("G1")
        whole, expected = group.paired("G1", element), group.paired("G1", element, scalar)
        return Prepared(lambda: power(whole, scalar), lambda found: found == expected)
    element = group.element(kind)
    expected = group.paired(kind, element, scalar)
    return Prepared(lambda: power(element, scalar), lambda found: group.paired(kind, found) == expected)


def _multiplied(group: PairingGroup, kind: str) -> Prepared:
    product, in_gt = group.product[kind], group.product["GT"]
    if kind == "GT":
        one, other = group.element("G1"), group.element("G1")
        left, right = group.paired("G1", one), group.paired("G1", other)
        expected = group.paired("G1", group.product["G1"](one, other))
        return Prepared(lambda: product(left, right), lambda found: found == expected)
    one, other = group.element(kind), group.element(kind)
    expected = in_gt(group.paired(kind, one), group.paired(kind, other))
    return Prepared(lambda: product(one, other), lambda found: group.paired(kind, found) == expected)


def _hashed(group: PairingGroup, kind: str) -> Prepared:
    scalar, hashed = group.random_scalar(), group.hashed[kind]

    def holds(found: Any) -> bool:
        raised = group.power[kind](found, scalar)
        in_the_group = group.paired(kind, raised) == group.paired(kind, found, scalar)
        return bool(in_the_group and found == hashed(_DATA) and found != hashed(_DATA + _DATA))

    return Prepared(lambda: hashed(_DATA), holds)


def _encoded(group: PairingGroup, kind: str) -> Prepared:
    element = group.element(kind)
    return Prepared(lambda: group.encode[kind](element), lambda data: group.decode[kind](data) == element)


def _decoded(group: PairingGroup, kind: str) -> Prepared:
    element = group.element(kind)
    data = group.encode[kind](element)
    return Prepared(lambda: group.decode[kind](data), lambda found: found == element)
