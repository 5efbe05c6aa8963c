"""A proxy's server: take fragments from patients, forget them, re-encrypt for delegatees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel

from network import wire
from network.keeping_up import CatchUp, caught_up
from network.proxy.desk import ProxyDesk
from network.proxy.messages import MAX_ASKS_BYTES, MAX_DEPOSIT_BYTES, AskMessage, answer_to_bytes
from network.server.authentication import Admitting, Signed, public
from network.server.base import base_app
from network.server.bodies import Body, SignedBody, takes_json, takes_octets
from network.server.limits import Limits
from network.server.metrics import Metrics
from network.server.problems import public_problems, signed_problems


@dataclass(frozen=True)
class ProxyServices:
    """One proxy, being served. ``ca_pem`` is what clients pin."""

    desk: ProxyDesk
    catch_up: CatchUp
    genesis: str
    proxy_id: str
    ca_pem: str
    healthy: Callable[[], object]


class ProxyTrust(BaseModel):
    """What this proxy is: its member id, the ledger it is on, and the CA of its certificate."""

    genesis: str
    proxy: str
    ca: str


class AskBody(Body):
    """One chapter: context and capsule (base64, 98 bytes) as they stand in a block header."""

    chain: str
    scope: str
    hospital: str
    chapter: str
    capsule: str


class ReencryptBody(Body):
    """A release on the ledger, and 1 to 1,024 of its chapters."""

    release: str
    asks: list[AskBody]


class Answered(BaseModel):
    """A fragment (base64) for each ask, in order, and the proxy's signature over all of them."""

    fragments: list[str]
    signature: str


def _services(request: Request) -> ProxyServices:
    found: ProxyServices = request.app.state.services
    return found


Services = Annotated[ProxyServices, Depends(_services)]
GrantId = Annotated[str, Path(pattern=wire.ID_PATTERN, description="grant id")]
Part = Annotated[str, Path(pattern=wire.PART_PATTERN, description="grant id, or that, a dot and an extension's number")]


_router = APIRouter(tags=["proxy"], dependencies=[Depends(caught_up)])


@_router.put(
    wire.GRANT_PART,
    status_code=204,
    responses=signed_problems(404, 408, 409, 413, 422, 507),
    openapi_extra=takes_octets(MAX_DEPOSIT_BYTES),
)
def deposit(
    grant: GrantId,
    part: Part,
    signer: Signed,
    sealed: Annotated[bytes, Depends(SignedBody(MAX_DEPOSIT_BYTES))],
    services: Services,
) -> Response:
    """Take key fragments sealed to this proxy, from the patient whose grant it is or will be."""
    services.desk.deposit(signer.member_id, grant, part, sealed)
    return Response(status_code=204)


@_router.delete(wire.GRANT, status_code=204, responses=signed_problems(409, 422))
def forget(grant: GrantId, signer: Signed, services: Services) -> Response:
    """Delete the fragments of a grant that is over, for one of its parties, or that never came, for its patient."""
    services.desk.forget(signer.member_id, grant)
    return Response(status_code=204)


@_router.post(
    wire.REENCRYPT,
    response_model=Answered,
    responses=signed_problems(408, 409, 413, 422),
    openapi_extra=takes_json(ReencryptBody),
)
def reencrypt(
    signer: Signed, body: Annotated[bytes, Depends(SignedBody(MAX_ASKS_BYTES))], services: Services
) -> Response:
    """Re-encrypt capsules for the delegatee whose release is on the ledger."""
    answer = services.desk.reencrypt(signer.member_id, AskMessage.from_bytes(body))
    return Response(answer_to_bytes(answer), media_type=wire.JSON)


_public = APIRouter(tags=["service"], dependencies=[Depends(public)])


@_public.get(wire.TRUST, response_model=ProxyTrust, responses=public_problems())
def trust(services: Services) -> ProxyTrust:
    """What this proxy is; whoever asks compares it with the endpoint card that the proxy signed."""
    return ProxyTrust(genesis=services.genesis, proxy=services.proxy_id, ca=services.ca_pem)


def create_app(services: ProxyServices, admitting: Admitting, limits: Limits, metrics: Metrics) -> FastAPI:
    """The server's app; ``services`` are closed by whoever opened them."""
    app = base_app("ChartSeal proxy", admitting=admitting, limits=limits, metrics=metrics, healthy=services.healthy)
    app.state.services = services
    app.state.catch_up = services.catch_up
    app.include_router(_router)
    app.include_router(_public)
    return app
