"""A record: one thing a doctor wrote, sealed byte for byte as it came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scheme.errors import EncodingInvalid

MAX_NAME_CHARS = 1024
FHIR_MEDIA_TYPE = "application/fhir+json"


@dataclass(frozen=True)
class Record:
    """Where a record lies in a block and what it is called; all of it sealed.

    ``name`` is a file's name, or a FHIR resource's ``fullUrl`` (empty when it had none). ``size`` and ``offset`` are
    bytes in the plaintext of member ``member`` (1 for the first). ``time`` is the exact clinical time as written.
    """

    name: str
    media_type: str
    member: int
    offset: int
    size: int
    resource_type: str | None = None
    time: str | None = None

    def __post_init__(self) -> None:
        if len(self.name) > MAX_NAME_CHARS:
            raise EncodingInvalid(f"a record's name has at most {MAX_NAME_CHARS} characters; shorten it")

    @property
    def is_resource(self) -> bool:
        """Whether the record is a FHIR resource out of a bundle, rather than a file."""
        return self.resource_type is not None

    def to_json(self) -> dict[str, Any]:
        """Fields as the manifest holds them."""
        return {
            "name": self.name,
            "media_type": self.media_type,
            "member": self.member,
            "offset": self.offset,
            "size": self.size,
            "resource_type": self.resource_type,
            "time": self.time,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Record:
        """Strict inverse of ``to_json``. Raises ``EncodingInvalid``, ``ValueError``, ``KeyError``, ``TypeError``."""
        texts = (value["name"], value["media_type"])
        numbers = (value["member"], value["offset"], value["size"])
        optional = (value["resource_type"], value["time"])
        if not (
            all(isinstance(text, str) for text in texts)
            and all(type(number) is int for number in numbers)
            and all(text is None or isinstance(text, str) for text in optional)
        ):
            raise ValueError("record")
        return cls(*texts, *numbers, *optional)
