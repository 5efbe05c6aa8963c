"""SS512, the symmetric (type 1) curve that papers measured on, by charm over PBC, where charm imports.

charm makes a point of any bytes, so the curve and the order are checked here; its encodings are base64 with a number
before, of which only the bytes are kept. PBC writes the identity as it writes some other point, and reads that one.
There is no package of PBC: build it, then ``charm-crypto-framework``. charm's MNT224 and BN254 are left out: in their
G2, bytes that are no point make PBC hang, or give what compares equal to a point, so nothing can be checked.

Security: 80 bits, by the discrete logarithm in GT, a field of 1,024 bits; no longer enough for anything.
"""

from __future__ import annotations

import base64
import importlib
import secrets
from typing import Any

from benchmarks.groups.errors import GroupUnavailable
from benchmarks.groups.group import Below, Group, Kind

NAME = "SS512 (charm)"
_CURVE = "SS512"
_SIZES = {Kind.G1: 65, Kind.G2: 65, Kind.GT: 128}
_NUMBERS = {Kind.G1: 1, Kind.G2: 2, Kind.GT: 3}
"""As charm writes them before an element."""


class CharmGroup(Group):
    """SS512, type 1: what is in G1 is in G2 too, though charm keeps them apart. Raises ``GroupUnavailable``."""

    name = NAME
    security_bits = 80
    symmetric = True
    sizes = _SIZES

    def __init__(self, *, below: Below = secrets.randbelow) -> None:
        try:
            self._charm = importlib.import_module("charm.toolbox.pairinggroup")
        except ImportError:
            raise GroupUnavailable(
                "not installed: build PBC (libpbc, on GMP) from its source, then pip install charm-crypto-framework"
            ) from None
        self._group = self._charm.PairingGroup(_CURVE)
        self._kinds = {Kind.G1: self._charm.G1, Kind.G2: self._charm.G2}
        self.order = int(self._group.order())
        g1 = self._hash(Kind.G1, b"generator")
        g2 = self._as_g2(g1)
        super().__init__(g1, g2, below=below)
        z = self._pairing(g1, g2)
        self._identities = {Kind.G1: g1 / g1, Kind.G2: g2 / g2, Kind.GT: z / z}

    def _power(self, kind: Kind, value: Any, exponent: int) -> Any:  # noqa: ARG002 - see ``_encode``
        return value ** self._group.init(self._charm.ZR, exponent)

    def _product(self, one: Any, other: Any) -> Any:
        return one * other

    def _quotient(self, one: Any, other: Any) -> Any:
        return one / other

    def _pairing(self, one: Any, other: Any) -> Any:
        return self._charm.pair(one, other)

    def _as_g2(self, value: Any) -> Any:
        return self._read(Kind.G2, self._encode(Kind.G1, value))

    def _hash(self, kind: Kind, data: bytes) -> Any:
        return self._group.hash(data.hex(), self._kinds[kind])

    def _encode(self, kind: Kind, value: Any) -> bytes:  # noqa: ARG002 - an element knows where it lives
        return base64.b64decode(self._group.serialize(value).partition(b":")[2])

    def _decode(self, kind: Kind, data: bytes) -> Any | None:
        value, identity = self._read(kind, data), self._identities[kind]
        # What is not on the curve is not written back alike.
        if self._encode(kind, value) != data or value == identity:
            return None
        # Not the power of the order less 1, which charm takes for an inversion.
        half = self._power(kind, value, self.order // 2)
        return value if half * half * value == identity else None

    def _read(self, kind: Kind, data: bytes) -> Any:
        return self._group.deserialize(b"%d:" % _NUMBERS[kind] + base64.b64encode(data))
