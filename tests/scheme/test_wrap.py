import os

import pytest
from Crypto.Cipher import PKCS1_OAEP
from Crypto.Hash import SHA256
from Crypto.PublicKey import RSA
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from scheme import wrap
from scheme.errors import EncodingInvalid, NotForThisKey

LABEL = b"l" * 32


@pytest.fixture(scope="module")
def owner() -> wrap.WrappingKey:
    return wrap.WrappingKey.generate()


def test_a_wrapped_key_comes_back(owner: wrap.WrappingKey) -> None:
    key = os.urandom(32)
    wrapped = wrap.wrap(owner.public_key, key, LABEL)
    assert len(wrapped) == wrap.WRAP_SIZE
    assert wrap.unwrap(owner, wrapped, LABEL) == key
    assert wrap.wrap(owner.public_key, key, LABEL) != wrapped


def test_another_key_label_or_byte_is_not_for_this_key(owner: wrap.WrappingKey) -> None:
    wrapped = wrap.wrap(owner.public_key, bytes(32), LABEL)
    changed = wrapped[:-1] + bytes((wrapped[-1] ^ 1,))
    with pytest.raises(NotForThisKey):
        wrap.unwrap(wrap.WrappingKey.generate(), wrapped, LABEL)
    with pytest.raises(NotForThisKey):
        wrap.unwrap(owner, wrapped, b"m" * 32)
    for damaged in (changed, wrapped[:-1], wrapped + b"\0", b""):
        with pytest.raises(NotForThisKey):
            wrap.unwrap(owner, damaged, LABEL)


def test_pycryptodome_agrees_both_ways(owner: wrap.WrappingKey) -> None:
    key = os.urandom(32)
    peer = PKCS1_OAEP.new(RSA.import_key(owner.to_secret_bytes()), hashAlgo=SHA256, label=LABEL)
    assert peer.decrypt(wrap.wrap(owner.public_key, key, LABEL)) == key
    assert wrap.unwrap(owner, peer.encrypt(key), LABEL) == key


def test_a_wrap_of_another_length_is_refused(owner: wrap.WrappingKey) -> None:
    peer = PKCS1_OAEP.new(RSA.import_key(owner.to_secret_bytes()), hashAlgo=SHA256, label=LABEL)
    with pytest.raises(NotForThisKey):
        wrap.unwrap(owner, peer.encrypt(bytes(31)), LABEL)
    for key in (b"", bytes(16), bytes(33)):
        with pytest.raises(EncodingInvalid):
            wrap.wrap(owner.public_key, key, LABEL)
    for label in (b"", bytes(31), bytes(33)):
        with pytest.raises(EncodingInvalid):
            wrap.wrap(owner.public_key, bytes(32), label)


def test_keys_serialise(owner: wrap.WrappingKey) -> None:
    again = wrap.WrappingKey.from_secret_bytes(owner.to_secret_bytes())
    assert again.public_key == owner.public_key
    assert wrap.WrappingPublicKey(bytes(owner.public_key)).key_id == owner.public_key.key_id
    assert repr(owner) == f"WrappingKey({owner.public_key.key_id})"


@pytest.mark.parametrize(("bits", "exponent"), [(2048, 65537), (3071, 65537), (3072, 3)])
def test_weak_keys_are_refused(bits: int, exponent: int) -> None:
    weak = rsa.generate_private_key(exponent, bits)
    with pytest.raises(EncodingInvalid):
        wrap.WrappingPublicKey(weak.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(EncodingInvalid):
        wrap.WrappingKey.from_secret_bytes(weak.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))


def test_other_kinds_of_keys_are_refused(owner: wrap.WrappingKey) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(EncodingInvalid):
        wrap.WrappingPublicKey(other.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(EncodingInvalid):
        wrap.WrappingKey.from_secret_bytes(other.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    pkcs1 = owner.rsa_key.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
    for data in (b"", b"x", bytes(owner.public_key)[:-1], bytes(owner.public_key) + b"\0", pkcs1):
        with pytest.raises(EncodingInvalid):
            wrap.WrappingPublicKey(data)
    for secret in (b"", b"x", owner.to_secret_bytes()[:-1]):
        with pytest.raises(EncodingInvalid):
            wrap.WrappingKey.from_secret_bytes(secret)
