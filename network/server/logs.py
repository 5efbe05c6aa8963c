"""Structured logs: one JSON object a line, without personal data.

No name, no path with an id in it, no address, no body, no message of an exception: the path's template, the status,
times and sizes, and a keyed hash of the member id. Its key is made at each start and kept nowhere, so lines of one run
can be put together by member, and nobody can find out whose they are without asking the process that wrote them.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
import sys
import traceback
from collections.abc import Callable
from typing import Any, TextIO

from clinic.clock import rfc3339

LOGGER = "chartseal.server"
_HASH_BYTES = 8


class MemberHash:
    """Member id to 8 bytes of keyed BLAKE2b in hex, under a key of this object's own."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def __call__(self, member_id: str) -> str:
        """The hash of one id."""
        return hashlib.blake2b(member_id.encode(), key=self._key, digest_size=_HASH_BYTES).hexdigest()


class JsonFormatter(logging.Formatter):
    """A record as JSON: time, level, logger, event, and the ``fields`` that it was logged with."""

    def format(self, record: logging.LogRecord) -> str:
        """See ``logging.Formatter``; of an exception class and places are told, never its message."""
        value: dict[str, Any] = {
            "time": rfc3339(int(record.created)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage() if record.name != LOGGER else record.msg,
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            value |= places(record.exc_info[1])
        return json.dumps(value)


def places(error: BaseException) -> dict[str, Any]:
    """Class of an error and the innermost places of its traceback, without its message."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    return {
        "exception": f"{type(error).__module__}.{type(error).__qualname__}",
        "at": [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames],
    }


def log_to(stream: TextIO = sys.stderr, level: int = logging.INFO) -> None:
    """Have our logger and uvicorn's write JSON lines to ``stream``, and nobody else's."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    for name in (LOGGER, "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level if name == LOGGER else logging.WARNING)


class EventLog:
    """Writes events with fields; ``member`` is hashed."""

    def __init__(self) -> None:
        self._logger = logging.getLogger(LOGGER)
        self._hash: Callable[[str], str] = MemberHash()

    def tell(self, event: str, *, member: str | None = None, level: int = logging.INFO, **fields: Any) -> None:
        """One line."""
        hashed = {} if member is None else {"member": self._hash(member)}
        self._logger.log(level, event, extra={"fields": fields | hashed})
