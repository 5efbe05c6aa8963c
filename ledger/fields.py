"""Strict reading of the JSON objects inside a transaction: nothing missing, nothing unknown, nothing over its limit."""

import re
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from ledger.errors import FieldInvalid
from scheme.canonical import JsonObject, unb64
from scheme.errors import EncodingInvalid

MAX_INTEGER = 2**53 - 1
"""Largest integer that RFC 8785 can hold."""

_ID = re.compile("[0-9a-f]{32}")
_DIGEST = re.compile("[0-9a-f]{64}")

Value = TypeVar("Value")
Choice = TypeVar("Choice", bound=StrEnum)


class Fields:
    """One JSON object with exactly the fields ``names``; every reader raises ``FieldInvalid``.

    Errors name the field, never its value: what was sent in the wrong place may be personal.
    """

    def __init__(self, value: object, names: frozenset[str], *, what: str) -> None:
        if not isinstance(value, dict) or value.keys() != names:
            raise FieldInvalid(f"{what} must have exactly the fields {', '.join(sorted(names))}")
        self._value: JsonObject = value
        self._what = what

    def raw(self, name: str) -> object:
        """The value as it came, for a reader of its own."""
        return self._value[name]

    def identifier(self, name: str) -> str:
        """An id: 16 bytes as 32 hexadecimal digits in lower case."""
        return self._matching(name, _ID, "16 bytes in lower-case hexadecimal")

    def digest(self, name: str) -> str:
        """A digest or locator: 32 bytes as 64 hexadecimal digits in lower case."""
        return self._matching(name, _DIGEST, "32 bytes in lower-case hexadecimal")

    def key(self, name: str, size: int) -> bytes:
        """A public key of ``size`` bytes in lower-case hexadecimal."""
        pattern = re.compile(f"[0-9a-f]{{{2 * size}}}")
        return bytes.fromhex(self._matching(name, pattern, f"{size} bytes in lower-case hexadecimal"))

    def encoded(self, name: str, *, max_bytes: int) -> bytes:
        """Base64 of 1 to ``max_bytes`` bytes."""
        text = self._value[name]
        if not isinstance(text, str) or len(text) > (max_bytes + 2) // 3 * 4:
            raise self._wrong(name, f"base64 of at most {max_bytes} bytes")
        try:
            data = unb64(text, what=name)
        except EncodingInvalid:
            raise self._wrong(name, "base64") from None
        if not 1 <= len(data) <= max_bytes:
            raise self._wrong(name, f"base64 of 1 to {max_bytes} bytes")
        return data

    def integer(self, name: str, *, minimum: int = 0, maximum: int = MAX_INTEGER) -> int:
        """A whole number from ``minimum`` to ``maximum``."""
        value = self._value[name]
        if type(value) is not int or not minimum <= value <= maximum:
            raise self._wrong(name, f"a whole number from {minimum} to {maximum}")
        return value

    def flag(self, name: str) -> bool:
        """``true`` or ``false``."""
        value = self._value[name]
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def choice(self, name: str, choices: type[Choice]) -> Choice:
        """One word of ``choices``."""
        try:
            return choices(self._value[name])
        except ValueError:
            raise self._wrong(name, f"one of {', '.join(choices)}") from None

    def identifiers(self, name: str, *, minimum: int, maximum: int) -> tuple[str, ...]:
        """A list of ``minimum`` to ``maximum`` ids, none twice."""
        values = self.array(name, minimum=minimum, maximum=maximum)
        ids = tuple(value for value in values if isinstance(value, str) and _ID.fullmatch(value))
        if len(ids) != len(values) or len(set(ids)) != len(ids):
            raise self._wrong(name, "a list of ids of 16 bytes in lower-case hexadecimal, none twice")
        return ids

    def array(self, name: str, *, minimum: int, maximum: int) -> list[object]:
        """A list of ``minimum`` to ``maximum`` values."""
        values = self._value[name]
        if not isinstance(values, list) or not minimum <= len(values) <= maximum:
            raise self._wrong(name, f"a list of {minimum} to {maximum}")
        return values

    def optional(self, name: str, read: Callable[[str], Value]) -> Value | None:
        """``null``, or what ``read`` reads."""
        return None if self._value[name] is None else read(name)

    def _matching(self, name: str, pattern: re.Pattern[str], shape: str) -> str:
        value = self._value[name]
        if not isinstance(value, str) or pattern.fullmatch(value) is None:
            raise self._wrong(name, shape)
        return value

    def _wrong(self, name: str, shape: str) -> FieldInvalid:
        return FieldInvalid(f"{name} of {self._what} must be {shape}")
