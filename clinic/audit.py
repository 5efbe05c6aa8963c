"""The audit trail: every ledger entry that concerns a patient, in words, for her eyes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from clinic.clock import rfc3339
from clinic.held_grants import HeldGrant, grants_of
from clinic.keystore import MemberSecrets
from clinic.site import Site
from ledger.bodies import (
    AnchorBlocks,
    Enrol,
    FamilyAccept,
    FamilyEnd,
    FamilyInvite,
    Grant,
    PublishKeyCard,
    Refuse,
    Reinstate,
    Release,
    Remove,
    Renew,
    Request,
    Revoke,
    Suspend,
    Withdraw,
)
from ledger.registry import Body
from ledger.state import State


@dataclass(frozen=True)
class AuditEntry:
    """One entry: position and time on the ledger, who signed it, what it says."""

    position: int
    time: str
    signer: str
    event: str
    detail: str


def shortened(member_id: str) -> str:
    """A member id as it is shown where no name is known."""
    return member_id[:12]


def audit_trail(site: Site, patient: MemberSecrets, name: Callable[[str], str] = shortened) -> list[AuditEntry]:
    """Every entry about the patient, oldest first; what a grant or release covers is said in her own words."""
    state = site.state()
    held = {grant.record.grant: grant for grant in grants_of(site, patient)}
    wanted = set(state.entries_about(patient.member_id))
    trail = []
    for entry in site.engine.entries():
        if entry.position in wanted:
            body = entry.transaction.body
            detail = _detail(body, state, held, name)
            trail.append(AuditEntry(entry.position, rfc3339(entry.time), entry.transaction.signer, body.type, detail))
    return trail


def _detail(  # noqa: PLR0911, PLR0912 (one line a transaction type)
    body: Body, state: State, held: Mapping[str, HeldGrant], name: Callable[[str], str]
) -> str:
    match body:
        case Enrol():
            return "enrolled" if body.hospital is None else f"enrolled with hospital {name(body.hospital)}"
        case Remove():
            return "removed"
        case PublishKeyCard():
            return f"key card version {body.card_version}"
        case AnchorBlocks():
            return f"{_count(len(body.blocks), 'block')} by {name(body.author)}"
        case Request():
            return f"request {body.request[:8]} by {name(body.delegatee)}"
        case Refuse():
            return f"request {body.request[:8]} refused"
        case Grant():
            return f"grant {body.grant[:8]} to {name(body.delegatee)}: {_what(held.get(body.grant))}"
        case Revoke():
            others = f", {_count(len(body.extends), 'other')} re-keyed" if body.extends else ""
            return f"grant {body.grant[:8]} revoked{others}"
        case Release():
            scopes = {chapter.scope for name in body.chapters if (chapter := state.chapter(name)) is not None}
            covered = _scopes(held.get(body.grant), scopes)
            return f"{_count(len(body.chapters), 'chapter')} released under grant {body.grant[:8]}: {covered}"
        case Withdraw():
            return f"block {body.block[:8]} withdrawn"
        case Renew():
            return "certificate renewed"
        case Suspend():
            return "suspended"
        case Reinstate():
            return "reinstated"
        case FamilyInvite():
            child, meaning = name(body.grant.delegatee), _what(held.get(body.grant.grant))
            return f"family link {body.grant.grant[:8]} from {name(body.grant.patient)} to {child}: {meaning}"
        case FamilyAccept():
            return f"family link {body.grant[:8]} accepted"
        case FamilyEnd():
            return f"family link {body.grant[:8]} ended by the child"
        case _:
            return ""


def _what(grant: HeldGrant | None) -> str:
    if grant is None:
        return "unknown"
    if grant.selection is not None:
        return _count(len(grant.selection.blocks), "selected block")
    return str(grant.access)


def _scopes(grant: HeldGrant | None, scopes: set[str]) -> str:
    if grant is None:
        return "unknown"
    if grant.selection is not None:
        return _count(len(grant.selection.blocks), "selected block")
    years: dict[str, list[str]] = {}
    for meaning in sorted({grant.meanings.get(scope, "?") for scope in scopes}):
        category, _, span = meaning.partition(" ")
        years.setdefault(category, []).append(span)
    return "; ".join(f"{category} {', '.join(spans)}".strip() for category, spans in years.items())


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
