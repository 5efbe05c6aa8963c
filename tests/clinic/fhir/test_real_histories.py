"""60 whole-life histories that nobody here wrote: right answers for parse, categorise, split and assemble."""

import io
import json
import random
import zipfile
from collections import Counter
from collections.abc import Iterator

import pytest

from clinic.fhir.assemble import assemble
from clinic.fhir.bundle import Bundle, parse_bundle
from clinic.fhir.split import RecordGroup, split
from clinic.fhir.words import MENTAL_HEALTH_WORDS, REPRODUCTIVE_WORDS
from scheme.scopes import Category
from tests import needs

SENSITIVE = (Category.MENTAL_HEALTH, Category.REPRODUCTIVE)


@pytest.fixture(scope="module")
def histories() -> list[tuple[bytes, Bundle, list[RecordGroup]]]:
    def read() -> Iterator[tuple[bytes, Bundle, list[RecordGroup]]]:
        with zipfile.ZipFile(needs.data("synthea_fhir_r4") / "patients.zip") as archive:
            for name in archive.namelist():
                if name.endswith(".json"):
                    data = archive.read(name)
                    bundle = parse_bundle(data)
                    yield data, bundle, split(bundle)

    return list(read())


def test_every_resource_comes_back_equal(histories: list[tuple[bytes, Bundle, list[RecordGroup]]]) -> None:
    total = 0
    for data, bundle, groups in histories:
        records = [(record.full_url, record.data) for group in groups for record in group.records]
        assert Counter(records) == Counter((entry.full_url, entry.raw) for entry in bundle.entries)
        assert all(raw in data for _, raw in records)
        random.Random(1).shuffle(records)
        sink = io.BytesIO()
        total += assemble(records, sink)
        back = {entry["fullUrl"]: entry["resource"] for entry in json.loads(sink.getvalue())["entry"]}
        assert back == {entry["fullUrl"]: entry["resource"] for entry in json.loads(data)["entry"]}
    assert total == 18_390


def test_only_clinical_and_sensitive_groups_name_a_diagnosis(
    histories: list[tuple[bytes, Bundle, list[RecordGroup]]],
) -> None:
    checked = 0
    for _, bundle, groups in histories:
        named: set[str] = set()
        for entry in bundle.entries:
            if entry.resource_type == "Condition":
                code = entry.resource["code"]
                named |= {code["text"]} | {coding["display"] for coding in code["coding"]}
                named |= {f'"{coding["code"]}"' for coding in code["coding"]}
        text = "\n".join(
            record.data.decode()
            for group in groups
            if group.category not in (Category.CLINICAL, *SENSITIVE)
            for record in group.records
        )
        checked += len(text)
        assert not [name for name in named if name in text]
    assert checked > 10_000_000


def test_bills_name_no_procedure_medicine_or_vaccine(histories: list[tuple[bytes, Bundle, list[RecordGroup]]]) -> None:
    bills = 0
    for _, bundle, groups in histories:
        named: set[str] = set()
        for entry in bundle.entries:
            for key in ("code", "medicationCodeableConcept", "vaccineCode"):
                codings = entry.resource.get(key, {}).get("coding", [])
                named |= {coding["display"] for coding in codings}
                named |= {f'"{coding["code"]}"' for coding in codings if len(coding["code"]) > 4}
        for group in groups:
            for record in group.records if group.category is Category.BILLING else ():
                bills += 1
                text = record.data.decode()
                assert not [name for name in named if name in text]
    assert bills > 500


def test_sensitive_words_stand_only_in_sensitive_groups(
    histories: list[tuple[bytes, Bundle, list[RecordGroup]]],
) -> None:
    sensitive: Counter[Category] = Counter()
    lines: set[bytes] = set()
    for _, _, groups in histories:
        for group in groups:
            sensitive[group.category] += len(group.records)
            if group.category not in SENSITIVE:
                lines.update(line.strip() for record in group.records for line in record.data.splitlines())
    text = b"\n".join(line for line in lines if not line.startswith((b'"reference"', b'"id"'))).decode().lower()
    assert len(text) > 100_000
    assert not MENTAL_HEALTH_WORDS.search(text)
    assert not REPRODUCTIVE_WORDS.search(text)
    assert sensitive[Category.MENTAL_HEALTH] > 300
    assert sensitive[Category.REPRODUCTIVE] > 1500


def test_nothing_open_refers_to_something_sensitive(histories: list[tuple[bytes, Bundle, list[RecordGroup]]]) -> None:
    for _, _, groups in histories:
        hidden = {r.full_url for g in groups if g.category in SENSITIVE for r in g.records}
        for group in groups:
            if group.category not in SENSITIVE:
                text = b"\n".join(record.data for record in group.records).decode()
                assert not [url for url in hidden if f'"reference": "{url}"' in text]


def test_years_are_those_of_the_events(histories: list[tuple[bytes, Bundle, list[RecordGroup]]]) -> None:
    undated: Counter[str] = Counter()
    for _, _, groups in histories:
        for group in groups:
            for record in group.records:
                if group.year is None:
                    undated[record.resource_type] += 1
                elif record.time is not None:
                    assert record.time.startswith(f"{group.year}-")
                    assert f'"{record.time}"' in record.data.decode()
    assert set(undated) == {"Patient", "Organization", "Practitioner", "Goal"}
