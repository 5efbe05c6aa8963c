import time
from typing import Any

import pytest

from clinic.fhir.bundle import parse_bundle
from clinic.fhir.categorise import SENSITIVE
from clinic.fhir.split import split
from scheme.scopes import Category
from tests.clinic.fhir import making
from tests.clinic.fhir.making import categories, ref, resource

MENTAL, REPRODUCTIVE, CLINICAL = Category.MENTAL_HEALTH, Category.REPRODUCTIVE, Category.CLINICAL

DEPRESSION = resource("Condition", "dep", code=making.DEPRESSION, encounter=ref("visit"), subject=ref("pat"))
PATIENT = resource("Patient", "pat")
VISIT = resource("Encounter", "visit", subject=ref("pat"))


@pytest.mark.parametrize(
    "referrer",
    [
        resource("CarePlan", "x", addresses=[ref("dep")]),
        resource("CareTeam", "x", reasonReference=[ref("dep")]),
        resource("MedicationRequest", "x", reasonReference=[ref("dep")]),
        resource("MedicationStatement", "x", reasonReference=[ref("dep")]),
        resource("Procedure", "x", reasonReference=[ref("dep")]),
        resource("Goal", "x", addresses=[ref("dep")]),
        resource("DiagnosticReport", "x", result=[ref("dep")]),
        resource("Claim", "x", diagnosis=[{"diagnosisReference": ref("dep")}]),
        resource("Composition", "x", section=[{"entry": [ref("dep")]}]),
        resource("Provenance", "x", target=[ref("dep")]),
        resource("List", "x", entry=[{"item": {"reference": "Condition/dep"}}]),
        resource("Basic", "x", contained=[resource("Basic", "c", subject={"reference": "Condition/dep/_history/3"})]),
    ],
)
def test_what_refers_to_a_sensitive_record_is_sensitive(referrer: making.Resource) -> None:
    found = categories(PATIENT, VISIT, DEPRESSION, referrer)
    assert found["x"] is MENTAL
    assert (found["pat"], found["visit"]) == (Category.DEMOGRAPHICS, CLINICAL)


def test_a_sensitive_condition_does_not_colour_its_visit_but_a_sensitive_visit_colours_all() -> None:
    weight = resource("Observation", "weight", encounter=ref("visit"))
    assert categories(PATIENT, VISIT, DEPRESSION, weight)["weight"] is CLINICAL
    for content in (
        {"reasonCode": [making.PREGNANCY]},
        {"type": [making.PREGNANCY]},
        {"reasonReference": [ref("preg")]},
        {"diagnosis": [{"condition": ref("preg")}]},
    ):
        visit = resource("Encounter", "visit", **content)
        found = categories(resource("Condition", "preg", code=making.PREGNANCY), visit, weight)
        assert set(found.values()) == {REPRODUCTIVE}


def test_spreads_over_many_steps_and_the_stricter_wins() -> None:
    chain = [resource("Basic", str(at), subject=ref(str(at - 1))) for at in range(1, 5000)]
    found = categories(resource("Condition", "0", code=making.DEPRESSION), *chain[::-1])
    assert set(found.values()) == {MENTAL}
    both = resource("CarePlan", "both", addresses=[ref("preg"), ref("dep")])
    assert categories(DEPRESSION, resource("Condition", "preg", code=making.PREGNANCY), both)["both"] is MENTAL


def test_cycles_end() -> None:
    one = resource("Basic", "1", subject=ref("2"))
    two = resource("Basic", "2", subject=ref("1"), author=ref("2"))
    assert set(categories(one, two).values()) == {CLINICAL}
    assert set(categories(one, {**two, "code": making.PREGNANCY}).values()) == {REPRODUCTIVE}


def test_nothing_spreads_through_the_patient() -> None:
    labelled = {**PATIENT, "meta": making.labelled(making.ACT_CODE, "PSY"), "generalPractitioner": [ref("dep")]}
    found = categories(labelled, VISIT, DEPRESSION, resource("Observation", "x", subject=ref("pat")))
    assert (found["pat"], found["x"], found["visit"]) == (MENTAL, CLINICAL, CLINICAL)
    assert categories({**PATIENT, "generalPractitioner": [ref("dep")]}, DEPRESSION)["pat"] is Category.DEMOGRAPHICS


def test_bills_take_the_category_of_what_they_refer_to() -> None:
    care = [
        VISIT,
        resource("Condition", "hyp", code=making.HYPERTENSION),
        resource("MedicationRequest", "pill"),
        resource("Immunization", "shot"),
        resource("Claim", "mere", item=[{"productOrService": making.VISIT, "encounter": [ref("visit")]}]),
        resource("Claim", "diagnosis", diagnosis=[{"diagnosisReference": ref("hyp")}]),
        resource("Claim", "prescription", prescription=ref("pill")),
        resource("Claim", "vaccine", supportingInfo=[{"valueReference": ref("shot")}]),
        resource("Claim", "two", prescription=ref("pill"), diagnosis=[{"diagnosisReference": ref("hyp")}]),
        resource("ExplanationOfBenefit", "benefit", claim=ref("diagnosis")),
        resource("ExplanationOfBenefit", "mere-benefit", claim=ref("mere")),
        resource("PaymentNotice", "paid", request=ref("benefit")),
    ]
    found = categories(*care)
    assert found["mere"] is found["mere-benefit"] is Category.BILLING
    assert found["diagnosis"] is found["benefit"] is found["paid"] is found["two"] is CLINICAL
    assert found["prescription"] is Category.MEDICATION
    assert found["vaccine"] is Category.IMMUNISATION


def test_a_report_takes_the_category_of_its_results() -> None:
    lab: dict[str, Any] = {"category": [{"coding": [{"code": "laboratory"}]}]}
    death = resource("Observation", "death", valueCodeableConcept=making.HYPERTENSION)
    sodium = resource("Observation", "sodium", **lab, encounter=ref("visit"))
    found = categories(
        VISIT,
        death,
        sodium,
        resource("DiagnosticReport", "plain", **lab, result=[ref("sodium")]),
        resource("DiagnosticReport", "mixed", **lab, result=[ref("sodium"), ref("death")]),
    )
    assert found["sodium"] is found["plain"] is Category.LABORATORY
    assert found["mixed"] is CLINICAL


def test_references_resolve_by_url_relative_name_and_uuid() -> None:
    base = "https://ehr.example.org/fhir/"
    condition = '{"resourceType":"Condition","id":"c","code":{"text":"depression"}}'
    for target in ("Condition/c", base + "Condition/c", base + "Condition/c/_history/1", base + "Condition/c#part"):
        goal = f'{{"resourceType":"Goal","id":"g","addresses":[{{"reference":"{target}"}}]}}'
        data = f"""{{"resourceType":"Bundle","entry":[
            {{"fullUrl":"{base}Goal/g","resource":{goal}}},{{"fullUrl":"{base}Condition/c","resource":{condition}}}]}}"""
        (group,) = split(parse_bundle(data.encode()))
        assert group.category in SENSITIVE
        assert len(group.records) == 2


def test_versions_that_share_a_name_all_count() -> None:
    plain = resource("Condition", "c", code=making.HYPERTENSION)
    sensitive = resource("Condition", "c", code=making.DEPRESSION)
    for versions in ((plain, sensitive), (sensitive, plain)):
        assert categories(*versions, resource("Goal", "g", addresses=[ref("c")]))["g"] is MENTAL


def test_time_is_linear_in_the_references() -> None:
    def seconds(size: int) -> float:
        everything = resource("List", "list", entry=[{"item": ref(str(at))} for at in range(size)])
        made = [resource("Basic", str(at), subject=ref("list")) for at in range(size)]
        data = parse_bundle(making.bundle_of(everything, *made))
        start = time.process_time()
        split(data)
        return time.process_time() - start

    assert seconds(8000) < 40 * max(seconds(1000), 0.005)
