"""Pairing groups: bilinear, strict with what comes from others, counted; two implementations give the same bytes."""

import sys

import pytest

from benchmarks.groups.charm import CharmGroup
from benchmarks.groups.costs import operations
from benchmarks.groups.errors import ElementInvalid, ElementsMixed, GroupUnavailable
from benchmarks.groups.group import Kind
from benchmarks.groups.mcl import MclGroup
from tests.benchmarks import groups
from tests.benchmarks.arkworks_group import ArkworksGroup
from tests.benchmarks.exponent_group import ExponentGroup

FIELD = 0x1A0111EA397FE69A4B1BA7B6434BACD764774B84F38512BF6730D2A0F6B0F6241EABFFFEB153FFFFB9FEFFFFFFFFAAAB
"""The prime under BLS12-381."""


@pytest.fixture(params=groups.ALL)
def group(request):
    return groups.ALL[request.param]()


def generator(group, kind):
    return {Kind.G1: group.g1, Kind.G2: group.g2, Kind.GT: group.pairing(group.g1, group.g2)}[kind]


def test_the_pairing_is_bilinear(group):
    a, b = group.random_scalar(), group.random_scalar()
    z = group.pairing(group.g1, group.g2)
    assert group.pairing(group.g1**a, group.g2**b) == z ** (a * b)
    assert z**a * z**b == z ** (a + b)
    assert z**a / z**b == z ** (a - b)
    assert z**a != z**b
    assert z**group.order == z / z


@pytest.mark.parametrize("kind", Kind)
def test_an_element_is_read_back(group, kind):
    for _ in range(4):
        element = generator(group, kind) ** group.random_scalar()
        assert len(bytes(element)) == group.sizes[kind]
        assert group.decode(kind, bytes(element), what="it") == element


@pytest.mark.parametrize("kind", Kind)
def test_what_is_no_element_is_refused(group, kind):
    data = bytes(generator(group, kind) ** group.random_scalar())
    for wrong in (b"", data[:-1], data + b"\x00", bytes(len(data)), b"\xff" * len(data)):
        with pytest.raises(ElementInvalid, match="it "):
            group.decode(kind, wrong, what="it")


@pytest.mark.parametrize("kind", Kind)
def test_nothing_is_read_as_the_identity(group, kind):
    """PBC writes the identity as it writes some other point, and reads it as that one; the rest refuse it."""
    identity = generator(group, kind) / generator(group, kind)
    if kind is Kind.GT or "charm" not in group.name:
        with pytest.raises(ElementInvalid, match="it "):
            group.decode(kind, bytes(identity), what="it")
    else:
        assert group.decode(kind, bytes(identity), what="it") != identity


@pytest.mark.parametrize("kind", Kind)
def test_a_changed_element_is_refused_or_another(group, kind):
    element = generator(group, kind) ** group.random_scalar()
    refused = 0
    for place in range(16):
        changed = bytearray(bytes(element))
        changed[place] ^= 1
        try:
            assert group.decode(kind, bytes(changed), what="it") != element
        except ElementInvalid:
            refused += 1
    assert refused == 16 if kind is Kind.GT else refused > 0


@pytest.mark.parametrize("kind", [Kind.G1, Kind.G2])
@pytest.mark.parametrize("reader", ["mcl", "arkworks"])
def test_a_point_of_another_order_is_refused(kind, reader):
    group = groups.ALL[reader]()
    point = _point_of_another_order(kind)
    assert not point.is_in_subgroup()
    encoded = groups.arkworks()._encode(kind, point)
    with pytest.raises(ElementInvalid):
        group.decode(kind, encoded, what="it")


def _point_of_another_order(kind):
    groups.arkworks()
    arkworks = sys.modules["py_arkworks_bls12381"]
    read = {Kind.G1: arkworks.G1Point, Kind.G2: arkworks.G2Point}[kind].from_compressed_bytes_unchecked
    size = {Kind.G1: 48, Kind.G2: 96}[kind]
    for x in range(1, 50):
        try:
            return read(b"\x80" + bytes(size - 2) + bytes((x,)))
        except ValueError:
            continue
    raise AssertionError("none of fifty points is on the curve")


def test_an_element_of_the_field_of_another_order_is_refused():
    """Also one of the cyclotomic subgroup, in which mcl's own power would be at home."""
    group = groups.mcl()
    coordinates = (bytes((number,)) * 47 + b"\x00" for number in range(1, 13))
    field_element = sys.modules["pymcl"].GT.deserialize(b"".join(coordinates))
    easy = (FIELD**6 - 1) * (FIELD**2 + 1)
    for value in (field_element, _power(field_element, easy)):
        with pytest.raises(ElementInvalid):
            group.decode(Kind.GT, value.serialize(), what="it")
    hard = (FIELD**4 - FIELD**2 + 1) // group.order
    of_the_order = _power(_power(field_element, easy), hard)
    assert group.decode(Kind.GT, of_the_order.serialize(), what="it").value == of_the_order


def _power(value, exponent):
    found = value
    for bit in bin(exponent)[3:]:
        found = found * found
        if bit == "1":
            found = found * value
    return found


def test_two_implementations_give_the_same_bytes():
    one, other = groups.mcl(seed=1), groups.arkworks(seed=1)
    for kind in Kind:
        for _ in range(8):
            a, b = one.random_scalar(), one.random_scalar()
            assert (a, b) == (other.random_scalar(), other.random_scalar())
            found = [generator(group, kind) ** a * generator(group, kind) ** b for group in (one, other)]
            assert bytes(found[0]) == bytes(found[1])
            quotient = [generator(group, kind) ** a / generator(group, kind) ** b for group in (one, other)]
            assert bytes(quotient[0]) == bytes(quotient[1])
            if kind is not Kind.GT:
                assert bytes(other.decode(kind, bytes(found[0]), what="it")) == bytes(found[0])


def test_hashed_points_have_the_order_and_depend_on_domain_and_data(group):
    kinds = [Kind.G1] if group.symmetric else [Kind.G1, Kind.G2]
    for kind in kinds:
        point = group.hash_to(kind, "one", b"data")
        assert point == group.hash_to(kind, "one", b"data")
        assert point != group.hash_to(kind, "other", b"data")
        assert point != group.hash_to(kind, "one", b"date")
        assert group.decode(kind, bytes(point), what="it") == point
    assert 0 < group.hash_to_scalar("one", b"data") < group.order
    assert group.hash_to_scalar("one", b"data") != group.hash_to_scalar("other", b"data")


def test_arkworks_reads_points_that_mcl_hashed():
    one = groups.mcl()
    other = groups.arkworks(hashes=one)
    for kind in (Kind.G1, Kind.G2):
        assert bytes(other.hash_to(kind, "one", b"data")) == bytes(one.hash_to(kind, "one", b"data"))


def test_arkworks_takes_back_only_what_it_wrote_in_gt():
    one, other = groups.mcl(seed=1), groups.arkworks(seed=2)
    with pytest.raises(ElementInvalid, match="did not write"):
        other.decode(Kind.GT, bytes(generator(one, Kind.GT) ** 5), what="it")


def test_a_scalar_is_inverted(group):
    scalar = group.random_scalar()
    assert scalar * group.invert_scalar(scalar) % group.order == 1


def test_elements_of_different_groups_do_not_mix():
    one, other = groups.mcl(), groups.mcl()
    for mixed in (
        lambda: one.g1 * one.g2,
        lambda: one.g1 / other.g1,
        lambda: one.g1 == one.g2,
        lambda: one.pairing(one.g2, one.g1),
        lambda: one.pairing(one.g1, other.g2),
        lambda: one.as_g2(one.g1),
        lambda: ExponentGroup().as_g2(one.g1),
    ):
        with pytest.raises(ElementsMixed):
            mixed()


def test_in_a_symmetric_group_an_element_of_g1_is_one_of_g2():
    group = CharmGroup() if "SS512" in groups.ALL else ExponentGroup()
    a = group.random_scalar()
    with group.tally.counting() as counts:
        same = group.as_g2(group.g1**a)
    assert dict(counts) == {"power in G1": 1}
    assert same == group.g2**a
    assert group.pairing(group.g1, same) == group.pairing(group.g1**a, group.g2)


def test_each_operation_counts_itself_once_and_nothing_else(group):
    calls = operations(group)
    assert len(calls) == 24
    for name, call in calls.items():
        with group.tally.counting() as counts:
            call()
        assert dict(counts) == {name: 1}


def test_counting_leaves_out_what_came_before(group):
    group.g1**3
    with group.tally.counting() as counts:
        group.pairing(group.g1**3, group.g2)
        group.g1**5
    assert dict(counts) == {"power in G1": 2, "pairing": 1}


def test_a_representation_shows_no_value():
    group = groups.mcl()
    assert repr(group.g1**7) == "Element(BLS12-381 (mcl), G1)"


def test_a_missing_library_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("benchmarks.groups.mcl.pymcl", None)
    monkeypatch.setattr("tests.benchmarks.arkworks_group.arkworks", None)
    monkeypatch.setitem(sys.modules, "charm.toolbox.pairinggroup", None)
    for make in (MclGroup, ArkworksGroup, CharmGroup):
        with pytest.raises(GroupUnavailable, match="install"):
            make()
