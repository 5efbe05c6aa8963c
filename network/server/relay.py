"""The relay over HTTP: mailboxes of matched patients, for whoever names their secret.

Nothing ties a request to a member or a pseudonym. Secrets and handles stand in bodies alone, so that no log of paths
has them.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field, StringConstraints

from matching.mailbox import HANDLE_SIZE, MAILBOX_SECRET_SIZE, MailboxSecret
from matching.relay import OVERHEAD_BYTES
from network import match_messages as messages
from network import wire
from network.server.authentication import mailbox, matching, require_relayed
from network.server.bodies import Body, PublicBody, parsed, takes_json, understood
from network.server.limits import require_room
from network.server.matching import Desk
from network.server.problems import public_problems
from network.server.services import Services
from scheme import canonical

router = APIRouter(
    tags=["matching"],
    dependencies=[Depends(matching)],
    responses=public_problems(403, 404, 408, 409, 413, 422, 507),
)

_Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
_Handle = Annotated[str, StringConstraints(pattern=f"^[0-9a-f]{{{2 * HANDLE_SIZE}}}$")]
_Secret = Annotated[str, StringConstraints(pattern=f"^[0-9a-f]{{{2 * MAILBOX_SECRET_SIZE}}}$")]
_Bytes = Annotated[bytes, Depends(PublicBody(wire.MAX_MATCHING_BYTES))]


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


@router.post(
    wire.RELAY_OPEN,
    dependencies=[Depends(mailbox)],
    openapi_extra=takes_json(Mailbox),
    status_code=204,
    response_class=Response,
)
def open_mailbox(desk: Desk, data: _Bytes) -> None:
    """Make a mailbox; one that is there stays as it is."""
    desk.relay.open(_mailbox(parsed(Mailbox, data)))


@router.post(wire.RELAY_PUT, openapi_extra=takes_json(ToPut), status_code=204, response_class=Response)
def put(
    request: Request,
    services: Services,
    desk: Desk,
    data: Annotated[bytes, Depends(PublicBody(wire.MAX_RELAYED_BYTES))],
) -> None:
    """Leave a message, durably."""
    asked = parsed(ToPut, data)
    message = understood(lambda: canonical.unb64(asked.data, what="a message"))
    require_relayed(request, len(message) + OVERHEAD_BYTES)
    require_room(services.incoming, len(data), services.limits.reserved_bytes)
    desk.relay.put(bytes.fromhex(asked.handle), message)


@router.post(wire.RELAY_FETCH, openapi_extra=takes_json(ToFetch))
def fetch(desk: Desk, data: _Bytes) -> Messages:
    """Messages in a mailbox; deletes nothing."""
    asked = parsed(ToFetch, data)
    found = desk.relay.fetch(_mailbox(asked), after=asked.after, limit=asked.limit)
    return Messages.model_validate({"messages": [messages.stored_to_json(each) for each in found]})


@router.post(wire.RELAY_DELETE, openapi_extra=takes_json(ToDelete), status_code=204, response_class=Response)
def delete(desk: Desk, data: _Bytes) -> None:
    """Delete messages that were read."""
    asked = parsed(ToDelete, data)
    desk.relay.delete(_mailbox(asked), up_to=asked.up_to)


@router.post(wire.RELAY_CLOSE, openapi_extra=takes_json(Mailbox), status_code=204, response_class=Response)
def close(desk: Desk, data: _Bytes) -> None:
    """Delete a mailbox and all in it; one that is not there is no error."""
    desk.relay.close(_mailbox(parsed(Mailbox, data)))


def _mailbox(asked: Mailbox) -> MailboxSecret:
    return MailboxSecret(bytes.fromhex(asked.secret))
