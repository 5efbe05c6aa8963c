"""A symmetric group in which everybody sees logarithms: elements are their exponents. For what is counted and sent."""

from benchmarks.groups.group import Group, Kind
from benchmarks.groups.mcl import ORDER


class ExponentGroup(Group):
    """Type 1, of prime order; sizes as of SS512."""

    name = "exponents"
    security_bits = 0
    symmetric = True
    order = ORDER
    sizes = {Kind.G1: 65, Kind.G2: 65, Kind.GT: 128}  # noqa: RUF012 - as the interface has it

    def __init__(self):
        super().__init__(1, 1)

    def _power(self, kind, value, exponent):
        return value * exponent % ORDER

    def _product(self, one, other):
        return (one + other) % ORDER

    def _quotient(self, one, other):
        return (one - other) % ORDER

    def _pairing(self, one, other):
        return one * other % ORDER

    def _hash(self, kind, data):
        return 1 + int.from_bytes(data[-31:], "big")

    def _encode(self, kind, value):
        return value.to_bytes(self.sizes[kind], "big")

    def _decode(self, kind, data):
        return int.from_bytes(data, "big") or None
