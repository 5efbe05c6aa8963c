"""A grant as a FHIR R4 Consent: what the ledger says of it, without categories and years, which it does not know."""

from __future__ import annotations

from clinic.clock import rfc3339
from clinic.fhir.consent_history import GrantHistory
from clinic.fhir.identifiers import (
    ACTION,
    CONSENT_POLICY,
    GRANT,
    SCOPE,
    TRANSACTION,
    People,
    by_identifier,
    identifier,
)
from scheme.canonical import JsonObject

_SCOPE = {"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}
_CATEGORY = {"system": "http://loinc.org", "code": "59284-0"}
_RECIPIENT = {"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}
_ACCESS = {"system": "http://terminology.hl7.org/CodeSystem/consentaction", "code": "access"}
_WRITE = {"system": ACTION, "code": "write"}


def consent_of(history: GrantHistory, people: People, *, at: int) -> JsonObject:
    """The Consent that ``history`` amounts to at ``at`` (unix seconds).

    ``status``: proposed while a family link waits for its other side, inactive when revoked or past its end.
    ``provision.data`` names the granted scopes by their opaque ids.
    """
    grant, given = history.grant, history.given
    period: JsonObject = {"start": rfc3339(given.time)}
    end = _last_second(history)
    if end is not None:
        period["end"] = rfc3339(end)
    scopes = history.scopes if grant.one_off is None else (*history.scopes, grant.one_off.scope)
    return {
        "resourceType": "Consent",
        "id": given.transaction.id,
        "identifier": [identifier(GRANT, grant.grant)],
        "status": _status(history, at),
        "scope": {"coding": [_SCOPE]},
        "category": [{"coding": [_CATEGORY]}],
        "patient": people.reference(grant.patient, "Patient"),
        "dateTime": rfc3339(given.time),
        "performer": [people.reference(grant.patient, "Patient")],
        "sourceReference": by_identifier(TRANSACTION, given.transaction.id),
        "policy": [{"uri": CONSENT_POLICY}],
        "provision": {
            "type": "permit",
            "period": period,
            "actor": [
                {
                    "role": {"coding": [_RECIPIENT]},
                    "reference": people.reference(grant.delegatee, "Patient" if history.family else None),
                }
            ],
            "action": [{"coding": [action]} for action in ((_ACCESS, _WRITE) if grant.write else (_ACCESS,))],
            "data": [{"meaning": "related", "reference": by_identifier(SCOPE, scope)} for scope in scopes],
        },
    }


def _status(history: GrantHistory, at: int) -> str:
    end = _last_second(history)
    if history.ended_at is not None or (end is not None and end < at):
        return "inactive"
    return "proposed" if history.awaiting else "active"


def _last_second(history: GrantHistory) -> int | None:
    """The last second in which the grant was in force: a FHIR period includes its end, a grant's ``until`` does not."""
    ends = [history.ended_at, None if history.grant.until is None else history.grant.until - 1]
    return min((end for end in ends if end is not None), default=None)
