"""Reports over HTTP: evidence against a proxy, kept for the hospital when it holds."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from clinic.proxy_fault import ProxyFault
from network import wire
from network.server.bodies import SignedBody, takes_octets
from network.server.limits import require_room
from network.server.problems import signed_problems
from network.server.services import Services

router = APIRouter(tags=["reports"])


@router.post(
    wire.REPORTS,
    status_code=204,
    response_class=Response,
    openapi_extra=takes_octets(wire.MAX_EVIDENCE_BYTES),
    responses=signed_problems(408, 413, 422, 507),
)
def report(services: Services, data: Annotated[bytes, Depends(SignedBody(wire.MAX_EVIDENCE_BYTES))]) -> None:
    """Keep evidence that a proxy signed a wrong fragment, once it holds by this server's own ledger."""
    fault = ProxyFault.from_bytes(data)
    fault.check(services.site.state())
    require_room(services.incoming, len(data), services.limits.reserved_bytes)
    services.faults(fault)
