"""BLS12-381 by mcl (``pymcl``), with the checks that mcl leaves out.

mcl reads a prefix of what it is given, takes the identity, and reads any 576 bytes below the field's size as GT; its
power in GT is right within the subgroup of the right order only, so that order is checked by products. Encodings are
mcl's own: little-endian compressed points (48 and 96 bytes), GT as twelve coordinates (576 bytes, not compressed).

Security: chosen for 128 bits; 117 to 120 since the tower number field sieve (NCC Group, "Estimating the Bit Security of
Pairing-Friendly Curves", 2022; after R. Barbulescu, S. Duquesne, "Updating key size estimations for pairings", Journal
of Cryptology 32, 2019). For research only: mcl is not constant-time, ``pymcl`` has one author and no wheel for 3.13.
"""

from __future__ import annotations

import secrets
from typing import Any

from benchmarks.groups.errors import GroupUnavailable
from benchmarks.groups.group import Below, Group, Kind
from benchmarks.optional import BENCH_EXTRA

try:
    import pymcl
except ImportError:  # an optional extra; the constructor says so
    pymcl = None  # type: ignore[assignment]

NAME = "BLS12-381 (mcl)"
SECURITY_BITS = 120
ORDER = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
SIZES = {Kind.G1: 48, Kind.G2: 96, Kind.GT: 576}
_PARAMETER = 0xD201000000010000
"""The curve's x, less its sign; the order is x**4 - x**2 + 1."""


class MclGroup(Group):
    """BLS12-381, type 3. Raises ``GroupUnavailable``."""

    name = NAME
    security_bits = SECURITY_BITS
    order = ORDER
    sizes = SIZES

    def __init__(self, *, below: Below = secrets.randbelow) -> None:
        if pymcl is None:
            raise GroupUnavailable(f"BLS12-381 needs the package pymcl (CPython before 3.13); {BENCH_EXTRA}")
        super().__init__(pymcl.g1, pymcl.g2, below=below)
        self._classes: dict[Kind, Any] = {Kind.G1: pymcl.G1, Kind.G2: pymcl.G2, Kind.GT: pymcl.GT}

    def _power(self, kind: Kind, value: Any, exponent: int) -> Any:
        scalar = pymcl.Fr(str(exponent))
        return value**scalar if kind is Kind.GT else value * scalar

    def _product(self, one: Any, other: Any) -> Any:
        return one * other if isinstance(one, pymcl.GT) else one + other

    def _quotient(self, one: Any, other: Any) -> Any:
        return one / other if isinstance(one, pymcl.GT) else one - other

    def _pairing(self, one: Any, other: Any) -> Any:
        return pymcl.pairing(one, other)

    def _hash(self, kind: Kind, data: bytes) -> Any:
        return self._classes[kind].hash(data)

    def _encode(self, kind: Kind, value: Any) -> bytes:  # noqa: ARG002 - a point knows where it lives
        encoded: bytes = value.serialize()
        return encoded

    def _decode(self, kind: Kind, data: bytes) -> Any | None:
        value = self._classes[kind].deserialize(data)
        if kind is Kind.GT:
            return value if _has_order(value) else None
        return None if value.is_zero() else value


def _has_order(value: Any) -> bool:
    """Whether the order of ``value`` is the group's: other than 1, and value**(x**4) times value is value**(x**2).

    By products alone, 272 of them: mcl's own power takes for granted what is asked here.
    """
    if value.is_zero() or value.is_one():
        return False
    square = _sparse_power(_sparse_power(value))
    return bool(_sparse_power(_sparse_power(square)) * value == square)


def _sparse_power(value: Any) -> Any:
    found = value
    for bit in bin(_PARAMETER)[3:]:
        found = found * found
        if bit == "1":
            found = found * value
    return found
