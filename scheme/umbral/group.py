"""The group of Umbral: secp256k1 (SEC 2, section 2.4.1) through libsecp256k1, with strict encodings.

A point is 33 bytes, compressed; 65-byte and hybrid encodings, which the library would take, are refused, and the
identity has no encoding. A scalar is 32 bytes, big-endian, from 1 to the order less 1.

What runs in constant time: ``base_multiply`` and ``diffie_hellman``. ``multiply`` does not: it is for public scalars
and for the shares of a proxy. Arithmetic on scalars is Python's and its time depends on them: an attacker who times
operations on the same machine is out of scope.
"""

import os
from collections.abc import Callable
from typing import TypeAlias

import coincurve
from coincurve.context import GLOBAL_CONTEXT

from scheme.errors import EncodingInvalid
from scheme.hashing import Tag, tagged_hash

POINT_SIZE = 33
SCALAR_SIZE = 32
WIDE_SCALAR_SIZE = 48
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

Point: TypeAlias = coincurve.PublicKey
Entropy: TypeAlias = Callable[[int], bytes]
"""Gives that many random bytes. Anything but the operating system's generator is for test vectors only."""

system_entropy: Entropy = os.urandom


class _Exponent(coincurve.PrivateKey):
    """A scalar for ``ecdh`` alone: the two public keys that the library's class would compute are not needed."""

    def __init__(self, secret: bytes) -> None:
        self.secret = secret
        self.context = GLOBAL_CONTEXT


def decode_point(data: bytes, *, what: str) -> Point:
    """The point of a 33-byte compressed encoding. Raises ``EncodingInvalid``, with ``what`` as the point's name."""
    if len(data) != POINT_SIZE:
        raise EncodingInvalid(f"{what} has {POINT_SIZE} bytes, compressed")
    try:
        return Point(data)
    except ValueError:
        raise EncodingInvalid(f"{what} is not a point of secp256k1 in compressed form") from None


def decode_scalar(data: bytes, *, what: str) -> int:
    """The scalar of 32 big-endian bytes, from 1 to the order less 1. Raises ``EncodingInvalid``."""
    value = int.from_bytes(data, "big")
    if len(data) != SCALAR_SIZE or not 0 < value < ORDER:
        raise EncodingInvalid(f"{what} is not {SCALAR_SIZE} bytes from 1 to the order of secp256k1 less 1")
    return value


def encode_scalar(scalar: int) -> bytes:
    """32 bytes, big-endian."""
    return scalar.to_bytes(SCALAR_SIZE, "big")


def scalar_from_wide(material: bytes) -> int:
    """48 uniform bytes to a scalar from 1 to the order less 1, with a bias below 2**-127."""
    if len(material) != WIDE_SCALAR_SIZE:
        raise EncodingInvalid(f"a scalar is derived from {WIDE_SCALAR_SIZE} bytes")
    return int.from_bytes(material, "big") % (ORDER - 1) + 1


def random_scalar(entropy: Entropy) -> int:
    """A random scalar from 1 to the order less 1."""
    return scalar_from_wide(entropy(WIDE_SCALAR_SIZE))


def hash_to_scalar(tag: Tag, *parts: bytes) -> int:
    """``parts`` hashed to a scalar from 1 to the order less 1, in the domain of ``tag``; the bias is below 2**-127."""
    return int.from_bytes(tagged_hash(tag, *parts), "big") % (ORDER - 1) + 1


def base_multiply(scalar: int) -> Point:
    """``scalar`` times the generator G, in constant time."""
    return Point.from_valid_secret(scalar.to_bytes(SCALAR_SIZE, "big"))


def multiply(point: Point, scalar: int) -> Point:
    """``scalar`` times ``point``. Not in constant time: for public scalars and a proxy's shares."""
    return point.multiply(scalar.to_bytes(SCALAR_SIZE, "big"))


def add(*points: Point) -> Point | None:
    """The sum; ``None`` for the identity, which honest inputs give with probability 2**-256."""
    try:
        return Point.combine_keys(list(points))
    except ValueError:
        return None


def negate(point: Point) -> Point:
    """The point with the other ``y``."""
    data = point.format()
    return Point(bytes((data[0] ^ 1,)) + data[1:])


def diffie_hellman(secret: int, point: Point) -> bytes:
    """SHA-256 of the compressed encoding of ``secret`` times ``point``: 32 bytes, in constant time."""
    return _Exponent(secret.to_bytes(SCALAR_SIZE, "big")).ecdh(point.format(compressed=False))


def _second_generator() -> Point:
    counter = 0
    while True:
        x = tagged_hash(Tag.UMBRAL_GENERATOR, counter.to_bytes(4, "big"))
        try:
            return Point(b"\x02" + x)
        except ValueError:
            counter += 1


U = _second_generator()
"""Second generator, whose discrete logarithm nobody knows: the first even point at x = hash of 0, 1, 2, ..."""
