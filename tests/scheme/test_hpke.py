import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheme import hpke
from scheme.errors import EncodingInvalid, NotForThisKey

OWNER = hpke.HpkePrivateKey.from_secret_bytes(bytes(range(32)))
INFO = b"suite, grant, both key ids"


@given(plaintext=st.binary(max_size=300), info=st.binary(max_size=300))
def test_what_is_sealed_opens(plaintext: bytes, info: bytes) -> None:
    sealed = hpke.seal(OWNER.public_key, info, plaintext)
    assert len(sealed) == len(plaintext) + hpke.OVERHEAD
    assert hpke.open(OWNER, info, sealed) == plaintext


def test_another_key_or_info_does_not_open() -> None:
    sealed = hpke.seal(OWNER.public_key, INFO, b"fragment")
    with pytest.raises(NotForThisKey):
        hpke.open(hpke.HpkePrivateKey.generate(), INFO, sealed)
    with pytest.raises(NotForThisKey):
        hpke.open(OWNER, INFO + b".", sealed)


def test_every_flipped_byte_and_every_cut_is_found() -> None:
    sealed = hpke.seal(OWNER.public_key, INFO, b"fragment")
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(NotForThisKey):
            hpke.open(OWNER, INFO, bytes(changed))
        with pytest.raises(NotForThisKey):
            hpke.open(OWNER, INFO, sealed[:position])


def test_low_order_points_are_refused() -> None:
    with pytest.raises(EncodingInvalid):
        hpke.seal(hpke.HpkePublicKey(bytes(32)), INFO, b"fragment")
    with pytest.raises(NotForThisKey):
        hpke.open(OWNER, INFO, bytes(32) + bytes(24))


def test_keys_serialise_and_say_only_their_id() -> None:
    again = hpke.HpkePrivateKey.from_secret_bytes(OWNER.to_secret_bytes())
    assert again.public_key == OWNER.public_key == hpke.HpkePublicKey(bytes(OWNER.public_key))
    assert repr(OWNER) == f"HpkePrivateKey({OWNER.public_key.key_id})"
    for size in (0, 31, 33):
        with pytest.raises(EncodingInvalid):
            hpke.HpkePublicKey(bytes(size))
        with pytest.raises(EncodingInvalid):
            hpke.HpkePrivateKey.from_secret_bytes(bytes(size))
