"""Umbral refuses what it should: one misuse a test, each with its own error."""

import hashlib
from dataclasses import replace

import coincurve
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheme import umbral
from scheme.errors import EncodingInvalid, SchemeError
from scheme.hashing import Tag
from scheme.keys import SigningKey
from scheme.umbral import group
from scheme.umbral.rekey import Origin

PATIENT = umbral.SecretKey.derive_from(b"p" * 48)
OTHER_SCOPE = umbral.SecretKey.derive_from(b"o" * 48)
DOCTOR = umbral.SecretKey.derive_from(b"d" * 48)
COLLEAGUE = umbral.SecretKey.derive_from(b"e" * 48)
SIGNER = SigningKey.from_secret_bytes(b"s" * 32)
STRANGER = SigningKey.from_secret_bytes(b"t" * 32)
TERMS = umbral.RekeyTerms(b"g" * 16, b"c" * 16, 1_900_000_000)
LABEL = b"suite, chain, scope, hospital, chapter"
CAPSULE, KEY = umbral.encapsulate(PATIENT.public_key, LABEL)
FRAGS = umbral.generate_rekey(PATIENT, DOCTOR.public_key, SIGNER, TERMS, 2, 3)
ANSWERS = [umbral.reencrypt(CAPSULE, LABEL, frag) for frag in FRAGS]


def check(answer: umbral.CapsuleFrag, terms: umbral.RekeyTerms = TERMS) -> umbral.VerifiedCapsuleFrag:
    return answer.verify(CAPSULE, LABEL, SIGNER.verifying_key, PATIENT.public_key, DOCTOR.public_key, terms)


VERIFIED = [check(answer) for answer in ANSWERS]


def opened(frags: list[umbral.VerifiedCapsuleFrag], doctor: umbral.SecretKey = DOCTOR) -> bytes:
    return umbral.decapsulate_reencrypted(doctor, PATIENT.public_key, CAPSULE, LABEL, frags)


def foreign_terms() -> list[umbral.RekeyTerms]:
    return [
        replace(TERMS, grant_id=b"h" * 16),
        replace(TERMS, scope_id=b"d" * 16),
        replace(TERMS, until=0),
        replace(TERMS, until=TERMS.until + 1),
    ]


# Capsules


def test_a_capsule_under_another_label_is_refused_everywhere() -> None:
    for use in (
        lambda: CAPSULE.verify(b"another header"),
        lambda: umbral.decapsulate(PATIENT, CAPSULE, b"another header"),
        lambda: umbral.reencrypt(CAPSULE, b"another header", FRAGS[0]),
        lambda: umbral.reencrypt(CAPSULE.verify(LABEL), b"another header", FRAGS[0]),
        lambda: ANSWERS[0].verify(
            CAPSULE, b"another header", SIGNER.verifying_key, PATIENT.public_key, DOCTOR.public_key, TERMS
        ),
        lambda: umbral.decapsulate_reencrypted(DOCTOR, PATIENT.public_key, CAPSULE, b"another header", VERIFIED),
    ):
        with pytest.raises(umbral.CapsuleInvalid):
            use()


@given(position=st.integers(0, 97), flip=st.integers(1, 255))
def test_a_changed_capsule_is_refused(position: int, flip: int) -> None:
    data = bytearray(bytes(CAPSULE))
    data[position] ^= flip
    with pytest.raises((umbral.CapsuleInvalid, EncodingInvalid)):
        umbral.Capsule.from_bytes(bytes(data)).verify(LABEL)


def test_a_capsule_with_its_points_swapped_is_refused() -> None:
    data = bytes(CAPSULE)
    with pytest.raises(umbral.CapsuleInvalid):
        umbral.Capsule.from_bytes(data[33:66] + data[:33] + data[66:]).verify(LABEL)


@pytest.mark.parametrize("size", [0, 65, 97, 99, 162])
def test_a_capsule_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(umbral.CapsuleInvalid):
        umbral.Capsule.from_bytes(bytes(size))


def test_a_capsule_of_another_scope_gives_a_key_that_is_not_its() -> None:
    capsule, key = umbral.encapsulate(OTHER_SCOPE.public_key, LABEL)
    assert umbral.decapsulate(PATIENT, capsule, LABEL) != key


# Fragments


@given(position=st.integers(0, 194), flip=st.integers(1, 255))
@settings(max_examples=60)
def test_a_changed_key_fragment_is_refused(position: int, flip: int) -> None:
    data = bytearray(FRAGS[0].to_secret_bytes())
    data[position] ^= flip
    with pytest.raises((umbral.FragmentInvalid, umbral.FragmentForeign, EncodingInvalid)):
        umbral.KeyFrag.from_secret_bytes(bytes(data)).verify(
            SIGNER.verifying_key, PATIENT.public_key, DOCTOR.public_key, TERMS
        )


@given(position=st.integers(0, 292), flip=st.integers(1, 255))
@settings(max_examples=60)
def test_a_changed_capsule_fragment_is_refused(position: int, flip: int) -> None:
    data = bytearray(bytes(ANSWERS[0]))
    data[position] ^= flip
    with pytest.raises((umbral.FragmentInvalid, umbral.FragmentForeign, EncodingInvalid)):
        check(umbral.CapsuleFrag.from_bytes(bytes(data)))


def test_fragments_of_another_length_are_refused() -> None:
    for size in (0, 194, 196):
        with pytest.raises(EncodingInvalid):
            umbral.KeyFrag.from_secret_bytes((FRAGS[0].to_secret_bytes() + b"\1")[:size] if size else b"")
    for size in (0, 292, 294):
        with pytest.raises(EncodingInvalid):
            umbral.CapsuleFrag.from_bytes((bytes(ANSWERS[0]) + b"\1")[:size])


def test_a_fragment_signed_by_somebody_else_is_forged() -> None:
    forged = umbral.generate_rekey(PATIENT, DOCTOR.public_key, STRANGER, TERMS, 1, 1)[0]
    with pytest.raises(umbral.FragmentInvalid):
        forged.frag.verify(SIGNER.verifying_key, PATIENT.public_key, DOCTOR.public_key, TERMS)
    with pytest.raises(umbral.FragmentInvalid):
        check(umbral.reencrypt(CAPSULE, LABEL, forged))


def test_a_signature_for_another_purpose_is_forged() -> None:
    origin = FRAGS[0].frag.origin
    message = origin.data[:-64] + bytes(PATIENT.public_key) + bytes(DOCTOR.public_key) + bytes(TERMS)
    assert SIGNER.sign(Tag.KEY_FRAGMENT, message) == origin.data[-64:]
    other = Origin(origin.data[:-64] + SIGNER.sign(Tag.MANIFEST, message))
    with pytest.raises(umbral.FragmentInvalid):
        other.verify(SIGNER.verifying_key, PATIENT.public_key, DOCTOR.public_key, TERMS)


@pytest.mark.parametrize("terms", foreign_terms())
def test_a_fragment_of_another_grant_scope_or_end_is_foreign(terms: umbral.RekeyTerms) -> None:
    with pytest.raises(umbral.FragmentForeign):
        FRAGS[0].frag.verify(SIGNER.verifying_key, PATIENT.public_key, DOCTOR.public_key, terms)
    with pytest.raises(umbral.FragmentForeign):
        check(ANSWERS[0], terms)


def test_a_fragment_for_another_delegatee_or_scope_key_is_foreign() -> None:
    for delegating, receiving in ((OTHER_SCOPE, DOCTOR), (PATIENT, COLLEAGUE), (DOCTOR, PATIENT)):
        with pytest.raises(umbral.FragmentForeign):
            FRAGS[0].frag.verify(SIGNER.verifying_key, delegating.public_key, receiving.public_key, TERMS)


def test_a_threshold_of_zero_is_refused_though_it_is_signed() -> None:
    head = bytearray(FRAGS[0].frag.origin.data[:-64])
    head[16] = 0
    message = bytes(head) + bytes(PATIENT.public_key) + bytes(DOCTOR.public_key) + bytes(TERMS)
    with pytest.raises(EncodingInvalid):
        Origin(bytes(head) + SIGNER.sign(Tag.KEY_FRAGMENT, message))


def test_a_share_that_is_not_what_was_signed_is_refused() -> None:
    swapped = replace(FRAGS[0].frag, share=FRAGS[1].frag.share)
    with pytest.raises(umbral.FragmentInvalid):
        swapped.verify(SIGNER.verifying_key, PATIENT.public_key, DOCTOR.public_key, TERMS)


def test_a_proxy_that_uses_another_share_is_found() -> None:
    lying = umbral.VerifiedKeyFrag(replace(FRAGS[0].frag, share=FRAGS[1].frag.share))
    with pytest.raises(umbral.FragmentInvalid):
        check(umbral.reencrypt(CAPSULE, LABEL, lying))


def test_an_answer_for_another_capsule_is_refused() -> None:
    capsule, _ = umbral.encapsulate(PATIENT.public_key, LABEL)
    with pytest.raises(umbral.FragmentInvalid):
        check(umbral.reencrypt(capsule, LABEL, FRAGS[0]))
    with pytest.raises(umbral.FragmentForeign):
        umbral.decapsulate_reencrypted(DOCTOR, PATIENT.public_key, capsule, LABEL, VERIFIED)


def test_an_answer_with_the_proof_of_another_is_refused() -> None:
    mixed = bytes(ANSWERS[0])[:229] + bytes(ANSWERS[1])[229:]
    with pytest.raises(umbral.FragmentInvalid):
        check(umbral.CapsuleFrag.from_bytes(mixed))
    with pytest.raises(umbral.FragmentForeign):
        ANSWERS[0].verify_proof(CAPSULE.verify(LABEL), VERIFIED[1].origin)


# Opening


def test_too_few_fragments() -> None:
    for few in ([], VERIFIED[:1]):
        with pytest.raises(umbral.FragmentsTooFew):
            opened(few)


def test_a_fragment_twice() -> None:
    with pytest.raises(umbral.FragmentDuplicate):
        opened([VERIFIED[0], VERIFIED[0]])
    with pytest.raises(umbral.FragmentDuplicate):
        opened([*VERIFIED, check(umbral.reencrypt(CAPSULE, LABEL, FRAGS[0]))])


def test_fragments_of_two_grants_mixed() -> None:
    terms = replace(TERMS, grant_id=b"h" * 16)
    frag = umbral.generate_rekey(PATIENT, DOCTOR.public_key, SIGNER, terms, 2, 3)[0]
    with pytest.raises(umbral.FragmentsMixed):
        opened([VERIFIED[0], check(umbral.reencrypt(CAPSULE, LABEL, frag), terms)])


def test_fragments_of_two_rekeys_of_one_grant_mixed() -> None:
    frag = umbral.generate_rekey(PATIENT, DOCTOR.public_key, SIGNER, TERMS, 2, 3)[0]
    with pytest.raises(umbral.FragmentsMixed):
        opened([VERIFIED[0], check(umbral.reencrypt(CAPSULE, LABEL, frag))])


def test_another_delegatee_cannot_use_the_fragments() -> None:
    with pytest.raises(umbral.FragmentForeign):
        opened(VERIFIED, COLLEAGUE)
    opener = umbral.Opener(COLLEAGUE, PATIENT.public_key, SIGNER.verifying_key, TERMS)
    with pytest.raises(umbral.FragmentForeign):
        opener.verify(CAPSULE, LABEL, ANSWERS[0])


def test_an_opener_that_knows_a_signature_still_checks_the_proof() -> None:
    opener = umbral.Opener(DOCTOR, PATIENT.public_key, SIGNER.verifying_key, TERMS)
    opener.verify(CAPSULE, LABEL, ANSWERS[0])
    changed = bytearray(bytes(ANSWERS[0]))
    changed[-1] ^= 1
    with pytest.raises(umbral.FragmentInvalid):
        opener.verify(CAPSULE, LABEL, umbral.CapsuleFrag.from_bytes(bytes(changed)))
    forged = umbral.generate_rekey(PATIENT, DOCTOR.public_key, STRANGER, TERMS, 1, 1)[0]
    with pytest.raises(umbral.FragmentInvalid):
        opener.verify(CAPSULE, LABEL, umbral.reencrypt(CAPSULE, LABEL, forged))


def test_wrong_shares_signed_by_the_delegator_give_an_error_and_no_key() -> None:
    """Two fragments whose shares do not lie on one line through her key: sound each, wrong together."""
    lying = []
    for frag, share in zip(FRAGS, (5, 7, 11), strict=True):
        old = frag.frag.origin.data
        head = old[:66] + group.multiply(group.U, share).format()
        message = head + bytes(PATIENT.public_key) + bytes(DOCTOR.public_key) + bytes(TERMS)
        origin = Origin(head + SIGNER.sign(Tag.KEY_FRAGMENT, message))
        made = umbral.KeyFrag(origin, share).verify(SIGNER.verifying_key, PATIENT.public_key, DOCTOR.public_key, TERMS)
        lying.append(check(umbral.reencrypt(CAPSULE, LABEL, made)))
    with pytest.raises(umbral.FragmentsInconsistent):
        opened(lying)


def test_pooled_keys_recover_their_scope_and_fail_on_every_other() -> None:
    """All proxies and the doctor pool what they have: they find the granted scope's secret, and that opens no other."""
    (frag,) = umbral.generate_rekey(PATIENT, DOCTOR.public_key, SIGNER, TERMS, 1, 1)
    precursor = frag.frag.origin.precursor_bytes
    shared = group.diffie_hellman(DOCTOR.scalar, frag.frag.origin.precursor)
    d = group.hash_to_scalar(Tag.UMBRAL_SHARED, precursor, bytes(DOCTOR.public_key), shared)
    pooled = umbral.SecretKey(frag.frag.share * d % group.ORDER)
    assert pooled.public_key == PATIENT.public_key
    label = b"another scope"
    capsule, key = umbral.encapsulate(OTHER_SCOPE.public_key, label)
    assert umbral.decapsulate(pooled, capsule, label) != key
    answer = umbral.reencrypt(capsule, label, frag)
    with pytest.raises(umbral.FragmentForeign):
        answer.verify(capsule, label, SIGNER.verifying_key, OTHER_SCOPE.public_key, DOCTOR.public_key, TERMS)
    taken = answer.verify(capsule, label, SIGNER.verifying_key, PATIENT.public_key, DOCTOR.public_key, TERMS)
    with pytest.raises(umbral.FragmentForeign):
        umbral.decapsulate_reencrypted(DOCTOR, OTHER_SCOPE.public_key, capsule, label, [taken])
    assert umbral.decapsulate_reencrypted(DOCTOR, PATIENT.public_key, capsule, label, [taken]) != key


def test_fewer_proxies_than_the_threshold_and_the_doctor_do_not_find_the_secret() -> None:
    precursor = FRAGS[0].frag.origin.precursor_bytes
    shared = group.diffie_hellman(DOCTOR.scalar, FRAGS[0].frag.origin.precursor)
    d = group.hash_to_scalar(Tag.UMBRAL_SHARED, precursor, bytes(DOCTOR.public_key), shared)
    for frag in FRAGS:
        assert umbral.SecretKey(frag.frag.share * d % group.ORDER).public_key != PATIENT.public_key


@pytest.mark.parametrize(("threshold", "shares"), [(0, 1), (2, 1), (-1, 3), (1, 256)])
def test_an_impossible_threshold(threshold: int, shares: int) -> None:
    with pytest.raises(EncodingInvalid):
        umbral.generate_rekey(PATIENT, DOCTOR.public_key, SIGNER, TERMS, threshold, shares)


def test_terms_out_of_range() -> None:
    for grant_id, scope_id, until in (
        (b"g" * 15, b"c" * 16, 0),
        (b"g" * 16, b"c" * 17, 0),
        (b"g" * 16, b"c" * 16, -1),
        (b"g" * 16, b"c" * 16, 2**64),
    ):
        with pytest.raises(EncodingInvalid):
            umbral.RekeyTerms(grant_id, scope_id, until)


# Encodings


def encodings() -> list[bytes]:
    whole = coincurve.PublicKey(bytes(PATIENT.public_key)).format(compressed=False)
    hybrid = bytes((6 + whole[-1] % 2,)) + whole[1:]
    coincurve.PublicKey(hybrid)  # the library takes it; we must not
    x_not_on_curve = next(
        x for x in (hashlib.sha256(bytes((i,))).digest() for i in range(50)) if not _on_curve(b"\x02" + x)
    )
    return [
        whole,
        hybrid,
        b"",
        bytes(33),
        b"\0",
        bytes(PATIENT.public_key)[1:],
        b"\x04" + bytes(PATIENT.public_key)[1:],
        b"\x05" + bytes(PATIENT.public_key)[1:],
        b"\x02" + x_not_on_curve,
        b"\x02" + b"\xff" * 32,
    ]


def _on_curve(data: bytes) -> bool:
    try:
        coincurve.PublicKey(data)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("data", encodings(), ids=lambda data: f"{len(data)} bytes {data[:1].hex()}")
def test_only_compressed_points_of_the_curve_are_taken(data: bytes) -> None:
    with pytest.raises(EncodingInvalid):
        umbral.PublicKey(data)
    if len(data) == 33:
        for place in (0, 33):
            capsule = bytearray(bytes(CAPSULE))
            capsule[place : place + 33] = data
            with pytest.raises(EncodingInvalid):
                umbral.Capsule.from_bytes(bytes(capsule))


@pytest.mark.parametrize(
    "secret",
    [b"", b"\x01", bytes(32), b"\x01" * 31, b"\x01" * 33, group.ORDER.to_bytes(32, "big"), b"\xff" * 32],
    ids=lambda secret: f"{len(secret)} bytes {secret[:2].hex()}",
)
def test_short_zero_and_large_secrets_are_refused(secret: bytes) -> None:
    with pytest.raises(EncodingInvalid):
        umbral.SecretKey.from_secret_bytes(secret)
    if len(secret) == 32:
        with pytest.raises(EncodingInvalid):
            umbral.KeyFrag.from_secret_bytes(FRAGS[0].to_secret_bytes()[:-32] + secret)
        with pytest.raises(EncodingInvalid):
            umbral.Capsule.from_bytes(bytes(CAPSULE)[:-32] + secret)
        with pytest.raises(EncodingInvalid):
            umbral.CapsuleFrag.from_bytes(bytes(ANSWERS[0])[:-32] + secret)


def test_a_capsule_whose_points_cancel_opens_nothing_though_its_proof_holds() -> None:
    e, v = group.base_multiply(5).format(), group.base_multiply(group.ORDER - 5).format()
    h = group.hash_to_scalar(Tag.UMBRAL_CAPSULE, e, v, LABEL)
    capsule = umbral.Capsule(e + v + group.encode_scalar((group.ORDER - 5 + 5 * h) % group.ORDER))
    capsule.verify(LABEL)
    with pytest.raises(umbral.CapsuleInvalid):
        umbral.decapsulate(PATIENT, capsule, LABEL)
    answers = [
        umbral.reencrypt(capsule, LABEL, frag).verify(
            capsule, LABEL, SIGNER.verifying_key, PATIENT.public_key, DOCTOR.public_key, TERMS
        )
        for frag in FRAGS
    ]
    with pytest.raises(umbral.FragmentsInconsistent):
        umbral.decapsulate_reencrypted(DOCTOR, PATIENT.public_key, capsule, LABEL, answers)


def test_errors_name_no_secret() -> None:
    for use in (
        lambda: umbral.SecretKey.from_secret_bytes(b"\xff" * 32),
        lambda: FRAGS[0].frag.verify(STRANGER.verifying_key, PATIENT.public_key, DOCTOR.public_key, TERMS),
        lambda: opened(VERIFIED[:1]),
    ):
        with pytest.raises(SchemeError) as caught:
            use()
        assert "ff" * 8 not in str(caught.value)
        assert KEY.hex() not in str(caught.value)
        assert caught.value.code
