"""Keys of tag issuers: one an issuer and epoch, none twice, by nobody else, the same in every copy of the ledger."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.bodies import PublishIssuerKey, Reinstate, Remove, Role, Suspend
from ledger.errors import FieldInvalid, LedgerError
from ledger.records import IssuerKeyRecord
from ledger.transactions import SignedTransaction
from scheme import canonical
from tests.ledger.electorate import require_strict
from tests.ledger.scene import Scene, digest, enrolled, enrolment, fold, ident

ISSUERS = ("ilse", "igor")


def key(name: str) -> bytes:
    return bytes.fromhex(digest(name))


def body(epoch: int = 7, name: str = "key", operator: str = "north") -> PublishIssuerKey:
    return PublishIssuerKey(epoch, ident(operator), key(name))


def issuing(scene: Scene) -> Scene:
    for name in ISSUERS:
        scene.do(enrolment(name, Role.ISSUER), "authority")
    return scene


@pytest.fixture
def issuers(scene: Scene) -> Scene:
    return issuing(scene)


def test_keys_of_an_epoch_are_found_in_order_of_issuer(issuers: Scene) -> None:
    entries = [
        issuers.do(body(7, "hers"), "ilse"),
        issuers.do(body(8, "hers next"), "ilse"),
        issuers.do(body(7, "his", operator="south"), "igor"),
    ]
    found = issuers.state.issuer_keys(7)
    assert found == tuple(
        sorted(
            (
                IssuerKeyRecord(ident("ilse"), ident("north"), 7, key("hers"), entries[0].position),
                IssuerKeyRecord(ident("igor"), ident("south"), 7, key("his"), entries[2].position),
            ),
            key=lambda record: record.issuer,
        )
    )
    assert [record.key for record in issuers.state.issuer_keys(8)] == [key("hers next")]
    assert issuers.state.issuer_keys(6) == issuers.state.issuer_keys(9) == ()


def test_an_issuer_has_one_key_an_epoch(issuers: Scene) -> None:
    issuers.do(body(), "ilse")
    for second in (body(name="another"), body(), body(operator="south")):
        assert issuers.refusal(second, "ilse") == "issuer-key-taken"
    assert [record.key for record in issuers.state.issuer_keys(7)] == [key("key")]


@pytest.mark.parametrize(("epoch", "by"), [(8, "ilse"), (6, "ilse"), (7, "igor"), (8, "igor")])
def test_a_key_is_never_in_two_epochs_nor_of_two_issuers(issuers: Scene, epoch: int, by: str) -> None:
    issuers.do(body(), "ilse")
    assert issuers.refusal(body(epoch), by) == "issuer-key-in-use"
    issuers.do(body(epoch, "fresh"), by)


@pytest.mark.parametrize("by", ["authority", "north", "dora", "paula", "proxy 1", "nora", "founder 1"])
def test_nobody_but_an_issuer_publishes(issuers: Scene, by: str) -> None:
    issuers.do(enrolment("nora", Role.NOTARY), "authority")
    assert issuers.refusal(body(), by) == "not-issuer"


def test_a_suspended_or_removed_issuer_publishes_nothing_and_what_it_published_stays(issuers: Scene) -> None:
    issuers.do(body(), "ilse")
    issuers.do(Suspend(ident("ilse"), digest("reason")), "authority")
    assert issuers.refusal(body(8, "next"), "ilse") == "signer-suspended"
    issuers.do(Reinstate(ident("ilse")), "authority")
    issuers.do(body(8, "next"), "ilse")
    issuers.do(Remove(ident("ilse")), "authority")
    assert issuers.refusal(body(9, "last"), "ilse") == "signer-removed"
    assert [record.issuer for record in issuers.state.issuer_keys(8)] == [ident("ilse")]
    for epoch in (7, 9):
        assert issuers.refusal(body(epoch), "igor") == "issuer-key-in-use"


def test_a_copy_of_the_ledger_has_the_same_keys(issuers: Scene) -> None:
    for epoch in (1, 256, 2**53 - 1):
        issuers.do(body(epoch, f"key {epoch}"), "ilse")
    copy = fold(issuers.state.genesis, issuers.entries)
    for epoch in (1, 256, 2**53 - 1):
        (record,) = copy.issuer_keys(epoch)
        assert record == issuers.state.issuer_keys(epoch)[0]
        assert (record.epoch, record.key) == (epoch, key(f"key {epoch}"))


def test_an_issuer_may_be_enrolled_for_the_hospital_that_runs_it(scene: Scene) -> None:
    scene.do(enrolment("ilse", Role.ISSUER, "north"), "authority")
    record = scene.state.member(ident("ilse"))
    assert record is not None
    assert (record.role, record.hospitals) == (Role.ISSUER, (ident("north"),))
    assert scene.refusal(enrolment("igor", Role.ISSUER, "north"), "north") == "not-authority"
    assert scene.refusal(enrolment("igor", Role.ISSUER, "dora"), "authority") == "wrong-role"
    scene.do(body(), "ilse")


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(ISSUERS), st.integers(0, 2), st.sampled_from(["a", "b", "c", "d"])), max_size=12
    )
)
def test_in_whatever_order_no_key_and_no_place_has_two(steps: list[tuple[str, int, str]]) -> None:
    scene = issuing(enrolled())
    places: dict[tuple[str, int], str] = {}
    for by, epoch, name in steps:
        expected = None
        if (by, epoch) in places:
            expected = "issuer-key-taken"
        elif name in places.values():
            expected = "issuer-key-in-use"
        if expected is None:
            scene.do(body(epoch, name), by)
            places[by, epoch] = name
        else:
            assert scene.refusal(body(epoch, name), by) == expected
    found = {
        (record.issuer, record.epoch): record.key for epoch in range(3) for record in scene.state.issuer_keys(epoch)
    }
    assert found == {(ident(by), epoch): key(name) for (by, epoch), name in places.items()}


# The body


def test_the_body_is_strict() -> None:
    require_strict(body())


@pytest.mark.parametrize("wrong", [-1, 2**53, 1.0, True, "7", None])
def test_an_epoch_is_a_whole_number_below_2_to_the_53(wrong: object) -> None:
    value = body().to_json()
    for sound in (0, 2**53 - 1):
        assert PublishIssuerKey.from_json(value | {"epoch": sound}).epoch == sound
    with pytest.raises(FieldInvalid):
        PublishIssuerKey.from_json(value | {"epoch": wrong})


@pytest.mark.parametrize("wrong", ["", "00" * 31, "00" * 33, "AB" * 32, 7, None])
def test_a_key_is_32_bytes_in_lower_case_hex(wrong: object) -> None:
    with pytest.raises(FieldInvalid):
        PublishIssuerKey.from_json(body().to_json() | {"key": wrong})


def test_what_is_signed_is_the_key_and_its_epoch(issuers: Scene) -> None:
    wire = json.loads(bytes(issuers.sign(body(), "ilse")))
    for other in (body(8), body(name="another"), body(operator="south")):
        changed = SignedTransaction.from_bytes(canonical.dumps(wire | {"body": other.to_json()}))
        with pytest.raises(LedgerError) as refused:
            issuers.state.check(changed, time=issuers.now)
        assert refused.value.code == "transaction-signature-invalid"
