"""A key card is the patient's, the one on the ledger, and whole; any other is refused before anybody seals to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from scheme import canonical, keycard
from scheme.errors import EncodingInvalid, SignatureInvalid, UnknownSuite
from scheme.hashing import Tag, commit
from scheme.keycard import KeyCard, KeyCardInvalid, ScopeAbsent, VerifiedKeyCard
from scheme.keys import SigningKey, VerifyingKey
from scheme.scopes import Category, scope_id, year_spans
from scheme.wrap import WrappingKey
from tests.scheme.scene import (
    MASTER,
    PATIENT,
    PATIENT_ID,
    SCOPE,
    SCOPE_ID,
    STRANGER,
    refuses,
    resigned,
    single_field_changes,
    wrapping,
)

YEAR = 2024


def issued(version: int = 1, signer: SigningKey = PATIENT, **changes: Any) -> KeyCard:
    fields: dict[str, Any] = {"patient_id": PATIENT_ID, "version": version, "year": YEAR, "revisions": {}}
    fields |= {"previous_digest": None} | changes
    return keycard.issue(MASTER, signer, wrapping().public_key, **fields)


@pytest.fixture(scope="module")
def card() -> KeyCard:
    return issued()


def small(card: KeyCard) -> bytes:
    """The card with two scopes, for tests that change every field."""
    return changed(card, lambda value: value.update(scopes=value["scopes"][:2]))


def changed(card: KeyCard, change: Callable[[dict[str, Any]], object], signer: SigningKey = PATIENT) -> bytes:
    return resigned(card.data, signer, Tag.KEY_CARD, change)


def verified(
    data: bytes,
    *,
    digest: str | None = None,
    version: int = 1,
    patient: str = PATIENT_ID,
    key: VerifyingKey = PATIENT.verifying_key,
) -> VerifiedKeyCard:
    card = KeyCard.from_bytes(data)
    return card.verify(key, patient_id=patient, ledger_digest=digest or card.commitment, ledger_version=version)


def test_a_card_gives_the_scopes_that_the_master_secret_makes(card: KeyCard) -> None:
    found = verified(card.data)
    assert len(found.scopes) == len(Category) * len(year_spans(YEAR))
    line = found.scope_for(SCOPE.category, 2024)
    assert (line.id, line.scope, line.public_key) == (SCOPE_ID, SCOPE, MASTER.scope_key(SCOPE).public_key)
    assert found.by_id[SCOPE_ID] == line
    assert bytes(found.wrapping_key) == bytes(wrapping().public_key)
    assert (found.patient_id, found.version, found.commitment) == (PATIENT_ID, 1, card.commitment)
    assert [line.id for line in found.scopes] == sorted(line.id for line in found.scopes)


def test_every_year_leads_to_a_scope(card: KeyCard) -> None:
    found = verified(card.data)
    assert found.year_range == (1900, 2028)
    for year in (1000, 1899, 1900, 1905, 1999, 2020, 2028, 2029, 9999):
        scope = found.scope_for(Category.IMAGING, year).scope
        assert scope.years.first <= min(max(year, 1900), 2028) <= scope.years.last


def test_a_category_that_is_not_on_the_card_has_no_scope(card: KeyCard) -> None:
    data = changed(
        card,
        lambda value: value.update(scopes=[line for line in value["scopes"] if line["category"] != "billing"]),
    )
    with pytest.raises(ScopeAbsent):
        verified(data).scope_for(Category.BILLING, 2024)


def test_the_commitment_is_salted_and_over_the_whole_card(card: KeyCard) -> None:
    salt = bytes.fromhex(json.loads(card.data)["salt"])
    assert card.commitment == commit(salt, card.data).hex()
    assert issued().commitment != issued().commitment


def test_an_older_card_is_refused(card: KeyCard) -> None:
    newer = issued(2, previous_digest=card.commitment, revisions={Category.CLINICAL: 1})
    assert verified(newer.data, version=2).version == 2
    with pytest.raises(KeyCardInvalid):
        verified(card.data, digest=newer.commitment, version=2)
    with pytest.raises(KeyCardInvalid):
        verified(card.data, version=2)
    with pytest.raises(KeyCardInvalid):
        verified(newer.data, digest=card.commitment, version=1)


def test_a_new_revision_replaces_the_scopes_of_its_category(card: KeyCard) -> None:
    newer = verified(issued(2, revisions={Category.CLINICAL: 1}).data, version=2)
    old = verified(card.data)
    gone = {line.scope.category for line in old.scopes if line.id not in newer.by_id}
    assert gone == {Category.CLINICAL}
    assert newer.scope_for(Category.CLINICAL, 2024).id != SCOPE_ID
    assert newer.scope_for(Category.IMAGING, 2024) == old.scope_for(Category.IMAGING, 2024)


def test_another_patients_card_is_refused(card: KeyCard) -> None:
    with pytest.raises(KeyCardInvalid):
        verified(card.data, patient="ff" * 16)


def test_a_card_by_a_foreign_key_is_refused() -> None:
    foreign = issued(signer=STRANGER)
    with pytest.raises(SignatureInvalid):
        verified(foreign.data)
    with pytest.raises(SignatureInvalid):
        foreign.own_lines(PATIENT.verifying_key)


def test_a_signature_for_another_purpose_is_refused(card: KeyCard) -> None:
    data = resigned(card.data, PATIENT, Tag.MANIFEST, lambda _value: None)
    with pytest.raises(SignatureInvalid):
        verified(data)


def test_a_changed_scope_key_is_refused_even_when_signed(card: KeyCard) -> None:
    other = bytes(MASTER.one_off_key("00" * 16).public_key).hex()
    data = changed(card, lambda value: value["scopes"][0].update(key=other))
    with pytest.raises(KeyCardInvalid):
        verified(data)
    with pytest.raises(KeyCardInvalid):
        KeyCard.from_bytes(data).own_lines(PATIENT.verifying_key)


def test_a_changed_scope_key_is_refused_when_not_signed(card: KeyCard) -> None:
    value = json.loads(card.data)
    public = MASTER.one_off_key("00" * 16).public_key
    value["scopes"][0].update(key=bytes(public).hex(), id=scope_id(public))
    with pytest.raises(SignatureInvalid):
        verified(canonical.dumps(value))


@pytest.mark.parametrize(
    "change",
    [
        {"type": "chartseal/manifest"},
        {"version": True},
        {"version": "1"},
        {"version": None},
        {"salt": "00"},
        {"salt": None},
        {"wrapping": ""},
        {"wrapping": "AAAA"},
        {"scopes": []},
        {"scopes": None},
        {"scopes": {"a": 1}},
        {"scopes": ["x"]},
        {"scopes": [{}]},
        {"patient": None},
    ],
)
def test_a_card_with_a_wrong_field_is_refused_even_when_signed(card: KeyCard, change: dict[str, Any]) -> None:
    with pytest.raises((KeyCardInvalid, EncodingInvalid)):
        verified(changed(card, lambda value: value.update(change)), digest="00" * 32 if "salt" in change else None)


@pytest.mark.parametrize(
    "change",
    [
        {"first_year": "2024"},
        {"first_year": True},
        {"first_year": -1},
        {"first_year": 2030, "last_year": 2029},
        {"last_year": 2**50},
        {"revision": -1},
        {"revision": "0"},
        {"revision": None},
        {"category": "gossip"},
        {"category": None},
        {"key": "00" * 33},
        {"key": "02" + "FF" * 32},
        {"key": None},
        {"id": "00" * 16},
        {"id": None},
    ],
)
def test_a_scope_with_a_wrong_field_is_refused_even_when_signed(card: KeyCard, change: dict[str, Any]) -> None:
    data = changed(card, lambda value: value["scopes"][3].update(change))
    with pytest.raises((KeyCardInvalid, EncodingInvalid)):
        verified(data)
    with pytest.raises((KeyCardInvalid, EncodingInvalid)):
        KeyCard.from_bytes(data).own_lines(PATIENT.verifying_key)


@pytest.mark.parametrize("field", ["salt", "version", "patient", "scopes", "wrapping", "signature", "type"])
def test_a_card_without_a_field_is_refused(card: KeyCard, field: str) -> None:
    data = changed(card, lambda value: value.pop(field, None))
    if field == "signature":
        value = json.loads(data)
        del value[field]
        data = canonical.dumps(value)
    with pytest.raises((KeyCardInvalid, EncodingInvalid)):
        verified(data, digest="00" * 32 if field == "salt" else None)


def test_no_change_of_one_field_verifies(card: KeyCard) -> None:
    changes = single_field_changes(small(card))
    assert len(changes) > 35
    for what, data in changes:
        assert refuses(lambda data=data: verified(data, digest=KeyCard.from_bytes(data).commitment)), what


def test_a_wrapping_key_that_the_suite_does_not_have_is_refused(card: KeyCard) -> None:
    larger = WrappingKey(rsa.generate_private_key(65537, 3080)).public_key
    with pytest.raises(KeyCardInvalid):
        verified(changed(card, lambda value: value.update(wrapping=canonical.b64(bytes(larger)))))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data + b"\n",
        lambda data: data.replace(b'"patient":', b'"patient": '),
        lambda data: data[:-1],
        lambda data: b"",
        lambda data: b"[]",
        lambda data: data.replace(b'"version":1', b'"version":1.0'),
        lambda data: data.replace(b'"version":1', b'"version":1,"version":1'),
        lambda data: b" " * (keycard.MAX_CARD_BYTES + 1),
    ],
)
def test_a_card_that_is_not_canonical_is_refused(card: KeyCard, spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(EncodingInvalid):
        KeyCard.from_bytes(spoil(card.data))


@pytest.mark.parametrize("suite", ["chartseal-2", "", None, 1])
def test_a_card_of_an_unknown_suite_is_refused(card: KeyCard, suite: object) -> None:
    with pytest.raises(UnknownSuite):
        KeyCard.from_bytes(changed(card, lambda value: value.update(suite=suite)))


def test_own_lines_are_those_of_the_card(card: KeyCard) -> None:
    assert card.own_lines(PATIENT.verifying_key) == verified(card.data).scopes


def test_a_card_is_far_below_its_limit(card: KeyCard) -> None:
    assert len(issued(year=2100).data) < keycard.MAX_CARD_BYTES // 2
