"""BLS12-381 by arkworks (``py-arkworks-bls12381``): what crosses ``mcl``, a second implementation with its encodings.

A scheme run over both with the same random scalars has to give the same bytes. Two things are not crossed: mcl does
not hash to the curve as RFC 9380 says, so points may be taken from another group's hash (read here with all checks);
and arkworks does not read GT, so this group takes back only elements of GT that it wrote itself.
"""

from __future__ import annotations

import secrets
from typing import Any

from benchmarks.groups.errors import ElementInvalid, GroupUnavailable
from benchmarks.groups.group import Below, Group, Kind
from benchmarks.groups.mcl import ORDER, SECURITY_BITS, SIZES
from benchmarks.optional import BENCH_EXTRA

try:
    import py_arkworks_bls12381 as arkworks
except ImportError:  # an optional extra; the constructor says so
    arkworks = None  # type: ignore[assignment]

_ODD = 0x80
"""mcl's mark in the last byte: y is odd."""
_COMPRESSED = 0x80
"""arkworks' mark in the first byte (the format of Zcash)."""
_HASH_SUITES = {
    Kind.G1: b"BLS12381G1_XMD:SHA-256_SSWU_RO_",
    Kind.G2: b"BLS12381G2_XMD:SHA-256_SSWU_RO_",
}
"""RFC 9380, section 8.8; with the project's name before, a domain separation tag."""


class ArkworksGroup(Group):
    """BLS12-381, type 3; ``hashes`` lends its hash to the curve. Raises ``GroupUnavailable``."""

    name = "BLS12-381 (arkworks)"
    security_bits = SECURITY_BITS
    order = ORDER
    sizes = SIZES

    def __init__(self, *, below: Below = secrets.randbelow, hashes: Group | None = None) -> None:
        if arkworks is None:
            raise GroupUnavailable(f"this group needs the package py-arkworks-bls12381; {BENCH_EXTRA}")
        super().__init__(arkworks.G1Point(), arkworks.G2Point(), below=below)
        self._classes: dict[Kind, Any] = {Kind.G1: arkworks.G1Point, Kind.G2: arkworks.G2Point}
        self._hashes = hashes
        self._written: dict[bytes, Any] = {}

    def _power(self, kind: Kind, value: Any, exponent: int) -> Any:
        return _power_by_products(value, exponent) if kind is Kind.GT else value * arkworks.Scalar(exponent)

    def _product(self, one: Any, other: Any) -> Any:
        return one * other if isinstance(one, arkworks.GT) else one + other

    def _quotient(self, one: Any, other: Any) -> Any:
        return one * _power_by_products(other, ORDER - 1) if isinstance(one, arkworks.GT) else one - other

    def _pairing(self, one: Any, other: Any) -> Any:
        return arkworks.GT.pairing(one, other)

    def _hash(self, kind: Kind, data: bytes) -> Any:
        if self._hashes is not None:
            return self._decode(kind, self._hashes._encode(kind, self._hashes._hash(kind, data)))
        return self._classes[kind].hash_to_curve(data, b"chartseal-" + _HASH_SUITES[kind])

    def _encode(self, kind: Kind, value: Any) -> bytes:
        if kind is Kind.GT:
            encoded = bytes.fromhex(str(value))
            if value != arkworks.GT.one():
                self._written[encoded] = value
            return encoded
        size = SIZES[kind]
        x_and_y: bytes = value.to_xy_bytes_le()
        odd = _ODD if x_and_y[size] & 1 else 0
        return x_and_y[: size - 1] + bytes((x_and_y[size - 1] | odd,))

    def _decode(self, kind: Kind, data: bytes) -> Any | None:
        if kind is Kind.GT:
            return self._of_this_group(data)
        size, point = SIZES[kind], self._classes[kind]
        x = bytearray(data[::-1])
        odd, x[0] = x[0] & _ODD, x[0] & ~_ODD
        if x[0] & ~0x1F:
            return None
        x[0] |= _COMPRESSED
        value = point.from_compressed_bytes(bytes(x))
        if value == point.identity():
            return None
        return value if bool(value.to_xy_bytes_le()[size] & 1) == bool(odd) else -value

    def _of_this_group(self, data: bytes) -> Any:
        try:
            return self._written[data]
        except KeyError:
            raise ElementInvalid("arkworks reads no element of GT that it did not write; use mcl") from None


def _power_by_products(value: Any, exponent: int) -> Any:
    found = arkworks.GT.one()
    for bit in bin(exponent)[2:]:
        found = found * found
        if bit == "1":
            found = found * value
    return found
