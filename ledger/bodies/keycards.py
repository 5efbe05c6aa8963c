"""PublishKeyCard: the salted digest of a patient's key card, and which scopes it adds and retires."""

from dataclasses import dataclass
from typing import Self

from ledger.fields import Fields
from ledger.registry import Body, registered
from scheme.canonical import JsonObject

MAX_CARD_SCOPES = 8192
"""Most scopes that one key card adds, or retires."""


@registered("publish-key-card", 1)
@dataclass(frozen=True)
class PublishKeyCard(Body):
    """Version ``card_version`` of ``patient``'s key card; ``digest`` is salted, the card itself is never here.

    ``adds`` are scope ids never used before, ``retires`` are current ones of hers.
    """

    patient: str
    card_version: int
    digest: str
    adds: tuple[str, ...]
    retires: tuple[str, ...]

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        names = frozenset({"patient", "card_version", "digest", "adds", "retires"})
        fields = Fields(value, names, what="key card")
        return cls(
            patient=fields.identifier("patient"),
            card_version=fields.integer("card_version", minimum=1),
            digest=fields.digest("digest"),
            adds=fields.identifiers("adds", minimum=0, maximum=MAX_CARD_SCOPES),
            retires=fields.identifiers("retires", minimum=0, maximum=MAX_CARD_SCOPES),
        )

    def to_json(self) -> JsonObject:
        """The body as it stands in the transaction."""
        return {
            "patient": self.patient,
            "card_version": self.card_version,
            "digest": self.digest,
            "adds": list(self.adds),
            "retires": list(self.retires),
        }
