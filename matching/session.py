"""The session of two matched patients: Olm, opened only by both proofs of the shared symptoms.

    initiator                                                     responder
    PROVING  -- proof (first Olm message: X3DH keys) -->          WAITING
                                                     checks it -> OPEN
    OPEN  <- checks it   <-- proof, then texts --
             -- texts, ends, both ways -->

``FAILED`` follows a wrong proof or a message that names another pair, and is final: one match is one try.

Order for the caller: 1. write ``to_secret_bytes`` durably, after an error too; 2. put what is in ``outbox`` at
``handle``, with ``handed_over`` for each; tell the relay to delete what was read; 3. write again. A crash between
leaves a repeat (``MessageReplayed``, harmless), never a ratchet key used twice nor a proof lost.
"""

from __future__ import annotations

from dataclasses import dataclass

from matching.binding import BindingRule, proof, proves, shared_secret, transcript
from matching.envelope import Envelope, Kind, require_text
from matching.errors import (
    BindingFailed,
    MatchingError,
    MessageMissing,
    MessageUnreadable,
    SessionBlocked,
    SessionEnded,
    SessionNotOpen,
    VocabularyDiffers,
)
from matching.offer import Role
from matching.pair import Match
from matching.report import Reason, Report
from matching.session_state import SessionParts, SessionState, Text
from scheme.keys import SigningKey

MAX_HELD_TEXTS = 100
_FAILED = "the other did not prove the shared symptoms of this match; no session, and no second try in this match"


@dataclass(frozen=True, repr=False)
class Received:
    """What a message brought."""

    texts: tuple[Text, ...] = ()
    """Texts to show; also those held until the other's proof came."""
    reply: bytes | None = None
    """The message of one's own proof, which is in the outbox too."""
    missing: tuple[int, ...] = ()
    """Numbers of the other's messages that have not arrived."""


class Session(SessionParts):
    """One side of a session. It changes with each message; keep it after each."""

    @classmethod
    def start(cls, match: Match, rule: BindingRule) -> tuple[Session, bytes | None]:
        """A session for ``match``, and the initiator's first message (``None`` for the responder, who waits), also in
        its outbox.

        Uses up the pending pair: delete it when this session is kept. Raises ``VocabularyDiffers``,
        ``TooLittleShared``, and ``AnswerInvalid`` on session keys that are none.
        """
        mine, theirs = match.pending.acceptance, match.theirs
        if not rule.digest == mine.rule == theirs.rule:
            raise VocabularyDiffers("the two of you weigh symptoms by different releases; update both, and match anew")
        counted, strength = rule.require(match.shared, single=match.single)
        initiator = match.role is Role.INITIATOR
        session = cls(
            match.pending.offer.offer,
            mine,
            theirs,
            SessionState.PROVING if initiator else SessionState.WAITING,
            strength,
            secret=shared_secret(counted),
        )
        if not initiator:
            session.account = match.pending.account
            return session, None
        session.olm = match.pending.account.outbound(theirs.identity_key, theirs.one_time_key)
        return session, session._encrypt(Kind.PROOF, session._proof(Role.INITIATOR))

    @property
    def missing(self) -> tuple[int, ...]:
        """Numbers of the other's messages that have not arrived although later ones have."""
        return tuple(sorted(self.numbers.missing))

    @property
    def unconfirmed(self) -> int:
        """How many own messages, the proof among them, the other has not confirmed by one of hers.

        Many of them: she has not read or answered, or the relay drops them.
        """
        return self.numbers.sent - self.numbers.confirmed

    def send(self, text: str) -> bytes:
        """The message of ``text`` (1 to 16,384 bytes), also put into the outbox.

        Raises ``MessageTooLong``; ``SessionNotOpen``, ``BindingFailed``, ``SessionEnded``, ``SessionBlocked``.
        """
        require_text(text)
        self._require_live()
        if self.state is not SessionState.OPEN:
            raise SessionNotOpen("the other has not yet proved the shared symptoms; read the mailbox, then send")
        return self._encrypt(Kind.TEXT, text)

    def receive(self, message: bytes) -> Received:
        """Take one message from the mailbox; keep the session afterwards, after an error too.

        In order: 1. the session lives; 2. not seen before; 3. it opens under the ratchet; 4. it names this pair and
        match; 5. its number is new; 6. what it is, a proof first. Raises ``SessionEnded``, ``SessionBlocked``,
        ``MessageReplayed``, ``MessageReflected``, ``MessageUnreadable`` (all harmless: drop the message), and
        ``BindingFailed``, which is final.
        """
        if self.state is not SessionState.ENDED or self.olm is None:  # 1
            self._require_live()
        self.numbers.require_new(message)  # 2
        envelope = Envelope.from_padded(self._decrypt(message))  # 3
        named = (envelope.sender, envelope.receiver, envelope.match_id)
        if named != (bytes(self.theirs.key), bytes(self.mine.key), self.offer.match_id):  # 4
            raise self._fail()
        self.numbers.arrived(message, envelope.number, envelope.expects)  # 5
        received = self._take(envelope)  # 6
        if self.state is SessionState.ENDED and not self.numbers.missing:
            self.olm = None
        return received

    def end(self) -> bytes | None:
        """End it: the last message, or ``None`` when there is nobody to tell. Reads nothing any more."""
        last = None
        if self.state in {SessionState.OPEN, SessionState.PROVING}:
            last = self._encrypt(Kind.END, "")
        if self.state not in {SessionState.BLOCKED, SessionState.FAILED}:
            self._close(SessionState.ENDED)
        return last

    def block(self) -> None:
        """End it without a word; close the mailbox at the relay too, so that nothing more is stored."""
        self._close(SessionState.BLOCKED)

    def report(self, signing: SigningKey, reason: Reason) -> Report:
        """A report to the authority that the other misbehaved in this session: no text and no symptom in it."""
        return Report.create(signing, self.offer, self.mine, self.theirs, reason)

    def _take(self, envelope: Envelope) -> Received:
        if envelope.kind is Kind.PROOF:
            return self._take_proof(envelope)
        if envelope.kind is Kind.END:
            return self._take_end()
        if self.state is SessionState.WAITING:
            raise self._fail()
        text = Text(envelope.number, envelope.body)
        if self.state is not SessionState.PROVING:
            return Received((text,), missing=self.missing)
        if len(self.held) >= MAX_HELD_TEXTS:
            raise MessageMissing("the other's proof is missing, so that no text is taken; match anew")
        self.held.append(text)
        return Received(missing=self.missing)

    def _take_end(self) -> Received:
        if self.state is SessionState.OPEN:
            self.state = SessionState.ENDED
        elif self.state is SessionState.PROVING and self.numbers.missing:
            self.end_held = True
        else:
            self._close(SessionState.ENDED)
        return Received(missing=self.missing)

    def _take_proof(self, envelope: Envelope) -> Received:
        theirs = Role.RESPONDER if self.role is Role.INITIATOR else Role.INITIATOR
        if self.secret is None or not proves(envelope.body.encode(), self._proof(theirs).encode()):
            raise self._fail()
        reply = None
        if self.state is SessionState.WAITING:
            reply = self._encrypt(Kind.PROOF, self._proof(Role.RESPONDER))
        self.state, self.secret = SessionState.ENDED if self.end_held else SessionState.OPEN, None
        texts, self.held = tuple(sorted(self.held, key=lambda text: text.number)), []
        return Received(texts, reply, self.missing)

    def _proof(self, role: Role) -> str:
        if self.olm is None or self.secret is None:
            raise SessionNotOpen("the proofs of this session are done")
        mine, theirs = bytes(self.mine), bytes(self.theirs)
        initiator, responder = (mine, theirs) if self.role is Role.INITIATOR else (theirs, mine)
        about = transcript(
            offer=bytes(self.offer), initiator=initiator, responder=responder, olm_session_id=self.olm.session_id
        )
        return proof(self.secret, role, about).hex()

    def _encrypt(self, kind: Kind, body: str) -> bytes:
        if self.olm is None:
            raise SessionNotOpen("the session has not started; wait for the other's first message")
        numbers = self.numbers
        envelope = Envelope(
            kind,
            bytes(self.mine.key),
            bytes(self.theirs.key),
            self.offer.match_id,
            numbers.sent,
            numbers.expects,
            body,
        )
        message = self.olm.encrypt(envelope.to_padded())
        numbers.sending(message)
        self.outbox.append(message)
        return message

    def _decrypt(self, message: bytes) -> bytes:
        if self.olm is not None:
            return self.olm.decrypt(message)
        if self.account is None:
            raise MessageUnreadable("a message came before this session could read any; drop it")
        self.olm, plaintext = self.account.inbound(self.theirs.identity_key, message)
        self.account = None
        return plaintext

    def _require_live(self) -> None:
        closed: dict[SessionState, MatchingError] = {
            SessionState.FAILED: BindingFailed(_FAILED),
            SessionState.ENDED: SessionEnded("this session was ended; match anew to write again"),
            SessionState.BLOCKED: SessionBlocked("you blocked this session; nothing is read or sent in it"),
        }
        if self.state in closed:
            raise closed[self.state]

    def _close(self, state: SessionState) -> None:
        self.state, self.olm, self.account, self.secret, self.held = state, None, None, None, []
        if state is not SessionState.ENDED:
            self.outbox = []

    def _fail(self) -> BindingFailed:
        self._close(SessionState.FAILED)
        return BindingFailed(_FAILED)
