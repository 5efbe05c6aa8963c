"""Errors over HTTP: the status of each class, the JSON that goes with it, and how the OpenAPI document says so.

An error that stands nowhere here is this server's own fault: status 500, one sentence for all, the rest in the log.
"""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel
from starlette.responses import JSONResponse

import cloud.errors as store
import ledger.errors as ledger
import matching.errors as matching
from clinic import errors as clinic
from clinic import match_errors
from ledger.refusals import CertificateExpired, Refused, SignerRemoved, SignerSuspended, SignerUnknown
from network import errors, wire
from scheme.block import BlockDamaged
from scheme.certificates import CertificateInvalid
from scheme.errors import ChartSealError

_STATUS: Final[dict[type[ChartSealError], int]] = {
    errors.RequestUnsigned: 401,
    errors.SignatureRefused: 401,
    errors.NonceReused: 401,
    errors.ClockApart: 401,
    SignerUnknown: 401,
    SignerRemoved: 403,
    SignerSuspended: 403,
    CertificateExpired: 403,
    errors.NotYours: 403,
    errors.InvitationInvalid: 403,
    clinic.NotPermitted: 403,
    errors.NoSuchPath: 404,
    errors.LetterUnknown: 404,
    errors.CardUnknown: 404,
    store.BlockNotFound: 404,
    store.PresignUnsupported: 404,
    errors.BodyTooSlow: 408,
    errors.LetterExists: 409,
    errors.BlockAnchored: 409,
    store.BlockExists: 409,
    clinic.SealRefused: 409,
    errors.RegisterClosed: 409,
    clinic.ProxyRefused: 409,
    Refused: 409,
    errors.TooLarge: 413,
    store.BlockTooLarge: 413,
    ledger.TransactionTooLarge: 413,
    errors.RangeInvalid: 416,
    errors.MessageInvalid: 422,
    errors.CardInvalid: 422,
    errors.ApplicationInvalid: 422,
    errors.EndpointInvalid: 422,
    clinic.FaultInvalid: 422,
    CertificateInvalid: 403,
    matching.NotEnrolled: 403,
    matching.HandleUnknown: 404,
    match_errors.MatchUnknown: 404,
    matching.MessageTooLong: 413,
    matching.AnswerInvalid: 422,
    matching.OfferInvalid: 422,
    matching.OptInInvalid: 422,
    matching.BatchInvalid: 422,
    matching.ElementInvalid: 422,
    matching.EpochInvalid: 422,
    matching.ReportInvalid: 422,
    match_errors.MatchRequestInvalid: 422,
    match_errors.PseudonymIssued: 409,
    matching.IndexDamaged: 500,
    matching.IndexUnavailable: 503,
    matching.QuotaUnavailable: 503,
    matching.RelayUnavailable: 503,
    matching.RelayFull: 507,
    matching.MatchingError: 409,
    clinic.FaultUnfounded: 422,
    store.LocatorInvalid: 422,
    BlockDamaged: 422,
    ledger.TransactionInvalid: 422,
    errors.TooManyRequests: 429,
    store.HashMismatch: 502,
    errors.Busy: 503,
    clinic.HomeBusy: 503,
    ledger.LedgerBusy: 503,
    ledger.LedgerUnavailable: 503,
    ledger.LedgerClosed: 503,
    ledger.QuorumMissing: 503,
    ledger.ClockBehind: 503,
    store.CloudTransient: 503,
    store.MajorityNotReached: 503,
    errors.ServerDiskFull: 507,
    clinic.DiskFull: 507,
    ledger.LedgerFull: 507,
    store.StoreFull: 507,
}
_OF_THE_STORE: Final[dict[type[store.CloudError], str]] = {
    store.BlockNotFound: "no such block is in the hospital's store",
    store.BlockExists: "the hospital's store has another block under that locator, and leaves it as it is",
    store.BlockTooLarge: "the block is larger than the hospital's store takes",
    store.PresignUnsupported: "the hospital's store gives no URLs of its own; blocks go through this server",
    store.HashMismatch: "the hospital's store returned another block than was put there; tell the hospital",
    store.StoreFull: "the hospital's store is full; tell the hospital, nothing was kept",
    store.CloudError: "the hospital's store cannot be used just now; try again in a moment",
}
"""What members hear instead of the store's own sentences, which name its address."""
RETRY_S: Final = 2.0
"""What ``Retry-After`` says of a 503."""
OF_SIGNED: Final = (401, 403, 429, 500, 503)
"""What any signed request may be answered with."""
OF_PUBLIC: Final = (429, 500, 503)


class Problem(BaseModel):
    """Every answer that is no success: a stable code, and a sentence for people."""

    error: str
    message: str


def status_of(error: ChartSealError) -> int:
    """The HTTP status of an error; 500 for what a client cannot have caused."""
    return next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500)


def answer(error: ChartSealError) -> JSONResponse:
    """What the client gets for ``error``."""
    status = status_of(error)
    if status == 500:
        error = errors.ServerFailed("the server met an error of its own; tell whoever runs it, its log has more")
    headers = _headers(error, status) | {wire.ERROR_FIELD: error.code}
    return JSONResponse({"error": error.code, "message": _sentence(error)}, status, headers)


def _sentence(error: ChartSealError) -> str:
    return next((_OF_THE_STORE[kind] for kind in type(error).__mro__ if kind in _OF_THE_STORE), str(error))


def _headers(error: ChartSealError, status: int) -> dict[str, str]:
    if status == 401:
        return {"WWW-Authenticate": 'Signature realm="chartseal"'}
    if isinstance(error, errors.TooManyRequests):
        return {"Retry-After": str(math.ceil(error.retry_after_s))}
    return {"Retry-After": str(math.ceil(RETRY_S))} if status == 503 else {}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the OpenAPI document: these statuses, each with a ``Problem``."""
    return {status: {"model": Problem, "description": _phrase(status)} for status in sorted(statuses)}


def signed_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """As ``problems``, with those of every signed request."""
    return problems(*OF_SIGNED, *statuses)


def public_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """As ``problems``, with those of every public request."""
    return problems(*OF_PUBLIC, *statuses)


def octets(description: str, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """For the OpenAPI document: an answer of bytes."""
    content = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    return {status: {"content": content, "description": description}}


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase
