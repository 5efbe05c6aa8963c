"""One patient's long history as a bulk import brings it: many small FHIR records of four categories, over 25 years."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

RECORDS_A_BLOCK = 10
BLOCKS_A_VISIT = 4
_FIRST_YEAR, _YEARS = 2001, 25

_Resource = dict[str, Any]


def bundle(visits: int) -> bytes:
    """A FHIR R4 Bundle of ``visits`` visits, each of four times ten records: clinical, laboratory, medication and
    immunisation, so that each visit becomes four blocks. The same number gives the same bytes.
    """
    entries = [
        {"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource}
        for visit in range(visits)
        for resource in _visit(visit)
    ]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()


def _visit(visit: int) -> Iterator[_Resource]:
    day = f"{_FIRST_YEAR + visit % _YEARS}-{visit % 12 + 1:02}-{visit % 28 + 1:02}"
    encounter = {"reference": f"urn:uuid:{_id(visit, 0)}"}
    subject = {"reference": "urn:uuid:00000000-0000-4000-8000-000000000000"}
    common: _Resource = {"subject": subject, "encounter": encounter}
    yield {
        "resourceType": "Encounter",
        "id": _id(visit, 0),
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": subject,
        "period": {"start": f"{day}T09:00:00Z", "end": f"{day}T09:30:00Z"},
    }
    for number in range(1, RECORDS_A_BLOCK):
        yield common | {
            "resourceType": "Condition",
            "id": _id(visit, number),
            "code": _coding("http://snomed.info/sct", "444814009", "Viral sinusitis (disorder)"),
            "onsetDateTime": f"{day}T09:{number:02}:00Z",
        }
    for number in range(RECORDS_A_BLOCK, 2 * RECORDS_A_BLOCK):
        yield common | {
            "resourceType": "Observation",
            "id": _id(visit, number),
            "status": "final",
            "category": [
                _coding("http://terminology.hl7.org/CodeSystem/observation-category", "laboratory", "Laboratory")
            ],
            "code": _coding("http://loinc.org", "2339-0", "Glucose [Mass/volume] in Blood"),
            "effectiveDateTime": f"{day}T10:{number:02}:00Z",
            "valueQuantity": {"value": 80 + number, "unit": "mg/dL", "system": "http://unitsofmeasure.org"},
        }
    for number in range(2 * RECORDS_A_BLOCK, 3 * RECORDS_A_BLOCK):
        yield common | {
            "resourceType": "MedicationRequest",
            "id": _id(visit, number),
            "status": "completed",
            "intent": "order",
            "medicationCodeableConcept": _coding(
                "http://www.nlm.nih.gov/research/umls/rxnorm", "313782", "Acetaminophen 325 MG Oral Tablet"
            ),
            "authoredOn": f"{day}T11:{number:02}:00Z",
        }
    for number in range(3 * RECORDS_A_BLOCK, BLOCKS_A_VISIT * RECORDS_A_BLOCK):
        yield {
            "resourceType": "Immunization",
            "id": _id(visit, number),
            "status": "completed",
            "vaccineCode": _coding("http://hl7.org/fhir/sid/cvx", "140", "Influenza, seasonal, injectable"),
            "patient": subject,
            "encounter": encounter,
            "occurrenceDateTime": f"{day}T12:{number:02}:00Z",
        }


def _coding(system: str, code: str, display: str) -> _Resource:
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def _id(visit: int, number: int) -> str:
    return f"{visit:08x}-0000-4000-8000-{number:012x}"
