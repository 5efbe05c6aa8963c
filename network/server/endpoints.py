"""Endpoint cards over HTTP: where members' own servers are, in their own words; this server only passes them on."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import BaseModel

from network import wire
from network.endpoint import EndpointCard
from network.errors import EndpointInvalid
from network.server.authentication import Own, signed
from network.server.bodies import SignedBody, takes_octets
from network.server.paths import MemberId
from network.server.problems import signed_problems
from network.server.services import Services
from scheme import canonical

router = APIRouter(tags=["endpoints"])


class Endpoints(BaseModel):
    """The newest card of each member that published one."""

    endpoints: list[dict[str, Any]]


@router.get(wire.ENDPOINTS, dependencies=[Depends(signed)], responses=signed_problems())
def listed(services: Services) -> Endpoints:
    """All cards, each as its member signed it."""
    return Endpoints(endpoints=[canonical.loads(bytes(card), what="the card") for card in services.endpoints.cards()])


@router.put(
    wire.ENDPOINT,
    dependencies=[Depends(Own("member"))],
    status_code=204,
    response_class=Response,
    openapi_extra=takes_octets(wire.MAX_ENDPOINT_BYTES),
    responses=signed_problems(408, 413, 422, 507),
)
def publish(
    services: Services,
    member: MemberId,
    data: Annotated[bytes, Depends(SignedBody(wire.MAX_ENDPOINT_BYTES))],
) -> None:
    """Keep the signer's card, durably, in place of an older one."""
    card = EndpointCard.from_bytes(data)
    if card.member != member:
        raise EndpointInvalid("that endpoint card is another member's; publish your own")
    with services.writing:
        services.endpoints.take(card, services.site.state(), now=services.home.clock())
