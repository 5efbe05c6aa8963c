"""What each operation of a group costs by itself: a call of it for every name that the group's tally gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from benchmarks.groups.group import Group, Kind, Operation


def operations(group: Group) -> Mapping[str, Callable[[], object]]:
    """Name of an operation to a call of it, on random operands."""
    scalar, data = group.random_scalar(), bytes(32)
    one, other = group.g1 ** group.random_scalar(), group.g2 ** group.random_scalar()
    calls: dict[str, Callable[[], object]] = {
        Operation.PAIRING: lambda: group.pairing(one, other),
        Operation.RANDOM_SCALAR: group.random_scalar,
        Operation.INVERT_SCALAR: lambda: group.invert_scalar(scalar),
        Operation.HASH_TO_SCALAR: lambda: group.hash_to_scalar("cost", data),
        f"hash in {Kind.G1}": lambda: group.hash_to(Kind.G1, "cost", data),
        f"hash in {Kind.G2}": lambda: group.hash_to(Kind.G2, "cost", data),
    }
    for kind in Kind:
        calls |= dict(_in(group, kind))
    return calls


def _in(group: Group, kind: Kind) -> Iterator[tuple[str, Callable[[], object]]]:
    generator = {Kind.G1: group.g1, Kind.G2: group.g2, Kind.GT: group.pairing(group.g1, group.g2)}[kind]
    one, other, scalar = generator ** group.random_scalar(), generator ** group.random_scalar(), group.random_scalar()
    data, same = bytes(one), group.decode(kind, bytes(one), what="an element")
    yield f"power in {kind}", lambda: one**scalar
    yield f"product in {kind}", lambda: one * other
    yield f"quotient in {kind}", lambda: one / other
    yield f"comparison in {kind}", lambda: one == same
    yield f"encoding in {kind}", lambda: bytes(one)
    yield f"decoding with checks in {kind}", lambda: group.decode(kind, data, what="an element")
