"""The papers' own way works as published, is refused without a permit, and gives symptoms up; tags do not."""

from __future__ import annotations

import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from matching.errors import AuthenticationFailed, ElementInvalid, PublishedSchemeRefused, SymptomInvalid
from matching.published import attack, equality, station
from matching.published.permit import ResearchPermit
from tests import needs
from tests.matching.issuing import Issuing, vocabulary

PERMIT = ResearchPermit("a test")
SEIZURE, HEADACHE = "HP:0001250", "HP:0002315"


@pytest.fixture(autouse=True)
def _pairings() -> None:
    needs.module("pymcl", feature="pymcl")


@cache
def rsa_key(_name: str, bits: int = 3072) -> RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def encrypted(term: str, key: equality.EqualityKey | None = None) -> equality.Ciphertext:
    return equality.encrypt(term, (key or equality.EqualityKey(PERMIT)).public_key, PERMIT)


def exchange() -> tuple[station.Party, station.Party]:
    one, other = rsa_key("one"), rsa_key("other")
    return station.Party(one, other.public_key(), PERMIT), station.Party(other, one.public_key(), PERMIT)


@pytest.mark.parametrize("permit", [None, True, "research", object()])
def test_without_a_permit_everything_is_refused(permit: object) -> None:
    key = equality.EqualityKey(PERMIT)
    for use in (
        lambda: equality.EqualityKey(permit),  # type: ignore[arg-type]
        lambda: equality.encrypt(SEIZURE, key.public_key, permit),  # type: ignore[arg-type]
        lambda: station.Party(rsa_key("one"), rsa_key("other").public_key(), permit),  # type: ignore[arg-type]
        lambda: ResearchPermit(" "),
    ):
        with pytest.raises(PublishedSchemeRefused) as raised:
            use()
        assert raised.value.code == "published-scheme-refused"


def test_what_patients_use_does_not_load_it() -> None:
    code = (
        "import sys, matching.tags, matching.issuer, matching.quota; "
        "sys.exit(any(name.startswith(('matching.published', 'pymcl')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_pairings_the_error_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['pymcl'] = None\n"
        "from matching.errors import PairingUnavailable\n"
        "from matching.published import equality\n"
        "from matching.published.permit import ResearchPermit\n"
        "try: equality.EqualityKey(ResearchPermit('test'))\n"
        "except PairingUnavailable as error: assert 'pymcl' in str(error)\n"
        "else: raise SystemExit(1)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_equal_symptoms_are_found_under_different_keys_and_others_are_not() -> None:
    one, same, other = encrypted(SEIZURE), encrypted(SEIZURE), encrypted(HEADACHE)
    assert equality.same_symptom(one, same)
    assert not equality.same_symptom(one, other)
    assert bytes(one) != bytes(same)
    assert len(bytes(one)) == equality.CIPHERTEXT_SIZE


def test_the_owner_decrypts_and_nobody_else() -> None:
    key = equality.EqualityKey(PERMIT)
    ciphertext = equality.Ciphertext.from_bytes(bytes(encrypted(SEIZURE, key)))
    assert key.decrypt(ciphertext) == equality.symptom_point(SEIZURE) != equality.symptom_point(HEADACHE)
    with pytest.raises(ElementInvalid):
        equality.EqualityKey(PERMIT).decrypt(ciphertext)


def test_a_ciphertext_put_together_from_two_does_not_decrypt() -> None:
    key = equality.EqualityKey(PERMIT)
    one, other = encrypted(SEIZURE, key), encrypted(SEIZURE, key)
    mixed = [(one.u, one.v, other.w), (one.u, other.v, one.w), (other.u, one.v, one.w)]
    for parts in mixed:
        with pytest.raises(ElementInvalid):
            key.decrypt(equality.Ciphertext(*parts))


def test_a_sender_cannot_show_the_tester_one_symptom_and_the_owner_another() -> None:
    pymcl = needs.module("pymcl", feature="pymcl")
    key, r = equality.EqualityKey(PERMIT), equality._scalar()
    other_r = r + r
    shown, sent = (pymcl.G1.deserialize(equality.symptom_point(term)) for term in (HEADACHE, SEIZURE))
    public = pymcl.G2.deserialize(key.public_key)

    def ciphertext(u: bytes, v: bytes, shared: bytes, scalar: bytes) -> equality.Ciphertext:
        mask = equality._mask(u, v, pymcl.G2.deserialize(shared))
        return equality.Ciphertext(u, v, bytes(a ^ b for a, b in zip(sent.serialize() + scalar, mask, strict=True)))

    u, shared = (pymcl.g2 * r).serialize(), (public * r).serialize()
    honest = ciphertext(u, (sent * r).serialize(), shared, r.serialize())
    assert key.decrypt(honest) == equality.symptom_point(SEIZURE)
    for lie in (
        ciphertext(u, (shown * r).serialize(), shared, r.serialize()),
        ciphertext(u, (sent * other_r).serialize(), shared, other_r.serialize()),
    ):
        with pytest.raises(ElementInvalid):
            key.decrypt(lie)


def test_malformed_ciphertexts_keys_and_symptoms_are_refused() -> None:
    good = bytes(encrypted(SEIZURE))
    zero_u, zero_v = bytes(96) + good[96:], good[:96] + bytes(48) + good[144:]
    for wrong in (b"", good[:-1], good + b"\0", b"\xff" * len(good), zero_u, zero_v):
        with pytest.raises(ElementInvalid):
            equality.Ciphertext.from_bytes(wrong)
    for key in (b"", bytes(96), b"\xff" * 96, good[:96] + b"\0"):
        with pytest.raises(ElementInvalid):
            equality.encrypt(SEIZURE, key, PERMIT)
    with pytest.raises(SymptomInvalid):
        encrypted("bad headache")


def test_the_vocabulary_opens_a_ciphertext_in_seconds_and_without_a_key() -> None:
    terms = vocabulary()
    public = bytes(encrypted(SEIZURE))
    begin = time.perf_counter()
    found = attack.against_ciphertext(equality.Ciphertext.from_bytes(public), terms)
    assert found == attack.Recovered(SEIZURE, terms.index(SEIZURE) + 1)
    assert time.perf_counter() - begin < 60


@pytest.mark.slow
def test_the_last_word_of_the_vocabulary_is_found_too() -> None:
    terms = vocabulary()
    assert attack.against_ciphertext(encrypted(terms[-1]), terms) == attack.Recovered(terms[-1], len(terms))


def test_a_symptom_outside_the_vocabulary_is_not_found() -> None:
    assert attack.against_ciphertext(encrypted("HP:9999999"), vocabulary()[:200]) is None


def test_the_same_attack_on_a_tag_finds_nothing(tmp_path: Path) -> None:
    issuing, terms = Issuing(tmp_path), vocabulary()
    tag = issuing.tags([SEIZURE])[SEIZURE].tag
    assert attack.against_tag(tag, issuing.public, {}, terms) is None


def test_two_who_know_each_others_keys_get_one_session_key() -> None:
    initiator, responder = exchange()
    first = initiator.initiate()
    second = responder.respond(first)
    third = initiator.confirm(second)
    responder.accept(third)
    assert initiator.session_key == responder.session_key
    assert [len(message) for message in (first, second, third)] == [384, 800, 416]
    again = exchange()
    again[0].confirm(again[1].respond(again[0].initiate()))
    assert again[0].session_key != initiator.session_key


def test_somebody_in_the_middle_is_noticed_by_both() -> None:
    initiator, responder = exchange()
    eve_key = rsa_key("eve")
    eve_to_initiator = station.Party(eve_key, rsa_key("one").public_key(), PERMIT)
    with pytest.raises(AuthenticationFailed):
        initiator.confirm(eve_to_initiator.respond(initiator.initiate()))
    eve_to_responder = station.Party(eve_key, rsa_key("other").public_key(), PERMIT)
    second = responder.respond(eve_to_responder.initiate())
    with pytest.raises(AuthenticationFailed):
        responder.accept(eve_to_responder.confirm(second))
    for party in (initiator, responder):
        with pytest.raises(AuthenticationFailed):
            _ = party.session_key


def test_a_signature_under_another_name_is_refused() -> None:
    """Unknown key share: the responder means to talk to eve, who passes its answer on to the initiator."""
    initiator = station.Party(rsa_key("one"), rsa_key("other").public_key(), PERMIT)
    responder = station.Party(rsa_key("other"), rsa_key("eve").public_key(), PERMIT)
    with pytest.raises(AuthenticationFailed):
        initiator.confirm(responder.respond(initiator.initiate()))


def test_reflected_and_replayed_messages_are_refused() -> None:
    own = rsa_key("one")
    alone = station.Party(own, own.public_key(), PERMIT)
    mirror = station.Party(own, own.public_key(), PERMIT)
    third = alone.confirm(mirror.respond(alone.initiate()))
    with pytest.raises(AuthenticationFailed):
        alone.accept(third)
    initiator, responder = exchange()
    second = responder.respond(initiator.initiate())
    fresh, _ = exchange()
    fresh.initiate()
    with pytest.raises(AuthenticationFailed):
        fresh.confirm(second)
    with pytest.raises(AuthenticationFailed):
        fresh.confirm(second)
    with pytest.raises(AuthenticationFailed):
        responder.accept(second[384:])


def test_every_changed_byte_is_noticed() -> None:
    for at in (0, 383, 384, 767, 768, 799):
        initiator, responder = exchange()
        second = bytearray(responder.respond(initiator.initiate()))
        second[at] ^= 1
        with pytest.raises(AuthenticationFailed):
            initiator.confirm(bytes(second))
    for change in (b"", b"\0"):
        initiator, responder = exchange()
        third = initiator.confirm(responder.respond(initiator.initiate()))
        with pytest.raises(AuthenticationFailed):
            responder.accept(third[:-1] + change)


OUTSIDE = {
    "zero": 0,
    "one": 1,
    "of order two": station.PRIME - 1,
    "the prime": station.PRIME,
    "over the prime": station.PRIME + 4,
    "of twice the order": station.PRIME - 2,
}


@pytest.mark.parametrize("share", OUTSIDE.values(), ids=OUTSIDE.keys())
def test_shares_outside_the_group_are_refused(share: int) -> None:
    _, responder = exchange()
    with pytest.raises(AuthenticationFailed):
        responder.respond(share.to_bytes(384, "big"))
    for size in (0, 383, 385):
        _, responder = exchange()
        with pytest.raises(AuthenticationFailed):
            responder.respond(b"\x02" * size)


def test_rsa_keys_have_3072_bits() -> None:
    small = rsa_key("small", 2048)
    with pytest.raises(AuthenticationFailed):
        station.Party(small, rsa_key("one").public_key(), PERMIT)
    with pytest.raises(AuthenticationFailed):
        station.Party(rsa_key("one"), small.public_key(), PERMIT)


def test_the_group_is_ffdhe3072_by_its_formula() -> None:
    """RFC 7919, appendix A.2: p = 2^3072 - 2^3008 + (floor(2^2942 e) + 2625351) 2^64 - 1, with e by its series."""
    spare = 200
    total, term, number = 0, 1 << (2942 + spare), 0
    while term:
        total, number = total + term, number + 1
        term //= number
    assert 2**3072 - 2**3008 + ((total >> spare) + 2625351) * 2**64 - 1 == station.PRIME
    assert pow(station.GENERATOR, (station.PRIME - 1) // 2, station.PRIME) == 1
