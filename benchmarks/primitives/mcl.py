"""BLS12-381 by ``pymcl``: the library of the research schemes. It decodes G1 and G2 with checks, GT without."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from operator import methodcaller
from typing import Any

import pymcl

from benchmarks.groups.mcl import SECURITY_BITS
from benchmarks.primitives import pairing
from benchmarks.primitives.operation import Operation

_KINDS: Mapping[str, Any] = {"G1": pymcl.G1, "G2": pymcl.G2, "GT": pymcl.GT}
_GROUP = pairing.PairingGroup(
    generators={"G1": pymcl.g1, "G2": pymcl.g2},
    random_scalar=pymcl.Fr.random,
    pair=pymcl.pairing,
    power={"G1": operator.mul, "G2": operator.mul, "GT": operator.pow},
    product={"G1": operator.add, "G2": operator.add, "GT": operator.mul},
    hashed={"G1": pymcl.G1.hash, "G2": pymcl.G2.hash},
    encode=dict.fromkeys(_KINDS, methodcaller("serialize")),
    decode={kind: each.deserialize for kind, each in _KINDS.items()},
)


def operations() -> Sequence[Operation]:
    """See ``pairing.operations``."""
    return pairing.operations("BLS12-381", SECURITY_BITS, _GROUP)
