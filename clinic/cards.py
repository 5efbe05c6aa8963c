"""Where key cards are found: patients hand theirs to the hospitals they are enrolled with."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from clinic import durable
from clinic.errors import HomeInvalid
from ledger.state import State
from scheme.keycard import KeyCard, KeyCardInvalid, VerifiedKeyCard
from scheme.keys import VerifyingKey


class KeyCards(Protocol):
    """Keeps every patient's cards by version and commitment; needs no trust, for the ledger holds the commitments.

    A patient at two devices may publish two cards of one version; the ledger takes one of them.
    """

    def publish(self, patient_id: str, version: int, commitment: str, card: bytes) -> None:
        """Keep a card durably, beside others of its version."""
        ...

    def fetch(self, patient_id: str, version: int, commitment: str) -> bytes:
        """One card. Raises ``HomeInvalid`` when it is not here."""
        ...


class FolderKeyCards:
    """Cards as files in a folder: one folder a patient, one file a card."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def publish(self, patient_id: str, version: int, commitment: str, card: bytes) -> None:
        """See ``KeyCards``."""
        durable.write(self._path(patient_id, version, commitment), card)

    def fetch(self, patient_id: str, version: int, commitment: str) -> bytes:
        """See ``KeyCards``."""
        path = self._path(patient_id, version, commitment)
        if not path.is_file():
            raise HomeInvalid(
                f"version {version} of the patient's key card is not here; ask the patient to publish it again"
            )
        return durable.read(path)

    def _path(self, patient_id: str, version: int, commitment: str) -> Path:
        return self._folder / patient_id / f"{version}-{commitment[:16]}.json"


def current_card(cards: KeyCards, state: State, patient_id: str) -> VerifiedKeyCard:
    """The card to seal to, checked against the patient's key and the ledger. Raises ``KeyCardInvalid``."""
    anchored, member = state.key_card(patient_id), state.member(patient_id)
    if anchored is None or member is None:
        raise KeyCardInvalid("that member has published no key card; only patients have one")
    card = KeyCard.from_bytes(cards.fetch(patient_id, anchored.version, anchored.digest))
    key = VerifyingKey(member.keys.verifying)
    return card.verify(key, patient_id=patient_id, ledger_digest=anchored.digest, ledger_version=anchored.version)
