"""The ledger's entries about a patient as one FHIR R4 Bundle: an AuditEvent for each, a Consent for each grant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clinic.clock import rfc3339
from clinic.fhir.audit_event import event_of
from clinic.fhir.consent_history import ConsentHistory
from clinic.fhir.consent_resource import consent_of
from clinic.fhir.identifiers import People, consent_url, event_url
from ledger.entry import Entry
from scheme.canonical import JsonObject


def audit_bundle(
    patient: str, entries: Sequence[Entry], *, at: int | None = None, names: Mapping[str, str] | None = None
) -> JsonObject:
    """A Bundle (collection) of what ``entries`` say about consent to, and reading of, ``patient``'s records.

    AuditEvents of Request, Grant, Refuse, Revoke, Release, FamilyInvite, FamilyAccept and FamilyEnd in the ledger's
    order, then a Consent for each Grant and FamilyInvite that she gave, as it stands at ``at`` (unix seconds; the
    newest entry's time when ``None``). Entries of other kinds and about other patients are passed over, but the
    patient's AnchorBlocks tell in which scope a released chapter is.

    Ids come from transaction ids, so the same arguments give the same Bundle. People are opaque member ids; ``names``
    (member id to name) puts a name beside them.
    """
    people = People(names or {})
    moment = max((entry.time for entry in entries), default=0) if at is None else at
    history = ConsentHistory.of(patient, entries)
    resources = [
        *((event_url(entry.transaction.id), event_of(entry, history, people)) for entry in history.events),
        *((consent_url(each.given.transaction.id), consent_of(each, people, at=moment)) for each in history.consents),
    ]
    bundle: JsonObject = {"resourceType": "Bundle", "type": "collection", "timestamp": rfc3339(moment)}
    if resources:
        bundle["entry"] = [{"fullUrl": url, "resource": resource} for url, resource in resources]
    return bundle
