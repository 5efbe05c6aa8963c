"""The ledger over HTTP: who it starts from, its final blocks, and transactions that their signers hand in.

Reading is public, as the ledger itself is: it holds opaque ids and salted digests, and whoever follows it verifies
every block. A member's home follows it with no key unlocked.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel

from ledger.export import block_line
from ledger.transactions import SignedTransaction
from network import wire
from network.server.authentication import public
from network.server.bodies import SignedBody, takes_octets
from network.server.problems import octets, public_problems, signed_problems
from network.server.services import Services

router = APIRouter(tags=["ledger"])


class Trust(BaseModel):
    """What a client compares with its invitation before it trusts the server: ``ca`` is a certificate in PEM."""

    genesis: str
    hospital: str | None
    ca: str
    threshold: int


class LedgerReceipt(BaseModel):
    """Where a transaction stands, durably and for good: ids and digests in hex, time in unix seconds."""

    transaction: str
    position: int
    entry: str
    time: int


@router.get(wire.TRUST, dependencies=[Depends(public)], responses=public_problems())
def trust(services: Services) -> Trust:
    """Which ledger and which certificate authority this server stands for."""
    config, hospital = services.home.config, services.hospitals.first
    return Trust(genesis=config.genesis, hospital=hospital, ca=services.ca_pem, threshold=config.threshold)


@router.get(
    wire.GENESIS,
    dependencies=[Depends(public)],
    response_class=Response,
    responses=octets("the genesis, as its digest is over it") | public_problems(),
)
def genesis(services: Services) -> Response:
    """What the ledger starts from."""
    return Response(bytes(services.site.engine.genesis), media_type=wire.OCTETS)


@router.get(
    wire.LEDGER_BLOCKS,
    dependencies=[Depends(public)],
    response_class=StreamingResponse,
    responses=octets("one line of canonical JSON a ledger block, as in an export") | public_problems(422),
)
def blocks(services: Services, start: Annotated[int, Query(alias="from", ge=1, le=2**53 - 1)] = 1) -> StreamingResponse:
    """Final ledger blocks from that height on, those committed now; no lines when there are none yet."""
    return StreamingResponse(map(block_line, services.site.engine.blocks(start)), media_type=wire.OCTETS)


@router.post(
    wire.TRANSACTIONS,
    openapi_extra=takes_octets(wire.MAX_TRANSACTION),
    responses=signed_problems(408, 409, 413, 422, 507),
)
def submit(services: Services, data: Annotated[bytes, Depends(SignedBody(wire.MAX_TRANSACTION))]) -> LedgerReceipt:
    """Have a signed transaction ordered; the receipt is given when it is durable and final.

    The same again gives the same receipt. Whoever hands it in need not be its signer: it counts by its own signature.
    """
    receipt = services.site.engine.submit(SignedTransaction.from_bytes(data))
    return LedgerReceipt(**wire.receipt_to_json(receipt))
