"""The group of ``scheme.umbral``: secp256k1 by ``coincurve``, through the calls that the project makes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence

from benchmarks.primitives.operation import Operation, Prepared
from scheme.umbral import group


def operations() -> Sequence[Operation]:
    """Multiplications, Diffie-Hellman, addition, encodings."""
    return [
        Operation("secp256k1 fixed base", _base),
        Operation("secp256k1 multiply", _multiplied),
        Operation("secp256k1 Diffie-Hellman, constant time", _exchanged),
        Operation("secp256k1 add", _added),
        Operation("secp256k1 encode", _encoded),
        Operation("secp256k1 decode", _decoded),
    ]


def _scalar() -> int:
    return group.random_scalar(os.urandom)


def _same(expected: group.Point) -> Callable[[group.Point], bool]:
    return lambda found: found.format() == expected.format()


def _base() -> Prepared:
    scalar = _scalar()
    return Prepared(lambda: group.base_multiply(scalar), _same(group.multiply(group.base_multiply(1), scalar)))


def _multiplied() -> Prepared:
    one, other = _scalar(), _scalar()
    point = group.base_multiply(one)
    return Prepared(lambda: group.multiply(point, other), _same(group.multiply(group.base_multiply(other), one)))


def _exchanged() -> Prepared:
    one, other = _scalar(), _scalar()
    point = group.base_multiply(other)
    expected = hashlib.sha256(group.multiply(point, one).format()).digest()
    return Prepared(lambda: group.diffie_hellman(one, point), lambda found: found == expected)


def _added() -> Prepared:
    one, other = _scalar(), _scalar()
    points = group.base_multiply(one), group.base_multiply(other)
    return Prepared(lambda: group.add(*points), _same(group.base_multiply((one + other) % group.ORDER)))


def _encoded() -> Prepared:
    point = group.base_multiply(_scalar())
    return Prepared(point.format, lambda data: group.decode_point(data, what="the point") == point)


def _decoded() -> Prepared:
    point = group.base_multiply(_scalar())
    data = point.format()
    return Prepared(lambda: group.decode_point(data, what="the point"), _same(point))
