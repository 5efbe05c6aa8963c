"""Rules of FamilyInvite, FamilyAccept and FamilyEnd."""

from dataclasses import replace

from ledger.bodies import FamilyAccept, FamilyEnd, FamilyInvite, Role
from ledger.records import GrantRecord
from ledger.refusals import FamilyAccepted, FamilyUnknown, GrantExpired, GrantRevoked
from ledger.rules import consent
from ledger.rules.membership import active_in_role
from ledger.rules.rule import Change, Place, rule_for, signed_by
from ledger.tables import Tables


@rule_for(FamilyInvite)
def invite(tables: Tables, body: FamilyInvite, place: Place) -> Change:
    """By the parent, as a Grant would be; to another patient, and not in force before she accepts."""
    change = consent.grant_change(tables, body.grant, place, family=True)
    active_in_role(tables, body.grant.delegatee, Role.PATIENT)
    return [*change, tables.positions_of.put(place.position, body.grant.delegatee, place.position)]


@rule_for(FamilyAccept)
def accept(tables: Tables, body: FamilyAccept, place: Place) -> Change:
    """By the child, once, while the invitation stands and both are active."""
    link = _standing(tables, body.grant, place)
    if not link.awaiting:
        raise FamilyAccepted("the family link was accepted already")
    if link.until is not None and link.until <= place.time:
        raise GrantExpired("the invitation has ended; ask for a new one")
    active_in_role(tables, link.patient, Role.PATIENT)
    active_in_role(tables, link.delegatee, Role.PATIENT)
    return _changed(tables, replace(link, awaiting=False), place)


@rule_for(FamilyEnd)
def end(tables: Tables, body: FamilyEnd, place: Place) -> Change:
    """By the child, whether it accepted or not. Nothing is re-keyed: it is the reader herself who gives up."""
    return _changed(tables, replace(_standing(tables, body.grant, place), revoked_at=place.position), place)


def _standing(tables: Tables, grant: str, place: Place) -> GrantRecord:
    link = tables.grants.get(grant)
    if link is None or not link.family:
        raise FamilyUnknown("there is no such family link")
    signed_by(place, link.delegatee, "the child of the family link")
    if link.revoked_at is not None:
        raise GrantRevoked("the family link was ended already")
    return link


def _changed(tables: Tables, link: GrantRecord, place: Place) -> Change:
    parties = (link.patient, link.delegatee)
    return [
        tables.grants.put(link, link.grant),
        *(tables.positions_of.put(place.position, party, place.position) for party in parties),
    ]
