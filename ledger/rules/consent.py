"""Rules of Request, Grant, Refuse, Revoke and Release."""

from dataclasses import replace

from ledger.bodies import Extension, Grant, Refuse, Release, Request, Revoke, Role
from ledger.bodies.consent import MAX_GRANT_SCOPES
from ledger.records import ChapterPlace, GrantRecord, ReleaseRecord, RequestRecord, RequestStatus, ScopeOwner
from ledger.refusals import (
    ChapterNotGranted,
    ChapterTaken,
    ChapterUnknown,
    EndNotAhead,
    GrantAwaiting,
    GrantExpired,
    GrantForeign,
    GrantRevoked,
    GrantTaken,
    GrantTooWide,
    GrantUnknown,
    OwnRecord,
    ReleaseTaken,
    RequestClosed,
    RequestForeign,
    RequestTaken,
    RequestUnknown,
    ScopeTaken,
)
from ledger.rules.keycards import owned_scope, publish_key_card
from ledger.rules.membership import active_in_role, active_member
from ledger.rules.rule import Change, Place, rule_for, signed_by
from ledger.tables import Tables


@rule_for(Request)
def request(tables: Tables, body: Request, place: Place) -> Change:
    """By the delegatee: any active member except the patient herself."""
    signed_by(place, body.delegatee, "the delegatee who asks")
    active_member(tables, body.delegatee, "delegatee")
    active_in_role(tables, body.patient, Role.PATIENT)
    if body.patient == body.delegatee:
        raise OwnRecord("a patient needs no grant for her own record")
    if body.request in tables.requests:
        raise RequestTaken("the request id was used before; make a new one")
    record = RequestRecord(
        request=body.request,
        patient=body.patient,
        delegatee=body.delegatee,
        body_digest=body.body_digest,
        position=place.position,
        time=place.time,
        status=RequestStatus.OPEN,
        answered_at=None,
        grant=None,
    )
    return [
        tables.requests.put(record, body.request),
        *(tables.requests_of.put(body.request, member, place.position) for member in (body.patient, body.delegatee)),
        tables.positions_of.put(place.position, body.patient, place.position),
    ]


@rule_for(Grant)
def grant(tables: Tables, body: Grant, place: Place) -> Change:
    """By the patient, in answer to an open request or of her own accord."""
    return grant_change(tables, body, place)


def grant_change(tables: Tables, body: Grant, place: Place, *, family: bool = False) -> Change:
    """The rule of Grant; a ``family`` grant is the same, but awaits the delegatee's consent."""
    signed_by(place, body.patient, "the patient who grants")
    active_in_role(tables, body.patient, Role.PATIENT)
    active_member(tables, body.delegatee, "delegatee")
    if body.patient == body.delegatee:
        raise OwnRecord("a patient needs no grant for her own record")
    if body.grant in tables.grants:
        raise GrantTaken("the grant id was used before; make a new one")
    answered = None if body.request is None else _open_request(tables, body.request, body.patient)
    if answered is not None and answered.delegatee != body.delegatee:
        raise RequestForeign("the request came from another delegatee")
    for scope in body.scopes:
        owned_scope(tables, body.patient, scope)
    if body.one_off is not None and body.one_off.scope in tables.scope_owners:
        raise ScopeTaken("the one-off scope was used before; make a new one")
    if body.one_off is not None and body.one_off.chapter in tables.chapters:
        raise ChapterTaken("the one-off chapter was used before; make a new one")
    if body.until is not None and body.until <= place.time:
        raise EndNotAhead("the grant would end before it begins; choose a later end")
    for proxy in body.proxies:
        active_in_role(tables, proxy, Role.PROXY)
    record = GrantRecord(
        grant=body.grant,
        request=body.request,
        patient=body.patient,
        delegatee=body.delegatee,
        scopes=frozenset(body.scopes),
        one_off=body.one_off,
        until=body.until,
        write=body.write,
        threshold=body.threshold,
        proxies=body.proxies,
        body_digest=body.body_digest,
        position=place.position,
        time=place.time,
        revoked_at=None,
        family=family,
        awaiting=family,
    )
    change = [
        tables.grants.put(record, body.grant),
        *(tables.grants_of.put(body.grant, member, place.position) for member in (body.patient, body.delegatee)),
        tables.positions_of.put(place.position, body.patient, place.position),
    ]
    if answered is not None:
        granted = replace(answered, status=RequestStatus.GRANTED, answered_at=place.position, grant=body.grant)
        change.append(tables.requests.put(granted, answered.request))
    if body.one_off is not None:
        scope, chapter = body.one_off.scope, body.one_off.chapter
        made = ChapterPlace(body.patient, scope, place.position, body.grant)
        change.append(tables.scope_owners.put(ScopeOwner(body.patient, one_off=True), scope))
        change.append(tables.chapters.put(made, chapter))
    return change


@rule_for(Refuse)
def refuse(tables: Tables, body: Refuse, place: Place) -> Change:
    """By the patient to whom the request is addressed."""
    answered = _open_request(tables, body.request, place.signer)
    refused = replace(answered, status=RequestStatus.REFUSED, answered_at=place.position)
    return [
        tables.requests.put(refused, body.request),
        tables.positions_of.put(place.position, answered.patient, place.position),
    ]


@rule_for(Revoke)
def revoke(tables: Tables, body: Revoke, place: Place) -> Change:
    """By the patient; grant, card and extensions change together or not at all."""
    ended = tables.grants.get(body.grant)
    if ended is None:
        raise GrantUnknown("there is no such grant")
    signed_by(place, ended.patient, "the patient who granted")
    if ended.revoked_at is not None:
        raise GrantRevoked("the grant was revoked already")
    added = frozenset() if body.card is None else frozenset(body.card.adds)
    extended = [_extended(tables, extension, ended, added, place) for extension in body.extends]
    concerned = (ended.patient, ended.delegatee) if ended.family else (ended.patient,)
    return [
        *([] if body.card is None else publish_key_card(tables, body.card, place)),
        tables.grants.put(replace(ended, revoked_at=place.position), body.grant),
        *(tables.grants.put(record, record.grant) for record in extended),
        *(tables.positions_of.put(place.position, member, place.position) for member in concerned),
    ]


@rule_for(Release)
def release(tables: Tables, body: Release, place: Place) -> Change:
    """By the delegatee, before it reads; only under an active grant and within its scopes."""
    record = tables.grants.get(body.grant)
    if record is None:
        raise GrantUnknown("there is no such grant")
    signed_by(place, record.delegatee, "the delegatee of the grant")
    if record.patient != body.patient:
        raise GrantForeign("the grant is another patient's")
    _require_active(record, place)
    if body.release in tables.releases:
        raise ReleaseTaken("the release id was used before; make a new one")
    own = None if record.one_off is None else record.one_off.chapter
    for chapter_id in body.chapters:
        chapter = tables.chapters.get(chapter_id)
        if chapter is None or chapter.patient != body.patient:
            raise ChapterUnknown("a chapter is not anchored for this patient")
        if chapter.scope not in record.scopes and chapter_id != own:
            raise ChapterNotGranted("the grant does not cover a chapter; ask the patient for it")
    released = ReleaseRecord(
        release=body.release,
        grant=body.grant,
        patient=body.patient,
        delegatee=record.delegatee,
        chapters=body.chapters,
        position=place.position,
        time=place.time,
    )
    return [
        tables.releases.put(released, body.release),
        tables.releases_of.put(body.release, body.patient, place.position),
        tables.positions_of.put(place.position, body.patient, place.position),
    ]


def _open_request(tables: Tables, request_id: str, patient: str) -> RequestRecord:
    record = tables.requests.get(request_id)
    if record is None:
        raise RequestUnknown("there is no such request")
    if record.patient != patient:
        raise RequestForeign("the request is addressed to another patient")
    if record.status is not RequestStatus.OPEN:
        raise RequestClosed("the request was answered already")
    return record


def _require_active(record: GrantRecord, place: Place) -> None:
    _require_standing(record, place)
    if record.awaiting:
        raise GrantAwaiting("the grant is a family link that its delegatee has not accepted; accept it first")


def _require_standing(record: GrantRecord, place: Place) -> None:
    if record.revoked_at is not None:
        raise GrantRevoked("the grant was revoked by the patient")
    if not record.stands(place.time):
        raise GrantExpired("the grant has ended; ask the patient for a new one")


def _extended(
    tables: Tables, extension: Extension, ended: GrantRecord, added: frozenset[str], place: Place
) -> GrantRecord:
    record = tables.grants.get(extension.grant)
    if record is None:
        raise GrantUnknown("a grant to be extended does not exist")
    if record.patient != ended.patient:
        raise GrantForeign("a grant to be extended is another patient's")
    if record.grant == ended.grant:
        raise GrantRevoked("the grant that ends cannot be extended in the same step")
    _require_standing(record, place)
    for scope in set(extension.scopes) - added:
        owned_scope(tables, record.patient, scope)
    scopes = record.scopes | set(extension.scopes)
    if len(scopes) > MAX_GRANT_SCOPES:
        raise GrantTooWide(f"a grant names at most {MAX_GRANT_SCOPES} scopes; make a second grant")
    return replace(record, scopes=scopes)
