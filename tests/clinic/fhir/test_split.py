import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic.fhir.bundle import parse_bundle
from clinic.fhir.split import Limits, split
from scheme.scopes import Category
from tests.clinic.fhir.making import bundle_of, groups_of, ref, resource


def year(resource_type: str, **content: object) -> int | None:
    (group,) = groups_of(resource(resource_type, "x", **content))
    return group.year


@pytest.mark.parametrize(
    ("resource_type", "content", "expected"),
    [
        ("Observation", {"effectiveDateTime": "2015-12-31T23:30:00-05:00", "issued": "2016-01-01T04:31:00Z"}, 2015),
        ("Observation", {"effectivePeriod": {"start": "2014-05", "end": "2015-01"}}, 2014),
        ("Observation", {"effectivePeriod": {"end": "2015-01"}}, 2015),
        ("Observation", {"effectiveTiming": {"event": ["2013-02-01"]}}, 2013),
        ("Observation", {"issued": "2016-01-01T04:31:00Z"}, 2016),
        ("Condition", {"onsetDateTime": "2001", "recordedDate": "2003-01-01"}, 2001),
        ("Condition", {"onsetAge": {"value": 5}, "recordedDate": "2003-01-01"}, 2003),
        ("Procedure", {"performedPeriod": {"start": "1999-01-02"}}, 1999),
        ("Immunization", {"occurrenceDateTime": "1985-01-02"}, 1985),
        ("MedicationRequest", {"authoredOn": "2011-06"}, 2011),
        ("Encounter", {"period": {"start": "2010-01-01T10:00:00Z"}}, 2010),
        ("Claim", {"billablePeriod": {"start": "2009-01-01"}, "created": "2010-01-01"}, 2009),
        ("Claim", {"created": "2010-01-01"}, 2010),
        ("ImagingStudy", {"started": "2007-03-04"}, 2007),
        ("DocumentReference", {"date": "2012-01-01T00:00:00Z"}, 2012),
        ("Specimen", {"collection": {"collectedDateTime": "2018-02-02"}}, 2018),
        ("Observation", {"effectiveDateTime": "0215-12-31"}, None),
        ("Observation", {"effectiveDateTime": "9999-12-31"}, None),
        ("Observation", {"effectiveDateTime": "9999", "issued": "2016-01-01T00:00:00Z"}, 2016),
        ("Observation", {"effectiveDateTime": "20151231"}, None),
        ("Observation", {"effectiveDateTime": "about 1990"}, None),
        ("Observation", {"effectiveDateTime": True}, None),
        ("Observation", {"effectiveDateTime": ["2015"]}, 2015),
        ("Observation", {}, None),
        ("Patient", {"birthDate": "1950-01-01", "date": "2001"}, None),
        ("Organization", {"date": "2001"}, None),
    ],
)
def test_year_of_the_event(resource_type: str, content: dict[str, object], expected: int | None) -> None:
    assert year(resource_type, **content) == expected


def test_year_of_the_visit_when_the_record_has_none() -> None:
    visit = resource("Encounter", "visit", period={"start": "2004-03-01T09:00:00+01:00"})
    (group,) = groups_of(visit, resource("Procedure", "x", encounter=ref("visit")))
    assert (group.year, group.encounter) == (2004, "urn:uuid:visit")
    assert [record.time for record in group.records] == ["2004-03-01T09:00:00+01:00", None]


def test_visit_of_a_bill_and_of_a_document() -> None:
    visit = resource("Encounter", "visit")
    found = groups_of(
        visit,
        resource("Claim", "x", item=[{"encounter": [ref("visit")]}]),
        resource("DocumentReference", "d", context={"encounter": [ref("visit")]}),
        resource("MedicationStatement", "m", context=ref("visit")),
        resource("Basic", "n", context=ref("x")),
    )
    by_name = {record.resource_id: group.encounter for group in found for record in group.records}
    assert by_name == {**dict.fromkeys(["visit", "x", "d", "m"], "urn:uuid:visit"), "n": None}


def test_a_visit_outside_the_bundle_still_groups() -> None:
    one = resource("Procedure", "1", encounter={"reference": "Encounter/7"})
    two = resource("Procedure", "2", encounter={"reference": "Encounter/8"})
    assert [group.encounter for group in groups_of(one, two, {**one, "id": "3"})] == ["Encounter/7", "Encounter/8"]


def test_no_visits_and_no_dates() -> None:
    found = groups_of(resource("Patient", "p"), resource("Observation", "o"), resource("Observation", "q"))
    assert [(group.category, group.year, group.encounter, len(group.records)) for group in found] == [
        (Category.DEMOGRAPHICS, None, None, 1),
        (Category.CLINICAL, None, None, 2),
    ]


def test_limits_cut_a_group_and_lose_nothing() -> None:
    many = [resource("Basic", str(at), filler="x" * 50) for at in range(20)]
    large = resource("Basic", "large", filler="x" * 5000)
    bundle = parse_bundle(bundle_of(*many[:10], large, *many[10:]))
    parts = split(bundle, Limits(max_group_records=4, max_group_bytes=1000))
    assert [record.data for group in parts for record in group.records] == [entry.raw for entry in bundle.entries]
    assert all(len(group.records) <= 4 for group in parts)
    assert [len(group.records) for group in parts if sum(len(record.data) for record in group.records) > 1000] == [1]


def test_weird_values_where_objects_are_expected() -> None:
    odd: list[object] = [None, 5, "text", [], {}, [[]], [None], {"coding": "x"}, {"reference": 5}, {"coding": [None]}]
    for value in odd:
        names = ("category", "code", "meta", "encounter", "context", "subject", "reasonReference", "reasonCode", "item")
        for resource_type in ("Observation", "Claim", "MedicationRequest", "Encounter", "Patient"):
            found = groups_of(resource(resource_type, "x", **dict.fromkeys(names, value), period=value, security=value))
            assert sum(len(group.records) for group in found) == 1


NAMES = st.sampled_from(["a", "b", "c", "d"])
TYPES = st.sampled_from(["Patient", "Encounter", "Condition", "Claim", "Observation", "Goal", "Coverage"])
RESOURCES = st.builds(
    lambda kind, name, links, when, text: {
        "resourceType": kind,
        "id": name,
        "encounter": {"reference": f"urn:uuid:{links[0]}"},
        "about": [{"reference": f"urn:uuid:{link}"} for link in links],
        "date": when,
        "note": text,
    },
    TYPES,
    NAMES,
    st.lists(NAMES, min_size=1, max_size=3),
    st.sampled_from(["2001", "2002-05-05", "soon", ""]),
    st.sampled_from(["", "depression", "pregnancy"]),
)


@given(st.lists(RESOURCES, max_size=8))
def test_every_record_once_and_no_reference_to_a_stricter_one(made: list[dict[str, object]]) -> None:
    bundle = parse_bundle(bundle_of(*made))
    groups = split(bundle)
    records = [record for group in groups for record in group.records]
    assert sorted(record.data for record in records) == sorted(entry.raw for entry in bundle.entries)
    assert split(bundle) == groups
    keys = [(group.category, group.year, group.encounter) for group in groups]
    assert len(set(keys)) == len(keys)
    category = {record.data: group.category for group in groups for record in group.records}
    for source in bundle.entries:
        linked = {link["reference"] for link in json.loads(source.raw)["about"]}
        for target in bundle.entries:
            if target.full_url not in linked or "Patient" in (source.resource_type, target.resource_type):
                continue
            if category[target.raw] is Category.MENTAL_HEALTH:
                assert category[source.raw] is Category.MENTAL_HEALTH
            elif category[target.raw] is Category.REPRODUCTIVE:
                assert category[source.raw] in (Category.MENTAL_HEALTH, Category.REPRODUCTIVE)
