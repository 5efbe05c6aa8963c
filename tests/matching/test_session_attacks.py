"""Who opens no session: an index that invents a match, a relay in the middle, a third party; what stolen keys give."""

from __future__ import annotations

import secrets
from dataclasses import replace

import pytest

from matching.binding import HeldTag
from matching.envelope import Envelope, Kind
from matching.errors import (
    BindingFailed,
    MatchingError,
    MessageUnreadable,
    SessionNotOpen,
    TooLittleShared,
)
from matching.offer import Role
from matching.olm import OlmAccount
from matching.pair import Contact, Match, PendingPair
from matching.session import Session
from matching.session_state import SessionState
from matching.tags import TagSecret
from tests.matching.pairing import (
    ATAXIA,
    FOCAL,
    KEY,
    NERVES,
    RARE,
    RULE,
    SEIZURE,
    TOP,
    VOICE,
    Patient,
    World,
    copy,
    matches,
    offer_to,
    opened,
    shared_tags,
)


@pytest.fixture
def world() -> World:
    return World()


def without_secrets(match: Match) -> Match:
    """The same match for somebody who knows tags and terms, and not what both issuers' keys make of the terms."""
    made = (HeldTag(held.term, TagSecret(held.secret.tag, secrets.token_bytes(32))) for held in match.shared)
    return replace(match, shared=tuple(made))


def start_both(one: Match, two: Match) -> tuple[Session, bytes, Session]:
    initiator, first = Session.start(one, RULE)
    responder, _ = Session.start(two, RULE)
    assert first is not None
    return initiator, first, responder


def prove_anyway(session: Session, first: bytes) -> bytes:
    """The answer of a responder who does not care whether the initiator's proof is right."""
    assert session.account is not None
    session.olm, _ = session.account.inbound(session.theirs.identity_key, first)
    return session._encrypt(Kind.PROOF, session._proof(Role.RESPONDER))


def test_an_invented_match_fails_with_an_initiator_who_lacks_the_secrets(world: World) -> None:
    mine, theirs = matches(*world.patients((SEIZURE, ATAXIA), (SEIZURE, ATAXIA)))
    _, first, two = start_both(without_secrets(mine), theirs)
    with pytest.raises(BindingFailed):
        two.receive(first)
    assert two.state is SessionState.FAILED
    assert two.olm is None
    assert two.secret is None


def test_an_invented_match_fails_with_a_responder_who_lacks_the_secrets(world: World) -> None:
    mine, theirs = matches(*world.patients((SEIZURE, ATAXIA), (SEIZURE, ATAXIA)))
    one, first, two = start_both(mine, without_secrets(theirs))
    with pytest.raises(BindingFailed):
        one.receive(prove_anyway(two, first))
    assert one.state is SessionState.FAILED


def test_a_failed_session_is_no_second_guess_also_when_taken_up_again(world: World) -> None:
    mine, theirs = matches(*world.patients((SEIZURE, ATAXIA), (SEIZURE, ATAXIA)))
    right = Session.start(mine, RULE)[1]
    _, wrong, two = start_both(without_secrets(mine), theirs)
    assert right is not None
    for message in (wrong, right):
        with pytest.raises(BindingFailed):
            two.receive(message)
    again = copy(two)
    with pytest.raises(BindingFailed):
        again.receive(right)
    with pytest.raises(BindingFailed):
        again.send("anything")


def test_one_who_knows_all_shared_secrets_but_one_opens_nothing(world: World) -> None:
    mine, theirs = matches(*world.patients((SEIZURE, ATAXIA, RARE), (SEIZURE, ATAXIA, RARE)))
    guessed = without_secrets(mine).shared
    _, first, two = start_both(replace(mine, shared=(*mine.shared[:2], guessed[2])), theirs)
    with pytest.raises(BindingFailed):
        two.receive(first)


def test_an_index_that_shows_each_another_shared_set_opens_nothing(world: World) -> None:
    mine, theirs = matches(*world.patients((SEIZURE, ATAXIA, RARE), (SEIZURE, ATAXIA, RARE)))
    _, first, two = start_both(mine, replace(theirs, shared=theirs.shared[:2]))
    with pytest.raises(BindingFailed):
        two.receive(first)


def test_a_match_on_top_level_terms_only_is_refused_by_either_before_anything_is_sent(world: World) -> None:
    for match in matches(*world.patients((NERVES, VOICE, TOP, RARE), (NERVES, VOICE, TOP, FOCAL)), single=(True, True)):
        with pytest.raises(TooLittleShared):
            Session.start(match, RULE)


class Middle:
    """M, certified himself, takes part in two matches and puts the Olm keys of each of the others into the other's."""

    def __init__(self, world: World, one: Patient, two: Patient, middle: Patient) -> None:
        offers = offer_to(one, middle), offer_to(middle, two)
        self.pending = one.accept(offers[0]), two.accept(offers[1])
        his = middle.accept(offers[0]), middle.accept(offers[1])
        stolen = (
            replace(
                mine.acceptance,
                identity_key=theirs.acceptance.identity_key,
                one_time_key=theirs.acceptance.one_time_key,
            ).signed(middle.signing)
            for mine, theirs in zip(his, self.pending[::-1], strict=True)
        )
        first, second = stolen
        self.matches = (
            one.meet(self.pending[0], Contact(first, tuple(shared_tags(one, middle)))),
            two.meet(self.pending[1], Contact(second, tuple(shared_tags(middle, two)))),
        )


def three(world: World) -> tuple[Patient, Patient, Patient]:
    """All share two symptoms; in the order of their keys: initiator everywhere, M, responder everywhere."""
    made = sorted((world.patient(SEIZURE, ATAXIA) for _ in range(3)), key=lambda patient: bytes(patient.key))
    return made[0], made[1], made[2]


def test_unknown_key_share_who_registers_anothers_olm_keys_as_his_opens_nothing(world: World) -> None:
    # The first message opens under Olm alone: both sides hold exactly the keys that it was made with.
    one, middle, two = three(world)
    attack = Middle(world, one, two, middle)
    _, first, other = start_both(*attack.matches)
    assert attack.pending[1].account.identity_key == attack.matches[0].theirs.identity_key
    with pytest.raises(BindingFailed):
        other.receive(first)
    assert other.state is SessionState.FAILED


@pytest.mark.parametrize("wrong", ["sender", "receiver", "match_id"])
def test_a_message_that_names_another_pair_or_match_ends_the_session(wrong: str, world: World) -> None:
    one, two = opened(*world.patients((SEIZURE, ATAXIA), (SEIZURE, ATAXIA)))
    assert one.olm is not None
    right = Envelope(Kind.TEXT, bytes(one.mine.key), bytes(two.mine.key), one.offer.match_id, 1, 1, "passed on")
    stranger = bytes(world.patient().key)
    passed_on = {
        "sender": replace(right, sender=stranger),
        "receiver": replace(right, receiver=stranger),
        "match_id": replace(right, match_id=bytes(16)),
    }
    assert copy(two).receive(one.olm.encrypt(right.to_padded())).texts
    with pytest.raises(BindingFailed):
        two.receive(one.olm.encrypt(passed_on[wrong].to_padded()))
    assert two.state is SessionState.FAILED


def test_a_relay_in_the_middle_with_olm_keys_of_its_own_opens_nothing(world: World) -> None:
    mine, theirs = matches(*world.patients((SEIZURE, ATAXIA), (SEIZURE, ATAXIA)))
    _, first, two = start_both(mine, theirs)
    relay = OlmAccount.generate()
    forged = relay.outbound(theirs.pending.acceptance.identity_key, theirs.pending.acceptance.one_time_key)
    with pytest.raises(MessageUnreadable):
        two.receive(forged.encrypt(b"let me in"))
    assert two.receive(first).reply is not None


def test_a_third_party_with_all_public_material_reads_and_writes_nothing(world: World) -> None:
    one, two = world.patients((SEIZURE, ATAXIA), (SEIZURE, ATAXIA))
    mine, theirs = matches(one, two)
    session, first, other = start_both(mine, theirs)
    third = world.patient(SEIZURE, ATAXIA)
    # He knows the offer, both acceptances, the terms and their secrets, and every message; he lacks both Olm keys.
    for known in (mine, theirs):
        own = PendingPair(known.pending.offer, known.pending.acceptance, OlmAccount.generate(), known.pending.mailbox)
        impostor, message = Session.start(replace(known, pending=own), RULE)
        if message is not None:
            with pytest.raises(MessageUnreadable):
                other.receive(message)
        else:
            with pytest.raises(MessageUnreadable):
                impostor.receive(first)
    with pytest.raises(MatchingError):
        third.verified(mine.pending.offer.offer)
    reply = other.receive(first).reply
    assert reply is not None
    session.receive(reply)
    text = session.send("for two only")
    for each in Session.start(theirs, RULE)[0], Session.start(mine, RULE)[0]:
        with pytest.raises(MessageUnreadable):
            each.receive(text)


def test_a_proof_of_one_match_proves_nothing_in_another_of_the_same_two(world: World) -> None:
    patients = world.patients((SEIZURE, ATAXIA), (SEIZURE, ATAXIA))
    earlier, _, _ = start_both(*matches(*patients))
    proof = earlier._proof(Role.INITIATOR)
    mine, theirs = matches(*patients)
    session, _, two = start_both(mine, theirs)
    with pytest.raises(BindingFailed):
        two.receive(session._encrypt(Kind.PROOF, proof))


def test_a_text_instead_of_a_proof_opens_nothing(world: World) -> None:
    session, _, two = start_both(*matches(*world.patients((SEIZURE, ATAXIA), (SEIZURE, ATAXIA))))
    with pytest.raises(BindingFailed):
        two.receive(session._encrypt(Kind.TEXT, "trust me"))


def test_forward_secrecy_a_later_state_opens_no_older_message(world: World) -> None:
    one, two = opened(*world.patients((SEIZURE, ATAXIA), (SEIZURE, ATAXIA)))
    recorded = []
    for turn in range(3):
        recorded.append(one.send(f"old {turn}"))
        two.receive(recorded[-1])
        one.receive(two.send("yes"))
    for thief in (copy(two), copy(one)):
        thief.numbers._own.clear()
        thief.numbers._theirs.clear()
        for message in recorded:
            with pytest.raises(MessageUnreadable):
                thief.receive(message)


def test_post_compromise_a_stolen_state_is_of_no_use_after_a_round_trip(world: World) -> None:
    one, two = opened(*world.patients((SEIZURE, ATAXIA), (SEIZURE, ATAXIA)))
    two.receive(one.send("before"))
    one.receive(two.send("before too"))
    thief = Session.from_secret_bytes(one.to_secret_bytes(KEY), KEY)
    readable = two.send("the thief still reads this")
    assert [text.text for text in copy(thief).receive(readable).texts] == ["the thief still reads this"]
    one.receive(readable)
    two.receive(one.send("new keys from here"))
    healed = two.send("closed again")
    thief.receive(readable)
    with pytest.raises(MessageUnreadable):
        thief.receive(healed)
    assert [text.text for text in one.receive(healed).texts] == ["closed again"]


def test_a_stolen_state_of_an_open_session_gives_no_session_secret(world: World) -> None:
    for session in opened(*world.patients((SEIZURE, ATAXIA), (SEIZURE, ATAXIA))):
        assert session.secret is None
        assert session.account is None
        with pytest.raises(SessionNotOpen):
            session._proof(session.role)
