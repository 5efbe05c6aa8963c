"""Bodies: never read before the signature counts, never more than the path takes, never slower than allowed.

Each is compared with the SHA-256 that the signature covers before anything acts on it.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, ValidationError

from ledger.errors import FieldInvalid
from network import wire
from network.errors import BodyTooSlow, MessageInvalid, RequestUnsigned, SignatureRefused, TooLarge
from network.server.authentication import Signed
from network.server.limits import Limits
from network.signatures import VerifiedRequest
from scheme.errors import SchemeError

_GRACE_S = 10.0
"""A body may be as slow as it likes for so long."""


class Body(BaseModel):
    """Base of JSON bodies: every field has its type, and there are no others."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


Model = TypeVar("Model", bound=Body)
Read = TypeVar("Read")


class SignedBody:
    """The dependency that reads a signed body of at most ``max_bytes`` into memory."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes

    async def __call__(self, request: Request, request_of: Signed) -> bytes:
        """The body. Raises as ``pieces``."""
        return b"".join([piece async for piece in pieces(request, request_of, self._max_bytes)])


class PublicBody:
    """As ``SignedBody``, for a path where nothing is signed."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes

    async def __call__(self, request: Request) -> bytes:
        """The body. Raises ``TooLarge``, ``BodyTooSlow``."""
        return b"".join([piece async for piece in _received(request, self._max_bytes)])


async def pieces(request: Request, request_of: VerifiedRequest, max_bytes: int) -> AsyncIterator[bytes]:
    """The body in pieces as they come; whoever keeps them acts only after the last.

    Raises ``RequestUnsigned`` without a digest, ``TooLarge``, ``BodyTooSlow``, and after the last piece
    ``SignatureRefused`` when the digest is another one.
    """
    if request_of.body_digest is None:
        raise RequestUnsigned("the request's body is not signed; cover its Content-Digest with the signature")
    digest = hashlib.sha256()
    async for piece in _received(request, max_bytes):
        digest.update(piece)
        yield piece
    if digest.digest() != request_of.body_digest:
        raise SignatureRefused("the body is not the one whose digest was signed; send it again")


async def _received(request: Request, max_bytes: int) -> AsyncIterator[bytes]:
    limits: Limits = request.app.state.limits
    if announced(request) > max_bytes:
        raise _too_large(max_bytes)
    stream, start, count = aiter(request.stream()), time.monotonic(), 0
    while True:
        try:
            async with asyncio.timeout(limits.body_timeout_s):
                piece = await anext(stream)
        except StopAsyncIteration:
            break
        except TimeoutError:
            raise BodyTooSlow("the body came too slowly; send it again over a better connection") from None
        count += len(piece)
        if count > max_bytes:
            raise _too_large(max_bytes)
        if count < (time.monotonic() - start - _GRACE_S) * limits.min_body_bytes_per_s:
            raise BodyTooSlow("the body came too slowly; send it again over a better connection")
        yield piece
    request.state.received = count


def announced(request: Request) -> int:
    """Content-Length; 0 without one. h11 refuses what is no number."""
    return int(request.headers.get("content-length", "0"))


def parsed(model: type[Model], data: bytes) -> Model:
    """The JSON in ``data`` as ``model``. Raises ``MessageInvalid``, which names fields and never what was in them."""
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        places = sorted({".".join(map(str, detail["loc"][:1])) or "the whole" for detail in error.errors()})
        raise MessageInvalid(
            f"the body is not what the OpenAPI document says ({', '.join(places[:8])}); see {wire.OPENAPI}"
        ) from None


def understood(read: Callable[[], Read]) -> Read:
    """What ``read`` makes of a part of the body. Raises ``MessageInvalid`` when that is not what it should be."""
    try:
        return read()
    except (FieldInvalid, SchemeError) as error:
        raise MessageInvalid(f"the body is not what the OpenAPI document says: {error}; see {wire.OPENAPI}") from None


def takes_json(model: type[BaseModel]) -> dict[str, Any]:
    """For the OpenAPI document: a required body of JSON."""
    schema = model.model_json_schema()
    return _takes(wire.JSON, _inlined(schema, schema.pop("$defs", {})))


def takes_octets(max_bytes: int) -> dict[str, Any]:
    """For the OpenAPI document: a required body of bytes."""
    return _takes(wire.OCTETS, {"type": "string", "format": "binary", "maxLength": max_bytes})


def _takes(media_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {media_type: {"schema": schema}}}}


def _inlined(value: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_inlined(item, definitions) for item in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        return _inlined(definitions[value["$ref"].rsplit("/", 1)[-1]], definitions)
    return {name: _inlined(item, definitions) for name, item in value.items()}


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(f"this takes at most {max_bytes} bytes; send less at a time")
