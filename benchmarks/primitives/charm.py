"""The curves that papers measured on, by charm over PBC (``charm-crypto-framework``).

Security, by the discrete logarithm in GT: SS512 (type 1, a field of 1,024 bits) 80 bits and MNT224 (1,344 bits) about
90, between the 80 and 112 that NIST SP 800-57 gives to 1,024 and 2,048 bits; BN254 100 bits (R. Barbulescu and
S. Duquesne, "Updating key size estimations for pairings", Journal of Cryptology 32, 2019). charm checks nothing that it
decodes.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import Any

from benchmarks.primitives import pairing
from benchmarks.primitives.operation import Operation

CURVES = {"SS512": 80, "MNT224": 90, "BN254": 100}
"""Bits of security by curve."""


def operations() -> Sequence[Operation]:
    """See ``pairing.operations``, for each curve."""
    return [
        operation
        for curve, bits in CURVES.items()
        for operation in pairing.operations(f"{curve} ({bits}-bit)", bits, _group(curve))
    ]


def _group(curve: str) -> pairing.PairingGroup:
    pairinggroup: Any = import_module("charm.toolbox.pairinggroup")
    group = pairinggroup.PairingGroup(curve)
    symmetric = curve.startswith("SS")
    kinds = {"G1": pairinggroup.G1} if symmetric else {"G1": pairinggroup.G1, "G2": pairinggroup.G2}
    every = (*kinds, "GT")
    return pairing.PairingGroup(
        generators={kind: group.random(of) for kind, of in kinds.items()},
        random_scalar=lambda: group.random(pairinggroup.ZR),
        pair=pairinggroup.pair,
        power=dict.fromkeys(every, operator.pow),
        product=dict.fromkeys(every, operator.mul),
        hashed={kind: partial(_hash, group, of) for kind, of in kinds.items()},
        encode=dict.fromkeys(every, group.serialize),
        decode=dict.fromkeys(every, group.deserialize),
    )


def _hash(group: Any, kind: Any, data: bytes) -> Any:
    return group.hash(data.decode(), kind)
