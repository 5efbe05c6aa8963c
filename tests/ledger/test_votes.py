from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import CertificateInvalid, FieldInvalid, LedgerError, QuorumMissing, VoteInvalid
from ledger.genesis import MAX_SEATS
from ledger.header import LedgerHeader
from ledger.seats import Seat, quorum, set_digest
from ledger.votes import MAX_CERTIFICATE_BYTES, QuorumCertificate, Vote, cast_vote
from scheme import canonical
from tests.ledger.scene import digest, ident, signing_key
from tests.ledger.test_header import HEADER

NAMES = ("one", "two", "three", "four")


def seat(name: str, weight: int = 80) -> Seat:
    return Seat(ident(name), signing_key(name).verifying_key.data, weight)


SEATS = tuple(map(seat, NAMES))
SIGNED = replace(HEADER, delegates=set_digest(SEATS))


def votes(*names: str, header: LedgerHeader = SIGNED, accept: bool = True) -> tuple[Vote, ...]:
    return tuple(cast_vote(signing_key(name), ident(name), header, accept=accept) for name in names)


def test_a_vote_is_read_back_and_verified() -> None:
    (vote,) = votes("one")
    assert Vote.from_json(vote.to_json()) == vote
    vote.verify(signing_key("one").verifying_key, SIGNED.ledger)


@pytest.mark.parametrize(
    "change", [{"height": 8}, {"round": 0}, {"header": digest("another")}, {"accept": False}, {"signature": bytes(64)}]
)
def test_a_changed_vote_is_refused(change: dict[str, object]) -> None:
    (vote,) = votes("one")
    with pytest.raises(VoteInvalid):
        replace(vote, **change).verify(signing_key("one").verifying_key, SIGNED.ledger)


def test_a_vote_counts_for_its_ledger_and_its_key_only() -> None:
    (vote,) = votes("one")
    with pytest.raises(VoteInvalid):
        vote.verify(signing_key("two").verifying_key, SIGNED.ledger)
    with pytest.raises(VoteInvalid):
        vote.verify(signing_key("one").verifying_key, digest("another ledger"))


def test_a_vote_with_a_wrong_field_is_refused() -> None:
    value = votes("one")[0].to_json()
    for change in ({"accept": 1}, {"signature": canonical.b64(bytes(63))}, {"height": 0}, {"round": -1}, {"more": 0}):
        with pytest.raises(FieldInvalid):
            Vote.from_json(value | change)


def test_three_of_four_equal_delegates_are_a_quorum_and_two_are_not() -> None:
    certificate = QuorumCertificate(votes("three", "one", "two"))
    certificate.verify(SIGNED, SEATS)
    again = QuorumCertificate.from_bytes(bytes(certificate))
    again.verify(SIGNED, SEATS)
    assert again == certificate == QuorumCertificate(votes("one", "two", "three"))
    with pytest.raises(QuorumMissing):
        QuorumCertificate(votes("one", "two")).verify(SIGNED, SEATS)


def test_weight_decides_and_not_the_number_of_votes() -> None:
    seats = (seat("one", 100), seat("two", 1), seat("three", 1), seat("four", 1))
    header = replace(HEADER, delegates=set_digest(seats))
    QuorumCertificate(votes("one", header=header)).verify(header, seats)
    with pytest.raises(QuorumMissing):
        QuorumCertificate(votes("two", "three", "four", header=header)).verify(header, seats)


@given(st.lists(st.integers(1, 100), min_size=1, max_size=MAX_SEATS))
def test_a_quorum_is_the_smallest_weight_over_two_thirds(weights: list[int]) -> None:
    needed = quorum([seat("one", weight) for weight in weights])
    assert 3 * needed > 2 * sum(weights)
    assert 3 * (needed - 1) <= 2 * sum(weights)
    assert needed <= sum(weights)


def test_a_certificate_counts_for_its_header_and_its_set_only() -> None:
    certificate = QuorumCertificate(votes("one", "two", "three"))
    table = [
        (replace(SIGNED, size=41), SEATS),
        (replace(SIGNED, height=8), SEATS),
        (replace(SIGNED, round=0), SEATS),
        (SIGNED, SEATS[::-1]),
        (SIGNED, (*SEATS[:3], seat("four", 81))),
        (SIGNED, (*SEATS[:3], replace(SEATS[3], key=bytes(32)))),
    ]
    for header, seats in table:
        with pytest.raises(CertificateInvalid):
            certificate.verify(header, seats)


def test_rejections_make_no_block_final() -> None:
    rejected = QuorumCertificate(votes("one", "two", "three", accept=False))
    with pytest.raises(CertificateInvalid):
        rejected.verify(SIGNED, SEATS)
    rejected.verify(SIGNED, SEATS, accept=False)


def test_strangers_and_forged_signatures_make_a_certificate_invalid() -> None:
    good = votes("one", "two", "three")
    with pytest.raises(CertificateInvalid):
        QuorumCertificate((*good, *votes("stranger"))).verify(SIGNED, SEATS)
    forged = replace(good[0], signature=good[1].signature)
    with pytest.raises(VoteInvalid):
        QuorumCertificate((forged, *good[1:])).verify(SIGNED, SEATS)


def test_votes_that_do_not_belong_together_make_no_certificate() -> None:
    table = [
        (),
        votes("one", "one"),
        (*votes("one"), *votes("two", accept=False)),
        (*votes("one"), *votes("two", header=replace(SIGNED, size=41))),
        (*votes("one"), *votes("two", header=replace(SIGNED, round=3))),
        votes(*(f"delegate {number}" for number in range(MAX_SEATS + 1))),
    ]
    for wrong in table:
        with pytest.raises(CertificateInvalid):
            QuorumCertificate(wrong)


def test_bytes_that_are_no_certificate_are_refused() -> None:
    certificate = QuorumCertificate(votes("one", "two"))
    value = certificate.to_json()
    table = [
        b"",
        b"{}",
        bytes(certificate) + b"\n",
        bytes(MAX_CERTIFICATE_BYTES + 1),
        canonical.dumps(value | {"signatures": []}),
        canonical.dumps(value | {"signatures": value["signatures"][::-1]}),
        canonical.dumps(value | {"signatures": [value["signatures"][0]] * 2}),
        canonical.dumps(value | {"signatures": [{"delegate": ident("one"), "signature": "AAAA"}]}),
        canonical.dumps(value | {"more": 0}),
    ]
    for wrong in table:
        with pytest.raises(LedgerError) as error:
            QuorumCertificate.from_bytes(wrong)
        assert error.value.code == "certificate-invalid"


def test_the_greatest_certificate_is_under_the_limit() -> None:
    certificate = QuorumCertificate(votes(*(f"delegate {number}" for number in range(MAX_SEATS))))
    assert len(bytes(certificate)) <= MAX_CERTIFICATE_BYTES


def test_the_set_digest_covers_ids_keys_weights_and_order() -> None:
    one, two = SEATS[:2]
    sets = [
        (one, two),
        (two, one),
        (one,),
        (one, replace(two, weight=81)),
        (one, replace(two, key=bytes(32))),
        (one, replace(two, delegate=ident("three"))),
    ]
    assert len(set(map(set_digest, sets))) == len(sets)
