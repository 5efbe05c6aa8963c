"""Blocks over HTTP, in and out of the home's store, in flat memory.

Order of a put: 1. the signature and the announced size; 2. the bytes go to a file on the home's disk; 3. their digest
is the signed one; 4. they are the block that the path names, whole, with the signature of a hospital of this ledger,
which signs only what its authors link; 5. the store takes it; 6. the receipt. So nobody fills the store, or a locator,
with anything else. Presigned puts go past this server: what they leave is collected with the orphans.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from typing import Annotated, BinaryIO

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, Field, StringConstraints
from starlette.concurrency import run_in_threadpool

from clinic import durable
from cloud.presign import Direction, presigned
from network import wire
from network.errors import BlockAnchored, MessageInvalid, RangeInvalid
from network.server.authentication import Signed, signed
from network.server.bodies import Body, SignedBody, announced, parsed, pieces, takes_json, takes_octets
from network.server.downloads import PIECE_BYTES, framed, pulled, ranged
from network.server.limits import require_room
from network.server.paths import Locator
from network.server.problems import octets, signed_problems
from network.server.services import HospitalServices, Services
from scheme.block import Block, BlockDamaged
from scheme.errors import SchemeError
from scheme.keys import VerifyingKey

router = APIRouter(tags=["blocks"])

_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{0,18})", re.ASCII)
_Name = Annotated[str, StringConstraints(pattern=wire.DIGEST_PATTERN)]
_Names = Annotated[list[_Name], Field(min_length=1, max_length=wire.MAX_FETCHED)]
_UPLOADS = (408, 409, 413, 422, 502, 507)


class Wanted(Body):
    """Blocks to fetch, in the order of the answer."""

    locators: _Names


class ToPresign(Body):
    """Blocks to get or put directly."""

    locators: _Names
    method: Annotated[str, StringConstraints(pattern="^(GET|PUT)$")]


class Stored(BaseModel):
    """What the store took, durably."""

    locator: str
    size_bytes: int


class Presigned(BaseModel):
    """Locator to URL, each as good as credentials for one block until it ends; ``headers`` go with every request."""

    urls: dict[str, str]
    headers: dict[str, str]


@router.post(
    wire.BLOCKS_FETCH,
    response_class=StreamingResponse,
    openapi_extra=takes_json(Wanted),
    responses=octets("frames: locator (32 bytes), length (8 bytes, big-endian; all ones: not there), the block")
    | signed_problems(408, 413, 422, 502),
)
def fetch(services: Services, data: Annotated[bytes, Depends(SignedBody(wire.MAX_FETCH_BYTES))]) -> StreamingResponse:
    """Many blocks in one answer, in the order asked for."""
    frames = framed(services.site.store, parsed(Wanted, data).locators)
    return StreamingResponse(_begun(frames), media_type=wire.OCTETS)


@router.post(wire.BLOCKS_PRESIGN, openapi_extra=takes_json(ToPresign), responses=signed_problems(404, 408, 413, 422))
def presign(services: Services, data: Annotated[bytes, Depends(SignedBody(wire.MAX_FETCH_BYTES))]) -> Presigned:
    """URLs by which blocks go directly to or from the store, for some minutes, where it has such."""
    asked = parsed(ToPresign, data)
    direction = Direction(asked.method)
    found = {
        locator: presigned(services.site.store, locator, direction, seconds=wire.PRESIGNED_S)
        for locator in asked.locators
    }
    headers = next(iter(found.values())).headers
    return Presigned(urls={locator: each.url for locator, each in found.items()}, headers=dict(headers))


@router.put(wire.BLOCK, openapi_extra=takes_octets(wire.MAX_BLOCK_BYTES), responses=signed_problems(*_UPLOADS))
async def put(services: Services, request: Request, request_of: Signed, locator: Locator) -> Stored:
    """Keep a block; another one under the same locator is never overwritten."""
    await run_in_threadpool(require_room, services.incoming, announced(request), services.limits.reserved_bytes)
    with durable.full_disk_told(), tempfile.TemporaryFile(dir=services.incoming) as file:
        buffered = bytearray()
        async for piece in pieces(request, request_of, services.limits.max_block_bytes):
            buffered += piece
            if len(buffered) >= PIECE_BYTES:
                await run_in_threadpool(_append, services, file, bytes(buffered))
                buffered.clear()
        await run_in_threadpool(_append, services, file, bytes(buffered))
        size = await run_in_threadpool(_keep, services, locator, file)
    return Stored(locator=locator, size_bytes=size)


@router.head(
    wire.BLOCK,
    dependencies=[Depends(signed)],
    response_class=Response,
    responses=octets("there") | signed_problems(404, 422, 502),
)
def head(services: Services, locator: Locator) -> Response:
    """Its size, as Content-Length."""
    size = services.site.store.size(locator)
    return Response(headers={"Content-Length": str(size), "Accept-Ranges": "bytes"}, media_type=wire.OCTETS)


@router.get(
    wire.BLOCK,
    dependencies=[Depends(signed)],
    response_class=StreamingResponse,
    responses=octets("the block") | octets("part of it", 206) | signed_problems(404, 416, 422, 502),
)
def get(services: Services, request: Request, locator: Locator) -> StreamingResponse:
    """A block, or the range of it that is asked for (one range, from its start; others are ignored)."""
    store = services.site.store
    wanted = _RANGE.fullmatch(request.headers.get("range", ""))
    if wanted is None:
        return StreamingResponse(pulled(lambda sink: store.get(locator, sink)), media_type=wire.OCTETS)
    size = store.size(locator)
    start = int(wanted[1])
    end = min(size, int(wanted[2]) + 1) if wanted[2] else size
    if start >= end:
        raise RangeInvalid("there is nothing in that range; ask for the block's size first")
    headers = {"Content-Range": f"bytes {start}-{end - 1}/{size}", "Content-Length": str(end - start)}
    return StreamingResponse(_begun(ranged(store, locator, start, end)), 206, headers, wire.OCTETS)


@router.delete(
    wire.BLOCK,
    dependencies=[Depends(signed)],
    status_code=204,
    response_class=Response,
    responses=signed_problems(404, 409, 422, 502),
)
def delete(services: Services, locator: Locator) -> None:
    """Remove a block that was never anchored: the writer of one that came second tidies up.

    Only its author and the hospital know the locator of such a block.
    """
    if services.site.state().block(locator) is not None:
        raise BlockAnchored("that block is on the ledger; it is never deleted")
    services.site.store.delete(locator)


def _append(services: HospitalServices, file: BinaryIO, data: bytes) -> None:
    require_room(services.incoming, len(data), services.limits.reserved_bytes)
    file.write(data)


def _keep(services: HospitalServices, locator: str, file: BinaryIO) -> int:
    _require_block(services, locator, file)
    file.seek(0)
    return services.site.store.put(locator, file).size_bytes


def _require_block(services: HospitalServices, locator: str, file: BinaryIO) -> None:
    """Return if ``file`` is the block of that locator, signed by a hospital. Raises ``BlockDamaged``."""
    try:
        block = Block.open(file, locator)
        hospital = services.hospitals.of_key(services.site.state(), block.header.chapter.context.hospital)
        if hospital is None or not hospital.active:
            raise MessageInvalid("the block is of no hospital on this ledger; have it linked first")
        block.header.verify(VerifyingKey(hospital.keys.verifying))
        block.check_members()
    except SchemeError as error:
        if isinstance(error, BlockDamaged):
            raise
        raise BlockDamaged(f"this is no block of a hospital here ({error.code}); seal the records again") from None


def _begun(items: Iterator[bytes]) -> Iterator[bytes]:
    """``items`` after the first was read, so that an error of the store is told by a status."""
    first = next(items)

    def all_of_them() -> Iterator[bytes]:
        yield first
        yield from items

    return all_of_them()
