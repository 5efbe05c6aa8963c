"""Matching over HTTP: the register asks who you are; the index never does (nor ``network.server.relay``).

Requests to the index are public in the sense of RFC 9421: nothing ties them to a member. They are signed by the
pseudonym that the authority certified; it stands in bodies alone, so that no log of paths has it.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import BaseModel, Field, StringConstraints

from matching.answer import Acceptance, Decline
from matching.index_request import MAX_CERTIFICATE_BYTES, MAX_TAGS, Action
from matching.pair import PairingState
from matching.report import Report
from network import match_messages as messages
from network import wire
from network.server.authentication import Signed, matching
from network.server.bodies import Body, PublicBody, SignedBody, parsed, takes_json, takes_octets, understood
from network.server.limits import require_room
from network.server.match_desk import MatchDesk
from network.server.problems import public_problems, signed_problems
from network.server.services import Services
from scheme import canonical

router = APIRouter(tags=["matching"])
_index = APIRouter(dependencies=[Depends(matching)], responses=public_problems(403, 404, 408, 409, 413, 422, 507))

_Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
_Id = Annotated[str, StringConstraints(pattern=wire.ID_PATTERN)]
_Key = Annotated[str, StringConstraints(pattern=wire.DIGEST_PATTERN)]
_Tag = Annotated[str, StringConstraints(pattern=wire.ID_PATTERN)]
_Signature = Annotated[str, StringConstraints(max_length=88)]
_Certificate = Annotated[str, StringConstraints(max_length=(MAX_CERTIFICATE_BYTES + 2) // 3 * 4)]
_Text = Annotated[str, StringConstraints(max_length=messages.MAX_ANSWER_BYTES * 2)]


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


def _desk(services: Services) -> MatchDesk:
    return services.matching


Desk = Annotated[MatchDesk, Depends(_desk)]
"""Matching's services at this hospital; for ``network.server.relay`` too."""
_Bytes = Annotated[bytes, Depends(PublicBody(wire.MAX_MATCHING_BYTES))]


@router.post(wire.PSEUDONYMS, openapi_extra=takes_json(ToCertify), responses=signed_problems(408, 409, 413, 422, 507))
def certify(
    desk: Desk, request: Signed, data: Annotated[bytes, Depends(SignedBody(wire.MAX_MATCHING_BYTES))]
) -> Certified:
    """Certify the signer's pseudonym of the present epoch; only one is certified, the same one again and again."""
    asked = understood(lambda: messages.pseudonym_request_from_json(_dumped(ToCertify, data), request.member_id))
    return Certified(certificate=canonical.b64(desk.certify(asked)))


@_index.post(wire.MATCH_SUBMIT, openapi_extra=takes_json(ToIndex), status_code=204, response_class=Response)
def submit(desk: Desk, data: _Bytes) -> None:
    """Opt in, change, or opt out."""
    desk.submit(understood(lambda: messages.index_request_from_json(_dumped(ToIndex, data))))


@_index.post(wire.MATCH_FIND, openapi_extra=takes_json(ToFind))
def find(desk: Desk, data: _Bytes) -> OpenMatches:
    """The patients most like the one who asks, as offers."""
    asked = parsed(ToFind, data)
    request = understood(lambda: messages.index_request_from_json(asked.request.model_dump()))
    found = desk.find(request, top=asked.top, least=asked.least)
    return OpenMatches.model_validate({"matches": [messages.open_match_to_json(each) for each in found]})


@_index.post(wire.MATCH_LIST, openapi_extra=takes_json(Question))
def listed(desk: Desk, data: _Bytes) -> OpenMatches:
    """All matches of the one who asks."""
    found = desk.matches(understood(lambda: messages.query_from_json(_dumped(Question, data))))
    return OpenMatches.model_validate({"matches": [messages.open_match_to_json(each) for each in found]})


@_index.post(wire.MATCH_ACCEPT, openapi_extra=takes_json(ToAnswer), status_code=204, response_class=Response)
def accept(desk: Desk, data: _Bytes) -> None:
    """Take an acceptance; the other of the match hears of it when both accepted."""
    asked = parsed(ToAnswer, data)
    desk.accept(bytes.fromhex(asked.match), Acceptance.from_bytes(_decoded(asked.answer)))


@_index.post(wire.MATCH_DECLINE, openapi_extra=takes_json(ToAnswer), status_code=204, response_class=Response)
def decline(desk: Desk, data: _Bytes) -> None:
    """Take a decline, of which the other never hears."""
    asked = parsed(ToAnswer, data)
    desk.decline(bytes.fromhex(asked.match), Decline.from_bytes(_decoded(asked.answer)))


@_index.post(wire.MATCH_CONTACT, openapi_extra=takes_json(ToContact))
def contact(desk: Desk, data: _Bytes) -> Contacted:
    """What both share and where the other is reached, once both accepted."""
    asked = parsed(ToContact, data)
    query = understood(lambda: messages.query_from_json(asked.query.model_dump()))
    return Contacted.model_validate(messages.contact_to_json(*desk.contact(query, bytes.fromhex(asked.match))))


@_index.post(wire.MATCH_REPORT, openapi_extra=takes_octets(wire.MAX_MATCHING_BYTES))
def report(services: Services, desk: Desk, data: _Bytes) -> Reported:
    """Keep a report of one of a match about the other, for the authority."""
    made = Report.from_bytes(data)
    require_room(services.incoming, len(data), services.limits.reserved_bytes)
    return Reported(name=desk.report(made))


def _dumped(model: type[Body], data: bytes) -> dict[str, Any]:
    return parsed(model, data).model_dump()


def _decoded(text: str) -> bytes:
    return understood(lambda: canonical.unb64(text, what="a part"))


router.include_router(_index)
