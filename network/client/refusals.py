"""From a server's error to the exception that the same mistake raises on this machine."""

from __future__ import annotations

import inspect
import json
from types import ModuleType

from clinic import errors as clinic_errors
from clinic import match_errors
from cloud import errors as cloud_errors
from ledger import errors as ledger_errors
from ledger import refusals as ledger_refusals
from matching import errors as matching_errors
from network import errors as network_errors
from network import wire
from network.errors import RemoteRefused
from scheme import certificates
from scheme import errors as scheme_errors
from scheme.errors import ChartSealError

MAX_ERROR_BYTES = 64 << 10
_MAX_SENTENCE_CHARS = 1000
_LEDGER_PATHS = ("/v1/ledger/", "/v1/hospital/")
_MATCHING_PATHS = ("/v1/matching/", "/v1/relay/", wire.EVALUATE)


def _classes(*modules: ModuleType) -> dict[str, type[ChartSealError]]:
    return {
        found.code: found
        for module in modules
        for _, found in inspect.getmembers(module, inspect.isclass)
        if issubclass(found, ChartSealError) and found is not RemoteRefused
    }


_GENERAL = _classes(
    scheme_errors, certificates, ledger_errors, ledger_refusals, clinic_errors, cloud_errors, network_errors
)
_ON_LEDGER = _GENERAL | _classes(ledger_errors, ledger_refusals)
_IN_MATCHING = _GENERAL | _classes(matching_errors, match_errors)
"""Some refusals of ledger and matching have the code of an error of another package."""


def refusal(path: str, status: int, body: bytes) -> ChartSealError:
    """What to raise for an answer of ``status`` to ``path`` with the error JSON in ``body``."""
    code, sentence = _parsed(body)
    known = _known(path).get(code)
    if known is not None:
        return known(sentence)
    return RemoteRefused(code, sentence or f"the server refused with status {status}, without saying why")


def _known(path: str) -> dict[str, type[ChartSealError]]:
    if path.startswith(_LEDGER_PATHS):
        return _ON_LEDGER
    return _IN_MATCHING if path.startswith(_MATCHING_PATHS) else _GENERAL


def _parsed(body: bytes) -> tuple[str, str]:
    try:
        value = json.loads(body)
        return str(value["error"]), _readable(str(value["message"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return "", ""


def _readable(sentence: str) -> str:
    """On one line and without what would steer a terminal: somebody else wrote it."""
    words = " ".join(sentence[:_MAX_SENTENCE_CHARS].split())
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in words)
