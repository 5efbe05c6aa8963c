"""What every server of ours has, whatever it serves: errors as JSON, log, metrics, limits, health, OpenAPI document."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clinic import __version__
from network import wire
from network.errors import MessageInvalid, NoSuchPath, ServerFailed
from network.server import metrics as prometheus
from network.server.authentication import Admitting, Authentication, public, service
from network.server.limits import Bounded, Limits
from network.server.logs import EventLog, places
from network.server.metrics import Metrics
from network.server.problems import answer, public_problems
from scheme.errors import ChartSealError

NO_ROUTE = "-"
"""What log and metrics say instead of a path or method that is none of ours."""
_GONE = 499
"""What they say when the client hung up before the answer."""
_SECURITY = "http-message-signature"


class Health(BaseModel):
    """That the server can work."""

    status: str


def base_app(
    title: str,
    *,
    admitting: Admitting,
    limits: Limits,
    metrics: Metrics,
    healthy: Callable[[], object],
) -> FastAPI:
    """An app without routes of its own; ``healthy`` raises a ``ChartSealError`` when the server cannot work."""
    app = FastAPI(title=title, version=__version__, openapi_url=None, docs_url=None, redoc_url=None)
    app.state.limits = limits
    app.state.authentication = Authentication(admitting, limits, metrics)
    app.state.log = EventLog()
    app.state.metrics = metrics
    app.add_exception_handler(ChartSealError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _no_such_path)
    app.add_middleware(Bounded, limits=limits, on_limited=metrics.limited)
    app.add_middleware(Observed, log=app.state.log, metrics=metrics)

    watched = [Depends(service)]

    @app.get(wire.HEALTH, dependencies=watched, responses=public_problems(), tags=["service"])
    def health() -> Health:
        """Whether the server can work; for whoever watches it."""
        healthy()
        return Health(status="ok")

    @app.get(
        wire.METRICS,
        dependencies=watched,
        response_class=Response,
        responses=_TEXT | public_problems(),
        tags=["service"],
    )
    def scrape() -> Response:
        """Counters in Prometheus' text format; nothing about anybody."""
        return Response(metrics.text(), media_type=prometheus.CONTENT_TYPE)

    @app.get(wire.OPENAPI, dependencies=[Depends(public)], responses=public_problems(), tags=["service"])
    def openapi() -> dict[str, Any]:
        """This document."""
        return document(app)

    return app


_TEXT: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "counters"}
}


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document; a route of which a signed dependency is a part says so."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, routes=app.routes, summary=_SUMMARY)
        components = schema.setdefault("components", {})
        components["securitySchemes"] = {
            _SECURITY: {"type": "apiKey", "in": "header", "name": "Signature", "description": _SIGNED}
        }
        for path in schema["paths"].values():
            for operation in path.values():
                if "401" in operation["responses"]:
                    operation["security"] = [{_SECURITY: []}]
        app.openapi_schema = schema
    return app.openapi_schema


_SUMMARY = "ChartSeal: sealed health records. The server sees ciphertext, opaque ids and signed transactions."
_SIGNED = (
    "RFC 9421, with Signature-Input and, for a body, Content-Digest (RFC 9530): Ed25519 by the member's key over "
    "@method, @authority, @path, @query, content-digest when there is a body, and range when there is one; parameters "
    "created, keyid (the member id), alg, nonce (16 bytes in hexadecimal, once), tag=chartseal."
)


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, ChartSealError):
        raise error
    response = answer(error)
    request.state.error = error.code
    if response.status_code >= 500:
        request.app.state.log.tell("error", level=logging.WARNING, code=error.code, **places(error))
    return response


async def _invalid(request: Request, error: Exception) -> Response:
    """Names where, never what: what was sent in the wrong place may be personal."""
    details = error.errors() if isinstance(error, RequestValidationError) else []
    where = sorted({".".join(str(part) for part in detail["loc"][:2]) for detail in details})
    return await _refused(
        request, MessageInvalid(f"{', '.join(where)} is not what the OpenAPI document says; see {wire.OPENAPI}")
    )


async def _no_such_path(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    response = await _refused(request, NoSuchPath(f"there is nothing here for that method; see {wire.OPENAPI}"))
    response.status_code = status
    if isinstance(error, HTTPException) and error.headers:
        response.headers.update(error.headers)
    return response


class Observed:
    """ASGI middleware: one log line and the counters for each request; an unforeseen error becomes a plain 500."""

    def __init__(self, app: ASGIApp, log: EventLog, metrics: Metrics) -> None:
        self._app = app
        self._log = log
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = _Sent(send)
        start = time.perf_counter()
        self._metrics.running.inc()
        try:
            await self._app(scope, receive, sent)
        except (ClientDisconnect, TimeoutError):
            sent.status = sent.status or _GONE
        except Exception as error:  # noqa: BLE001 (nothing may leave without an answer and a line in the log)
            self._log.tell("failed", level=logging.ERROR, route=_route(scope), **places(error))
            if sent.status:
                raise _Broken from None  # the connection is cut, so that the client sees that the answer is not whole
            await answer(ServerFailed("the server met an error of its own"))(scope, receive, sent)
        finally:
            self._metrics.running.dec()
            self._tell(scope, sent, time.perf_counter() - start)

    def _tell(self, scope: Scope, sent: _Sent, seconds: float) -> None:
        state = scope.get("state", {})
        route, status, received = _route(scope), sent.status or _GONE, state.get("received", 0)
        method = _method(scope)
        self._metrics.request(method, route, status, seconds)
        self._metrics.transferred(received=received, sent=sent.count)
        fields: dict[str, Any] = {"method": method, "route": route, "status": status}
        if "error" in state:
            fields["code"] = state["error"]
        if route not in {wire.HEALTH, wire.METRICS}:
            ms = round(seconds * 1000, 1)
            self._log.tell("request", member=state.get("member"), **fields, ms=ms, received=received, sent=sent.count)


class _Broken(Exception):
    """An answer that could not be finished."""


class _Sent:
    """Passes on what is sent, and notes the status and how many bytes."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0
        self.count = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif message["type"] == "http.response.body":
            self.count += len(message.get("body", b""))
        await self._send(message)


def _method(scope: Scope) -> str:
    """One that the route answers; what else is sent is a stranger's invention, and would make a counter each."""
    return scope["method"] if scope["method"] in (getattr(scope.get("route"), "methods", None) or ()) else NO_ROUTE


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", NO_ROUTE)
