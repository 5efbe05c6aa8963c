"""Sessions: opened by both proofs only, and whatever a relay does to messages is told or harmless."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.binding import held_by_tag
from matching.envelope import MAX_TEXT_BYTES, MIN_PLAINTEXT_BYTES, Envelope, Kind
from matching.errors import (
    MatchingError,
    MessageReflected,
    MessageReplayed,
    MessageTooLong,
    MessageUnreadable,
    SessionNotOpen,
)
from matching.numbering import MAX_GAP, Numbering
from matching.session import Session
from matching.session_state import SessionState
from tests.matching.pairing import ATAXIA, RARE, RULE, SEIZURE, Patient, World, copy, matches, opened

Pair = tuple[Session, Session]


@pytest.fixture
def patients() -> tuple[Patient, Patient]:
    return World().patients((SEIZURE, ATAXIA, RARE), (ATAXIA, SEIZURE))


@pytest.fixture
def pair(patients: tuple[Patient, Patient]) -> Pair:
    return opened(*patients)


def texts(session: Session, message: bytes) -> list[str]:
    return [text.text for text in session.receive(message).texts]


def test_two_who_share_symptoms_write_to_each_other(pair: Pair) -> None:
    one, two = pair
    assert texts(two, one.send("hello")) == ["hello"]
    assert texts(one, two.send("wie geht es dir?\n\u00fc")) == ["wie geht es dir?\n\u00fc"]
    assert one.unconfirmed == 0
    assert {one.state, two.state} == {SessionState.OPEN}
    assert one.secret is two.secret is None


def test_no_text_is_sent_before_the_other_proved(patients: tuple[Patient, Patient]) -> None:
    for match in matches(*patients):
        session, _ = Session.start(match, RULE)
        with pytest.raises(SessionNotOpen):
            session.send("too early")


def test_a_replayed_message_is_told_also_after_taking_the_session_up_again(pair: Pair) -> None:
    one, two = pair
    message = one.send("once")
    two.receive(message)
    for session in (two, copy(two)):
        with pytest.raises(MessageReplayed):
            session.receive(message)
    assert texts(two, one.send("and on")) == ["and on"]


def test_a_replayed_first_message_opens_nothing_anew(patients: tuple[Patient, Patient]) -> None:
    mine, theirs = matches(*patients)
    (_, first), (two, _) = Session.start(mine, RULE), Session.start(theirs, RULE)
    assert first is not None
    two.receive(first)
    with pytest.raises(MessageReplayed):
        two.receive(first)
    with pytest.raises(MessageUnreadable):
        theirs.pending.account.inbound(two.theirs.identity_key, first)
    assert two.state is SessionState.OPEN


def test_a_reflected_message_is_told_and_harmless(pair: Pair) -> None:
    one, two = pair
    message = one.send("to you")
    with pytest.raises(MessageReflected):
        one.receive(message)
    assert texts(two, message) == ["to you"]


def test_a_reflected_proof_proves_nothing(patients: tuple[Patient, Patient]) -> None:
    one, first = Session.start(matches(*patients)[0], RULE)
    assert first is not None
    with pytest.raises(MessageReflected):
        one.receive(first)
    one.numbers._own.clear()
    with pytest.raises(MessageUnreadable):
        one.receive(first)
    assert one.state is SessionState.PROVING


def test_a_dropped_message_is_told_to_receiver_and_sender(pair: Pair) -> None:
    one, two = pair
    lost, after = one.send("lost"), one.send("after")
    received = two.receive(after)
    assert [text.text for text in received.texts] == ["after"]
    assert received.missing == two.missing == (1,)
    one.receive(two.send("got it"))
    assert one.unconfirmed == 2
    assert texts(two, lost) == ["lost"]
    assert two.missing == ()
    one.receive(two.send("now all"))
    assert one.unconfirmed == 0


def test_a_peer_who_leaves_out_numbers_again_and_again_is_refused() -> None:
    """What is missing is kept; there is a bound for all jumps together."""
    numbers, jump = Numbering(), MAX_GAP // 4
    for number in range(jump, 5 * jump, jump):
        numbers.arrived(number.to_bytes(2, "big"), number, 0)
    with pytest.raises(MessageUnreadable, match="cannot be"):
        numbers.arrived(b"one more", 5 * jump, 0)
    assert MAX_GAP - 4 <= len(numbers.missing) <= MAX_GAP


def test_a_text_that_overtakes_the_proof_is_shown_after_it_only(patients: tuple[Patient, Patient]) -> None:
    mine, theirs = matches(*patients)
    (one, first), (two, _) = Session.start(mine, RULE), Session.start(theirs, RULE)
    assert first is not None
    reply = two.receive(first).reply
    assert reply is not None
    assert texts(one, two.send("fast")) == []
    one = copy(one)
    last = two.end()
    assert last is not None
    assert texts(one, last) == []
    with pytest.raises(SessionNotOpen):
        one.send("not yet")
    assert texts(copy(one), reply) == ["fast"]
    one.receive(reply)
    assert one.state is SessionState.ENDED


@pytest.mark.parametrize("bad", [b"", b"\x00", b"\x01", b"\x07abc", b"\x01" + bytes(300), b"\x00" + bytes(300)])
def test_rubbish_in_the_mailbox_is_refused_and_harmless(
    bad: bytes, pair: Pair, patients: tuple[Patient, Patient]
) -> None:
    waiting, _ = Session.start(matches(*patients)[1], RULE)
    for session in (waiting, *pair):
        state = session.state
        with pytest.raises(MessageUnreadable):
            session.receive(bad)
        assert session.state is state
    assert texts(pair[1], pair[0].send("still here")) == ["still here"]


def test_a_changed_message_does_not_open_and_the_true_one_still_does(pair: Pair) -> None:
    one, two = pair
    message = one.send("true")
    for at in (0, 1, len(message) // 2, len(message) - 1):
        with pytest.raises(MessageUnreadable):
            two.receive(message[:at] + bytes([message[at] ^ 1]) + message[at + 1 :])
    assert texts(two, message) == ["true"]


def test_messages_of_another_session_of_the_same_two_do_not_open(patients: tuple[Patient, Patient]) -> None:
    (one, two), (_, other) = opened(*patients), opened(*patients)
    message = one.send("for the first")
    with pytest.raises(MessageUnreadable):
        other.receive(message)
    assert texts(two, message) == ["for the first"]


def test_more_than_forty_skipped_messages_are_lost_and_told_missing(pair: Pair) -> None:
    one, two = pair
    sent = [one.send(f"{number}") for number in range(50)]
    assert texts(two, sent[-1]) == ["49"]
    with pytest.raises(MessageUnreadable):
        two.receive(sent[0])
    assert texts(two, sent[48]) == ["48"]
    assert 1 in two.missing


@pytest.mark.parametrize("text", ["", "x" * (MAX_TEXT_BYTES + 1), "\u00fc" * (MAX_TEXT_BYTES // 2 + 1), "\ud800"])
def test_a_text_that_cannot_be_sent_is_refused_and_uses_no_number(text: str, pair: Pair) -> None:
    one, two = pair
    with pytest.raises(MessageTooLong):
        one.send(text)
    two.receive(one.send("x" * MAX_TEXT_BYTES))
    assert two.missing == ()


def test_proof_short_texts_and_end_have_one_size_and_longer_texts_few_sizes(pair: Pair) -> None:
    one, two = pair
    two.receive(one.send("so that it is the other's turn"))
    one.receive(two.send("and back"))
    sizes = {len(one.send(secrets.token_hex(size))) for size in (1, 10, 100, 250)}
    last = one.end()
    assert last is not None
    assert {len(last)} == sizes
    lengths = range(2000, 4000, 7)
    assert len({len(two.send("y" * length)) for length in lengths}) < len(lengths) / 5


def test_a_number_that_cannot_be_is_refused(pair: Pair) -> None:
    one, two = pair
    assert one.olm is not None
    for number, expects in ((MAX_GAP + 5, 0), (1, 99)):
        made = Envelope(
            Kind.TEXT, bytes(one.mine.key), bytes(one.theirs.key), one.offer.match_id, number, expects, "odd"
        )
        with pytest.raises(MessageUnreadable):
            two.receive(one.olm.encrypt(made.to_padded()))
    repeated = Envelope(Kind.TEXT, bytes(one.mine.key), bytes(one.theirs.key), one.offer.match_id, 0, 0, "twice")
    with pytest.raises(MessageReplayed):
        two.receive(one.olm.encrypt(repeated.to_padded()))


@pytest.mark.parametrize("plaintext", [b"", bytes(MIN_PLAINTEXT_BYTES), b"\xff" * 2000, bytes(3000), b"\x00\x00{}"])
def test_a_plaintext_that_is_no_message_is_refused(plaintext: bytes, pair: Pair) -> None:
    one, two = pair
    assert one.olm is not None
    with pytest.raises(MessageUnreadable):
        two.receive(one.olm.encrypt(plaintext))


def test_errors_hold_no_text_term_or_key(patients: tuple[Patient, Patient], pair: Pair) -> None:
    one, two = pair
    message = one.send("a secret illness")
    two.receive(message)
    shown = f"{one!r} {one.mine!r:.0}{two.receive(one.send('again'))!r} {one.olm!r}"
    for session, data in ((two, message), (one, message), (two, b"\x01rubbish")):
        with pytest.raises(MatchingError) as raised:
            session.receive(data)
        shown += str(raised.value)
    assert "secret illness" not in shown
    assert "again" not in shown
    assert not any(term in shown for tag in patients for term in tag.tags)
    assert not any(held.term in shown for held in held_by_tag(patients[0].tags).values())


DELIVERIES = st.lists(st.tuples(st.sampled_from(["one", "two", "back", "junk"]), st.integers(0, 11)), max_size=60)


@settings(max_examples=60, deadline=None)
@given(DELIVERIES)
def test_whatever_order_the_relay_chooses_texts_arrive_once_unchanged_or_are_told_missing(
    deliveries: list[tuple[str, int]],
) -> None:
    one, two = opened(*World().patients((SEIZURE, ATAXIA), (SEIZURE, ATAXIA)))
    sent = {side: [session.send(f"{side} {n}") for n in range(12)] for side, session in (("one", one), ("two", two))}
    other = {"one": two, "two": one}
    arrived: dict[str, list[str]] = {"one": [], "two": []}
    handed: set[tuple[str, int]] = set()
    for side, number in deliveries:
        if side == "back":
            with pytest.raises(MessageReflected):
                one.receive(sent["one"][number])
        elif side == "junk":
            with pytest.raises(MessageUnreadable):
                two.receive(sent["one"][number][:-1] + b"\x00\x00")
        elif (side, number) in handed:
            with pytest.raises(MessageReplayed):
                other[side].receive(sent[side][number])
        else:
            handed.add((side, number))
            arrived[side] += [text.text for text in other[side].receive(sent[side][number]).texts]
    for side, session in other.items():
        numbers = [number for one_side, number in handed if one_side == side]
        assert sorted(arrived[side]) == sorted(f"{side} {number}" for number in numbers)
        first = 1
        gaps = set(range(first, first + max(numbers, default=-1) + 1)) - {first + number for number in numbers}
        assert set(session.missing) == gaps
