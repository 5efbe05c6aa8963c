"""Tagged hashes: one domain a purpose, one framing of parts."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheme.hashing import Tag, commit, tagged_hash

PARTS = st.lists(st.binary(max_size=40), max_size=4)
TAGS = st.sampled_from(Tag)


@given(TAGS, PARTS)
def test_the_construction_is_bip_340s_over_framed_parts(tag: Tag, parts: list[bytes]) -> None:
    prefix = hashlib.sha256(b"chartseal/1/" + tag.value.encode()).digest()
    message = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    assert tagged_hash(tag, *parts) == hashlib.sha256(prefix + prefix + message).digest()


@given(TAGS, PARTS, PARTS)
def test_other_parts_give_another_hash(tag: Tag, one: list[bytes], two: list[bytes]) -> None:
    assert (tagged_hash(tag, *one) == tagged_hash(tag, *two)) == (one == two)


def test_parts_are_not_joined() -> None:
    cuts = [(b"abcd",), (b"ab", b"cd"), (b"abc", b"d"), (b"", b"abcd"), (b"abcd", b""), (b"a", b"b", b"c", b"d")]
    assert len({tagged_hash(Tag.MEMBER, *parts) for parts in cuts}) == len(cuts)


@given(PARTS)
def test_every_tag_is_a_domain(parts: list[bytes]) -> None:
    assert len({tagged_hash(tag, *parts) for tag in Tag}) == len(Tag)


def test_tags_are_part_of_the_format() -> None:
    assert {tag.value for tag in Tag} == {
        *("capsule", "chain-genesis", "chain-id", "commitment", "key-id", "scope-id", "block-header", "manifest"),
        *("member", "key-card", "member-keys", "key-fragment", "transaction", "ledger-genesis", "ledger-entry"),
        *("umbral-generator", "umbral-capsule", "umbral-shared", "umbral-share-index", "umbral-proof", "umbral-kem"),
        *("ledger-state", "recovery-share", "letter", "keyfile"),
        *("ledger-header", "ledger-vote", "delegate-set", "delegate-key", "epoch-seed", "epoch-order"),
        *("seed-commitment", "seed-secret", "external-head", "index-tag"),
        *("symptom", "tag-keys", "blinded-batch", "equality-mask", "station-to-station"),
        *("match-offer", "match-acceptance", "match-decline", "binding-rule", "relay-handle"),
        *("shared-secrets", "session-binding", "session-message", "session-report"),
        *("index-request", "index-use", "match-order"),
        *("issuer-request", "pseudonym-request", "match-query"),
        *("proxy-ask", "proxy-fragment", "proxy-answer", "proxy-fault", "endpoint"),
    }


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=100))
def test_a_commitment_is_the_tagged_hash_of_salt_and_body(salt: bytes, body: bytes) -> None:
    assert commit(salt, body) == tagged_hash(Tag.COMMITMENT, salt, body)


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_salt_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="32"):
        commit(bytes(size), b"body")
