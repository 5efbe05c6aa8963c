import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.bodies import AnchorBlocks, BlockAnchor, Enrol, Refuse, Release, Remove, Revoke, Role, Withdraw
from ledger.bodies.consent import Extension, OneOff
from ledger.errors import FieldInvalid, TransactionInvalid, TransactionSignatureInvalid, TransactionTooLarge
from ledger.registry import Body, registered
from ledger.transactions import MAX_TRANSACTION_BYTES, SignedTransaction, sign
from scheme import canonical
from scheme.hashing import Tag, tagged_hash
from scheme.keys import SigningKey
from tests.ledger.scene import START, Scene, digest, enrolment, ident, signing_key

KEY = signing_key("north")
IDS = st.binary(min_size=16, max_size=16).map(bytes.hex)
DIGESTS = st.binary(min_size=32, max_size=32).map(bytes.hex)


def bodies() -> list[Body]:
    scene = Scene()
    return [
        enrolment("north", Role.HOSPITAL),
        replace(enrolment("dora", Role.DOCTOR, "north"), certificate=bytes(4096)),
        Remove(ident("dora")),
        scene.card(7, ("laboratory",), ("imaging",)),
        scene.anchor(3),
        replace(scene.anchor(1), previous_head=digest("head"), first_index=9),
        Withdraw(ident("paula"), digest("block"), digest("reason")),
        scene.request(),
        scene.grant(request=ident("request"), until=START, write=True),
        scene.grant(scopes=(), one_off=OneOff(ident("one-off"), ident("chapter"))),
        Refuse(ident("request"), digest("reason")),
        Revoke(ident("grant"), None, ()),
        Revoke(ident("grant"), scene.card(3, ("a",), ("b",)), (Extension(ident("other"), (ident("a"),)),)),
        scene.release(ident("grant"), ident("chapter")),
    ]


def signed(body: Body, **changes: Any) -> SignedTransaction:
    given_ = {"signer_id": ident("north"), "key": KEY, "ledger": digest("ledger"), "time": START}
    return sign(body, **(given_ | changes))


@pytest.mark.parametrize("body", bodies(), ids=lambda body: body.type)
def test_every_body_survives_the_wire(body: Body) -> None:
    transaction = signed(body)
    read = SignedTransaction.from_bytes(bytes(transaction))
    assert read == transaction
    assert bytes(read) == bytes(transaction)
    read.verify(KEY.verifying_key)


@pytest.mark.parametrize("body", bodies(), ids=lambda body: body.type)
def test_every_body_refuses_a_field_too_many_and_a_field_too_few(body: Body) -> None:
    value = body.to_json()
    with pytest.raises(FieldInvalid):
        type(body).from_json(value | {"note": "x"})
    for name in value:
        with pytest.raises(FieldInvalid):
            type(body).from_json({key: each for key, each in value.items() if key != name})


def refused_blocks(block: dict[str, Any]) -> Iterator[object]:
    for name in ("locator", "scope", "chapter"):
        good = block[name]
        ends = [good[:-1], good + "0", good.upper(), *(good[:-2] + end for end in ("g0", "  ", "a\n", "\u0661a"))]
        yield from (block | {name: bad} for bad in (*ends, "", 7, None, [good]))
        yield {key: each for key, each in block.items() if key != name}
    yield from (block | {"size": bad} for bad in (-1, 2**53, True, 1.0, "1", None))
    yield from (block | {"note": "x"}, {**block, "note": "x", "size": None}, {}, [], "x", None)


def test_one_bad_block_among_good_ones_is_refused() -> None:
    value = Scene().anchor(3).to_json()
    first, second, third = value["blocks"]
    largest = AnchorBlocks.from_json(value | {"blocks": [first, second | {"size": 2**53 - 1}, third]})
    assert [block.size for block in largest.blocks] == [1000, 2**53 - 1, 1000]
    for bad in refused_blocks(second):
        with pytest.raises(FieldInvalid):
            AnchorBlocks.from_json(value | {"blocks": [first, bad, third]})


def test_wire_form_is_as_specified() -> None:
    transaction = signed(Remove(ident("dora")))
    value = json.loads(bytes(transaction))
    assert canonical.dumps(value) == bytes(transaction)
    signature = canonical.unb64(value.pop("signature"), what="signature", size=64)
    assert value == {
        "type": "remove",
        "version": 1,
        "ledger": digest("ledger"),
        "signer": ident("north"),
        "unique": transaction.unique,
        "time": START,
        "body": {"member": ident("dora")},
    }
    KEY.verifying_key.verify(Tag.TRANSACTION, canonical.dumps(value), signature)
    assert transaction.id == tagged_hash(Tag.TRANSACTION, canonical.dumps(value)).hex()


def test_two_signatures_of_one_body_are_two_transactions() -> None:
    assert signed(Remove(ident("dora"))).id != signed(Remove(ident("dora"))).id


def test_signature_by_another_key_is_told() -> None:
    with pytest.raises(TransactionSignatureInvalid):
        signed(Remove(ident("dora"))).verify(SigningKey.generate().verifying_key)


def change(**fields: Any) -> Callable[[bytes], bytes]:
    return lambda data: canonical.dumps(json.loads(data) | fields)


def test_changed_field_breaks_the_signature() -> None:
    data = bytes(signed(Remove(ident("dora"))))
    for changed in (change(time=START + 1), change(signer=ident("south")), change(body={"member": ident("saul")})):
        with pytest.raises(TransactionSignatureInvalid):
            SignedTransaction.from_bytes(changed(data)).verify(KEY.verifying_key)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda data: b" " + data, "transaction-not-canonical"),
        (lambda data: data[:-1], "transaction-not-canonical"),
        (lambda data: data + b"\n", "transaction-not-canonical"),
        (lambda data: b"[]", "transaction-not-canonical"),
        (lambda data: b"[" * 100_000, "transaction-not-canonical"),
        (lambda data: b"\xff\xfe", "transaction-not-canonical"),
        (lambda data: json.dumps(json.loads(data)).encode(), "transaction-not-canonical"),
        (lambda data: data.replace(b'"version":1', b'"version":1,"version":1'), "transaction-not-canonical"),
        (lambda data: data.replace(b'"version":1', b'"version":1.0'), "transaction-not-canonical"),
        (lambda data: data.replace(str(START).encode(), b"99999999999999999999"), "transaction-not-canonical"),
        (change(type="mine-block"), "unknown-type"),
        (change(type=7), "unknown-type"),
        (change(version=2), "unknown-version"),
        (change(version=True), "unknown-version"),
        (change(version="1"), "unknown-version"),
        (change(note="x"), "field-invalid"),
        (change(body=None), "field-invalid"),
        (change(body={"member": ident("dora").upper()}), "field-invalid"),
        (change(body={"member": ident("dora")[:-1]}), "field-invalid"),
        (change(signer="north"), "field-invalid"),
        (change(ledger=digest("x")[:32]), "field-invalid"),
        (change(unique=None), "field-invalid"),
        (change(time=-1), "field-invalid"),
        (change(time=True), "field-invalid"),
        (change(signature="AA=="), "field-invalid"),
        (change(signature="A" * 88), "field-invalid"),
        (change(signature=None), "field-invalid"),
        (lambda data: data + b" " * MAX_TRANSACTION_BYTES, "transaction-too-large"),
    ],
)
def test_bad_bytes_are_refused_each_with_its_code(spoil: Callable[[bytes], bytes], code: str) -> None:
    data = spoil(bytes(signed(Remove(ident("dora")))))
    with pytest.raises(TransactionInvalid) as caught:
        SignedTransaction.from_bytes(data)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "body",
    [
        replace(enrolment("dora", Role.DOCTOR, "north"), hospital=None),
        replace(enrolment("paula", Role.PATIENT, "north"), hospital=None),
        replace(enrolment("north", Role.HOSPITAL), hospital=ident("south")),
        replace(enrolment("north", Role.HOSPITAL), certificate=b""),
        replace(enrolment("north", Role.HOSPITAL), certificate=bytes(4097)),
        replace(Scene().anchor(1), blocks=()),
        replace(Scene().anchor(1), blocks=Scene().anchor(1).blocks * 4097),
        replace(Scene().anchor(1), first_index=-1),
        Scene().grant(scopes=()),
        Scene().grant(scopes=(ident("a"), ident("a"))),
        Scene().grant(threshold=4),
        Scene().grant(threshold=0),
        Scene().grant(proxies=()),
        Scene().grant(until=-1),
        Scene().grant(scopes=tuple(ident(str(number)) for number in range(8193))),
        Scene().card(0),
        Scene().release(ident("grant")),
        Scene().release(ident("grant"), ident("chapter"), ident("chapter")),
        Revoke(ident("grant"), None, (Extension(ident("other"), (ident("a"),)),) * 2),
        Revoke(ident("grant"), None, (Extension(ident("other"), ()),)),
        Withdraw(ident("paula"), "block", digest("reason")),
    ],
    ids=lambda body: body.type,
)
def test_body_over_its_limits_cannot_be_signed(body: Body) -> None:
    with pytest.raises(FieldInvalid):
        signed(body)


def test_envelope_out_of_form_cannot_be_signed() -> None:
    for changes in ({"signer_id": "north"}, {"ledger": ""}, {"time": -1}):
        with pytest.raises(FieldInvalid):
            signed(Remove(ident("dora")), **changes)


def test_largest_of_each_batch_fits() -> None:
    chapters = tuple(f"{number:032x}" for number in range(65_536))
    scopes = chapters[:8192]
    wide = Revoke(ident("grant"), None, tuple(Extension(chapter, scopes) for chapter in chapters[:20]))
    for body in (Release(ident("r"), ident("g"), ident("paula"), chapters), Scene().grant(scopes=scopes)):
        SignedTransaction.from_bytes(bytes(signed(body)))
    with pytest.raises(TransactionTooLarge):
        signed(wide)


@given(
    st.lists(st.builds(BlockAnchor, DIGESTS, IDS, IDS, st.integers(0, 2**53 - 1)), min_size=1, max_size=5),
    st.none() | DIGESTS,
    st.integers(0, 2**53 - 1),
    IDS,
)
def test_any_anchor_survives_the_wire(
    blocks: list[BlockAnchor], previous: str | None, first_index: int, chain: str
) -> None:
    names = ident("paula"), ident("north"), ident("dora")
    transaction = signed(AnchorBlocks(*names, chain, previous, first_index, tuple(blocks)))
    assert SignedTransaction.from_bytes(bytes(transaction)) == transaction


@given(st.integers(0), st.integers(0, 7))
def test_any_flipped_bit_is_refused_or_breaks_the_signature(place: int, bit: int) -> None:
    data = bytearray(bytes(signed(Remove(ident("dora")))))
    data[place % len(data)] ^= 1 << bit
    with pytest.raises(TransactionInvalid):
        SignedTransaction.from_bytes(bytes(data)).verify(KEY.verifying_key)


def test_type_and_version_are_registered_once() -> None:
    assert (Enrol.type, Enrol.version) == ("enrol", 2)
    with pytest.raises(ValueError, match="registered already"):
        registered("enrol", 2)(Remove)
    assert (Remove.type, Remove.version) == ("remove", 1)
