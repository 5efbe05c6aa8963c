"""Revoking, in one operation: the grant ends, the categories get a new revision, the grants that remain are re-keyed.

What was read stays read; what the delegatee and the proxies still hold opens nothing that is sealed from now on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clinic import letters
from clinic.cards import current_card
from clinic.clock import year_of
from clinic.errors import ProxiesInsufficient, SelectionInvalid
from clinic.grants import own_grant, scope_to_json
from clinic.keystore import MemberSecrets
from clinic.own_scopes import master_of, own_scopes
from clinic.rekeying import Sharing, deposit_fragments, forget_fragments
from clinic.requests import member_of, reader_keys
from clinic.site import Site
from ledger.bodies import Extension, PublishKeyCard, Revoke
from ledger.bodies.consent import MAX_GRANT_SCOPES
from ledger.records import GrantRecord
from ledger.state import State
from scheme import keycard
from scheme.keycard import CardScope, KeyCard, VerifiedKeyCard
from scheme.scopes import YEARS_AHEAD, Category


@dataclass(frozen=True)
class Revoked:
    """What became of the patient's other grants of the same categories: ``left_out`` got no new keys, and why.

    Those stand, but what is sealed to these categories from now on stays closed to them: it takes a new grant.
    """

    rekeyed: tuple[GrantRecord, ...]
    left_out: Mapping[GrantRecord, str]


def revoke(site: Site, patient: MemberSecrets, grant_id: str) -> Revoked:
    """Revoke a grant; another that cannot be re-keyed is left out. Raises ``GrantUnknown``, the ledger's refusals."""
    state, now = site.state(), site.clock()
    record = own_grant(state, patient, grant_id)
    lines = own_scopes(site, state, patient)
    categories = {lines[scope].scope.category for scope in record.scopes if scope in lines}
    card_fields: PublishKeyCard | None = None
    extensions: Mapping[GrantRecord, list[CardScope]] = {}
    left_out: Mapping[GrantRecord, str] = {}
    if categories:
        current = current_card(site.cards, state, patient.member_id)
        card = _next_card(site, patient, current, categories)
        fresh = {line.id: line for line in card.own_lines(patient.signing.verifying_key)}
        card_fields = PublishKeyCard(
            patient=patient.member_id,
            card_version=current.version + 1,
            digest=card.commitment,
            adds=tuple(sorted(fresh.keys() - current.by_id.keys())),
            retires=tuple(sorted(current.by_id.keys() - fresh.keys())),
        )
        added = [fresh[scope] for scope in card_fields.adds]
        others = {other: _covered_by(other, lines, added) for other in _remaining(state, patient, grant_id, now)}
        extensions, left_out = _extend_those(site, state, patient, others, card)
        site.cards.publish(patient.member_id, card_fields.card_version, card.commitment, card.data)
    extends = tuple(Extension(other.grant, tuple(line.id for line in covered)) for other, covered in extensions.items())
    site.submit(Revoke(grant_id, card_fields, extends), patient)
    forget_fragments(site, record.grant, record.proxies)
    return Revoked(tuple(extensions), left_out)


def _next_card(site: Site, patient: MemberSecrets, current: VerifiedKeyCard, raised: set[Category]) -> KeyCard:
    revisions = {line.scope.category: line.scope.revision for line in current.scopes}
    return keycard.issue(
        master_of(patient),
        patient.signing,
        current.wrapping_key,
        patient_id=patient.member_id,
        version=current.version + 1,
        year=max(current.year_range[1] - YEARS_AHEAD, year_of(site.clock())),
        revisions=revisions | {category: revisions[category] + 1 for category in raised},
        previous_digest=current.commitment,
    )


def _remaining(state: State, patient: MemberSecrets, revoked: str, now: int) -> list[GrantRecord]:
    return [
        other
        for other in state.grants(patient=patient.member_id)
        if other.grant != revoked and other.scopes and other.stands(now)
    ]


def _covered_by(grant: GrantRecord, lines: Mapping[str, CardScope], added: list[CardScope]) -> list[CardScope]:
    """The new scopes whose category and years, all of them, the grant covered under older revisions."""
    years: dict[Category, set[int]] = {}
    for scope in grant.scopes:
        meaning = lines[scope].scope
        years.setdefault(meaning.category, set()).update(range(meaning.years.first, meaning.years.last + 1))
    return [
        line
        for line in added
        if years.get(line.scope.category, set()).issuperset(range(line.scope.years.first, line.scope.years.last + 1))
    ]


def _extend_those(
    site: Site,
    state: State,
    patient: MemberSecrets,
    others: Mapping[GrantRecord, list[CardScope]],
    card: KeyCard,
) -> tuple[dict[GrantRecord, list[CardScope]], dict[GrantRecord, str]]:
    """Re-key each of ``others`` that covers something; returns those that could be, and of the rest why not."""
    extensions, left_out = {}, {}
    for other, covered in others.items():
        if covered:
            try:
                _extend(site, state, patient, other, covered, card)
            except (ProxiesInsufficient, SelectionInvalid) as error:
                left_out[other] = str(error)
            else:
                extensions[other] = covered
    return extensions, left_out


def _extend(
    site: Site, state: State, patient: MemberSecrets, grant: GrantRecord, covered: list[CardScope], card: KeyCard
) -> None:
    if len(grant.scopes) + len(covered) > MAX_GRANT_SCOPES:
        raise SelectionInvalid(f"it would name more scopes than a grant does, at most {MAX_GRANT_SCOPES:,}")
    keys = {line.id: master_of(patient).scope_key(line.scope) for line in covered}
    part = f"{grant.grant}.{int(card.commitment[:7], 16)}"  # another device's attempt at the same version keeps its own
    delegatee = member_of(state, grant.delegatee)
    sharing = Sharing(grant.proxies, grant.threshold)
    deposited = deposit_fragments(
        site, state, patient, delegatee, keys, grant_id=grant.grant, part=part, until=grant.until, sharing=sharing
    )
    deposited.require_enough()
    letter = letters.write("extension", part, {"scopes": [scope_to_json(line) for line in covered]}, patient.signing)
    letters.post(site.mailbox, letter, part, reader_keys(state, (grant.delegatee, patient.member_id)))
