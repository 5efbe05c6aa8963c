"""Read a FHIR R4 Bundle so that every resource keeps the exact bytes it came in.

The Bundle, its ``entry`` array and each entry are walked here; the values inside are parsed once, by the standard
library's C scanner, which also tells where they end. Source: HL7 FHIR R4 (4.0.1), Bundle and JSON representation.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from clinic.fhir.errors import FhirInvalid, NotFhir

_BOM = b"\xef\xbb\xbf"
_OPENING = re.compile(rb"[ \t\n\r]*\{")
_CLAIM = re.compile(rb'"resourceType"[ \t\n\r]*:[ \t\n\r]*"Bundle"')
_TYPE_NAME = re.compile(r"[A-Z][A-Za-z]{1,63}")
_skip_space = re.compile(r"[ \t\n\r]*").match
_plain_key = re.compile(r'"([^"\\\x00-\x1f]*)"[ \t\n\r]*:[ \t\n\r]*').match
_separator = re.compile(r"[ \t\n\r]*([,\]}])[ \t\n\r]*").match


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource of a Bundle.

    ``resource`` is parsed for reading only: its numbers are the text they were written in. ``raw`` is the exact bytes
    of the resource's JSON value, without the white space around it.
    """

    full_url: str | None
    resource: dict[str, Any] = field(repr=False)
    raw: bytes = field(repr=False)

    @property
    def resource_type(self) -> str:
        """Name of the resource type, such as ``Observation``."""
        name: str = self.resource["resourceType"]
        return name

    @property
    def resource_id(self) -> str | None:
        """Logical id of the resource, where it has one."""
        name = self.resource.get("id")
        return name if isinstance(name, str) else None


@dataclass(frozen=True, slots=True)
class Bundle:
    """The resources of a Bundle in their order. Entries that only carry a request or a response hold no record."""

    type: str | None
    entries: tuple[Entry, ...] = field(repr=False)


class _Broken(Exception):
    """What is wrong, before it is known whether the file claims to be a Bundle at all."""


def parse_bundle(data: bytes) -> Bundle:
    """Parse the whole of a file; a byte order mark is accepted.

    Takes about five times the size of ``data`` in memory while it runs. Raises ``NotFhir`` on anything that does not
    claim to be a Bundle (the caller seals it as one ordinary record) and ``FhirInvalid`` on a Bundle that is broken:
    not UTF-8, not JSON, NaN or Infinity, a repeated key, nested too deeply, an entry that is not what it should be.
    """
    body = data.removeprefix(_BOM)
    if _OPENING.match(body) is None:
        raise NotFhir("this file is not a FHIR Bundle in JSON; it is kept as one ordinary record")
    try:
        return _Reader(body).bundle()
    except _Broken as error:
        reason = str(error)
    if _CLAIM.search(body) is None:
        raise NotFhir("this file is not a FHIR Bundle in JSON; it is kept as one ordinary record")
    raise FhirInvalid(f"the FHIR Bundle is broken: {reason}; correct it at its source and try again")


def check_resource(data: bytes, *, what: str) -> None:
    """Raise ``FhirInvalid`` unless ``data`` is exactly one JSON object with a resource type; ``what`` names it."""
    try:
        reader = _Reader(data, where=what)
        resource = reader.value()
        reader.resource_type(resource)
        reader.end()
    except _Broken as error:
        reason = str(error)
    else:
        return
    raise FhirInvalid(f"this is not a FHIR resource: {reason}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _Broken("an object repeats a key")
    return value


def _no_constant(_text: str) -> NoReturn:
    raise _Broken("NaN and Infinity are not JSON numbers")


_raw_decode = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=str, parse_int=str, parse_constant=_no_constant
).raw_decode


class _Reader:
    """A position in the text; every method leaves it behind what was read."""

    __slots__ = ("at", "data", "text", "where")

    def __init__(self, data: bytes, *, where: str = "the file") -> None:
        self.where = where
        self.at = 0
        try:
            self.text = data.decode()
        except UnicodeDecodeError:
            raise _Broken(f"{where} is not UTF-8 text") from None
        self.data = data if self.text.isascii() else None

    def bundle(self) -> Bundle:
        kind: str | None = None
        claims = False
        entries: list[Entry] | None = None
        for key in self.members():
            if key == "entry":
                entries = list(self.entries())
                self.where = "the file"
                continue
            value = self.value()
            if key == "resourceType":
                if value != "Bundle":
                    raise NotFhir("this file is JSON but not a FHIR Bundle; it is kept as one ordinary record")
                claims = True
            elif key == "type" and isinstance(value, str):
                kind = value
        self.end()
        if not claims:
            raise NotFhir("this file is JSON but not a FHIR Bundle; it is kept as one ordinary record")
        return Bundle(kind, tuple(entries or ()))

    def entries(self) -> Iterator[Entry]:
        if self.peek() != "[":
            raise _Broken("its entry is not a list")
        for index in self.items():
            self.where = f"entry {index}"
            entry = self.entry()
            if entry is not None:
                yield entry

    def entry(self) -> Entry | None:
        full_url: str | None = None
        resource: dict[str, Any] | None = None
        raw = b""
        transacts = False
        if self.peek() != "{":
            raise _Broken(f"{self.where} is not an object")
        for key in self.members():
            start = self.at
            value = self.value()
            if key == "resource":
                self.resource_type(value)
                resource = value
                raw = self.text[start : self.at].encode() if self.data is None else self.data[start : self.at]
            elif key == "fullUrl":
                if self.text[start] != '"':
                    raise _Broken(f"{self.where} has a fullUrl that is not text")
                full_url = value
            elif key in ("request", "response"):
                transacts = True
        if resource is not None:
            return Entry(full_url, resource, raw)
        if transacts:
            return None
        raise _Broken(f"{self.where} holds no resource")

    def resource_type(self, value: object) -> None:
        if not isinstance(value, dict):
            raise _Broken(f"{self.where} holds a resource that is not an object")
        name = value.get("resourceType")
        if not isinstance(name, str) or _TYPE_NAME.fullmatch(name) is None:
            raise _Broken(f"{self.where} holds a resource without a resource type")

    def members(self) -> Iterator[str]:
        """Keys of the object here; the caller reads each value before it asks for the next key."""
        seen: set[str] = set()
        self.take("{")
        if self.peek() == "}":
            self.at += 1
            return
        while True:
            key = self.key()
            if key in seen:
                raise _Broken(f"an object repeats a key in {self.where}")
            seen.add(key)
            yield key
            if self.more("}"):
                return

    def key(self) -> str:
        found = _plain_key(self.text, self.at)
        if found:
            self.at = found.end()
            return found[1]
        key = self.value() if self.peek() == '"' else None
        if not isinstance(key, str):
            raise _Broken(f"{self.where} is not JSON, or is cut short")
        self.take(":")
        self.peek()
        return key

    def items(self) -> Iterator[int]:
        """Indexes of the array here; the caller reads each value before it asks for the next."""
        self.take("[")
        if self.peek() == "]":
            self.at += 1
            return
        index = 0
        while True:
            yield index
            if self.more("]"):
                return
            index += 1

    def more(self, closing: str) -> bool:
        found = _separator(self.text, self.at)
        if found is None or found[1] not in (closing, ","):
            raise _Broken(f"{self.where} is not JSON, or is cut short")
        self.at = found.end() if found[1] == "," else found.end(1)
        return found[1] == closing

    def value(self) -> Any:
        try:
            value, self.at = _raw_decode(self.text, self.at)
        except _Broken as error:
            raise _Broken(f"{error} in {self.where}") from None
        except RecursionError:
            raise _Broken(f"{self.where} is nested too deeply") from None
        except ValueError:
            raise _Broken(f"{self.where} is not JSON, or is cut short") from None
        return value

    def peek(self) -> str:
        found = _skip_space(self.text, self.at)
        self.at = found.end() if found else self.at
        return self.text[self.at : self.at + 1]

    def take(self, sign: str) -> None:
        if self.peek() != sign:
            raise _Broken(f"{self.where} is not JSON, or is cut short")
        self.at += 1

    def end(self) -> None:
        if self.peek():
            raise _Broken(f"something follows the end of {self.where}")
