"""Small bundles for the tests."""

import json
from typing import Any

from clinic.fhir.bundle import parse_bundle
from clinic.fhir.split import RecordGroup, split
from scheme.scopes import Category

SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ATC = "http://www.whocc.no/atc"
CPT = "http://www.ama-assn.org/go/cpt"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"

Resource = dict[str, Any]


def concept(system: str, code: str, display: str | None = None) -> Resource:
    coding = {"system": system, "code": code}
    return {"coding": [coding if display is None else {**coding, "display": display}]}


def resource(resource_type: str, name: str, **content: Any) -> Resource:
    return {"resourceType": resource_type, "id": name, **content}


def ref(name: str) -> Resource:
    return {"reference": f"urn:uuid:{name}"}


def labelled(system: str, code: str) -> Resource:
    return {"security": [{"system": system, "code": code}]}


def bundle_of(*resources: Resource) -> bytes:
    entries = [{"fullUrl": f"urn:uuid:{one.get('id', at)}", "resource": one} for at, one in enumerate(resources)]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()


def groups_of(*resources: Resource) -> list[RecordGroup]:
    return split(parse_bundle(bundle_of(*resources)))


def categories(*resources: Resource) -> dict[str | None, Category]:
    """Category of each resource by its id."""
    return {record.resource_id: group.category for group in groups_of(*resources) for record in group.records}


def category(resource_type: str, **content: Any) -> Category:
    """Category of one resource on its own."""
    return categories(resource(resource_type, "x", **content))["x"]


DEPRESSION = concept(SNOMED, "35489007")
PREGNANCY = concept(SNOMED, "72892002")
HYPERTENSION = concept(SNOMED, "38341003", "Hypertension")
VISIT = concept(SNOMED, "185349003", "Encounter for check up (procedure)")
