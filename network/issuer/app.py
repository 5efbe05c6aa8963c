"""A tag issuer's server: evaluate blinded elements for patients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request
from pydantic import BaseModel, Field, StringConstraints

from clinic.match_issuer import IssuerService
from ledger.errors import FieldInvalid
from matching.oprf import MAX_BATCH_ELEMENTS
from network import match_messages as messages
from network import wire
from network.errors import MessageInvalid
from network.keeping_up import CatchUp, caught_up
from network.server.authentication import Admitting, Signed, public
from network.server.base import base_app
from network.server.bodies import Body, SignedBody, parsed, takes_json
from network.server.limits import Limits
from network.server.metrics import Metrics
from network.server.problems import public_problems, signed_problems
from scheme.errors import EncodingInvalid

_Id = Annotated[str, StringConstraints(pattern=wire.ID_PATTERN)]
_Element = Annotated[str, StringConstraints(pattern=wire.DIGEST_PATTERN)]


@dataclass(frozen=True)
class IssuerServices:
    """One issuer, being served. ``ca_pem`` is what clients pin; ``fresh`` raises when the ledger here is too old."""

    issuer: IssuerService
    catch_up: CatchUp
    genesis: str
    ca_pem: str
    fresh: Callable[[], None]
    healthy: Callable[[], object]


class IssuerTrust(BaseModel):
    """What this issuer is: its member id, the ledger it is on, and the CA of its certificate."""

    genesis: str
    issuer: str
    ca: str


class ToEvaluate(Body):
    """The signer's batch for this issuer: blinded elements in hexadecimal, and the signature by the member key."""

    issuer: _Id
    epoch: Annotated[int, Field(ge=0, le=2**53 - 1)]
    elements: Annotated[list[_Element], Field(min_length=1, max_length=MAX_BATCH_ELEMENTS)]
    signature: Annotated[str, StringConstraints(max_length=88)]


class Evaluated(BaseModel):
    """The issuer's public key of the epoch, and proof and evaluated elements in base64."""

    issuer: str
    operator: str
    epoch: int
    key: str
    evaluation: str


def _services(request: Request) -> IssuerServices:
    found: IssuerServices = request.app.state.services
    return found


Services = Annotated[IssuerServices, Depends(_services)]
_router = APIRouter(tags=["issuer"], dependencies=[Depends(caught_up)])


@_router.post(wire.EVALUATE, openapi_extra=takes_json(ToEvaluate), responses=signed_problems(408, 409, 413, 422, 507))
def evaluate(
    services: Services, signer: Signed, data: Annotated[bytes, Depends(SignedBody(wire.MAX_EVALUATE_BYTES))]
) -> Evaluated:
    """Evaluate a batch for the patient who signed it, within her quota of the epoch."""
    services.fresh()
    value = parsed(ToEvaluate, data).model_dump()
    try:
        request = messages.issuer_request_from_json(value, signer.member_id)
    except (FieldInvalid, EncodingInvalid) as error:
        raise MessageInvalid(f"the body is not what the OpenAPI document says: {error}") from None
    return Evaluated(**messages.issuer_answer_to_json(services.issuer.evaluate(request)))


_public = APIRouter(tags=["service"], dependencies=[Depends(public)])


@_public.get(wire.TRUST, responses=public_problems())
def trust(services: Services) -> IssuerTrust:
    """What this issuer is; whoever asks compares it with the endpoint card that the issuer signed."""
    return IssuerTrust(genesis=services.genesis, issuer=services.issuer.member_id, ca=services.ca_pem)


def create_app(services: IssuerServices, admitting: Admitting, limits: Limits, metrics: Metrics) -> FastAPI:
    """The server's app; ``services`` are closed by whoever opened them."""
    app = base_app("ChartSeal issuer", admitting=admitting, limits=limits, metrics=metrics, healthy=services.healthy)
    app.state.services = services
    app.state.catch_up = services.catch_up
    app.include_router(_router)
    app.include_router(_public)
    return app
