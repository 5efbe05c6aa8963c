"""Letters over HTTP: sealed by their senders, kept for their readers, read by nobody here.

A letter goes before the ledger entry that it belongs to, so its id is new as a rule. Of one that the ledger knows, only
the parties of that entry may deliver: nobody else takes the place of a letter that is still to come.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from pydantic import BaseModel

from clinic.errors import LetterInvalid, NotPermitted
from ledger.state import State
from network import wire
from network.errors import LetterExists, LetterUnknown
from network.server.authentication import Own, Signed
from network.server.bodies import SignedBody, takes_octets
from network.server.limits import require_room
from network.server.paths import LetterId, MemberId
from network.server.problems import octets, signed_problems
from network.server.services import HospitalServices, Services

router = APIRouter(tags=["letters"])


class Letters(BaseModel):
    """Ids of the reader's letters, sorted."""

    letters: list[str]


@router.get(wire.LETTERS, dependencies=[Depends(Own("reader"))], responses=signed_problems(422))
def listed(
    services: Services,
    reader: MemberId,
    prefix: Annotated[str, Query(pattern=wire.LETTER_PREFIX_PATTERN, max_length=200)] = "",
) -> Letters:
    """Which letters wait for the signer."""
    return Letters(letters=services.site.mailbox.list(reader, prefix))


@router.get(
    wire.LETTER,
    dependencies=[Depends(Own("reader"))],
    response_class=Response,
    responses=octets("the letter, sealed to its reader") | signed_problems(404, 422),
)
def fetch(services: Services, reader: MemberId, letter: LetterId) -> Response:
    """A letter to the signer."""
    try:
        return Response(services.site.mailbox.fetch(letter, reader), media_type=wire.OCTETS)
    except LetterInvalid:
        raise LetterUnknown("a letter is missing from the mailbox; ask its sender to send it again") from None


@router.put(
    wire.LETTER,
    status_code=204,
    response_class=Response,
    openapi_extra=takes_octets(wire.MAX_LETTER_BYTES),
    responses=signed_problems(408, 409, 413, 422, 507),
)
def deliver(
    services: Services,
    request: Signed,
    reader: MemberId,
    letter: LetterId,
    data: Annotated[bytes, Depends(SignedBody(wire.MAX_LETTER_BYTES))],
) -> None:
    """Keep a letter for its reader, durably; another one of that id stays as it is."""
    state = services.site.state()
    if state.member(reader) is None and reader != state.genesis.authority:
        raise NotPermitted("that reader is not enrolled on this ledger")
    _require_party(state, request.member_id, letter)
    require_room(services.incoming, len(data), services.limits.reserved_bytes)
    with services.writing:
        if _known(services, reader, letter) not in {None, data}:
            raise LetterExists("another letter of that id waits for its reader; write one with a new id")
        services.site.mailbox.deliver(letter, reader, data)


def _known(services: HospitalServices, reader: str, letter: str) -> bytes | None:
    try:
        return services.site.mailbox.fetch(letter, reader)
    except LetterInvalid:
        return None


def _require_party(state: State, sender: str, letter: str) -> None:
    """Return if ``sender`` has to do with what the ledger knows under the letter's id. Raises ``NotPermitted``."""
    parties = _parties(state, letter.partition(".")[0])
    if parties and sender not in parties:
        raise NotPermitted("that letter belongs to a matter between others")


def _parties(state: State, matter: str) -> set[str]:
    if len(matter) == 64:
        block = state.block(matter)
        return set() if block is None else {block.author, block.patient, block.hospital}
    if state.member(matter) is not None:
        return {state.genesis.authority, matter}  # of its suspension, and of the recovery that the member splits
    records = (state.request(matter), state.grant(matter))
    return {party for record in records if record for party in (record.patient, record.delegatee)}
