"""Canonical JSON (RFC 8785) for our own headers, cards and transactions; never for a patient's record."""

import base64
import binascii
import json
from typing import Any

import msgspec
import rfc8785

from scheme.errors import EncodingInvalid

JsonObject = dict[str, Any]

_MAX_INTEGER = 2**53 - 1
_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder().decode


def dumps(value: JsonObject) -> bytes:
    """The one canonical encoding of ``value``, UTF-8. Floats are not used in our formats and are refused by readers.

    What our formats hold (ASCII, and no numbers but integers below 2**53) ``msgspec`` writes in the same bytes, several
    times as fast; ``rfc8785`` takes the rest.
    Raises ``EncodingInvalid`` on a text that UTF-8 cannot hold (a lone surrogate).
    """
    data = _plainly(value)
    if data is not None:
        return data
    try:
        return rfc8785.dumps(value)
    except ValueError:
        raise EncodingInvalid(
            "a name or text holds what UTF-8 and canonical JSON cannot (RFC 8785); write it anew or rename the file"
        ) from None


def _plainly(value: Any) -> bytes | None:
    """The encoding of ``value`` if it is plain and ASCII."""
    try:
        data = _encode(value) if _is_plain(value) else None
    except (TypeError, ValueError):
        return None
    return data if data is not None and data.isascii() else None


def _is_plain(value: Any) -> bool:
    """Whether both encoders agree on the object or array ``value``, as long as its text is ASCII.

    They do not on floats, integers from 2**53 on, keys that are no strings, and the order of keys beyond U+D7FF.
    """
    items = value
    if type(value) is dict:
        items = value.values()
        for key in value:
            if type(key) is not str:
                return False
    elif type(value) is not list and type(value) is not tuple:
        return False
    for item in items:
        kind = type(item)
        if kind is str or item is None or kind is bool:
            continue
        if kind is int:
            if not -_MAX_INTEGER <= item <= _MAX_INTEGER:
                return False
        elif not isinstance(item, str) and not _is_plain(item):
            return False
    return True


def loads(data: bytes, *, what: str) -> JsonObject:
    """Parse an object that must be canonical: one value has one encoding, so a digest names one meaning.

    ``what`` names the thing in the error. Raises ``EncodingInvalid`` on anything that is not a JSON object, repeats a
    key, holds a float, or is not byte for byte what ``dumps`` would write.
    """
    # Whatever the fast way does not find canonical, the thorough one judges.
    try:
        value = _decode(data)
        if type(value) is dict and _plainly(value) == data:
            return value
    except (ValueError, RecursionError):
        pass
    try:
        value = json.loads(data, object_pairs_hook=_unique, parse_float=_no_float, parse_constant=_no_float)
        canonical = dumps(value)
    except (ValueError, RecursionError, EncodingInvalid):
        raise EncodingInvalid(
            f"{what} is not canonical JSON (RFC 8785); it was damaged or made by other software"
        ) from None
    if not isinstance(value, dict) or canonical != data:
        raise EncodingInvalid(f"{what} is not in canonical form (RFC 8785); it was damaged or made by other software")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> JsonObject:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice")
    return value


def _no_float(_text: str) -> Any:
    raise ValueError("floats are not used")


def b64(data: bytes) -> str:
    """Standard base64 with padding, as our JSON holds byte strings longer than 32 bytes."""
    return base64.b64encode(data).decode()


def unb64(text: object, *, what: str, size: int | None = None) -> bytes:
    """Strict inverse of ``b64``; ``size`` in bytes when it is fixed. Raises ``EncodingInvalid``."""
    try:
        if not isinstance(text, str):
            raise TypeError
        data = base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise EncodingInvalid(f"{what} is not base64") from None
    if b64(data) != text or (size is not None and len(data) != size):
        raise EncodingInvalid(f"{what} does not have the right length or padding")
    return data


def unhex(text: object, *, what: str, size: int) -> bytes:
    """Strict lower-case hex of ``size`` bytes, as JSON holds ids, digests and nonces. Raises ``EncodingInvalid``."""
    try:
        if not isinstance(text, str):
            raise TypeError
        data = bytes.fromhex(text)
    except (TypeError, ValueError):
        raise EncodingInvalid(f"{what} is not hexadecimal") from None
    if data.hex() != text or len(data) != size:
        raise EncodingInvalid(f"{what} is not {size} bytes in lower-case hexadecimal")
    return data
