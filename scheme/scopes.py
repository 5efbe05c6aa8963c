"""Scopes: (category, clinical years, revision), the unit in which a patient grants and keys enforce.

Each scope has a PRE key pair of its own, derived from the patient's master secret by hardened HKDF: who learns one
scope's secret (a threshold of proxies together with a delegatee) learns no other scope's, nor the master.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from scheme.errors import EncodingInvalid
from scheme.hashing import Tag, tagged_hash
from scheme.suite import SUITE_1
from scheme.umbral.keys import PublicKey, SecretKey

SCOPE_ID_SIZE = 16
MASTER_SECRET_SIZE = 32

FIRST_YEAR = 1900
"""Events before this year belong to the first decade."""
SINGLE_YEARS = 10
YEARS_AHEAD = 4
"""Years after the card's own that get a scope, so that doctors can seal while a patient is away."""


class Category(StrEnum):
    """What a record is about, as a patient thinks of it when she decides who may read."""

    DEMOGRAPHICS = "demographics"
    CLINICAL = "clinical"
    MEDICATION = "medication"
    LABORATORY = "laboratory"
    IMAGING = "imaging"
    IMMUNISATION = "immunisation"
    MENTAL_HEALTH = "mental-health"
    REPRODUCTIVE = "reproductive"
    BILLING = "billing"
    DEVICE = "device"
    OTHER = "other"


@dataclass(frozen=True, order=True)
class Years:
    """Clinical years ``first`` to ``last``, both included: a single year, or a decade."""

    first: int
    last: int

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


def year_spans(card_year: int) -> tuple[Years, ...]:
    """The spans a key card of ``card_year`` has scopes for, oldest first.

    Decades up to the last ten years, then single years (from the start of a decade, so that no decade is cut in two)
    up to ``YEARS_AHEAD`` years ahead.
    """
    singles_from = (card_year - SINGLE_YEARS + 1) // 10 * 10
    decades = [Years(year, year + 9) for year in range(FIRST_YEAR, singles_from, 10)]
    return (*decades, *(Years(year, year) for year in range(singles_from, card_year + YEARS_AHEAD + 1)))


@dataclass(frozen=True)
class Scope:
    """What a scope means. ``revision`` rises when a grant that covered the category is revoked."""

    category: Category
    years: Years
    revision: int

    def __str__(self) -> str:
        return f"{self.category} {self.years}"


def scope_id(public_key: PublicKey | bytes) -> str:
    """Opaque id of a scope: 16 bytes in hex, a hash of its public key, so it tells nobody what the scope means."""
    return tagged_hash(Tag.SCOPE_ID, bytes(public_key))[:SCOPE_ID_SIZE].hex()


class MasterSecret:
    """The patient's PRE master secret (32 bytes), from which every scope's key is derived."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != MASTER_SECRET_SIZE:
            raise EncodingInvalid(f"a master secret has {MASTER_SECRET_SIZE} bytes")
        self._secret = secret

    @classmethod
    def generate(cls) -> MasterSecret:
        """A fresh one from the operating system's generator."""
        return cls(secrets.token_bytes(MASTER_SECRET_SIZE))

    def to_secret_bytes(self) -> bytes:
        """The 32 bytes. Secret."""
        return self._secret

    def scope_key(self, scope: Scope) -> SecretKey:
        """Delegating key of ``scope``: HKDF-SHA-256 (RFC 5869) to 48 bytes, reduced mod n-1, plus 1."""
        return self._derive(f"scope|{scope.category}|{scope.years.first}|{scope.years.last}|{scope.revision}")

    def one_off_key(self, grant_id: str) -> SecretKey:
        """Delegating key of the one-off scope of a grant of selected blocks."""
        return self._derive(f"one-off|{grant_id}")

    def _derive(self, info: str) -> SecretKey:
        material = HKDF(SHA256(), 48, salt=None, info=f"{SUITE_1.id}|{info}".encode()).derive(self._secret)
        return SecretKey.derive_from(material)

    def __repr__(self) -> str:
        return "MasterSecret(...)"


def scopes_of_card(card_year: int, revisions: dict[Category, int]) -> Iterator[Scope]:
    """Every current scope of a card: all categories, all spans; a category absent from ``revisions`` is at 0."""
    for category in Category:
        for years in year_spans(card_year):
            yield Scope(category, years, revisions.get(category, 0))
