"""The steps of RFC 9497 (VOPRF, ristretto255) by ``voprf``, through ``matching.oprf``: each with its proof."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import partial

from benchmarks.primitives.operation import Operation, Prepared
from matching.oprf import SEED_SIZE, Blinding, OprfKey

BATCHES = (1, 16, 256)
"""Inputs at once: one proof covers all of a batch."""


def operations() -> Sequence[Operation]:
    """Blind, evaluate with a proof, check it and finalize, by inputs at once."""
    return [
        Operation(f"OPRF {step}, {inputs} inputs" if inputs > 1 else f"OPRF {step}", partial(prepare, inputs))
        for step, prepare in (("blind", _blinded), ("evaluate", _evaluated), ("finalize", _finalized))
        for inputs in BATCHES
    ]


def _drawn(inputs: int) -> tuple[list[bytes], OprfKey]:
    key = OprfKey.from_seed(secrets.token_bytes(SEED_SIZE), b"benchmark")
    return [secrets.token_bytes(32) for _ in range(inputs)], key


def _blinded(inputs: int) -> Prepared:
    given, key = _drawn(inputs)

    def holds(found: Blinding) -> bool:
        return found.finalize(key.evaluate(found.elements), key.public_key) == [
            key.evaluate_known(each) for each in given
        ]

    return Prepared(lambda: Blinding(given), holds)


def _evaluated(inputs: int) -> Prepared:
    given, key = _drawn(inputs)
    blinding = Blinding(given)
    return Prepared(
        lambda: key.evaluate(blinding.elements),
        lambda found: blinding.finalize(found, key.public_key) == [key.evaluate_known(each) for each in given],
    )


def _finalized(inputs: int) -> Prepared:
    given, key = _drawn(inputs)
    blinding = Blinding(given)
    evaluation = key.evaluate(blinding.elements)
    return Prepared(
        lambda: blinding.finalize(evaluation, key.public_key),
        lambda found: found == [key.evaluate_known(each) for each in given],
    )
