"""Pairing: nothing is exchanged, and nothing told, before both accepted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from matching.answer import Acceptance, Decline
from matching.errors import (
    AnswerInvalid,
    NotBothAccepted,
    OfferExpired,
    OfferInvalid,
    OtherEpoch,
    PairingClosed,
    SessionStateInvalid,
    SharedTagsInvalid,
)
from matching.offer import MatchOffer, Role
from matching.pair import Contact, Pairing, PairingState, PendingPair
from scheme.certificates import CertificateInvalid
from scheme.keys import SigningKey
from tests.matching.pairing import (
    ATAXIA,
    EPOCH,
    FOCAL,
    KEY,
    NOW,
    RARE,
    RULE,
    SEIZURE,
    Authority,
    Patient,
    World,
    matches,
    offer_to,
    shared_tags,
)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def two(world: World) -> tuple[Patient, Patient]:
    return world.patients((SEIZURE, ATAXIA, RARE), (ATAXIA, FOCAL, SEIZURE))


def test_each_learns_the_shared_symptoms_and_a_handle_and_no_other_symptom(two: tuple[Patient, Patient]) -> None:
    mine, theirs = matches(*two)
    assert mine.terms == theirs.terms == (SEIZURE, ATAXIA)
    assert mine.theirs.handle == theirs.pending.mailbox.handle
    assert {mine.role, theirs.role} == {Role.INITIATOR, Role.RESPONDER}
    told = bytes(mine.theirs) + bytes(mine.pending.offer.offer)
    assert not any(tag.tag in told or tag.tag.hex().encode() in told for tag in two[1].tags.values())


def test_neither_an_offer_nor_an_acceptance_holds_a_tag_a_term_or_a_score(two: tuple[Patient, Patient]) -> None:
    offer = offer_to(*two)
    sent = bytes(offer) + bytes(two[0].accept(offer).acceptance)
    for term, secret in two[0].tags.items():
        assert term.encode() not in sent
        assert secret.tag.hex().encode() not in sent
        assert secret.session_secret.hex().encode() not in sent


def test_a_one_sided_and_a_declined_match_look_the_same_to_who_accepted(two: tuple[Patient, Patient]) -> None:
    offer, certified = offer_to(*two), two[0].authority.certified
    silent = Pairing(offer).accept(two[0].accept(offer).acceptance, now=NOW, certified=certified)
    declined = silent.decline(Decline.sign(two[1].signing, offer), certified=certified)
    for moment in (NOW, offer.expires_at, offer.expires_at + 1):
        assert silent.state_for(two[0].key, now=moment) == declined.state_for(two[0].key, now=moment)
    sentences = set()
    for pairing in (silent, declined):
        with pytest.raises(NotBothAccepted) as raised:
            pairing.contact_for(two[0].key, [])
        sentences.add(str(raised.value))
    assert len(sentences) == 1
    assert declined.state_for(two[1].key, now=NOW) is PairingState.CLOSED
    assert silent.state_for(two[1].key, now=NOW) is PairingState.OPEN


def test_who_declined_is_told_nothing_of_an_acceptance(two: tuple[Patient, Patient]) -> None:
    offer, certified = offer_to(*two), two[0].authority.certified
    declined = Pairing(offer).decline(Decline.sign(two[1].signing, offer), certified=certified)
    accepted = declined.accept(two[0].accept(offer).acceptance, now=NOW, certified=certified)
    assert accepted.state_for(two[1].key, now=NOW) is declined.state_for(two[1].key, now=NOW) is PairingState.CLOSED
    with pytest.raises(NotBothAccepted):
        accepted.contact_for(two[1].key, [])


def test_an_answer_is_final_and_the_same_answer_again_changes_nothing(two: tuple[Patient, Patient]) -> None:
    offer, certified = offer_to(*two), two[0].authority.certified
    acceptance, decline = two[0].accept(offer).acceptance, Decline.sign(two[0].signing, offer)
    accepted = Pairing(offer).accept(acceptance, now=NOW, certified=certified)
    assert accepted.accept(acceptance, now=NOW, certified=certified) == accepted
    with pytest.raises(PairingClosed):
        accepted.decline(decline, certified=certified)
    with pytest.raises(PairingClosed):
        accepted.accept(two[0].accept(offer).acceptance, now=NOW, certified=certified)
    declined = Pairing(offer).decline(decline, certified=certified)
    assert declined.decline(decline, certified=certified) == declined
    with pytest.raises(PairingClosed):
        declined.accept(acceptance, now=NOW, certified=certified)


def test_an_expired_offer_is_accepted_by_neither_patient_nor_index(two: tuple[Patient, Patient]) -> None:
    offer = offer_to(*two)
    late = offer.expires_at + 1
    with pytest.raises(OfferExpired):
        PendingPair.accept(two[0].verified(offer), two[0].signing, RULE, now=late)
    acceptance = two[0].accept(offer).acceptance
    with pytest.raises(OfferExpired):
        Pairing(offer).accept(acceptance, now=late, certified=two[0].authority.certified)
    assert Pairing(offer).state_for(two[0].key, now=late) is PairingState.CLOSED


def test_an_offer_of_another_epoch_is_refused(two: tuple[Patient, Patient]) -> None:
    offer = offer_to(*two)
    with pytest.raises(OtherEpoch):
        offer.verify(two[0].key, epoch=EPOCH + 1, certified=two[0].authority.certified)
    relabelled = replace(offer, epoch=EPOCH + 1)
    with pytest.raises(CertificateInvalid):
        relabelled.verify(two[0].key, epoch=EPOCH + 1, certified=two[0].authority.certified)


def test_a_pseudonym_that_the_authority_did_not_certify_is_refused(two: tuple[Patient, Patient]) -> None:
    forged = replace(offer_to(*two), certificates=(two[0].certificate, Authority().certificate(two[1].key)))
    with pytest.raises(CertificateInvalid):
        two[0].verified(forged)


def test_nobody_is_paired_with_herself_or_asked_about_others(world: World, two: tuple[Patient, Patient]) -> None:
    with pytest.raises(OfferInvalid):
        two[0].verified(offer_to(two[0], two[0]))
    with pytest.raises(OfferInvalid):
        world.patient(SEIZURE).verified(offer_to(*two))


def test_an_acceptance_counts_for_its_own_offer_and_signer_only(world: World, two: tuple[Patient, Patient]) -> None:
    offer, other = offer_to(*two), offer_to(*two)
    certified = two[0].authority.certified
    acceptance = two[0].accept(offer).acceptance
    stranger = world.patient(SEIZURE)
    wrong = [
        two[0].accept(other).acceptance,
        replace(acceptance, handle=bytes(16)),
        replace(acceptance, single=True),
        replace(acceptance, identity_key=bytes(32)),
        replace(acceptance, key=two[1].key),
        acceptance.signed(two[1].signing),
        replace(acceptance, key=stranger.key).signed(stranger.signing),
    ]
    for each in wrong:
        with pytest.raises(AnswerInvalid):
            Pairing(offer).accept(each, now=NOW, certified=certified)
    by_owner = Decline.sign(two[0].signing, offer)
    forged = replace(Decline.sign(stranger.signing, offer), key=two[0].key)
    for no in (Decline.sign(two[0].signing, other), Decline.sign(stranger.signing, offer), forged):
        with pytest.raises(AnswerInvalid):
            Pairing(offer).decline(no, certified=certified)
    assert Pairing(offer).decline(by_owner, certified=certified).declined == (two[0].key,)


def test_an_index_that_shows_the_two_different_offers_brings_them_no_contact(two: tuple[Patient, Patient]) -> None:
    offer = offer_to(*two)
    changed = replace(offer, expires_at=offer.expires_at + 1)
    mine, theirs = two[0].accept(offer), two[1].accept(changed)
    with pytest.raises(AnswerInvalid):
        two[0].meet(mine, Contact(theirs.acceptance, tuple(shared_tags(*two))))


@pytest.mark.parametrize("which", ["none", "foreign", "twice"])
def test_shared_tags_that_a_patient_never_submitted_are_refused(
    which: str, world: World, two: tuple[Patient, Patient]
) -> None:
    offer = offer_to(*two)
    mine, theirs = two[0].accept(offer), two[1].accept(offer)
    good = shared_tags(*two)
    shared = {"none": [], "foreign": [*good, two[1].tags[FOCAL].tag], "twice": good + good[:1]}[which]
    with pytest.raises(SharedTagsInvalid):
        two[0].meet(mine, Contact(theirs.acceptance, tuple(shared)))


def test_an_acceptance_with_ones_own_session_keys_or_mailbox_is_refused(two: tuple[Patient, Patient]) -> None:
    offer = offer_to(*two)
    mine, theirs = two[0].accept(offer), two[1].accept(offer).acceptance
    own = mine.acceptance
    for stolen in (
        replace(theirs, identity_key=own.identity_key),
        replace(theirs, one_time_key=own.one_time_key),
        replace(theirs, handle=own.handle),
    ):
        with pytest.raises(AnswerInvalid):
            two[0].meet(mine, Contact(stolen.signed(two[1].signing), tuple(shared_tags(*two))))


def test_a_key_of_another_pseudonym_accepts_nothing(two: tuple[Patient, Patient]) -> None:
    with pytest.raises(OfferInvalid):
        PendingPair.accept(two[0].verified(offer_to(*two)), SigningKey.generate(), RULE, now=NOW)


def test_offers_answers_and_pairings_are_read_back_as_written(two: tuple[Patient, Patient]) -> None:
    offer, certified = offer_to(*two), two[0].authority.certified
    acceptance, decline = two[0].accept(offer).acceptance, Decline.sign(two[1].signing, offer)
    pairing = Pairing(offer).accept(acceptance, now=NOW, certified=certified).decline(decline, certified=certified)
    assert MatchOffer.from_bytes(bytes(offer)) == offer
    assert Acceptance.from_bytes(bytes(acceptance)) == acceptance
    assert Decline.from_bytes(bytes(decline)) == decline
    assert Pairing.from_bytes(bytes(pairing)) == pairing
    for data in (b"", b"{}", b"[]", b'{"type":"chartseal/match-offer"}', bytes(offer)[:-1], bytes(acceptance) + b" "):
        with pytest.raises(OfferInvalid):
            MatchOffer.from_bytes(data)
        with pytest.raises(AnswerInvalid):
            Acceptance.from_bytes(data)
        with pytest.raises(AnswerInvalid):
            Decline.from_bytes(data)
        with pytest.raises(OfferInvalid):
            Pairing.from_bytes(data)


def test_a_pending_pair_is_kept_under_its_key_only(two: tuple[Patient, Patient]) -> None:
    pending = two[0].accept(offer_to(*two))
    kept = pending.to_secret_bytes(KEY)
    again = PendingPair.from_secret_bytes(kept, KEY)
    assert (again.offer, again.acceptance, again.mailbox) == (pending.offer, pending.acceptance, pending.mailbox)
    assert again.account.identity_key == pending.account.identity_key
    assert pending.mailbox.to_secret_bytes().hex() not in repr(pending)
    for data, key in ((kept, bytes(32)), (kept, b"short"), (kept[:-1], KEY), (b"", KEY), (bytes(len(kept)), KEY)):
        with pytest.raises(SessionStateInvalid):
            PendingPair.from_secret_bytes(data, key)
