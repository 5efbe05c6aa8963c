"""The manifest belongs to one block and one author; records lie inside of their members."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest

from scheme import canonical, manifest
from scheme.errors import EncodingInvalid, SignatureInvalid, UnknownSuite
from scheme.hashing import Tag
from scheme.header import SealedMember
from scheme.manifest import Manifest, ManifestInvalid, Payload, VerifiedManifest
from scheme.record import MAX_NAME_CHARS, Record
from tests.scheme.scene import (
    AUTHOR,
    AUTHOR_ID,
    HOSPITAL,
    SEALED_AT,
    begin,
    begun,
    refuses,
    resigned,
    single_field_changes,
)

NONCE = b"n" * 32
SEALED = (SealedMember("11" * 32, 200), SealedMember("22" * 32, 90))
CONTENTS = Manifest(
    author=AUTHOR_ID,
    sealed_at=SEALED_AT,
    amends=None,
    payloads=(Payload(100, 40, compressed=True, sealed=SEALED[0]), Payload(9, 9, compressed=False, sealed=SEALED[1])),
    records=(
        Record("urn:uuid:1", "application/fhir+json", 1, 0, 60, "Observation", "2024-05-06T07:08:09+02:00"),
        Record("scan — Überweisung.pdf", "application/pdf", 1, 60, 40),
        Record("", "text/plain", 2, 0, 9),
    ),
)


def verified(data: bytes, nonce: bytes = NONCE, members: tuple[SealedMember, ...] = SEALED) -> VerifiedManifest:
    return manifest.verify(data, AUTHOR.verifying_key, begun()[0], nonce, members)


def signed(contents: Manifest = CONTENTS) -> bytes:
    return contents.sign(AUTHOR, begun()[0], NONCE)


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    return resigned(signed(), AUTHOR, Tag.MANIFEST, change)


def test_a_manifest_is_read_as_it_was_written() -> None:
    assert verified(signed()).manifest == CONTENTS
    assert manifest.author_of(signed()) == AUTHOR_ID
    assert CONTENTS.records[0].is_resource
    assert not CONTENTS.records[1].is_resource


def test_amending_is_read_as_it_was_written() -> None:
    amending = dataclasses.replace(CONTENTS, amends="ab" * 32)
    assert verified(signed(amending)).manifest.amends == "ab" * 32


def test_no_change_of_one_field_verifies() -> None:
    changes = single_field_changes(signed())
    assert len(changes) > 60
    for what, data in changes:
        assert refuses(lambda data=data: verified(data)), what


def test_another_blocks_manifest_is_refused() -> None:
    other, _ = begin()
    for refuse in (
        lambda: verified(signed(), nonce=bytes(32)),
        lambda: verified(signed(), members=SEALED[::-1]),
        lambda: verified(signed(), members=SEALED[:1]),
        lambda: verified(signed(), members=(*SEALED, SEALED[0])),
        lambda: manifest.verify(signed(), AUTHOR.verifying_key, other, NONCE, SEALED),
    ):
        with pytest.raises(ManifestInvalid):
            refuse()


def test_another_signer_or_purpose_is_refused() -> None:
    with pytest.raises(SignatureInvalid):
        verified(CONTENTS.sign(HOSPITAL, begun()[0], NONCE))
    with pytest.raises(SignatureInvalid):
        verified(resigned(signed(), AUTHOR, Tag.BLOCK_HEADER, lambda _value: None))


@pytest.mark.parametrize(
    "place",
    [
        {"member": 0},
        {"member": 3},
        {"member": -1},
        {"offset": -1, "size": 1},
        {"offset": 41, "size": 60},
        {"offset": 100, "size": 1},
        {"offset": 0, "size": 101},
        {"offset": 5, "size": -1},
        {"offset": 2**53 - 1, "size": 1},
    ],
)
def test_a_record_outside_of_its_member_is_refused_even_when_signed(place: dict[str, int]) -> None:
    with pytest.raises(ManifestInvalid):
        verified(changed(lambda value: value["records"][0].update(place)))


@pytest.mark.parametrize("place", [{"size": 100}, {"size": 59}, {"offset": 1, "size": 59}, {"member": 2, "size": 9}])
def test_records_that_share_or_leave_out_bytes_are_refused_even_when_signed(place: dict[str, int]) -> None:
    with pytest.raises(ManifestInvalid):
        verified(changed(lambda value: value["records"][0].update(place)))


def test_a_record_may_be_empty() -> None:
    empty = Record("empty", "text/plain", 1, 100, 0)
    assert verified(signed(dataclasses.replace(CONTENTS, records=(*CONTENTS.records, empty))))
    with pytest.raises(ManifestInvalid):
        verified(signed(dataclasses.replace(CONTENTS, records=CONTENTS.records[:-1])))


@pytest.mark.parametrize(
    ("where", "change"),
    [
        ((), {"author": 5}),
        ((), {"author": None}),
        ((), {"sealed_at": 5}),
        ((), {"amends": {}}),
        ((), {"amends": "00"}),
        ((), {"amends": "AB" * 32}),
        ((), {"amends": 5}),
        ((), {"payloads": {}}),
        ((), {"payloads": None}),
        ((), {"payloads": "x"}),
        ((), {"records": {}}),
        ((), {"records": [1]}),
        ((), {"more": 1}),
        ((), {"type": "chartseal/block-header"}),
        (("payloads", 0), {"plain_size": -1}),
        (("payloads", 0), {"plain_size": True}),
        (("payloads", 0), {"packed_size": "40"}),
        (("payloads", 0), {"size": None}),
        (("payloads", 0), {"compressed": 1}),
        (("payloads", 0), {"sha256": "zz" * 32}),
        (("payloads", 0), {"more": 1}),
        (("records", 0), {"member": True}),
        (("records", 0), {"offset": "0"}),
        (("records", 0), {"size": None}),
        (("records", 0), {"name": None}),
        (("records", 0), {"name": "x" * (MAX_NAME_CHARS + 1)}),
        (("records", 0), {"media_type": 1}),
        (("records", 0), {"resource_type": 1}),
        (("records", 0), {"time": 2024}),
        (("records", 0), {"more": 1}),
    ],
)
def test_a_wrong_field_is_refused_even_when_signed(where: tuple[Any, ...], change: dict[str, Any]) -> None:
    def spoil(value: dict[str, Any]) -> None:
        for step in where:
            value = value[step]
        value.update(change)

    with pytest.raises((EncodingInvalid, ManifestInvalid)):
        verified(changed(spoil))


def test_a_missing_field_is_refused_even_when_signed() -> None:
    for name in json.loads(signed()).keys() - {"signature", "suite"}:
        with pytest.raises((EncodingInvalid, ManifestInvalid)):
            verified(changed(lambda value, name=name: value.pop(name)))


@pytest.mark.parametrize("suite", ["chartseal-2", None])
def test_an_unknown_suite_is_refused(suite: object) -> None:
    with pytest.raises(UnknownSuite):
        verified(changed(lambda value: value.update(suite=suite)))


@pytest.mark.parametrize("author", [None, "", "zz" * 16, "a1" * 15, 7])
def test_an_author_that_is_no_member_id_is_refused(author: object) -> None:
    with pytest.raises(EncodingInvalid):
        manifest.author_of(changed(lambda value: value.update(author=author)))


def test_what_is_not_canonical_or_too_large_is_refused() -> None:
    for data in (b"", b"[]", signed() + b" ", signed()[:-1], b" " * (manifest.MAX_MANIFEST_BYTES + 1)):
        with pytest.raises(EncodingInvalid):
            verified(data)


@pytest.mark.parametrize("field", ["name", "media_type", "resource_type", "time"])
def test_text_that_is_not_unicode_is_refused_before_it_is_sealed(field: str) -> None:
    """A file's name can hold bytes that are no text; Python has lone surrogates for them, JSON has nothing."""
    record = dataclasses.replace(CONTENTS.records[0], **{field: "scan-\udcff.pdf"})
    with pytest.raises(EncodingInvalid):
        signed(dataclasses.replace(CONTENTS, records=(record,)))


def test_a_name_at_its_limit_is_kept() -> None:
    assert len(dataclasses.replace(CONTENTS.records[0], name="é" * MAX_NAME_CHARS).name) == MAX_NAME_CHARS


def test_the_bytes_are_canonical() -> None:
    assert canonical.dumps(json.loads(signed())) == signed()
