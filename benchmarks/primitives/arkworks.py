"""BLS12-381 by ``py-arkworks-bls12381``: a second implementation. It neither raises elements of GT nor reads them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from operator import add, methodcaller, mul
from typing import Any

import py_arkworks_bls12381 as arkworks

from benchmarks.groups.mcl import ORDER, SECURITY_BITS
from benchmarks.primitives import pairing
from benchmarks.primitives.operation import Operation

_TAGS = {"G1": b"benchmark-BLS12381G1_XMD:SHA-256_SSWU_RO_", "G2": b"benchmark-BLS12381G2_XMD:SHA-256_SSWU_RO_"}
"""Domain separation by suite, RFC 9380, section 8.8."""


def _random_scalar() -> Any:
    return arkworks.Scalar(secrets.randbelow(ORDER - 1) + 1)


_POINTS: Mapping[str, Any] = {"G1": arkworks.G1Point, "G2": arkworks.G2Point}
_GROUP = pairing.PairingGroup(
    generators={"G1": arkworks.G1Point(), "G2": arkworks.G2Point()},
    random_scalar=_random_scalar,
    pair=arkworks.GT.pairing,
    power=dict.fromkeys(_POINTS, mul),
    product={"G1": add, "G2": add, "GT": mul},
    hashed={
        "G1": lambda data: arkworks.G1Point.hash_to_curve(data, _TAGS["G1"]),
        "G2": lambda data: arkworks.G2Point.hash_to_curve(data, _TAGS["G2"]),
    },
    encode=dict.fromkeys(_POINTS, methodcaller("to_compressed_bytes")),
    decode={kind: each.from_compressed_bytes for kind, each in _POINTS.items()},
)


def operations() -> Sequence[Operation]:
    """See ``pairing.operations``."""
    return pairing.operations("BLS12-381", SECURITY_BITS, _GROUP)
