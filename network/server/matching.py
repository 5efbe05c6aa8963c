"""Matching over HTTP: the register asks who you are; index and relay never do.

Requests to index and relay are public in the sense of RFC 9421: nothing ties them to a member. Those to the index are
signed by the pseudonym that the authority certified, those to a mailbox name its secret. Secrets, pseudonyms and
handles stand in bodies alone, so that no log of paths has them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import BaseModel, Field, StringConstraints

from ledger.errors import FieldInvalid
from matching.answer import Acceptance, Decline
from matching.index_request import MAX_CERTIFICATE_BYTES, MAX_TAGS, Action
from matching.mailbox import HANDLE_SIZE, MAILBOX_SECRET_SIZE, MailboxSecret
from matching.pair import PairingState
from matching.report import Report
from network import match_messages as messages
from network import wire
from network.errors import MessageInvalid
from network.server.authentication import Signed, mailbox, matching
from network.server.bodies import Body, PublicBody, SignedBody, parsed, takes_json, takes_octets
from network.server.limits import require_room
from network.server.match_desk import MatchDesk
from network.server.problems import public_problems, signed_problems
from network.server.services import Services
from scheme import canonical
from scheme.errors import EncodingInvalid

router = APIRouter(tags=["matching"])

Read = TypeVar("Read")

_Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
_Id = Annotated[str, StringConstraints(pattern=wire.ID_PATTERN)]
_Key = Annotated[str, StringConstraints(pattern=wire.DIGEST_PATTERN)]
_Tag = Annotated[str, StringConstraints(pattern=wire.ID_PATTERN)]
_Signature = Annotated[str, StringConstraints(max_length=88)]
_Certificate = Annotated[str, StringConstraints(max_length=(MAX_CERTIFICATE_BYTES + 2) // 3 * 4)]
_Text = Annotated[str, StringConstraints(max_length=messages.MAX_ANSWER_BYTES * 2)]
_Handle = Annotated[str, StringConstraints(pattern=f"^[0-9a-f]{{{2 * HANDLE_SIZE}}}$")]
_Secret = Annotated[str, StringConstraints(pattern=f"^[0-9a-f]{{{2 * MAILBOX_SECRET_SIZE}}}$")]


class ToCertify(Body):
    """The signer's pseudonym key of an epoch, under the signature of the signer's member key."""

    epoch: _Count
    key: _Key
    signature: _Signature


class Certified(BaseModel):
    """The authority's certificate over the key: DER in base64."""

    certificate: str


class ToIndex(Body):
    """A request under a pseudonym: see ``IndexRequest``; tags in hexadecimal, the rest in base64."""

    action: Action
    epoch: _Count
    sequence: _Count
    certificate: _Certificate
    tags: Annotated[list[_Tag], Field(max_length=MAX_TAGS)]
    signature: _Signature


class ToFind(Body):
    """A search: at most so many matches, none that scores less."""

    request: ToIndex
    top: Annotated[int, Field(ge=1, le=20)]
    least: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Question(Body):
    """A question under a pseudonym, asked at ``time``: see ``MatchQuery``."""

    epoch: _Count
    time: _Count
    certificate: _Certificate
    signature: _Signature


class ToContact(Body):
    """Which match a question is about."""

    match: _Id
    query: Question


class ToAnswer(Body):
    """An acceptance or a decline of a match, in base64."""

    match: _Id
    answer: _Text


class OpenMatch(BaseModel):
    """An offer in base64, and what the one who asked is told of it."""

    offer: str
    state: PairingState


class OpenMatches(BaseModel):
    """Matches; of a search the best first."""

    matches: list[OpenMatch]


class Contacted(BaseModel):
    """The other's acceptance in base64, the tags that both submitted, and how alike the two are, from 0 to 1."""

    acceptance: str
    shared: list[str]
    score: float


class Reported(BaseModel):
    """What the report is called among the authority's reports."""

    name: str


class Mailbox(Body):
    """A mailbox, by its secret."""

    secret: _Secret


class ToPut(Body):
    """A message for the mailbox with that handle, in base64."""

    handle: _Handle
    data: Annotated[str, StringConstraints(min_length=4, max_length=wire.MAX_RELAYED_BYTES)]


class ToFetch(Mailbox):
    """From which number on messages are wanted, and how many."""

    after: _Count
    limit: Annotated[int, Field(ge=1, le=messages.MAX_FETCHED)]


class ToDelete(Mailbox):
    """Up to which number messages are to go."""

    up_to: _Count


class Message(BaseModel):
    """A message in a mailbox, in base64."""

    number: int
    data: str


class Messages(BaseModel):
    """The oldest first."""

    messages: list[Message]


def _desk(services: Services) -> MatchDesk:
    return services.matching


Desk = Annotated[MatchDesk, Depends(_desk)]
_Bytes = Annotated[bytes, Depends(PublicBody(wire.MAX_MATCHING_BYTES))]
_PUBLIC = [Depends(matching)]
_PROBLEMS = public_problems(403, 404, 408, 409, 413, 422, 507)


@router.post(wire.PSEUDONYMS, openapi_extra=takes_json(ToCertify), responses=signed_problems(408, 409, 413, 422, 507))
def certify(
    desk: Desk, request: Signed, data: Annotated[bytes, Depends(SignedBody(wire.MAX_MATCHING_BYTES))]
) -> Certified:
    """Certify the signer's pseudonym of the present epoch; only one is certified, the same one again and again."""
    asked = _read(lambda: messages.pseudonym_request_from_json(_dumped(ToCertify, data), request.member_id))
    return Certified(certificate=canonical.b64(desk.certify(asked)))


@router.post(
    wire.MATCH_SUBMIT,
    status_code=204,
    response_class=Response,
    dependencies=_PUBLIC,
    openapi_extra=takes_json(ToIndex),
    responses=_PROBLEMS,
)
def submit(desk: Desk, data: _Bytes) -> None:
    """Opt in, change, or opt out."""
    desk.submit(_read(lambda: messages.index_request_from_json(_dumped(ToIndex, data))))


@router.post(wire.MATCH_FIND, dependencies=_PUBLIC, openapi_extra=takes_json(ToFind), responses=_PROBLEMS)
def find(desk: Desk, data: _Bytes) -> OpenMatches:
    """The patients most like the one who asks, as offers."""
    asked = parsed(ToFind, data)
    request = _read(lambda: messages.index_request_from_json(asked.request.model_dump()))
    found = desk.find(request, top=asked.top, least=asked.least)
    return OpenMatches.model_validate({"matches": [messages.open_match_to_json(each) for each in found]})


@router.post(wire.MATCH_LIST, dependencies=_PUBLIC, openapi_extra=takes_json(Question), responses=_PROBLEMS)
def listed(desk: Desk, data: _Bytes) -> OpenMatches:
    """All matches of the one who asks."""
    found = desk.matches(_read(lambda: messages.query_from_json(_dumped(Question, data))))
    return OpenMatches.model_validate({"matches": [messages.open_match_to_json(each) for each in found]})


@router.post(
    wire.MATCH_ACCEPT,
    status_code=204,
    response_class=Response,
    dependencies=_PUBLIC,
    openapi_extra=takes_json(ToAnswer),
    responses=_PROBLEMS,
)
def accept(desk: Desk, data: _Bytes) -> None:
    """Take an acceptance; the other of the match hears of it when both accepted."""
    asked = parsed(ToAnswer, data)
    desk.accept(bytes.fromhex(asked.match), Acceptance.from_bytes(_decoded(asked.answer)))


@router.post(
    wire.MATCH_DECLINE,
    status_code=204,
    response_class=Response,
    dependencies=_PUBLIC,
    openapi_extra=takes_json(ToAnswer),
    responses=_PROBLEMS,
)
def decline(desk: Desk, data: _Bytes) -> None:
    """Take a decline, of which the other never hears."""
    asked = parsed(ToAnswer, data)
    desk.decline(bytes.fromhex(asked.match), Decline.from_bytes(_decoded(asked.answer)))


@router.post(wire.MATCH_CONTACT, dependencies=_PUBLIC, openapi_extra=takes_json(ToContact), responses=_PROBLEMS)
def contact(desk: Desk, data: _Bytes) -> Contacted:
    """What both share and where the other is reached, once both accepted."""
    asked = parsed(ToContact, data)
    query = _read(lambda: messages.query_from_json(asked.query.model_dump()))
    return Contacted.model_validate(messages.contact_to_json(*desk.contact(query, bytes.fromhex(asked.match))))


@router.post(
    wire.MATCH_REPORT, dependencies=_PUBLIC, openapi_extra=takes_octets(wire.MAX_MATCHING_BYTES), responses=_PROBLEMS
)
def report(services: Services, desk: Desk, data: _Bytes) -> Reported:
    """Keep a report of one of a match about the other, for the authority."""
    made = Report.from_bytes(data)
    require_room(services.incoming, len(data), services.limits.reserved_bytes)
    return Reported(name=desk.report(made))


@router.post(
    wire.RELAY_OPEN,
    status_code=204,
    response_class=Response,
    dependencies=[*_PUBLIC, Depends(mailbox)],
    openapi_extra=takes_json(Mailbox),
    responses=_PROBLEMS,
)
def open_mailbox(desk: Desk, data: _Bytes) -> None:
    """Make a mailbox; one that is there stays as it is."""
    desk.relay.open(_mailbox(parsed(Mailbox, data)))


@router.post(
    wire.RELAY_PUT,
    status_code=204,
    response_class=Response,
    dependencies=_PUBLIC,
    openapi_extra=takes_json(ToPut),
    responses=_PROBLEMS,
)
def put(services: Services, desk: Desk, data: Annotated[bytes, Depends(PublicBody(wire.MAX_RELAYED_BYTES))]) -> None:
    """Leave a message, durably."""
    asked = parsed(ToPut, data)
    require_room(services.incoming, len(data), services.limits.reserved_bytes)
    desk.relay.put(bytes.fromhex(asked.handle), _decoded(asked.data))


@router.post(wire.RELAY_FETCH, dependencies=_PUBLIC, openapi_extra=takes_json(ToFetch), responses=_PROBLEMS)
def fetch(desk: Desk, data: _Bytes) -> Messages:
    """Messages in a mailbox; deletes nothing."""
    asked = parsed(ToFetch, data)
    found = desk.relay.fetch(_mailbox(asked), after=asked.after, limit=asked.limit)
    return Messages.model_validate({"messages": [messages.stored_to_json(each) for each in found]})


@router.post(
    wire.RELAY_DELETE,
    status_code=204,
    response_class=Response,
    dependencies=_PUBLIC,
    openapi_extra=takes_json(ToDelete),
    responses=_PROBLEMS,
)
def delete(desk: Desk, data: _Bytes) -> None:
    """Delete messages that were read."""
    asked = parsed(ToDelete, data)
    desk.relay.delete(_mailbox(asked), up_to=asked.up_to)


@router.post(
    wire.RELAY_CLOSE,
    status_code=204,
    response_class=Response,
    dependencies=_PUBLIC,
    openapi_extra=takes_json(Mailbox),
    responses=_PROBLEMS,
)
def close(desk: Desk, data: _Bytes) -> None:
    """Delete a mailbox and all in it; one that is not there is no error."""
    desk.relay.close(_mailbox(parsed(Mailbox, data)))


def _dumped(model: type[Body], data: bytes) -> dict[str, Any]:
    return parsed(model, data).model_dump()


def _read(read: Callable[[], Read]) -> Read:
    try:
        return read()
    except (FieldInvalid, EncodingInvalid) as error:
        raise MessageInvalid(f"the body is not what the OpenAPI document says: {error}; see {wire.OPENAPI}") from None


def _decoded(text: str) -> bytes:
    return _read(lambda: canonical.unb64(text, what="a part"))


def _mailbox(asked: Mailbox) -> MailboxSecret:
    return MailboxSecret(bytes.fromhex(asked.secret))
