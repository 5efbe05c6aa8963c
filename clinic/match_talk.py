"""The session of two matched patients: what waits at the relay is read, what is ready is sent, in the safe order.

Each step is ``matching.session``'s: change, ``save``, hand over to the relay, ``save``. Before the first text both
sides prove the shared symptoms; a text written earlier waits in the book and goes with the first one that may.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from clinic.match_meeting import Meeting
from clinic.matching import Desk, shared
from matching.binding import BindingRule
from matching.envelope import require_text
from matching.errors import (
    BindingFailed,
    HandleUnknown,
    MailboxFull,
    MessageReflected,
    MessageReplayed,
    MessageUnreadable,
    SessionEnded,
    SessionNotOpen,
)
from matching.report import Reason
from matching.session import Session
from matching.session_state import SessionState

RuleOf = Callable[[], BindingRule]
"""Makes the rule when a session starts: the vocabulary is slow to read."""
_DROPPED = (MessageReplayed, MessageReflected, MessageUnreadable)


@dataclass
class Read:
    """What one reading brought."""

    texts: list[tuple[int, str]] = field(default_factory=list)
    missing: tuple[int, ...] = ()
    """Numbers of the other's messages that the relay lost or holds."""
    unconfirmed: int = 0
    """Own messages, the proof among them, that no message of the other's says to have arrived."""
    dropped: list[str] = field(default_factory=list)
    """Codes of messages that were none of the other's, or came twice."""
    state: str = ""
    undelivered: int = 0
    """Own messages that the relay did not take."""
    waiting: int = 0
    """Own texts that wait for the other's proof."""
    warning: str | None = None


def advance(desk: Desk, match_id: str, rule: RuleOf) -> Read:
    """Start the session if both accepted, take what the relay has, send what is ready.

    Raises ``NotBothAccepted``, ``MatchUnknown``, ``TooLittleShared``, ``VocabularyDiffers``, ``BindingFailed``,
    ``RelayUnavailable``; what came before is kept.
    """
    meeting = shared(desk, match_id)
    session = meeting.session
    if session is None:
        session, _ = Session.start(meeting.match(), rule())
        meeting.started(session)
        desk.book.save()
    read = Read()
    if session.state not in {SessionState.BLOCKED, SessionState.FAILED}:
        _receive(desk, meeting, session, read)
    if session.state is SessionState.OPEN and meeting.waiting:
        for text in meeting.waiting:
            session.send(text)
        meeting.waiting = []
        desk.book.save()
    _hand_over(desk, session)
    _stand(read, meeting, session)
    return read


def send(desk: Desk, match_id: str, text: str, rule: RuleOf) -> Read:
    """Send a text of 1 to 16,384 bytes, or keep it until the other has proved what both share.

    It is kept too when the other's mailbox is full (``undelivered``). Raises ``MessageTooLong``, ``SessionEnded``,
    ``SessionBlocked``, ``HandleUnknown``, and as ``advance``.
    """
    require_text(text)
    advance(desk, match_id, rule)
    meeting, session = _in_session(desk, match_id)
    if session.state in {SessionState.WAITING, SessionState.PROVING}:
        meeting.waiting.append(text)
        desk.book.save()
    else:
        session.send(text)
        desk.book.save()
        _hand_over(desk, session, strict=True)
    sent = Read()
    _stand(sent, meeting, session)
    return sent


def read(desk: Desk, match_id: str, rule: RuleOf, *, everything: bool = False) -> Read:
    """The other's texts that were not read yet, or all that are kept. Raises as ``advance``."""
    found = advance(desk, match_id, rule)
    meeting = desk.meeting(match_id)
    found.texts = meeting.texts[0 if everything else meeting.shown :]
    meeting.shown = len(meeting.texts)
    desk.book.save()
    return found


def end(desk: Desk, match_id: str) -> None:
    """End the session and tell the other; the texts are forgotten, the mailbox is closed. Raises ``SessionNotOpen``."""
    meeting, session = _in_session(desk, match_id)
    session.end()
    desk.book.save()
    _hand_over(desk, session)
    _close(desk, meeting)


def block(desk: Desk, match_id: str) -> None:
    """End the session without a word; the texts are forgotten, the mailbox is closed. Raises ``SessionNotOpen``."""
    meeting, session = _in_session(desk, match_id)
    session.block()
    desk.book.save()
    _close(desk, meeting)


def report(desk: Desk, match_id: str, reason: Reason) -> str:
    """Report the other to the authority; returns the name of the report's file there. Raises ``SessionNotOpen``."""
    meeting, session = _in_session(desk, match_id)
    return desk.services.report(session.report(meeting.signing, reason))


def _stand(read: Read, meeting: Meeting, session: Session) -> None:
    """Say in ``read`` how things stand, after all else."""
    read.missing, read.unconfirmed, read.state = session.missing, session.unconfirmed, session.state.value
    read.undelivered, read.waiting = len(session.outbox), len(meeting.waiting)
    read.warning = session.strength.warning


def _in_session(desk: Desk, match_id: str) -> tuple[Meeting, Session]:
    meeting = desk.meeting(match_id)
    if meeting.session is None:
        raise SessionNotOpen("there is no session in this match yet; it begins with `chartseal session read`")
    return meeting, meeting.session


def _receive(desk: Desk, meeting: Meeting, session: Session, read: Read) -> None:
    relay, newest = desk.services.relay, 0
    try:
        while batch := relay.fetch(meeting.mailbox, after=newest):
            for stored in batch:
                newest = stored.number
                try:
                    received = session.receive(stored.data)
                    meeting.texts += [(text.number, text.text) for text in received.texts]
                except _DROPPED as error:
                    read.dropped.append(error.code)
                except SessionEnded:
                    read.dropped.append(SessionEnded.code)
                finally:
                    desk.book.save()
            _hand_over(desk, session)
            relay.delete(meeting.mailbox, up_to=newest)
    except HandleUnknown:
        if session.state is not SessionState.ENDED:
            raise
    except BindingFailed:
        relay.close(meeting.mailbox)
        raise


def _hand_over(desk: Desk, session: Session, *, strict: bool = False) -> None:
    """Give the outbox to the relay, in order; what it does not take stays. ``strict`` raises if nobody will read it."""
    for message in list(session.outbox):
        try:
            desk.services.relay.put(session.handle, message)
        except MailboxFull:
            break
        except HandleUnknown:
            if strict:
                raise
            break
        session.handed_over(message)
        desk.book.save()


def _close(desk: Desk, meeting: Meeting) -> None:
    meeting.texts, meeting.waiting, meeting.shown = [], [], 0
    desk.services.relay.close(meeting.mailbox)
    desk.book.save()
