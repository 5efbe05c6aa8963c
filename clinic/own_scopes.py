"""What a patient knows of her own scopes: every line of every card she ever published, by scope id."""

from __future__ import annotations

from clinic.errors import NotPermitted
from clinic.keystore import MemberSecrets
from clinic.site import Site
from ledger.state import State
from scheme.keycard import CardScope, KeyCard, KeyCardInvalid
from scheme.scopes import MasterSecret


def own_scopes(site: Site, state: State, patient: MemberSecrets) -> dict[str, CardScope]:
    """Current and superseded scopes of ``patient``: every card from the ledger's newest back to the first.

    Raises ``NotPermitted`` when she is no patient, ``KeyCardInvalid``.
    """
    card = state.key_card(patient.member_id)
    if card is None:
        raise NotPermitted("only a patient has scopes to grant or revoke")
    lines: dict[str, CardScope] = {}
    commitment: str | None = card.digest
    for version in range(card.version, 0, -1):
        if commitment is None:
            raise KeyCardInvalid("a key card does not name the one before it; restore the cards from a backup")
        published = KeyCard.from_bytes(site.cards.fetch(patient.member_id, version, commitment))
        if published.commitment != commitment:
            raise KeyCardInvalid("a key card is not the one that was published; restore it from a backup")
        lines = {line.id: line for line in published.own_lines(patient.signing.verifying_key)} | lines
        commitment = published.previous
    return lines


def master_of(patient: MemberSecrets) -> MasterSecret:
    """The patient's master secret. Raises ``NotPermitted`` when the actor is no patient."""
    if patient.master is None:
        raise NotPermitted("only a patient can decide who reads her records")
    return patient.master
