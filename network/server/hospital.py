"""The hospital over HTTP: it signs the headers of its authors, and anchors what they uploaded."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field, StringConstraints

from clinic.errors import NotPermitted, SealRefused
from clinic.hospital import HospitalClient
from ledger.bodies import AnchorBlocks
from network import wire
from network.server.authentication import Signed, require_own
from network.server.bodies import Body, SignedBody, parsed, takes_json, understood
from network.server.ledger import LedgerReceipt
from network.server.problems import signed_problems
from network.server.services import HospitalServices, Services
from scheme import canonical
from scheme.header import BlockHeader

router = APIRouter(tags=["hospital"])

_Id = Annotated[str, StringConstraints(pattern=wire.ID_PATTERN)]
_Digest = Annotated[str, StringConstraints(pattern=wire.DIGEST_PATTERN)]
_PROBLEMS = signed_problems(408, 409, 413, 422, 507)


class ToLink(Body):
    """Headers without signature, as base64 of their canonical JSON, for places in a row in the patient's chain."""

    patient: _Id
    headers: Annotated[list[str], Field(min_length=1, max_length=wire.MAX_LINKED)]


class Links(BaseModel):
    """Index of the first header, locator of the block before it, and the hospital's signatures in base64."""

    index: int
    previous: str | None
    signatures: list[str]


class Anchored(Body):
    """One block: see ``BlockAnchor``."""

    locator: _Digest
    scope: _Id
    chapter: _Id
    size: Annotated[int, Field(ge=0, le=2**53 - 1)]


class ToAnchor(Body):
    """The body of the transaction that the hospital is to sign: see ``AnchorBlocks``."""

    patient: _Id
    hospital: _Id
    author: _Id
    chain: _Id
    previous_head: _Digest | None
    first_index: Annotated[int, Field(ge=0, le=2**53 - 1)]
    blocks: Annotated[list[Anchored], Field(min_length=1, max_length=wire.MAX_LINKED)]


@router.post(wire.LINKS, openapi_extra=takes_json(ToLink), responses=_PROBLEMS)
def link(
    services: Services, request: Signed, data: Annotated[bytes, Depends(SignedBody(wire.MAX_LINKS_BYTES))]
) -> Links:
    """Sign headers for the places behind the newest block of a chain; the signer of the request is the author.

    Nothing is reserved: who anchors first has the place.
    """
    asked = parsed(ToLink, data)
    read = partial(canonical.unb64, what="a header")
    headers = understood(lambda: [BlockHeader.from_unsigned(read(text)) for text in asked.headers])
    hospital = _of_key(services, headers[0].chapter.context.hospital)
    linked = hospital.link(asked.patient, request.member_id, headers)
    signatures = [canonical.b64(signature) for signature in linked.signatures]
    return Links(index=linked.first_index, previous=linked.previous_head, signatures=signatures)


@router.post(wire.ANCHORS, openapi_extra=takes_json(ToAnchor), responses=_PROBLEMS)
def anchor(
    services: Services, request: Signed, data: Annotated[bytes, Depends(SignedBody(wire.MAX_ANCHOR_BYTES))]
) -> LedgerReceipt:
    """Anchor what the signer sealed, uploaded and had linked; final when the receipt is given."""
    body = understood(lambda: AnchorBlocks.from_json(parsed(ToAnchor, data).model_dump()))
    require_own(request, body.author)
    hospital = services.site.hospitals.get(body.hospital)
    if hospital is None:
        raise NotPermitted("that hospital is not at home here; ask its own server")
    return LedgerReceipt(**wire.receipt_to_json(hospital.anchor(body)))


def _of_key(services: HospitalServices, key_id: str) -> HospitalClient:
    """The hospital of this home whose key that is. Raises ``SealRefused``."""
    member = services.hospitals.of_key(services.site.state(), key_id)
    hospital = None if member is None else services.site.hospitals.get(member.member)
    if hospital is None:
        raise SealRefused("the blocks were sealed for a hospital that is not at home here; seal the records again")
    return hospital
