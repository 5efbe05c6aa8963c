"""The register of transaction bodies: a body is known by its type and version, and by nothing else."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Self, TypeVar

from ledger.errors import UnknownType, UnknownVersion
from scheme.canonical import JsonObject


class Body(ABC):
    """What a transaction says. Each kind is a frozen dataclass, entered with ``@registered``."""

    type: ClassVar[str]
    version: ClassVar[int]

    @classmethod
    @abstractmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid`` on unknown, missing or over-long fields."""

    @abstractmethod
    def to_json(self) -> JsonObject:
        """The body as it stands in the transaction."""


BodyType = TypeVar("BodyType", bound=type[Body])

_BODIES: dict[str, dict[int, type[Body]]] = {}


def registered(type_name: str, version: int) -> Callable[[BodyType], BodyType]:
    """Enter a body under ``type_name`` and ``version``; a later version of a type is a class of its own."""

    def register(body: BodyType) -> BodyType:
        versions = _BODIES.setdefault(type_name, {})
        if version in versions:
            raise ValueError(f"{type_name} version {version} is registered already")
        body.type, body.version = type_name, version
        versions[version] = body
        return body

    return register


def body_type(type_name: object, version: object) -> type[Body]:
    """The body of that type and version. Raises ``UnknownType``, ``UnknownVersion``: this software is too old."""
    versions = _BODIES.get(type_name) if isinstance(type_name, str) else None
    if versions is None:
        raise UnknownType("this version does not know the transaction's type; upgrade to read this ledger")
    body = versions.get(version) if type(version) is int else None
    if body is None:
        raise UnknownVersion("this version knows the transaction's type, not its version; upgrade to read this ledger")
    return body
