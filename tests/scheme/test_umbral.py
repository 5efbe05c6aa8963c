"""Umbral does what it should: every threshold, every order, and the equations of the paper checked a second way."""

import hashlib
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheme import umbral
from scheme.errors import EncodingInvalid
from scheme.hashing import Tag, tagged_hash
from scheme.keys import SigningKey
from scheme.umbral import group
from tests.scheme import secp256k1_reference as reference

PATIENT = umbral.SecretKey.derive_from(b"p" * 48)
DOCTOR = umbral.SecretKey.derive_from(b"d" * 48)
SIGNER = SigningKey.from_secret_bytes(b"s" * 32)
TERMS = umbral.RekeyTerms(b"g" * 16, b"c" * 16, 1_900_000_000)
LABEL = b"suite, chain, scope, hospital, chapter"


def verified(
    capsule: umbral.Capsule, frags: tuple[umbral.VerifiedKeyFrag, ...], label: bytes = LABEL
) -> list[umbral.VerifiedCapsuleFrag]:
    return [
        umbral.CapsuleFrag.from_bytes(bytes(umbral.reencrypt(capsule, label, frag))).verify(
            capsule, label, SIGNER.verifying_key, PATIENT.public_key, DOCTOR.public_key, TERMS
        )
        for frag in frags
    ]


@given(label=st.binary(max_size=200))
@settings(max_examples=30)
def test_the_delegator_opens_her_own_capsule(label: bytes) -> None:
    capsule, key = umbral.encapsulate(PATIENT.public_key, label)
    again = umbral.Capsule.from_bytes(bytes(capsule))
    assert len(bytes(capsule)) == 98
    assert len(key) == 32
    assert umbral.decapsulate(PATIENT, again, label) == key
    assert umbral.decapsulate(PATIENT, again.verify(label), label) == key


@given(data=st.data(), shares=st.integers(1, 6), label=st.binary(max_size=50))
@settings(max_examples=40)
def test_any_threshold_of_fragments_opens(data: st.DataObject, shares: int, label: bytes) -> None:
    threshold = data.draw(st.integers(1, shares))
    capsule, key = umbral.encapsulate(PATIENT.public_key, label)
    frags = umbral.generate_rekey(PATIENT, DOCTOR.public_key, SIGNER, TERMS, threshold, shares)
    assert len(frags) == shares
    answers = verified(capsule, frags, label)
    chosen = data.draw(st.permutations(answers))[: data.draw(st.integers(threshold, shares))]
    assert umbral.decapsulate_reencrypted(DOCTOR, PATIENT.public_key, capsule, label, chosen) == key


def test_an_opener_opens_many_capsules_of_a_grant_with_any_proxies() -> None:
    frags = umbral.generate_rekey(PATIENT, DOCTOR.public_key, SIGNER, TERMS, 2, 3)
    opener = umbral.Opener(DOCTOR, PATIENT.public_key, SIGNER.verifying_key, TERMS)
    for number, pair in enumerate(itertools.permutations(frags, 2)):
        label = LABEL + bytes((number,))
        capsule, key = umbral.encapsulate(PATIENT.public_key, label)
        answers = [opener.verify(capsule, label, umbral.reencrypt(capsule, label, frag)) for frag in pair]
        assert opener.open(capsule, label, answers) == key
        assert umbral.decapsulate_reencrypted(DOCTOR, PATIENT.public_key, capsule, label, answers) == key


def test_one_capsule_opens_for_two_doctors() -> None:
    capsule, key = umbral.encapsulate(PATIENT.public_key, LABEL)
    for seed in (b"1", b"2"):
        doctor = umbral.SecretKey.derive_from(seed * 48)
        (frag,) = umbral.generate_rekey(PATIENT, doctor.public_key, SIGNER, TERMS, 1, 1)
        answer = umbral.reencrypt(capsule, LABEL, frag).verify(
            capsule, LABEL, SIGNER.verifying_key, PATIENT.public_key, doctor.public_key, TERMS
        )
        assert umbral.decapsulate_reencrypted(doctor, PATIENT.public_key, capsule, LABEL, [answer]) == key


def test_capsules_and_keys_are_fresh() -> None:
    first, second = umbral.encapsulate(PATIENT.public_key, LABEL), umbral.encapsulate(PATIENT.public_key, LABEL)
    assert bytes(first[0]) != bytes(second[0])
    assert first[1] != second[1]


def test_secrets_serialise_by_their_own_verbs() -> None:
    frag, *_ = umbral.generate_rekey(PATIENT, DOCTOR.public_key, SIGNER, TERMS, 2, 3)
    secret = frag.to_secret_bytes()
    again = umbral.KeyFrag.from_secret_bytes(secret)
    assert len(secret) == 195
    assert again == frag.frag
    assert again.verify(SIGNER.verifying_key, PATIENT.public_key, DOCTOR.public_key, TERMS) == frag
    assert umbral.SecretKey.from_secret_bytes(PATIENT.to_secret_bytes()).public_key == PATIENT.public_key
    for shown in (repr(frag), repr(again), repr(PATIENT)):
        assert str(frag.frag.share) not in shown
        assert secret[-32:].hex() not in shown
        assert PATIENT.to_secret_bytes().hex() not in shown
    with pytest.raises(TypeError):
        bytes(again)  # type: ignore[call-overload]


def test_derivation_is_the_wide_reduction() -> None:
    material = bytes(range(200, 248))
    scalar = int.from_bytes(material, "big") % (reference.N - 1) + 1
    key = umbral.SecretKey.derive_from(material)
    assert key.to_secret_bytes() == scalar.to_bytes(32, "big")
    assert bytes(key.public_key) == reference.encode(reference.multiply(scalar, reference.G))
    assert umbral.SecretKey.derive_from(bytes(48)).to_secret_bytes() == (1).to_bytes(32, "big")
    for size in (0, 32, 47, 49):
        with pytest.raises(EncodingInvalid):
            umbral.SecretKey.derive_from(bytes(size))


def test_the_second_generator_is_the_first_point_of_its_sequence() -> None:
    for counter in itertools.count():
        x = tagged_hash(Tag.UMBRAL_GENERATOR, counter.to_bytes(4, "big"))
        value = int.from_bytes(x, "big")
        if value < reference.P and pow(value**3 + 7, (reference.P - 1) // 2, reference.P) == 1:
            break
    assert group.U.format() == b"\x02" + x
    reference.decode(group.U.format())


def test_the_equations_of_the_paper_hold() -> None:
    """Capsule, shares, re-encryption and key, computed a second time in plain arithmetic."""
    capsule, key = umbral.encapsulate(PATIENT.public_key, LABEL)
    data = bytes(capsule)
    e, v, s = reference.decode(data[:33]), reference.decode(data[33:66]), int.from_bytes(data[66:], "big")
    h = int.from_bytes(tagged_hash(Tag.UMBRAL_CAPSULE, data[:33], data[33:66], LABEL), "big") % (reference.N - 1) + 1
    assert reference.multiply(s, reference.G) == reference.add(v, reference.multiply(h, e))
    shared = reference.multiply(int.from_bytes(PATIENT.to_secret_bytes(), "big"), reference.add(e, v))
    digest = hashlib.sha256(reference.encode(shared)).digest()
    assert key == tagged_hash(Tag.UMBRAL_KEM, digest, data, LABEL)

    doctor, patient = bytes(DOCTOR.public_key), bytes(PATIENT.public_key)
    b = int.from_bytes(DOCTOR.to_secret_bytes(), "big")
    frags = umbral.generate_rekey(PATIENT, DOCTOR.public_key, SIGNER, TERMS, 2, 2)
    between = hashlib.sha256(reference.encode(reference.multiply(b, reference.decode(patient)))).digest()
    points = []
    for frag in frags:
        secret = frag.to_secret_bytes()
        share = int.from_bytes(secret[163:], "big")
        x = tagged_hash(Tag.UMBRAL_SHARE_INDEX, secret[:16], patient, doctor, between)
        points.append((int.from_bytes(x, "big") % (reference.N - 1) + 1, share))
        assert secret[66:99] == reference.encode(reference.multiply(share, reference.decode(group.U.format())))
        answer = bytes(umbral.reencrypt(capsule, LABEL, frag))
        assert answer[163:196] == reference.encode(reference.multiply(share, e))
        assert answer[196:229] == reference.encode(reference.multiply(share, v))
    (x1, y1), (x2, y2) = points
    at_zero = (y1 * x2 - y2 * x1) * pow(x2 - x1, -1, reference.N) % reference.N
    precursor = frags[0].to_secret_bytes()[33:66]
    shared_b = hashlib.sha256(reference.encode(reference.multiply(b, reference.decode(precursor)))).digest()
    d = int.from_bytes(tagged_hash(Tag.UMBRAL_SHARED, precursor, doctor, shared_b), "big") % (reference.N - 1) + 1
    assert at_zero * d % reference.N == int.from_bytes(PATIENT.to_secret_bytes(), "big")
