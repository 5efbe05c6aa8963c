"""A chapter's key is found by two ways that must agree, and a capsule holds in its own place only."""

from __future__ import annotations

import dataclasses
import hmac
import json

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from scheme import chapter, umbral, wrap
from scheme.chapter import BlockKey, Chapter, ChapterKey, ChapterKeyMismatch
from scheme.errors import NotForThisKey
from scheme.hashing import Tag, tagged_hash
from scheme.umbral import CapsuleInvalid
from tests.scheme.scene import CHAIN, HOSPITAL, MASTER, SCOPE_ID, SCOPE_SECRET, begin, begun, wrapping


def elsewhere(**place: str) -> Chapter:
    context, _ = begun()
    return dataclasses.replace(context, context=dataclasses.replace(context.context, **place))


def test_both_ways_lead_to_the_same_key() -> None:
    made, key = begin()
    assert chapter.open_by_wrap(made, wrapping()).agrees_with(key)
    assert chapter.open_by_scope_key(made, SCOPE_SECRET).agrees_with(key)
    assert chapter.open_both_ways(made, wrapping(), SCOPE_SECRET).agrees_with(key)


def test_every_chapter_has_a_key_of_its_own() -> None:
    (one, first), (two, second) = begin(), begin()
    assert one.context.chapter != two.context.chapter
    assert not first.agrees_with(second)
    assert first.block_key(bytes(32)).to_secret_bytes() != second.block_key(bytes(32)).to_secret_bytes()


@pytest.mark.parametrize("field", ["chain", "scope", "hospital", "chapter"])
def test_a_capsule_under_another_label_is_refused(field: str) -> None:
    copied = elsewhere(**{field: "00" * 16})
    with pytest.raises(CapsuleInvalid):
        chapter.open_by_scope_key(copied, SCOPE_SECRET)
    with pytest.raises((CapsuleInvalid, NotForThisKey)):
        chapter.open_both_ways(copied, wrapping(), SCOPE_SECRET)


@pytest.mark.parametrize("field", ["chain", "scope"])
def test_a_wrap_under_another_chain_or_scope_is_refused(field: str) -> None:
    with pytest.raises(NotForThisKey):
        chapter.open_by_wrap(elsewhere(**{field: "00" * 16}), wrapping())


def test_a_wrap_beside_another_capsule_is_refused() -> None:
    one, _ = begun()
    two, _ = begin()
    with pytest.raises(NotForThisKey):
        chapter.open_by_wrap(dataclasses.replace(one, wrap=two.wrap), wrapping())
    with pytest.raises(CapsuleInvalid):
        chapter.open_by_scope_key(dataclasses.replace(one, capsule=two.capsule), SCOPE_SECRET)


def test_a_capsule_and_a_wrap_with_different_keys_show_the_author_lied() -> None:
    """Both sound by themselves, which only the author can make: delegatees and patient would read different blocks."""
    honest, key = begin()
    label = tagged_hash(Tag.CAPSULE, bytes(honest.capsule), CHAIN.encode(), SCOPE_ID.encode())
    lying = dataclasses.replace(honest, wrap=wrap.wrap(wrapping().public_key, bytes(32), label))
    assert chapter.open_by_wrap(lying, wrapping()).to_secret_bytes() == bytes(32)
    assert chapter.open_by_scope_key(lying, SCOPE_SECRET).agrees_with(key)
    with pytest.raises(ChapterKeyMismatch):
        chapter.open_both_ways(lying, wrapping(), SCOPE_SECRET)


def test_another_scopes_key_gives_a_key_that_shows_as_a_mismatch() -> None:
    made, key = begun()
    other = MASTER.one_off_key("00" * 16)
    assert not chapter.open_by_scope_key(made, other).agrees_with(key)
    with pytest.raises(ChapterKeyMismatch):
        chapter.open_both_ways(made, wrapping(), other)


def test_another_rsa_key_does_not_open() -> None:
    made, _ = begun()
    with pytest.raises(NotForThisKey):
        chapter.open_by_wrap(made, wrap.WrappingKey.generate())


def test_the_label_is_canonical_json_of_suite_and_place() -> None:
    made, _ = begun()
    value = json.loads(made.context.label)
    assert value == {
        "suite": "chartseal-1",
        "chain": CHAIN,
        "scope": SCOPE_ID,
        "hospital": HOSPITAL.verifying_key.key_id,
        "chapter": made.context.chapter,
    }
    assert json.dumps(value, sort_keys=True, separators=(",", ":")).encode() == made.context.label


def test_keys_are_derived_as_the_document_says() -> None:
    made, _ = begun()
    kem_key = umbral.decapsulate(SCOPE_SECRET, made.capsule, made.context.label)
    info = b"chartseal/1/chapter-key" + tagged_hash(Tag.CAPSULE, made.context.label, bytes(made.capsule))
    prk = hmac.digest(bytes(32), kem_key, "sha256")
    key = ChapterKey.from_kem(kem_key, made.context, made.capsule)
    assert key.to_secret_bytes() == hmac.digest(prk, info + b"\x01", "sha256")
    assert HKDF(SHA256(), 32, None, info).derive(kem_key) == key.to_secret_bytes()
    nonce = b"n" * 32
    block_key = key.block_key(nonce)
    message = b"chartseal/1/block\0" + nonce + b"\x01"
    assert block_key.to_secret_bytes() == hmac.digest(key.to_secret_bytes(), message, "sha256")
    message = b"chartseal/1/member\0" + (5).to_bytes(8, "big") + b"\x01"
    assert block_key.member_key(5) == hmac.digest(block_key.to_secret_bytes(), message, "sha256")


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_nonces_and_member_numbers_give_keys_of_their_own(secret: bytes, nonce: bytes) -> None:
    key = ChapterKey(secret)
    block_key = key.block_key(nonce)
    other = key.block_key(nonce[:-1] + bytes((nonce[-1] ^ 1,)))
    found = {block_key.member_key(index) for index in (0, 1, 2, 4095)} | {other.member_key(0), secret}
    assert len(found | {block_key.to_secret_bytes(), other.to_secret_bytes()}) == 8


def test_secrets_do_not_show_themselves() -> None:
    for secret in (ChapterKey(b"k" * 32), BlockKey(b"k" * 32)):
        assert "kkkk" not in repr(secret)
        assert (b"k" * 32).hex() not in repr(secret)
