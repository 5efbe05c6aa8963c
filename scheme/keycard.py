"""The key card: a patient's current scope keys and what they mean, signed by her; what others seal to."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from scheme import canonical, suite
from scheme.errors import EncodingInvalid, SchemeError
from scheme.hashing import SALT_SIZE, Tag, commit
from scheme.keys import SIGNATURE_SIZE, SigningKey, VerifyingKey
from scheme.scopes import Category, MasterSecret, Scope, Years, scope_id, scopes_of_card
from scheme.umbral.keys import PublicKey
from scheme.wrap import KEY_BITS, WrappingPublicKey

MAX_CARD_BYTES = 1 << 20
_TYPE = "chartseal/key-card"
_LAST_YEAR = 9999


class KeyCardInvalid(SchemeError):
    """A key card that is not the patient's, not the one on the ledger, or not well formed."""

    code = "key-card-invalid"


class ScopeAbsent(SchemeError):
    """A category and year for which the card has no scope."""

    code = "scope-absent"


@dataclass(frozen=True)
class CardScope:
    """One line of a card: a scope's id, its public key and its meaning."""

    id: str
    key: bytes
    scope: Scope

    @cached_property
    def public_key(self) -> PublicKey:
        """The delegating key. Decoded when it is first used: a card has hundreds, a seal uses a few.

        Raises ``EncodingInvalid`` when the 33 bytes are no point.
        """
        return PublicKey(self.key)


@dataclass(frozen=True)
class KeyCard:
    """A parsed card whose signature was not checked yet; ``verify`` gives the card one may seal to."""

    data: bytes
    _value: Mapping[str, Any]

    @classmethod
    def from_bytes(cls, data: bytes) -> KeyCard:
        """Parse canonical JSON. Raises ``EncodingInvalid``, ``UnknownSuite``."""
        if len(data) > MAX_CARD_BYTES:
            raise EncodingInvalid(f"a key card has at most {MAX_CARD_BYTES} bytes")
        value = canonical.loads(data, what="the key card")
        suite.lookup(value.get("suite"))
        return cls(data, value)

    def verify(
        self,
        verifying_key: VerifyingKey,
        *,
        patient_id: str,
        ledger_digest: str,
        ledger_version: int,
    ) -> VerifiedKeyCard:
        """The card one may seal to. In order: 1. it is the one whose commitment and version the ledger holds (an older
        one would lead to superseded scopes); 2. the patient's signature; 3. every scope id is the hash of its key.

        Raises ``KeyCardInvalid``, ``EncodingInvalid``, ``SignatureInvalid``.
        """
        value = dict(self._value)
        try:
            signature = canonical.unb64(value.pop("signature"), what="the card's signature", size=SIGNATURE_SIZE)
            salt = canonical.unhex(value["salt"], what="the card's salt", size=SALT_SIZE)
            version = value["version"]
            if commit(salt, self.data).hex() != ledger_digest or version != ledger_version:  # 1
                raise KeyCardInvalid(
                    f"the key card (version {version}) is not the one on the ledger (version {ledger_version}); "
                    "fetch the patient's current card"
                )
            verifying_key.verify(Tag.KEY_CARD, canonical.dumps(value), signature)  # 2
            if (value["type"], value["patient"]) != (_TYPE, patient_id):
                raise KeyCardInvalid("the key card belongs to another patient, or is no key card")
            scopes = tuple(_card_scope(line) for line in value["scopes"])  # 3
            wrapping = WrappingPublicKey(canonical.unb64(value["wrapping"], what="the wrapping key"))
            if not scopes or wrapping.rsa_key.key_size != KEY_BITS or type(version) is not int:
                raise KeyCardInvalid(f"the key card has no scopes, or a wrapping key of other than {KEY_BITS} bits")
            return VerifiedKeyCard(self.data, patient_id, version, ledger_digest, wrapping, scopes)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise KeyCardInvalid("the key card lacks a field or has one of the wrong type") from None

    def own_lines(self, verifying_key: VerifyingKey) -> tuple[CardScope, ...]:
        """The lines of a card that its own patient published at some time, current or superseded.

        Checks her signature and that ids are hashes of keys. Raises ``KeyCardInvalid``, ``SignatureInvalid``.
        """
        value = dict(self._value)
        signature = canonical.unb64(value.pop("signature", None), what="the card's signature", size=SIGNATURE_SIZE)
        verifying_key.verify(Tag.KEY_CARD, canonical.dumps(value), signature)
        try:
            return tuple(_card_scope(line) for line in value["scopes"])
        except (KeyError, TypeError, ValueError):
            raise KeyCardInvalid("the key card lacks a field or has one of the wrong type") from None

    @property
    def previous(self) -> str | None:
        """Commitment of the card before this one, ``None`` on the first."""
        previous = self._value.get("previous")
        return None if previous is None else str(previous)

    @property
    def commitment(self) -> str:
        """Salted digest of the whole card, as the ledger holds it: 32 bytes in hex."""
        return commit(canonical.unhex(self._value.get("salt"), what="the card's salt", size=SALT_SIZE), self.data).hex()


@dataclass(frozen=True)
class VerifiedKeyCard:
    """A card checked against the patient's key and the ledger."""

    data: bytes
    patient_id: str
    version: int
    commitment: str
    wrapping_key: WrappingPublicKey
    scopes: tuple[CardScope, ...]

    @cached_property
    def by_id(self) -> Mapping[str, CardScope]:
        """The card's lines by scope id."""
        return {line.id: line for line in self.scopes}

    @cached_property
    def _by_meaning(self) -> Mapping[tuple[Category, int], CardScope]:
        return {
            (line.scope.category, year): line
            for line in self.scopes
            for year in range(line.scope.years.first, line.scope.years.last + 1)
        }

    @cached_property
    def year_range(self) -> tuple[int, int]:
        """First and last year that the card has scopes for."""
        return min(line.scope.years.first for line in self.scopes), max(line.scope.years.last for line in self.scopes)

    def scope_for(self, category: Category, year: int) -> CardScope:
        """The scope to seal a record of that category and clinical year to; years outside the card go to its nearest.

        Raises ``ScopeAbsent``.
        """
        first, last = self.year_range
        line = self._by_meaning.get((category, min(max(year, first), last)))
        if line is None:
            raise ScopeAbsent(f"the patient's key card has no scope for {category} in {year}")
        return line


def issue(
    master: MasterSecret,
    signer: SigningKey,
    wrapping_key: WrappingPublicKey,
    *,
    patient_id: str,
    version: int,
    year: int,
    revisions: Mapping[Category, int],
    previous_digest: str | None,
) -> KeyCard:
    """Derive every current scope's public key and sign the card.

    A card after the first names the ``previous_digest``. About 14 microseconds a scope.
    """
    lines = []
    for scope in scopes_of_card(year, dict(revisions)):
        public_key = master.scope_key(scope).public_key
        lines.append(
            {
                "id": scope_id(public_key),
                "key": bytes(public_key).hex(),
                "category": scope.category.value,
                "first_year": scope.years.first,
                "last_year": scope.years.last,
                "revision": scope.revision,
            }
        )
    value: dict[str, Any] = {
        "type": _TYPE,
        "suite": suite.SUITE_1.id,
        "patient": patient_id,
        "version": version,
        "year": year,
        "previous": previous_digest,
        "salt": secrets.token_hex(SALT_SIZE),
        "verifying": bytes(signer.verifying_key).hex(),
        "wrapping": canonical.b64(bytes(wrapping_key)),
        "scopes": sorted(lines, key=lambda line: str(line["id"])),
    }
    value["signature"] = canonical.b64(signer.sign(Tag.KEY_CARD, canonical.dumps(value)))
    return KeyCard.from_bytes(canonical.dumps(value))


def _card_scope(line: Mapping[str, Any]) -> CardScope:
    key = canonical.unhex(line["key"], what="a scope's key", size=33)
    if scope_id(key) != line["id"]:
        raise KeyCardInvalid("a scope id on the key card is not the hash of its key")
    first, last, revision = line["first_year"], line["last_year"], line["revision"]
    if not all(type(number) is int for number in (first, last, revision)):
        raise TypeError
    if not 0 <= first <= last <= _LAST_YEAR or revision < 0:
        raise KeyCardInvalid("a scope on the key card has years or a revision out of range")
    return CardScope(line["id"], key, Scope(Category(line["category"]), Years(first, last), revision))
