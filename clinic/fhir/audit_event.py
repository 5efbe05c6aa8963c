"""A ledger entry about consent or reading as a FHIR R4 AuditEvent: who, when, under which grant, which scopes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clinic.clock import rfc3339
from clinic.fhir.consent_history import ConsentHistory
from clinic.fhir.identifiers import (
    CHAPTER,
    GRANT,
    LEDGER,
    RELEASE,
    REQUEST,
    SCOPE,
    TRANSACTION,
    TRANSACTION_TYPE,
    People,
    by_identifier,
    consent_url,
    identifier,
)
from ledger.bodies import FamilyAccept, FamilyEnd, FamilyInvite, Grant, Refuse, Release, Request, Revoke
from ledger.entry import Entry
from ledger.registry import Body
from scheme.canonical import JsonObject

_DCM = "http://dicom.nema.org/resources/ontology/DCM"
_EXPORT = {"system": _DCM, "code": "110106", "display": "Export"}
_SECURITY_ALERT = {"system": _DCM, "code": "110113", "display": "Security Alert"}
_ATTRIBUTES_CHANGED = {"system": _DCM, "code": "110135", "display": "Object Security Attributes Changed"}
_DISCLOSE = {"system": "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle", "code": "disclose"}
_SUBTYPES: dict[type[Body], tuple[JsonObject, ...]] = {
    Request: (),
    Grant: (_ATTRIBUTES_CHANGED,),
    Refuse: (),
    Revoke: (_ATTRIBUTES_CHANGED,),
    Release: (_DISCLOSE,),
    FamilyInvite: (),
    FamilyAccept: (_ATTRIBUTES_CHANGED,),
    FamilyEnd: (_ATTRIBUTES_CHANGED,),
}
_CREATES = (Request, Grant, FamilyInvite)

_RECIPIENT = {"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}
_DATA_SUBJECT = {"system": "http://terminology.hl7.org/CodeSystem/extra-security-role-type", "code": "datasubject"}

_ENTITY_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_PERSON = {"system": _ENTITY_TYPE, "code": "1", "display": "Person"}
_SYSTEM_OBJECT = {"system": _ENTITY_TYPE, "code": "2", "display": "System Object"}
_CONSENT = {"system": "http://hl7.org/fhir/resource-types", "code": "Consent"}
_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
_PATIENT = {"system": _ROLE, "code": "1", "display": "Patient"}
_SECURITY_RESOURCE = {"system": _ROLE, "code": "13", "display": "Security Resource"}
_DOMAIN_RESOURCE = {"system": _ROLE, "code": "4", "display": "Domain Resource"}


def event_of(entry: Entry, history: ConsentHistory, people: People) -> JsonObject:
    """The AuditEvent of one of ``history.events``; its ``outcome`` is success, for the ledger admitted the entry."""
    transaction = entry.transaction
    body = transaction.body
    owner, delegatee = _parties(body, transaction.signer, history)
    reads = isinstance(body, Release)
    return {
        "resourceType": "AuditEvent",
        "id": transaction.id,
        "type": _EXPORT if reads else _SECURITY_ALERT,
        "subtype": [*_SUBTYPES[type(body)], {"system": TRANSACTION_TYPE, "code": body.type}],
        "action": "R" if reads else "C" if isinstance(body, _CREATES) else "U",
        "recorded": rfc3339(entry.time),
        "outcome": "0",
        "agent": _agents(transaction.signer, owner, delegatee, people),
        "source": {"observer": by_identifier(LEDGER, transaction.ledger)},
        "entity": [
            *([_patient(owner, people)] if owner is not None else []),
            *_objects(body, history),
            _entry(entry),
        ],
    }


def _parties(body: Body, signer: str, history: ConsentHistory) -> tuple[str | None, str | None]:
    """Whose record it is about, and who reads or wants to; ``None`` where the entries at hand do not say."""
    if isinstance(body, Release):
        return body.patient, signer
    said: Request | Grant | None = None
    if isinstance(body, Request | Grant):
        said = body
    elif isinstance(body, FamilyInvite):
        said = body.grant
    elif isinstance(body, Refuse):
        said = history.requests.get(body.request)
    elif isinstance(body, FamilyAccept | FamilyEnd | Revoke) and body.grant in history.grants:
        said = history.grants[body.grant].grant
    if said is not None:
        return said.patient, said.delegatee
    return (None, signer) if isinstance(body, FamilyAccept | FamilyEnd) else (signer, None)


def _agents(signer: str, owner: str | None, delegatee: str | None, people: People) -> list[JsonObject]:
    agents: list[JsonObject] = []
    for member, role in ((owner, _DATA_SUBJECT), (delegatee, _RECIPIENT)):
        # Who only owns the record took no part in reading it or asking for it.
        if member is not None and (member == signer or role is _RECIPIENT):
            who = people.reference(member, "Patient" if role is _DATA_SUBJECT else None)
            agents.append({"type": {"coding": [role]}, "who": who, "requestor": member == signer})
    return agents


def _patient(owner: str, people: People) -> JsonObject:
    return {"what": people.reference(owner, "Patient"), "type": _PERSON, "role": _PATIENT}


def _objects(body: Body, history: ConsentHistory) -> list[JsonObject]:
    """Requests, grants, scopes and chapters that the entry names."""
    match body:
        case Request() | Refuse():
            return [_object(REQUEST, body.request)]
        case Grant():
            answered = [] if body.request is None else [_object(REQUEST, body.request)]
            one_off = () if body.one_off is None else (body.one_off.scope,)
            return [_grant(body.grant, history, _terms(body)), *answered, *_scopes((*body.scopes, *one_off))]
        case FamilyInvite():
            return [_grant(body.grant.grant, history, _terms(body.grant)), *_scopes(body.grant.scopes)]
        case FamilyAccept() | FamilyEnd():
            return [_grant(body.grant, history)]
        case Revoke():
            widened = [
                _grant(extension.grant, history, [("added-scope", scope) for scope in extension.scopes])
                for extension in body.extends
            ]
            return [_grant(body.grant, history, [("revoked", "true")]), *widened]
        case Release():
            released = _object(RELEASE, body.release)
            return [_grant(body.grant, history), released, *_released(body.chapters, history)]
        case _:
            raise TypeError(f"no AuditEvent is made of {body.type}")


def _terms(grant: Grant) -> list[tuple[str, str]]:
    return [
        ("write", "true" if grant.write else "false"),
        ("threshold", str(grant.threshold)),
        *(("proxy", proxy) for proxy in grant.proxies),
    ]


def _object(system: str, value: str, details: Sequence[tuple[str, str]] = ()) -> JsonObject:
    entity: JsonObject = {"what": by_identifier(system, value), "type": _SYSTEM_OBJECT, "role": _DOMAIN_RESOURCE}
    return _detailed(entity, details)


def _grant(grant_id: str, history: ConsentHistory, details: Sequence[tuple[str, str]] = ()) -> JsonObject:
    """The grant by its id, and its Consent in the same bundle if there is one."""
    known = history.grants.get(grant_id)
    what: JsonObject = {"type": "Consent", "identifier": identifier(GRANT, grant_id)}
    if known is not None and known.grant.patient == history.patient:
        what = {"reference": consent_url(known.given.transaction.id)} | what
    return _detailed({"what": what, "type": _CONSENT, "role": _SECURITY_RESOURCE}, details)


def _scopes(scopes: Iterable[str]) -> list[JsonObject]:
    return [_object(SCOPE, scope) for scope in scopes]


def _released(chapters: Iterable[str], history: ConsentHistory) -> list[JsonObject]:
    """Chapters under the scope they were anchored in; on their own when the entries at hand do not say which."""
    by_scope: dict[str | None, list[str]] = {}
    for chapter in chapters:
        by_scope.setdefault(history.scope_of.get(chapter), []).append(chapter)
    unplaced = [_object(CHAPTER, chapter) for chapter in by_scope.pop(None, [])]
    placed = [
        _object(SCOPE, scope, [("chapter", chapter) for chapter in found])
        for scope, found in by_scope.items()
        if scope is not None
    ]
    return [*placed, *unplaced]


def _entry(entry: Entry) -> JsonObject:
    """The ledger entry that proves the event."""
    return _object(TRANSACTION, entry.transaction.id, [("position", str(entry.position)), ("entry", entry.digest)])


def _detailed(entity: JsonObject, details: Sequence[tuple[str, str]]) -> JsonObject:
    # FHIR allows no empty arrays.
    if details:
        entity["detail"] = [{"type": name, "valueString": value} for name, value in details]
    return entity
