"""Joining over HTTP: the one path where a code stands in for a signature."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, StringConstraints

from network import wire
from network.admission import Status, application_from_json
from network.invitation import code_from_text
from network.server.authentication import joining
from network.server.bodies import Body, PublicBody, parsed, takes_json
from network.server.problems import public_problems
from network.server.services import Services

router = APIRouter(tags=["joining"])


class Keys(Body):
    """Public keys: see ``MemberKeys``."""

    verifying: str
    hpke: str
    receiving: str | None
    wrapping: str | None


class ToJoin(Body):
    """An application with the code of an invitation (16 bytes, base64url); ``proof`` is base64 of 64 bytes."""

    code: Annotated[str, StringConstraints(max_length=64)]
    member: Annotated[str, StringConstraints(pattern=wire.ID_PATTERN)]
    role: Annotated[str, StringConstraints(max_length=32)]
    keys: Keys
    proof: Annotated[str, StringConstraints(max_length=256)]


class Joined(BaseModel):
    """What became of it, and which hospital registers the member."""

    status: Status
    hospital: str | None


@router.post(
    wire.JOIN,
    dependencies=[Depends(joining)],
    openapi_extra=takes_json(ToJoin),
    responses=public_problems(403, 408, 409, 413, 422, 507),
)
def join(services: Services, data: Annotated[bytes, Depends(PublicBody(wire.MAX_JOIN_BYTES))]) -> Joined:
    """Redeem an invitation with keys that the applicant made; again with the same, to hear what became of it."""
    asked = parsed(ToJoin, data).model_dump()
    code = code_from_text(asked.pop("code"))
    status, offer = services.admission.join(services.site, code, application_from_json(asked))
    return Joined(status=status, hospital=offer.hospital)
