"""PublishIssuerKey: which public key a tag issuer evaluates with in one epoch of tags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from ledger.fields import Fields
from ledger.registry import Body, registered
from scheme.canonical import JsonObject

ISSUER_KEY_SIZE = 32
"""Bytes of a ristretto255 element (RFC 9496), an issuer's public key."""


@registered("publish-issuer-key", 1)
@dataclass(frozen=True)
class PublishIssuerKey(Body):
    """A tag issuer publishes ``key`` (32 bytes, VOPRF of RFC 9497), its one public key in ``epoch``.

    ``epoch`` counts epochs of tags, 0 to 2^53 - 1, not those of delegates. ``operator`` is the id of whoever runs the
    issuer, as the issuer says. Whether ``key`` is an element of the group is for whoever uses it to check.
    """

    epoch: int
    operator: str
    key: bytes

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        fields = Fields(value, frozenset({"epoch", "operator", "key"}), what="issuer key")
        return cls(
            epoch=fields.integer("epoch"),
            operator=fields.identifier("operator"),
            key=fields.key("key", ISSUER_KEY_SIZE),
        )

    def to_json(self) -> JsonObject:
        """The body as it stands in the transaction."""
        return {"epoch": self.epoch, "operator": self.operator, "key": self.key.hex()}
