"""Matching for one patient: opt in, look for matches, accept or decline, learn what is shared, opt out.

    opt in -> find -> accept (both) -> shared -> ``clinic.match_talk``

Nothing here puts a symptom into an error, a log or the ledger. Tags go to the index alone, blinded elements to the
issuers; all else stays in her book (``clinic.match_state``), which is written before anything is sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from clinic.certified import current_member
from clinic.keystore import MemberSecrets
from clinic.match_authority import PseudonymRequest
from clinic.match_clients import MatchClients, RegisterClient
from clinic.match_epoch import keys_on_ledger
from clinic.match_errors import MatchUnknown
from clinic.match_index import MatchQuery, OpenMatch
from clinic.match_issuer import IssuerRequest
from clinic.match_meeting import Meeting
from clinic.match_state import MatchBook
from clinic.site import Site
from matching.answer import Decline
from matching.binding import BindingRule
from matching.closure import Closure, closed
from matching.errors import NotOptedIn, OptedInAlready, PairingClosed
from matching.index_request import Action, IndexRequest
from matching.offer import VerifiedOffer
from matching.pair import PairingState, PendingPair
from matching.symptoms import Symptoms
from matching.tags import TagRequest, TagSecret
from matching.vocabulary import Vocabulary
from scheme.keys import SigningKey

_PER_SECOND = 1000
"""Requests to the index that a sequence number made of the time has room for in a second."""


@dataclass(frozen=True)
class Desk:
    """A patient at work: who she is, her book, and the services she asks."""

    site: Site
    services: MatchClients
    patient: MemberSecrets
    book: MatchBook

    def pseudonym(self) -> tuple[SigningKey, bytes]:
        """Key and certificate of this epoch. Raises ``NotOptedIn``."""
        state = self.book.state
        if state.epoch != self.services.epoch or state.signing is None or state.certificate is None:
            raise NotOptedIn("this patient has not opted in in this epoch; use `chartseal match optin`")
        return state.signing, state.certificate

    def request(self, action: Action, tags: Iterable[bytes] = ()) -> IndexRequest:
        """A request to the index under the next sequence number, which is kept first. Raises ``NotOptedIn``."""
        state, (signing, certificate) = self.book.state, self.pseudonym()
        state.sequence = max(state.sequence + 1, self.site.clock() * _PER_SECOND)
        self.book.save()
        return IndexRequest.create(
            action, signing, certificate, epoch=self.services.epoch, sequence=state.sequence, tags=tags
        )

    def query(self) -> MatchQuery:
        """A question to the index. Raises ``NotOptedIn``."""
        signing, certificate = self.pseudonym()
        return MatchQuery.sign(signing, certificate, epoch=self.services.epoch, time=self.site.clock())

    def meeting(self, match_id: str) -> Meeting:
        """What she keeps of a match. Raises ``MatchUnknown``."""
        if match_id not in self.book.state.meetings:
            raise MatchUnknown("this patient accepted no such match; see `chartseal match list`")
        return self.book.state.meetings[match_id]


@dataclass(frozen=True)
class Listed:
    """A match as its patient sees it; ``session`` once there is one."""

    match_id: str
    status: str
    expires_at: int | None
    session: str | None


def needs_certificate(desk: Desk) -> bool:
    """Whether the authority has to certify a pseudonym before this patient can opt in."""
    state = desk.book.state
    return state.epoch != desk.services.epoch or state.certificate is None


def take_pseudonym(desk: Desk, register: RegisterClient) -> None:
    """Have the authority certify a fresh pseudonym for this epoch. Raises as ``PseudonymRegister.certify``."""
    state = desk.book.state
    state.begin_epoch(desk.services.epoch)
    if state.signing is None:
        raise AssertionError
    desk.book.save()  # the key first: the register takes no second one
    request = PseudonymRequest.sign(desk.patient, desk.services.epoch, state.signing.verifying_key)
    state.certificate = register.certify(request)
    desk.book.save()


def opt_in(desk: Desk, vocabulary: Vocabulary, symptoms: Symptoms, closure: Closure, *, change: bool = False) -> int:
    """Ask both issuers for tags and submit them; returns how many. ``change`` puts them in the place of the earlier.

    In order: 1. not opted in already (``OptedInAlready``); 2. keys of active issuers from the ledger, as ever before;
    3. both answers proved; 4. kept; 5. submitted. Raises ``NotOptedIn`` without a pseudonym, ``NotEnrolled``,
    ``QuotaExceeded``, ``ChangesExhausted``, ``SymptomsTooMany`` and what else issuers and index refuse.
    """
    state = desk.book.state
    desk.pseudonym()
    if state.opted_in and not change:  # 1
        raise OptedInAlready("this patient opted in already; use --change for other symptoms, or opt out first")
    tags = _tags(desk, closed(vocabulary, symptoms.observed, closure))  # 2, 3
    state.tags |= tags  # 4: the earlier too, until the index has let them go
    request = desk.request(Action.CHANGE if change else Action.OPT_IN, (each.tag for each in tags.values()))
    try:
        desk.services.index.submit(request)  # 5
    except NotOptedIn:
        if not change:
            raise
        desk.services.index.submit(desk.request(Action.OPT_IN, (each.tag for each in tags.values())))
    if change:
        _close_mailboxes(desk)
        state.leave()
    state.opted_in, state.tags = True, tags
    state.symptoms, state.closure = tuple(sorted(symptoms.observed)), closure.value
    desk.book.save()
    return len(tags)


def _tags(desk: Desk, terms: Iterable[str]) -> dict[str, TagSecret]:
    services, state = desk.services, desk.book.state
    issuers = services.issuers
    ledger = desk.site.state()
    for issuer in issuers:
        current_member(ledger, issuer, now=desk.site.clock())
    keys, known = keys_on_ledger(ledger, services.epoch, state.known, issuers.__contains__)
    state.known = known.known()
    desk.book.save()
    asked = TagRequest(sorted(terms), keys)
    return asked.finish(
        service.evaluate(IssuerRequest.sign(desk.patient, issuer, services.epoch, asked.elements(issuer)))
        for issuer, service in issuers.items()
    )


def opt_out(desk: Desk) -> None:
    """Leave the index: tags and pseudonym are erased (docs/matching.md says what a count keeps until the epoch ends).

    Matches that are no session end. Again, it finishes what was begun.

    Raises ``NotOptedIn`` without a pseudonym.
    """
    request = desk.request(Action.OPT_OUT)
    desk.services.index.submit(request)
    _close_mailboxes(desk)
    desk.book.state.leave()
    desk.book.save()


def find(desk: Desk, *, top: int, least: float) -> list[Listed]:
    """The patients most like this one, best first, as offers; perhaps none. Raises as ``MatchIndex.find``."""
    request = desk.request(Action.FIND)
    found = desk.services.index.find(request, top=top, least=least)
    for match in found:
        _verified(desk, match)
    return [_listed(desk, match) for match in found]


def matches(desk: Desk) -> list[Listed]:
    """All matches of this patient: the index's of this epoch, checked, and her sessions of earlier ones.

    Raises as ``MatchOffer.verify``.
    """
    signing = desk.book.state.signing
    current = desk.services.index.matches(desk.query()) if signing and not needs_certificate(desk) else []
    for match in current:
        _verified(desk, match)
    listed = [_listed(desk, match) for match in current]
    there = {each.match_id for each in listed}
    for match_id, meeting in desk.book.state.meetings.items():
        if match_id not in there and meeting.session is not None:
            listed.append(Listed(match_id, PairingState.PAIRED.value, None, meeting.session.state.value))
    return listed


def _listed(desk: Desk, match: OpenMatch) -> Listed:
    match_id = match.offer.match_id.hex()
    meeting = desk.book.state.meetings.get(match_id)
    session = meeting.session.state.value if meeting and meeting.session else None
    return Listed(match_id, match.state.value, match.offer.expires_at, session)


def accept(desk: Desk, match_id: str, rule: BindingRule, *, single: bool = False) -> None:
    """Accept; nothing is exchanged before the other did too. Again after a crash, it sends the same acceptance.

    Raises ``MatchUnknown``, ``OfferExpired``, ``OfferInvalid``, ``PairingClosed``.
    """
    match = _find(desk, match_id)
    state, offer = desk.book.state, _verified(desk, match)
    if match.state is PairingState.CLOSED:
        raise PairingClosed("this match is over: it was declined, or its end has passed; look for others")
    meeting = state.meetings.get(match_id)
    if meeting is None:
        signing, _ = desk.pseudonym()
        pending = PendingPair.accept(offer, signing, rule, now=desk.site.clock(), single=single)
        meeting = state.meetings[match_id] = Meeting(signing, pending.mailbox, pending)
        desk.services.relay.open(pending.mailbox)
        desk.book.save()
    if meeting.pending is not None:
        desk.services.index.accept(match.offer.match_id, meeting.pending.acceptance)


def decline(desk: Desk, match_id: str) -> None:
    """Decline, which is final; the other never learns of it. Raises ``MatchUnknown``, ``PairingClosed``."""
    match = _find(desk, match_id)
    _verified(desk, match)
    signing, _ = desk.pseudonym()
    desk.services.index.decline(match.offer.match_id, Decline.sign(signing, match.offer))


def shared(desk: Desk, match_id: str) -> Meeting:
    """A match with what both share. Raises ``NotBothAccepted``, ``MatchUnknown``, ``AnswerInvalid``,
    ``SharedTagsInvalid``."""
    meeting = desk.meeting(match_id)
    if meeting.session is None and meeting.contact is None:
        contact, score = desk.services.index.contact(desk.query(), bytes.fromhex(match_id))
        meeting.meet(contact, score, desk.book.state.tags)
        desk.book.save()
    return meeting


def candidates(desk: Desk) -> list[str]:
    """Ids of all matches that this patient can name."""
    return [each.match_id for each in matches(desk)] + list(desk.book.state.meetings)


def _find(desk: Desk, match_id: str) -> OpenMatch:
    query = desk.query()
    for match in desk.services.index.matches(query):
        if match.offer.match_id.hex() == match_id:
            return match
    raise MatchUnknown("there is no such match of this patient; see `chartseal match list`")


def _verified(desk: Desk, match: OpenMatch) -> VerifiedOffer:
    signing, _ = desk.pseudonym()
    return match.offer.verify(signing.verifying_key, epoch=desk.services.epoch, certified=desk.services.certified)


def _close_mailboxes(desk: Desk) -> None:
    """Of matches that are no session and now never will be."""
    for meeting in desk.book.state.meetings.values():
        if meeting.session is None:
            desk.services.relay.close(meeting.mailbox)
