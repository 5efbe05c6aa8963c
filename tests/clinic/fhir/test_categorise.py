import base64

import pytest

from clinic.fhir.sensitivity import sensitive_code
from clinic.fhir.words import sensitive_words
from scheme.scopes import Category
from tests.clinic.fhir import making
from tests.clinic.fhir.making import ACT_CODE, CONFIDENTIALITY, category, concept, labelled

CLINICAL, MENTAL, REPRODUCTIVE = Category.CLINICAL, Category.MENTAL_HEALTH, Category.REPRODUCTIVE


@pytest.mark.parametrize(
    ("resource_type", "expected"),
    [
        ("Patient", Category.DEMOGRAPHICS),
        ("Practitioner", Category.OTHER),
        ("Organization", Category.OTHER),
        ("Location", Category.OTHER),
        ("Encounter", CLINICAL),
        ("Condition", CLINICAL),
        ("MedicationRequest", Category.MEDICATION),
        ("MedicationStatement", Category.MEDICATION),
        ("Immunization", Category.IMMUNISATION),
        ("ImagingStudy", Category.IMAGING),
        ("Device", Category.DEVICE),
        ("DeviceUseStatement", Category.DEVICE),
        ("Coverage", Category.BILLING),
        ("Account", Category.BILLING),
        ("Invoice", Category.BILLING),
        ("PaymentNotice", Category.BILLING),
        ("Observation", CLINICAL),
        ("Composition", CLINICAL),
        ("SomethingNew", CLINICAL),
    ],
)
def test_by_type(resource_type: str, expected: Category) -> None:
    assert category(resource_type) is expected


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (["laboratory"], Category.LABORATORY),
        (["LAB"], Category.LABORATORY),
        (["imaging"], Category.IMAGING),
        (["RAD"], Category.IMAGING),
        (["vital-signs"], CLINICAL),
        (["social-history"], CLINICAL),
        (["laboratory", "survey"], CLINICAL),
        (["new-one"], CLINICAL),
    ],
)
@pytest.mark.parametrize("resource_type", ["Observation", "DiagnosticReport"])
def test_by_observation_category(resource_type: str, codes: list[str], expected: Category) -> None:
    concepts = [{"coding": [{"code": code}]} for code in codes]
    assert category(resource_type, category=concepts) is expected


@pytest.mark.parametrize(
    ("system", "code", "expected"),
    [
        (making.ICD10, "F32.9", MENTAL),
        (making.ICD10, "f329", MENTAL),
        (making.ICD10, "G30.1", MENTAL),
        (making.ICD10, "T14.91XA", MENTAL),
        (making.ICD10, "Z13.31", MENTAL),
        (making.ICD10, "O80", REPRODUCTIVE),
        (making.ICD10, "Z34.00", REPRODUCTIVE),
        (making.ICD10, "N97.9", REPRODUCTIVE),
        (making.ICD10, "B20", REPRODUCTIVE),
        (making.ICD10, "I10", None),
        (making.ICD10, "N18.3", None),
        (making.ICD10, "Z00.00", None),
        ("urn:oid:2.16.840.1.113883.6.90", "F32.9", MENTAL),
        (making.LOINC, "44261-6", MENTAL),
        (making.LOINC, "70274-6", MENTAL),
        (making.LOINC, "2106-3", REPRODUCTIVE),
        (making.LOINC, "2339-0", None),
        (making.ATC, "N06AB06", MENTAL),
        (making.ATC, "N05AH04", MENTAL),
        (making.ATC, "N07BC02", MENTAL),
        (making.ATC, "N07BA01", None),
        (making.ATC, "G03AA12", REPRODUCTIVE),
        (making.ATC, "C10AA01", None),
        (making.CPT, "90837", MENTAL),
        (making.CPT, "59400", REPRODUCTIVE),
        (making.CPT, "99213", None),
        (making.SNOMED, "35489007", MENTAL),
        ("http://snomed.info/sct/731000124108", "72892002", REPRODUCTIVE),
        (making.SNOMED, "7771000:363698007=72892002", REPRODUCTIVE),
        (making.SNOMED, "38341003", None),
        ("http://example.org/local", "F32.9", None),
    ],
)
def test_code_tables(system: str, code: str, expected: Category | None) -> None:
    assert sensitive_code(system, code) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Major DEPRESSION, recurrent", MENTAL),
        ("Generalised anxiety", MENTAL),
        ("Alzheimer's disease (disorder)", MENTAL),
        ("Alcoholism", MENTAL),
        ("Attention-deficit", MENTAL),
        ("Suicidal thoughts", MENTAL),
        ("Postpartum depression", MENTAL),
        ("Sertraline 50 MG Oral Tablet", MENTAL),
        ("Missed miscarriage", REPRODUCTIVE),
        ("Antepartum eclampsia", REPRODUCTIVE),
        ("Camila 28 Day Pack", REPRODUCTIVE),
        ("HIV status", REPRODUCTIVE),
        ("Caesarean section", REPRODUCTIVE),
        ("ST depression", None),
        ("Depressed fracture of skull", None),
        ("Instrumental record", None),
        ("Laboratory", None),
        ("Abuse-Deterrent 12 HR Oxycodone", None),
        ("Hypertension", None),
    ],
)
def test_words(text: str, expected: Category | None) -> None:
    assert sensitive_words(text) is expected


@pytest.mark.parametrize(
    ("system", "code", "expected"),
    [
        (ACT_CODE, "PSY", MENTAL),
        (ACT_CODE, "MH", MENTAL),
        (ACT_CODE, "ETH", MENTAL),
        (ACT_CODE, "SUD", MENTAL),
        (ACT_CODE, "SDV", MENTAL),
        (ACT_CODE, "HIV", REPRODUCTIVE),
        (ACT_CODE, "SEX", REPRODUCTIVE),
        (ACT_CODE, "STD", REPRODUCTIVE),
        (ACT_CODE, "GDIS", MENTAL),
        (CONFIDENTIALITY, "R", MENTAL),
        (CONFIDENTIALITY, "V", MENTAL),
        (CONFIDENTIALITY, "N", Category.LABORATORY),
        ("http://terminology.hl7.org/CodeSystem/v3-ActReason", "HTEST", Category.LABORATORY),
        ("", "PSY", MENTAL),
        ("", "R", MENTAL),
    ],
)
def test_labels(system: str, code: str, expected: Category) -> None:
    lab = [{"coding": [{"code": "laboratory"}]}]
    assert category("Observation", category=lab, meta=labelled(system, code)) is expected


def test_a_label_decides_over_the_content_and_restricted_keeps_the_topic() -> None:
    assert category("Condition", code=making.PREGNANCY, meta=labelled(ACT_CODE, "PSY")) is MENTAL
    assert category("Condition", code=making.DEPRESSION, meta=labelled(ACT_CODE, "SEX")) is REPRODUCTIVE
    assert category("Condition", code=making.PREGNANCY, meta=labelled(CONFIDENTIALITY, "R")) is REPRODUCTIVE
    assert category("Condition", code=making.DEPRESSION, meta=labelled(CONFIDENTIALITY, "N")) is MENTAL
    assert category("Patient", meta=labelled(ACT_CODE, "PSY")) is MENTAL


def test_confidentiality_letters_count_only_as_confidentiality() -> None:
    assert category("Condition", code=concept("http://example.org/grade", "R")) is CLINICAL


@pytest.mark.parametrize(
    "content",
    [
        {"code": {"text": "Depression"}},
        {"note": [{"text": "long talk about her depression"}]},
        {"text": {"status": "generated", "div": "<div>Depression</div>"}},
        {"contained": [{"resourceType": "Condition", "id": "c", "code": making.DEPRESSION}]},
        {"extension": [{"url": "u", "valueString": "depression"}]},
        {"component": [{"code": concept(making.LOINC, "44261-6")}]},
        {"valueCodeableConcept": concept(making.ICD10, "F33.1")},
        {"reasonReference": [{"reference": "Condition/elsewhere", "display": "Depression"}]},
        {"x": [[["depression"]], [[{"y": "depression"}]]]},
        {"content": [{"contentType": "text/plain", "data": base64.b64encode(b"severe depression").decode()}]},
    ],
)
def test_a_topic_is_found_wherever_it_stands(content: making.Resource) -> None:
    assert category("Observation", **content) is MENTAL


def test_attachments_that_are_not_text_are_not_read() -> None:
    data = base64.b64encode(b"depression").decode()
    assert category("DocumentReference", content=[{"contentType": "image/png", "data": data}]) is CLINICAL
    assert category("DocumentReference", content=[{"contentType": "text/plain", "data": "%%%"}]) is CLINICAL


def test_a_patient_is_demographics_whatever_her_text_says() -> None:
    assert category("Patient", text={"status": "generated", "div": "<div>depression</div>"}) is Category.DEMOGRAPHICS


def test_a_reason_in_clear_makes_a_prescription_clinical_and_a_bare_reference_does_not() -> None:
    assert category("MedicationRequest", reasonCode=[making.HYPERTENSION]) is CLINICAL
    assert category("MedicationRequest", reasonReference=[{"reference": "#", "display": "Hypertension"}]) is CLINICAL
    assert category("MedicationRequest", reasonReference=[making.ref("c")]) is Category.MEDICATION


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"item": [{"productOrService": making.VISIT}]}, Category.BILLING),
        ({"item": [{"productOrService": concept(making.CPT, "99213")}]}, Category.BILLING),
        ({"type": concept("http://terminology.hl7.org/CodeSystem/claim-type", "institutional")}, Category.BILLING),
        ({"item": [{"productOrService": {**making.VISIT, "text": "Visit for hypertension"}}]}, CLINICAL),
        ({"item": [{"productOrService": {"text": "Plastering"}}]}, CLINICAL),
        ({"item": [{"productOrService": concept("http://example.org/tariff", "17")}]}, CLINICAL),
        ({"item": [{"productOrService": making.HYPERTENSION}]}, CLINICAL),
        ({"item": [{"productOrService": concept(making.RXNORM, "197361")}]}, Category.MEDICATION),
        ({"item": [{"productOrService": concept(making.ATC, "N06AB06")}]}, MENTAL),
        ({"item": [{"productOrService": concept("http://hl7.org/fhir/sid/cvx", "140")}]}, Category.IMMUNISATION),
        ({"diagnosis": [{"diagnosisCodeableConcept": concept(making.ICD10, "I10")}]}, CLINICAL),
        ({"diagnosis": [{"diagnosisCodeableConcept": concept(making.ICD10, "O80")}]}, REPRODUCTIVE),
        ({"diagnosis": [{"diagnosisCodeableConcept": {"text": "Hypertension"}}]}, CLINICAL),
        ({"procedure": [{"procedureCodeableConcept": concept("urn:local", "5")}]}, CLINICAL),
        ({"text": {"status": "generated", "div": "<div>Hypertension</div>"}}, CLINICAL),
        ({"supportingInfo": [{"valueString": "Hypertension"}]}, CLINICAL),
        ({"diagnosis": [{"diagnosisReference": {"reference": "Condition/elsewhere"}}]}, CLINICAL),
        ({"diagnosis": [{"diagnosisReference": {"reference": "urn:uuid:elsewhere"}}]}, CLINICAL),
        ({"prescription": {"reference": "MedicationRequest/elsewhere"}}, Category.MEDICATION),
        ({"provider": {"reference": "urn:uuid:elsewhere"}, "patient": {"reference": "Patient/1"}}, Category.BILLING),
        ({"item": [{"encounter": [{"reference": "Encounter/elsewhere"}]}]}, Category.BILLING),
    ],
)
@pytest.mark.parametrize("resource_type", ["Claim", "ExplanationOfBenefit"])
def test_a_bill_takes_the_category_of_what_it_names(
    resource_type: str, content: making.Resource, expected: Category
) -> None:
    assert category(resource_type, **content) is expected
