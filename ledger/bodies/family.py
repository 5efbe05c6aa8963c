"""FamilyInvite, FamilyAccept, FamilyEnd: a grant from a parent to a child, by consent of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from ledger.bodies.consent import Grant
from ledger.errors import FieldInvalid
from ledger.fields import Fields
from ledger.registry import Body, registered
from scheme.canonical import JsonObject


@registered("family-invite", 1)
@dataclass(frozen=True)
class FamilyInvite(Body):
    """The parent, ``grant.patient``, offers to let the child, ``grant.delegatee``, read the scopes of ``grant``.

    To read whole scopes only: no one-off selection, no right to write, and no request that it answers.
    """

    grant: Grant

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        grant = Grant.from_json(Fields(value, frozenset({"grant"}), what="family invitation").raw("grant"))
        if grant.one_off is not None or grant.write or grant.request is not None:
            raise FieldInvalid("a family invitation must name scopes to read, no selection, writing or request")
        return cls(grant=grant)

    def to_json(self) -> JsonObject:
        """The body as it stands in the transaction."""
        return {"grant": self.grant.to_json()}


@registered("family-accept", 1)
@dataclass(frozen=True)
class FamilyAccept(Body):
    """The child accepts the invitation ``grant``: from here on it is in force."""

    grant: str

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        return cls(grant=Fields(value, frozenset({"grant"}), what="family acceptance").identifier("grant"))

    def to_json(self) -> JsonObject:
        """The body as it stands in the transaction."""
        return {"grant": self.grant}


@registered("family-end", 1)
@dataclass(frozen=True)
class FamilyEnd(Body):
    """The child declines or ends the family link ``grant``; the parent ends it by a Revoke, which re-keys."""

    grant: str

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        return cls(grant=Fields(value, frozenset({"grant"}), what="family end").identifier("grant"))

    def to_json(self) -> JsonObject:
        """The body as it stands in the transaction."""
        return {"grant": self.grant}
