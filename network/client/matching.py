"""Matching's services at a distance: issuers at their operators' servers, register, index and relay at the hospital's.

Index and relay are asked through a transport of its own, which nobody signs: no request to them names the patient, and
none shares a connection with one that does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property
from itertools import pairwise
from typing import TypeVar

from clinic.clock import Clock
from clinic.keystore import MemberSecrets
from clinic.match_authority import PseudonymRequest
from clinic.match_clients import IssuerClient
from clinic.match_epoch import epoch_at, pseudonym_check
from clinic.match_errors import MatchingNotSetUp
from clinic.match_index import MatchQuery, OpenMatch
from clinic.match_issuer import IssuerRequest
from ledger.bodies import Role
from ledger.errors import FieldInvalid
from matching.answer import Acceptance, Decline
from matching.errors import IssuersNotIndependent, RelayUnavailable
from matching.index_request import MAX_CERTIFICATE_BYTES, IndexRequest
from matching.mailbox import MailboxSecret
from matching.offer import KeyCheck
from matching.pair import Contact
from matching.relay import Stored
from matching.report import Report
from matching.tags import Answer
from network import match_messages as messages
from network import wire
from network.client.endpoints import cards_of
from network.client.ledger import FollowingLedger
from network.client.transport import Signer, Transport, json_body, parsed
from network.endpoint import EndpointBook, EndpointCard
from network.errors import TRANSIENT, AnswerInvalid
from scheme import canonical
from scheme.errors import EncodingInvalid
from scheme.keys import VerifyingKey

ISSUERS = 2
_T = TypeVar("_T")


class RemoteMatching:
    """``MatchClients`` of a member's home. ``nobody`` is the transport that no one signs; ``book`` keeps endpoints."""

    def __init__(
        self, ledger: FollowingLedger, nobody: Transport, book: EndpointBook, signer: Signer, clock: Clock
    ) -> None:
        self._ledger = ledger
        self._nobody = nobody
        self._book = book
        self._signer = signer
        self._clock = clock
        self._opened = ExitStack()
        self.epoch = epoch_at(clock())
        self.index = RemoteIndex(nobody)
        self.relay = RemoteRelay(nobody)

    @cached_property
    def certified(self) -> KeyCheck:
        """As ``MatchClients.certified``."""
        return pseudonym_check(VerifyingKey(self._ledger.genesis.verifying), self._clock)

    @cached_property
    def issuers(self) -> Mapping[str, IssuerClient]:
        """As ``MatchClients.issuers``: the two that are active on the ledger.

        Raises ``MatchingNotSetUp`` unless there are two and both said where they are, ``IssuersNotIndependent`` when
        that is one place.
        """
        members = self._ledger.view().state.members()
        active = sorted(member.member for member in members if member.role is Role.ISSUER and member.active)
        if len(active) != ISSUERS:
            raise MatchingNotSetUp(
                f"matching takes two tag issuers, and this ledger has {len(active)}; the hospital has to see to it"
            )
        known = cards_of(Role.ISSUER, self._ledger, self._book, self._clock)
        cards = [known[issuer] for issuer in active if issuer in known]
        if len(cards) != ISSUERS:
            raise MatchingNotSetUp("a tag issuer has not published where it is; its operator has to serve it")
        one, other = cards
        if one.ca == other.ca or one.url == other.url:
            raise IssuersNotIndependent("both tag issuers are one server; nothing is sent to them, tell the hospital")
        return {card.member: self._issuer(card) for card in cards}

    def registrar(self, authority: Callable[[], MemberSecrets]) -> RemoteRegister:  # noqa: ARG002 (its key is elsewhere)
        """As ``MatchClients.registrar``: the authority's, at the hospital's server."""
        return RemoteRegister(self._ledger.transport)

    def report(self, report: Report) -> str:
        """As ``MatchClients.report``. Raises as ``Transport.request``."""
        data = self._nobody.request("POST", wire.MATCH_REPORT, body=bytes(report), signed=False)
        name = parsed(data).get("name")
        if not isinstance(name, str) or not name.isascii() or "/" in name:
            raise _no_answer()
        return name

    def close(self) -> None:
        """Let go of connections."""
        self._opened.close()
        self._nobody.close()

    def _issuer(self, card: EndpointCard) -> RemoteIssuer:
        transport = Transport(card.url, card.ca, self._clock, self._signer)
        self._opened.callback(transport.close)
        return RemoteIssuer(transport, lambda: self._ledger.height)


class RemoteIssuer:
    """``IssuerClient`` at its operator's server; ``height`` is of the newest ledger block seen here."""

    def __init__(self, transport: Transport, height: Callable[[], int]) -> None:
        self._transport = transport
        self._height = height

    def evaluate(self, request: IssuerRequest) -> Answer:
        """See ``IssuerClient``. An answer that was lost costs its elements: the batch is not sent again."""
        options = json_body(messages.issuer_request_to_json(request))
        options["headers"] |= {wire.LEDGER_HEIGHT: str(self._height())}
        data = self._transport.request("POST", wire.EVALUATE, again=False, **options)
        return _read(lambda: messages.issuer_answer_from_json(parsed(data)))


class RemoteRegister:
    """``RegisterClient`` at the hospital's server."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def certify(self, request: PseudonymRequest) -> bytes:
        """See ``RegisterClient``. Raises ``RegisterClosed`` too."""
        answer = self._transport.post_json(wire.PSEUDONYMS, messages.pseudonym_request_to_json(request))
        certificate = _read(lambda: canonical.unb64(answer.get("certificate"), what="the certificate"))
        if len(certificate) > MAX_CERTIFICATE_BYTES:
            raise _no_answer()
        return certificate


class RemoteIndex:
    """``IndexClient`` at the hospital's server, which is not told who asks."""

    def __init__(self, nobody: Transport) -> None:
        self._nobody = nobody

    def submit(self, request: IndexRequest) -> None:
        """See ``IndexClient``. A request counts once, so it is not sent again."""
        self._tell(wire.MATCH_SUBMIT, messages.index_request_to_json(request), again=False)

    def find(self, request: IndexRequest, *, top: int, least: float) -> list[OpenMatch]:
        """See ``IndexClient``; as ``submit``."""
        asked = {"request": messages.index_request_to_json(request), "top": top, "least": float(least)}
        return _matches(self._nobody.post_json(wire.MATCH_FIND, asked, signed=False, again=False))

    def matches(self, query: MatchQuery) -> list[OpenMatch]:
        """See ``IndexClient``."""
        return _matches(self._nobody.post_json(wire.MATCH_LIST, messages.query_to_json(query), signed=False))

    def accept(self, match_id: bytes, acceptance: Acceptance) -> None:
        """See ``IndexClient``."""
        self._answer(wire.MATCH_ACCEPT, match_id, bytes(acceptance))

    def decline(self, match_id: bytes, decline: Decline) -> None:
        """See ``IndexClient``."""
        self._answer(wire.MATCH_DECLINE, match_id, bytes(decline))

    def contact(self, query: MatchQuery, match_id: bytes) -> tuple[Contact, float]:
        """See ``IndexClient``."""
        asked = {"match": match_id.hex(), "query": messages.query_to_json(query)}
        answer = self._nobody.post_json(wire.MATCH_CONTACT, asked, signed=False)
        return _read(lambda: messages.contact_from_json(answer))

    def _answer(self, path: str, match_id: bytes, answer: bytes) -> None:
        self._tell(path, {"match": match_id.hex(), "answer": canonical.b64(answer)}, again=True)

    def _tell(self, path: str, value: object, *, again: bool) -> None:
        self._nobody.request("POST", path, signed=False, again=again, **json_body(value))


class RemoteRelay:
    """``Relay`` at the hospital's server; what keeps it from answering is ``RelayUnavailable``."""

    def __init__(self, nobody: Transport) -> None:
        self._nobody = nobody

    def open(self, mailbox: MailboxSecret) -> None:
        """As ``Relay.open``."""
        self._ask(wire.RELAY_OPEN, _secret(mailbox))

    def put(self, handle: bytes, data: bytes) -> None:
        """As ``Relay.put``; a message is not sent again, or it would be there twice."""
        self._ask(wire.RELAY_PUT, {"handle": handle.hex(), "data": canonical.b64(data)}, again=False)

    def fetch(self, mailbox: MailboxSecret, *, after: int = 0, limit: int = messages.MAX_FETCHED) -> tuple[Stored, ...]:
        """As ``Relay.fetch``; numbers that do not go up are no answer."""
        data = self._ask(wire.RELAY_FETCH, _secret(mailbox) | {"after": after, "limit": limit})
        listed = parsed(data).get("messages")
        if not isinstance(listed, list) or len(listed) > limit:
            raise _no_answer()
        found = _read(lambda: tuple(messages.stored_from_json(each) for each in listed))
        numbers = [after, *(message.number for message in found)]
        if any(later <= earlier for earlier, later in pairwise(numbers)):
            raise _no_answer()
        return found

    def delete(self, mailbox: MailboxSecret, *, up_to: int) -> None:
        """As ``Relay.delete``."""
        self._ask(wire.RELAY_DELETE, _secret(mailbox) | {"up_to": up_to})

    def close(self, mailbox: MailboxSecret) -> None:
        """As ``Relay.close``."""
        self._ask(wire.RELAY_CLOSE, _secret(mailbox))

    def _ask(self, path: str, value: object, *, again: bool = True) -> bytes:
        with _reached():
            return self._nobody.request("POST", path, signed=False, again=again, **json_body(value))


@contextmanager
def _reached() -> Iterator[None]:
    try:
        yield
    except TRANSIENT as error:
        raise RelayUnavailable(str(error)) from None


def _secret(mailbox: MailboxSecret) -> dict[str, object]:
    return {"secret": mailbox.to_secret_bytes().hex()}


def _matches(answer: dict[str, object]) -> list[OpenMatch]:
    listed = answer.get("matches")
    if not isinstance(listed, list) or len(listed) > messages.MAX_MATCHES:
        raise _no_answer()
    return _read(lambda: [messages.open_match_from_json(each) for each in listed])


def _read(read: Callable[[], _T]) -> _T:
    try:
        return read()
    except (FieldInvalid, EncodingInvalid):
        raise _no_answer() from None


def _no_answer() -> AnswerInvalid:
    return AnswerInvalid("the answer is not what was asked for; nothing of it was used")
