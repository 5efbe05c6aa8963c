# ruff: noqa: SIM905  (tables of names read better as text)
"""One walk over a resource: the codes, the words and the references in it, contained resources included."""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

_NOT_WORDS = frozenset(
    "reference system code url id uid resourceType fullUrl versionId lastUpdated implicitRules value unit currency "
    "status use intent contentType hash size language start end authoredOn recordedDate issued created date started "
    "birthDate effectiveDateTime onsetDateTime abatementDateTime performedDateTime occurrenceDateTime assertedDate "
    "line city district state postalCode country family given prefix suffix".split()
)
_READABLE = re.compile(r"(text/|application/(fhir\+|cda\+|hl7-)?(json|xml|rtf))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mentions:
    """What a resource names.

    ``codes`` are (key, system, code), ``references`` (key, target); ``key`` is the element that holds them. ``words``
    are all other strings but codes, with attachments of readable text decoded.
    """

    codes: list[tuple[str, str, str]]
    references: list[tuple[str, str]]
    words: list[str]


def mentions(resource: dict[str, Any]) -> Mentions:  # noqa: PLR0912 - the hot loop of a split; calls in it cost a third more
    """Read ``resource`` without recursion, in time linear to its size."""
    codes: list[tuple[str, str, str]] = []
    references: list[tuple[str, str]] = []
    words: list[str] = []
    pending: list[tuple[str, Any]] = [("", resource)]
    while pending:
        holder, node = pending.pop()
        for key, value in node.items():
            kind = type(value)
            if kind is str:
                if key not in _NOT_WORDS:
                    words.append(value)
            elif kind is dict:
                if len(value) == 1 and type(value.get("reference")) is str:  # most are; spares a turn
                    references.append((key, value["reference"]))
                else:
                    pending.append((key, value))
            elif kind is list:
                for one in value:
                    if type(one) is dict:
                        pending.append((key, one))
                    elif type(one) is str:
                        if key not in _NOT_WORDS:
                            words.append(one)
                    elif type(one) is list:
                        pending.append((key, {key: one}))
        if "code" in node:
            code, system = node["code"], node.get("system", "")
            if isinstance(code, str) and isinstance(system, str):
                codes.append((holder, system, code))
        elif "reference" in node:
            if isinstance(node["reference"], str):
                references.append((holder, node["reference"]))
        elif "data" in node:
            words.append(_attached_text(node))
    return Mentions(codes, references, words)


def _attached_text(attachment: dict[str, Any]) -> str:
    data, media_type = attachment["data"], attachment.get("contentType")
    if not isinstance(data, str) or not isinstance(media_type, str) or _READABLE.match(media_type) is None:
        return ""
    try:
        return base64.b64decode(data).decode(errors="replace")
    except (ValueError, binascii.Error):
        return ""
