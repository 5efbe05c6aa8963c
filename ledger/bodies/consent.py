"""Request, Grant, Refuse, Revoke: what was asked and what the patient decided.

Categories, purpose and reason are sealed to the parties elsewhere; ``body_digest`` is their salted digest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from ledger.bodies.keycards import PublishKeyCard
from ledger.errors import FieldInvalid
from ledger.fields import Fields
from ledger.registry import Body, registered
from scheme.canonical import JsonObject

MAX_GRANT_SCOPES = 8192
"""Most scopes that one grant names, extensions included."""
MAX_PROXIES = 32
"""Most proxies that one grant is shared among."""
MAX_EXTENDED_GRANTS = 1024
"""Most grants that one revocation extends."""

_GRANT_FIELDS = frozenset(
    {
        "grant", "request", "patient", "delegatee", "scopes", "one_off",
        "until", "write", "threshold", "proxies", "body_digest",
    }
)  # fmt: skip


@registered("request", 1)
@dataclass(frozen=True)
class Request(Body):
    """``delegatee`` asks ``patient`` for access; what exactly is under ``body_digest``."""

    request: str
    patient: str
    delegatee: str
    body_digest: str

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        fields = Fields(value, frozenset({"request", "patient", "delegatee", "body_digest"}), what="request")
        return cls(
            request=fields.identifier("request"),
            patient=fields.identifier("patient"),
            delegatee=fields.identifier("delegatee"),
            body_digest=fields.digest("body_digest"),
        )

    def to_json(self) -> JsonObject:
        """The body as it stands in the transaction."""
        return {
            "request": self.request,
            "patient": self.patient,
            "delegatee": self.delegatee,
            "body_digest": self.body_digest,
        }


@dataclass(frozen=True, slots=True)
class OneOff:
    """A scope made for one grant of selected blocks, and the chapter that holds their wrapped keys."""

    scope: str
    chapter: str

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        fields = Fields(value, frozenset({"scope", "chapter"}), what="one-off")
        return cls(scope=fields.identifier("scope"), chapter=fields.identifier("chapter"))

    def to_json(self) -> JsonObject:
        """As it stands in a Grant."""
        return {"scope": self.scope, "chapter": self.chapter}


@registered("grant", 1)
@dataclass(frozen=True)
class Grant(Body):
    """``patient`` lets ``delegatee`` read ``scopes``, or a ``one_off`` selection, until ``until`` (unix seconds).

    ``threshold`` of ``proxies`` re-encrypt; ``write`` lets the delegatee be an author; ``request`` is what it answers.
    """

    grant: str
    request: str | None
    patient: str
    delegatee: str
    scopes: tuple[str, ...]
    one_off: OneOff | None
    until: int | None
    write: bool
    threshold: int
    proxies: tuple[str, ...]
    body_digest: str

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        fields = Fields(value, _GRANT_FIELDS, what="grant")
        proxies = fields.identifiers("proxies", minimum=1, maximum=MAX_PROXIES)
        grant = cls(
            grant=fields.identifier("grant"),
            request=fields.optional("request", fields.identifier),
            patient=fields.identifier("patient"),
            delegatee=fields.identifier("delegatee"),
            scopes=fields.identifiers("scopes", minimum=0, maximum=MAX_GRANT_SCOPES),
            one_off=fields.optional("one_off", lambda name: OneOff.from_json(fields.raw(name))),
            until=fields.optional("until", fields.integer),
            write=fields.flag("write"),
            threshold=fields.integer("threshold", minimum=1, maximum=len(proxies)),
            proxies=proxies,
            body_digest=fields.digest("body_digest"),
        )
        if not grant.scopes and grant.one_off is None:
            raise FieldInvalid("a grant must name a scope or a one-off selection")
        return grant

    def to_json(self) -> JsonObject:
        """The body as it stands in the transaction."""
        return {
            "grant": self.grant,
            "request": self.request,
            "patient": self.patient,
            "delegatee": self.delegatee,
            "scopes": list(self.scopes),
            "one_off": None if self.one_off is None else self.one_off.to_json(),
            "until": self.until,
            "write": self.write,
            "threshold": self.threshold,
            "proxies": list(self.proxies),
            "body_digest": self.body_digest,
        }


@registered("refuse", 1)
@dataclass(frozen=True)
class Refuse(Body):
    """The patient refuses ``request``; her reason is under ``body_digest``."""

    request: str
    body_digest: str

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        fields = Fields(value, frozenset({"request", "body_digest"}), what="refuse")
        return cls(request=fields.identifier("request"), body_digest=fields.digest("body_digest"))

    def to_json(self) -> JsonObject:
        """The body as it stands in the transaction."""
        return {"request": self.request, "body_digest": self.body_digest}


@dataclass(frozen=True, slots=True)
class Extension:
    """Scopes added to a grant that remains when another is revoked."""

    grant: str
    scopes: tuple[str, ...]

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        fields = Fields(value, frozenset({"grant", "scopes"}), what="extension")
        return cls(
            grant=fields.identifier("grant"),
            scopes=fields.identifiers("scopes", minimum=1, maximum=MAX_GRANT_SCOPES),
        )

    def to_json(self) -> JsonObject:
        """As it stands in a Revoke."""
        return {"grant": self.grant, "scopes": list(self.scopes)}


@registered("revoke", 1)
@dataclass(frozen=True)
class Revoke(Body):
    """In one step: ``grant`` ends, the next key ``card`` is published, grants that remain get the new scopes."""

    grant: str
    card: PublishKeyCard | None
    extends: tuple[Extension, ...]

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        fields = Fields(value, frozenset({"grant", "card", "extends"}), what="revoke")
        extends = tuple(
            Extension.from_json(extension)
            for extension in fields.array("extends", minimum=0, maximum=MAX_EXTENDED_GRANTS)
        )
        if len({extension.grant for extension in extends}) != len(extends):
            raise FieldInvalid("extends of revoke must name each grant once")
        return cls(
            grant=fields.identifier("grant"),
            card=fields.optional("card", lambda name: PublishKeyCard.from_json(fields.raw(name))),
            extends=extends,
        )

    def to_json(self) -> JsonObject:
        """The body as it stands in the transaction."""
        return {
            "grant": self.grant,
            "card": None if self.card is None else self.card.to_json(),
            "extends": [extension.to_json() for extension in self.extends],
        }
