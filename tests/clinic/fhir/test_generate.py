import json
import re
from collections import Counter
from datetime import date
from pathlib import Path

from clinic.fhir.bundle import parse_bundle
from clinic.fhir.generate import generate, write_histories
from clinic.fhir.split import split
from scheme.scopes import Category
from tests import needs

TODAY = date(2026, 3, 4)


def test_the_same_seed_gives_the_same_bytes() -> None:
    first = list(generate(6, 11, TODAY))
    assert first == list(generate(6, 11, TODAY))
    assert first[:2] == list(generate(2, 11, TODAY))
    assert {data for _, data in first}.isdisjoint(data for _, data in generate(6, 12, TODAY))
    assert [name for name, _ in first][:2] == ["history-0001.json", "history-0002.json"]


def test_histories_hold_every_kind_of_record_and_references_resolve() -> None:
    types: Counter[str] = Counter()
    categories: Counter[Category] = Counter()
    scripts: set[str] = set()
    for _, data in generate(40, 1, TODAY):
        bundle = parse_bundle(data)
        assert 90 <= len(bundle.entries) <= 280
        urls = {entry.full_url for entry in bundle.entries}
        assert len(urls) == len(bundle.entries)
        assert set(re.findall(r'"reference": "([^"]*)"', data.decode())) <= urls
        types.update(entry.resource_type for entry in bundle.entries)
        categories.update(group.category for group in split(bundle))
        scripts.add(bundle.entries[0].resource["communication"][0]["language"]["coding"][0]["code"])
        assert all(group.year is None or 1930 < group.year <= TODAY.year for group in split(bundle))
    assert types.keys() >= {
        *("Patient", "Practitioner", "Organization", "Encounter", "Condition", "Observation", "MedicationRequest"),
        *("Immunization", "DiagnosticReport", "Procedure", "AllergyIntolerance", "Claim", "ExplanationOfBenefit"),
        *("ImagingStudy", "Coverage"),
    }
    assert categories.keys() >= set(Category) - {Category.DEVICE}
    assert len(scripts) >= 8


def test_final_zeros_are_kept() -> None:
    data = b"".join(data for _, data in generate(5, 3, TODAY))
    assert re.search(rb'"value": \d+\.\d0[,\n]', data)
    assert b'"#' not in data


def test_bills_that_stay_bills_name_nothing_but_visits() -> None:
    for _, data in generate(10, 5, TODAY):
        bundle = parse_bundle(data)
        named = {
            entry.resource["code"]["text"]
            for entry in bundle.entries
            if entry.resource_type in ("Condition", "Procedure")
        }
        bills = [r.data.decode() for g in split(bundle) if g.category is Category.BILLING for r in g.records]
        assert bills
        assert not [name for name in named for bill in bills if name in bill]


def test_writes_files(tmp_path: Path) -> None:
    paths = write_histories(tmp_path / "new", 3, 9, TODAY)
    assert [(path.name, path.read_bytes()) for path in paths] == list(generate(3, 9, TODAY))


def test_histories_are_valid_r4() -> None:
    models = needs.module("fhir.resources.R4B.bundle", feature="fhir")
    for _, data in generate(4, 7, TODAY):
        bundle = models.Bundle.model_validate(json.loads(data))
        assert len(bundle.entry) == len(parse_bundle(data).entries)
