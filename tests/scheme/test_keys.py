"""Signatures are Ed25519's, each for one purpose; checked with a second implementation."""

from __future__ import annotations

import hashlib

import pytest
from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa
from hypothesis import given
from hypothesis import strategies as st

from scheme import suite
from scheme.errors import EncodingInvalid, SignatureInvalid, UnknownSuite
from scheme.hashing import Tag
from scheme.keys import SigningKey, VerifyingKey

KEY = SigningKey.from_secret_bytes(bytes(range(32)))
TAGS = st.sampled_from(Tag)


@given(TAGS, st.binary(max_size=200))
def test_the_signature_is_over_the_framed_message(tag: Tag, message: bytes) -> None:
    signature = KEY.sign(tag, message)
    assert len(signature) == 64
    framed = b"chartseal/1/" + tag.value.encode() + b"\0" + message
    other = eddsa.new(ECC.construct(curve="ed25519", seed=KEY.to_secret_bytes()), "rfc8032")
    assert other.sign(framed) == signature
    KEY.verifying_key.verify(tag, message, signature)


@given(TAGS, TAGS, st.binary(max_size=20))
def test_a_signature_for_one_purpose_is_none_for_another(tag: Tag, other: Tag, message: bytes) -> None:
    if tag is not other:
        with pytest.raises(SignatureInvalid):
            KEY.verifying_key.verify(other, message, KEY.sign(tag, message))


def test_no_tag_begins_another_once_framed() -> None:
    framed = [f"chartseal/1/{tag}\0" for tag in Tag]
    assert not any(one != two and one.startswith(two) for one in framed for two in framed)


@pytest.mark.parametrize("position", [0, 31, 32, 63])
def test_a_changed_signature_message_or_key_is_refused(position: int) -> None:
    signature = bytearray(KEY.sign(Tag.LETTER, b"message"))
    signature[position] ^= 1
    with pytest.raises(SignatureInvalid):
        KEY.verifying_key.verify(Tag.LETTER, b"message", bytes(signature))
    signature[position] ^= 1
    with pytest.raises(SignatureInvalid):
        KEY.verifying_key.verify(Tag.LETTER, b"messagf", bytes(signature))
    with pytest.raises(SignatureInvalid):
        SigningKey.generate().verifying_key.verify(Tag.LETTER, b"message", bytes(signature))


@pytest.mark.parametrize("size", [0, 63, 65])
def test_a_signature_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(SignatureInvalid):
        KEY.verifying_key.verify(Tag.LETTER, b"message", bytes(size))


def test_a_signature_with_the_order_added_is_refused() -> None:
    """Ed25519 as RFC 8032 has it: S below the group's order, so nobody makes a second signature of one."""
    signature = KEY.sign(Tag.LETTER, b"message")
    order = 2**252 + 27742317777372353535851937790883648493
    second = signature[:32] + (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")
    with pytest.raises(SignatureInvalid):
        KEY.verifying_key.verify(Tag.LETTER, b"message", second)


def test_a_public_key_that_is_no_point_verifies_nothing() -> None:
    with pytest.raises(SignatureInvalid):
        VerifyingKey(b"\xff" * 32).verify(Tag.LETTER, b"message", KEY.sign(Tag.LETTER, b"message"))


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_keys_of_another_length_are_refused(size: int) -> None:
    with pytest.raises(EncodingInvalid):
        VerifyingKey(bytes(size))
    with pytest.raises(EncodingInvalid):
        SigningKey.from_secret_bytes(bytes(size))


def test_a_key_id_is_sixteen_bytes_of_the_tagged_hash() -> None:
    prefix = hashlib.sha256(b"chartseal/1/key-id").digest() * 2
    framed = (32).to_bytes(8, "big") + bytes(KEY.verifying_key)
    assert KEY.verifying_key.key_id == hashlib.sha256(prefix + framed).digest()[:16].hex()


def test_a_secret_key_is_read_back_and_does_not_show_itself() -> None:
    assert SigningKey.from_secret_bytes(KEY.to_secret_bytes()).verifying_key == KEY.verifying_key
    assert repr(KEY) == f"SigningKey({KEY.verifying_key.key_id})"
    assert KEY.to_secret_bytes().hex() not in repr(KEY)


def test_the_suite_is_known_by_its_name() -> None:
    assert suite.lookup("chartseal-1") is suite.SUITE_1
    for other in ("chartseal-2", "", None, 1, ["chartseal-1"], "x" * 1000, "\n"):
        with pytest.raises(UnknownSuite) as caught:
            suite.lookup(other)
        assert len(str(caught.value)) < 120
        assert "\n" not in str(caught.value)
