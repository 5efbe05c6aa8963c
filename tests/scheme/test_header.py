"""header.json has one form; no field can be changed, left out or added under its signature."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

import pytest

from scheme import canonical
from scheme.errors import EncodingInvalid, SchemeError, SignatureInvalid, UnknownSuite
from scheme.hashing import Tag
from scheme.header import MAX_HEADER_BYTES, MAX_MEMBERS, BlockHeader, HeaderInvalid, SealedMember, member_context
from tests.scheme.scene import CHAIN, HOSPITAL, STRANGER, begun, make, refuses, resigned, single_field_changes


@pytest.fixture(scope="module")
def header() -> BlockHeader:
    return make().verified.header


def signed_again(header: BlockHeader, **changes: Any) -> bytes:
    return resigned(bytes(header), HOSPITAL, Tag.BLOCK_HEADER, lambda value: value.update(changes))


def test_a_header_is_read_as_it_was_written(header: BlockHeader) -> None:
    again = BlockHeader.from_bytes(bytes(header))
    assert again == header
    verified = again.verify(HOSPITAL.verifying_key)
    assert verified.locator == hashlib.sha256(bytes(header)).hexdigest() == header.locator


def test_its_fields_are_these(header: BlockHeader) -> None:
    value = json.loads(bytes(header))
    names = "capsule chain chapter day hospital index members nonce previous scope signature suite type wrap"
    assert list(value) == names.split()
    assert value["type"] == "chartseal/block-header"
    assert [list(member) for member in value["members"]] == [["sha256", "size"]] * 2


def test_no_change_of_one_field_verifies(header: BlockHeader) -> None:
    changes = single_field_changes(bytes(header))
    assert len(changes) > 30
    for what, data in changes:
        assert refuses(lambda data=data: BlockHeader.from_bytes(data).verify(HOSPITAL.verifying_key)), what


@pytest.mark.parametrize(
    "change",
    [
        {"index": -1},
        {"index": True},
        {"index": "0"},
        {"index": None},
        {"day": "2024-5-06"},
        {"day": "2024-02-30"},
        {"day": "20240506"},
        {"day": "2024-05-06T07:08:09Z"},
        {"day": "٢٠٢٤-٠٥-٠٦"},
        {"day": ""},
        {"day": 20240506},
        {"day": None},
        {"type": "chartseal/manifest"},
        {"chain": "A1" * 16},
        {"chain": "a1" * 15},
        {"scope": "a1" * 17},
        {"hospital": ""},
        {"chapter": None},
        {"previous": "00" * 16},
        {"previous": None},
        {"nonce": "00" * 31},
        {"nonce": 7},
        {"capsule": "AA=="},
        {"capsule": None},
        {"wrap": ""},
        {"wrap": canonical.b64(bytes(383))},
        {"wrap": canonical.b64(bytes(512))},
        {"members": []},
        {"members": {}},
        {"members": None},
        {"members": "ab"},
        {"members": [[]]},
        {"members": [{"sha256": "00" * 32}]},
        {"members": [{"sha256": "00" * 31, "size": 1}]},
        {"members": [{"sha256": "00" * 32, "size": -1}]},
        {"members": [{"sha256": "00" * 32, "size": True}]},
        {"members": [{"sha256": "00" * 32, "size": "1"}]},
        {"members": [{"sha256": "00" * 32, "size": 1, "more": 1}]},
        {"members": [{"sha256": "00" * 32, "size": 1}] * (MAX_MEMBERS + 1)},
        {"more": 1},
    ],
)
def test_a_wrong_field_is_refused_even_when_signed(header: BlockHeader, change: dict[str, Any]) -> None:
    with pytest.raises(SchemeError) as caught:
        BlockHeader.from_bytes(signed_again(header, **change))
    assert caught.value.code in {"encoding-invalid", "capsule-invalid"}


def test_a_missing_field_is_refused_even_when_signed(header: BlockHeader) -> None:
    for name in json.loads(bytes(header)).keys() - {"signature", "suite"}:
        data = resigned(bytes(header), HOSPITAL, Tag.BLOCK_HEADER, lambda value, name=name: value.pop(name))
        with pytest.raises(EncodingInvalid):
            BlockHeader.from_bytes(data)


@pytest.mark.parametrize("signature", ["", "AA==", canonical.b64(bytes(63)), canonical.b64(bytes(65)), None, 1])
def test_a_signature_of_another_size_is_refused(header: BlockHeader, signature: object) -> None:
    value = json.loads(bytes(header)) | {"signature": signature}
    with pytest.raises(EncodingInvalid):
        BlockHeader.from_bytes(canonical.dumps(value))


@pytest.mark.parametrize("suite", ["chartseal-2", "chartseal-0", "CHARTSEAL-1", "", None, 1])
def test_an_unknown_suite_is_named_as_that(header: BlockHeader, suite: object) -> None:
    with pytest.raises(UnknownSuite):
        BlockHeader.from_bytes(signed_again(header, suite=suite))


def test_a_missing_suite_is_unknown(header: BlockHeader) -> None:
    data = resigned(bytes(header), HOSPITAL, Tag.BLOCK_HEADER, lambda value: value.pop("suite"))
    with pytest.raises(UnknownSuite):
        BlockHeader.from_bytes(data)


def test_other_forms_of_the_same_json_are_refused(header: BlockHeader) -> None:
    data = bytes(header)
    value = json.loads(data)
    forms = [
        json.dumps(value).encode(),
        json.dumps(value, indent=1).encode(),
        json.dumps(dict(reversed(value.items())), separators=(",", ":")).encode(),
        data + b"\n",
        b" " + data,
        b"\xef\xbb\xbf" + data,
        data.decode().encode("utf-16"),
        data.replace(b'"index":0', b'"index":0.0'),
        data.replace(b'"index":0', b'"index":-0'),
        data.replace(b'"index":0', b'"index":0,"index":0'),
        data.replace(b'"day"', b'"d\\u0061y"'),
        data.replace(b"chartseal/block-header", b"chartseal\\/block-header"),
    ]
    for form in forms:
        assert form != data
        with pytest.raises(EncodingInvalid):
            BlockHeader.from_bytes(form)


def test_a_header_over_its_limit_is_refused() -> None:
    with pytest.raises(EncodingInvalid):
        BlockHeader.from_bytes(b" " * (MAX_HEADER_BYTES + 1))


def test_a_header_of_most_members_is_within_its_limit(header: BlockHeader) -> None:
    members = [SealedMember("ff" * 32, 2**53 - 1)] * MAX_MEMBERS
    largest = dataclasses.replace(header, members=members, index=2**53 - 1).sign(HOSPITAL)
    assert len(bytes(largest)) <= MAX_HEADER_BYTES
    assert len(BlockHeader.from_bytes(bytes(largest)).members) == MAX_MEMBERS


def test_another_hospital_neither_signs_nor_verifies(header: BlockHeader) -> None:
    with pytest.raises(HeaderInvalid):
        header.sign(STRANGER)
    with pytest.raises(HeaderInvalid):
        header.verify(STRANGER.verifying_key)
    forged = dataclasses.replace(header, signature=STRANGER.sign(Tag.BLOCK_HEADER, b""))
    with pytest.raises(SignatureInvalid):
        forged.verify(HOSPITAL.verifying_key)


def test_a_signature_for_another_purpose_does_not_verify(header: BlockHeader) -> None:
    with pytest.raises(SignatureInvalid):
        BlockHeader.from_bytes(resigned(bytes(header), HOSPITAL, Tag.MANIFEST, lambda _value: None)).verify(
            HOSPITAL.verifying_key
        )


def test_a_members_context_names_its_block_and_place(header: BlockHeader) -> None:
    contexts = {member_context(header, index) for index in range(5)}
    for changed in (
        dataclasses.replace(header, nonce=bytes(32)),
        dataclasses.replace(header, members=[*header.members, header.members[0]]),
        dataclasses.replace(
            header,
            chapter=dataclasses.replace(
                header.chapter, context=dataclasses.replace(header.chapter.context, chain="00" * 16)
            ),
        ),
        dataclasses.replace(
            header,
            chapter=dataclasses.replace(
                header.chapter, context=dataclasses.replace(header.chapter.context, hospital="00" * 16)
            ),
        ),
    ):
        contexts |= {member_context(changed, index) for index in range(5)}
    assert len(contexts) == 25
    assert {len(context) for context in contexts} == {32}


def test_a_members_context_does_not_name_its_place_in_the_chain(header: BlockHeader) -> None:
    """So that ciphertext stays as it is when a writer lost the race for a place."""
    moved = dataclasses.replace(header, index=9, previous="11" * 32, day="1999-01-01")
    assert member_context(moved, 1) == member_context(header, 1)


def test_the_chain_and_chapter_are_those_of_the_capsules_label(header: BlockHeader) -> None:
    made, _ = begun()
    assert header.chapter.context == made.context
    assert header.chapter.context.chain == CHAIN
    assert header.chapter.capsule.verify(header.chapter.context.label)


def test_an_unsigned_header_is_another_form_than_a_signed_one(header: BlockHeader) -> None:
    draft = header.placed(header.index, header.previous)
    assert BlockHeader.from_unsigned(draft.unsigned) == draft
    assert draft.sign(HOSPITAL) == header
    with pytest.raises(EncodingInvalid):
        BlockHeader.from_bytes(draft.unsigned)
    with pytest.raises(EncodingInvalid):
        BlockHeader.from_unsigned(bytes(header))
    with pytest.raises(EncodingInvalid):
        BlockHeader.from_unsigned(draft.unsigned.replace(b'"day"', b'"dax"'))
