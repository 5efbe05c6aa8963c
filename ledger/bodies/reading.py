"""Release: the delegatee's signed statement of what it is about to open; proxies answer to nothing else."""

from dataclasses import dataclass
from typing import Self

from ledger.fields import Fields
from ledger.registry import Body, registered
from scheme.canonical import JsonObject

MAX_RELEASED_CHAPTERS = 65_536
"""Most chapters that one release lists."""


@registered("release", 1)
@dataclass(frozen=True)
class Release(Body):
    """The delegatee of ``grant`` opens ``chapters`` of ``patient``."""

    release: str
    grant: str
    patient: str
    chapters: tuple[str, ...]

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        fields = Fields(value, frozenset({"release", "grant", "patient", "chapters"}), what="release")
        return cls(
            release=fields.identifier("release"),
            grant=fields.identifier("grant"),
            patient=fields.identifier("patient"),
            chapters=fields.identifiers("chapters", minimum=1, maximum=MAX_RELEASED_CHAPTERS),
        )

    def to_json(self) -> JsonObject:
        """The body as it stands in the transaction."""
        return {
            "release": self.release,
            "grant": self.grant,
            "patient": self.patient,
            "chapters": list(self.chapters),
        }
