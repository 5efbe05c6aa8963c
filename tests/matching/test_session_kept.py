"""Sessions kept, taken up again, ended, blocked and reported."""

from __future__ import annotations

from dataclasses import replace

import pytest

from matching.errors import (
    MessageReplayed,
    ReportInvalid,
    SessionBlocked,
    SessionEnded,
    SessionStateInvalid,
)
from matching.report import Reason, Report
from matching.session import Session
from matching.session_state import SessionState
from tests.matching.pairing import ATAXIA, KEY, RARE, RULE, SEIZURE, Patient, World, copy, matches, opened

Pair = tuple[Session, Session]


@pytest.fixture
def patients() -> tuple[Patient, Patient]:
    return World().patients((SEIZURE, ATAXIA, RARE), (ATAXIA, SEIZURE))


@pytest.fixture
def pair(patients: tuple[Patient, Patient]) -> Pair:
    return opened(*patients)


def texts(session: Session, message: bytes) -> list[str]:
    return [text.text for text in session.receive(message).texts]


def test_a_session_goes_on_from_its_kept_bytes_at_every_step(patients: tuple[Patient, Patient]) -> None:
    mine, theirs = matches(*patients)
    (one, first), (two, nothing) = Session.start(mine, RULE), Session.start(theirs, RULE)
    assert first is not None
    assert nothing is None
    one, two = copy(one), copy(two)
    reply = two.receive(first).reply
    one, two = copy(one), copy(two)
    assert reply is not None
    one.receive(reply)
    for turn in range(3):
        one, two = copy(one), copy(two)
        assert texts(two, one.send(f"{turn}")) == [f"{turn}"]
        assert texts(one, two.send(f"-{turn}")) == [f"-{turn}"]


def test_kept_bytes_open_under_their_key_only_and_show_nothing(pair: Pair) -> None:
    kept = pair[0].to_secret_bytes(KEY)
    assert b"olm" not in kept
    assert pair[0].offer.match_id.hex().encode() not in kept
    flipped = bytes([kept[0] ^ 1]) + kept[1:]
    for data, key in ((kept, bytes(32)), (kept, b"short"), (kept[:-1], KEY), (flipped, KEY), (b"", KEY)):
        with pytest.raises(SessionStateInvalid):
            Session.from_secret_bytes(data, key)


def test_a_crash_before_the_relay_took_it_loses_no_proof_and_no_text(patients: tuple[Patient, Patient]) -> None:
    mine, theirs = matches(*patients)
    one, two = copy(Session.start(mine, RULE)[0]), copy(Session.start(theirs, RULE)[0])
    (first,) = one.outbox
    two.receive(first)
    two = copy(two)
    (reply,) = two.outbox
    one.receive(reply)
    one.handed_over(first)
    one.send("kept")
    one = copy(one)
    (kept,) = one.outbox
    assert texts(two, kept) == ["kept"]
    with pytest.raises(MessageReplayed):
        two.receive(one.outbox[0])
    one.handed_over(kept)
    one.handed_over(kept)
    assert copy(one).outbox == []
    last = one.end()
    assert copy(one).outbox == [last]
    two.block()
    assert two.outbox == []


def test_ending_is_told_and_nothing_is_written_after_it(pair: Pair) -> None:
    one, two = pair
    late = one.send("on its way")
    last = one.end()
    assert last is not None
    two.receive(last)
    assert texts(copy(two), late) == ["on its way"]
    assert texts(two, late) == ["on its way"]
    for session in pair:
        assert session.state is SessionState.ENDED
        assert session.olm is None
        with pytest.raises(SessionEnded):
            session.send("more")
        with pytest.raises(SessionEnded):
            session.receive(b"\x01more")
        assert session.end() is None


def test_who_waits_can_end_without_a_word(patients: tuple[Patient, Patient]) -> None:
    (one, first), (two, _) = (Session.start(match, RULE) for match in matches(*patients))
    assert first is not None
    assert two.end() is None
    with pytest.raises(SessionEnded):
        two.receive(first)
    assert one.state is SessionState.PROVING


def test_a_blocked_session_reads_and_sends_nothing_and_stays_blocked(pair: Pair) -> None:
    one, two = pair
    message = one.send("unwanted")
    two.block()
    for session in (two, copy(two)):
        assert session.end() is None
        assert session.state is SessionState.BLOCKED
        with pytest.raises(SessionBlocked):
            session.receive(message)
        with pytest.raises(SessionBlocked):
            session.send("no")


def test_a_report_proves_the_pair_and_holds_no_text_tag_or_symptom(
    patients: tuple[Patient, Patient], pair: Pair
) -> None:
    certified = patients[0].authority.certified
    pair[1].receive(pair[0].send("what was said"))
    report = pair[1].report(patients[1].signing, Reason.ABUSE)
    again = Report.from_bytes(bytes(report))
    verified = again.verify(certified)
    assert (verified.reporter, verified.reported, verified.reason) == (patients[1].key, patients[0].key, Reason.ABUSE)
    assert b"what was said" not in bytes(report)
    for term, tag in patients[1].tags.items():
        assert term.encode() not in bytes(report)
        assert tag.tag.hex().encode() not in bytes(report)
    forged = replace(report.reported, handle=bytes(16))
    stranger = Patient(patients[0].authority, patients[0].tags)
    strangers = replace(report.reporter, key=stranger.key).signed(stranger.signing)
    wrong = [
        replace(report, reason=Reason.OTHER),
        replace(report, reporter=report.reported, reported=report.reporter),
        replace(report, reported=report.reporter),
        replace(report, reported=replace(report.reported, handle=bytes(16))),
        Report.create(patients[1].signing, report.offer, report.reporter, forged, Reason.ABUSE),
        Report.create(stranger.signing, report.offer, strangers, report.reported, Reason.ABUSE),
        Report.create(patients[0].signing, report.offer, report.reporter, report.reported, Reason.ABUSE),
        replace(report, offer=replace(report.offer, match_id=bytes(16))),
    ]
    for each in wrong:
        with pytest.raises(ReportInvalid):
            each.verify(certified)
    for data in (b"", b"{}", bytes(report)[1:]):
        with pytest.raises(ReportInvalid):
            Report.from_bytes(data)
