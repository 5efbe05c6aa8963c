"""Coded conditions of FHIR records as terms: only what the ontology's cross-references say."""

from __future__ import annotations

import json
import zipfile
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.conditions import CodeMap, coded_terms, symptoms_of_records, terms_of_records
from matching.errors import SymptomsEmpty
from matching.symptoms import Symptoms
from matching.vocabulary import Vocabulary
from tests.needs import data

SNOMED = "http://snomed.info/sct"
ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"


@pytest.fixture(name="codes", scope="module")
def codes_fixture() -> CodeMap:
    return default_codes()


@cache
def default_codes() -> CodeMap:
    return CodeMap(Vocabulary.default())


def condition(system: str, code: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Condition", "code": {"coding": [{"system": system, "code": code}]}, **more}


def status(code: str) -> dict[str, Any]:
    return {"coding": [{"code": code}]}


@pytest.mark.parametrize(
    ("system", "code", "term"),
    [
        (SNOMED, "84757009", "HP:0001250"),
        (SNOMED, "38341003", "HP:0000822"),
        ("http://hl7.org/fhir/sid/icd-10", "G44.2", "HP:0012228"),
        (ICD_10_CM, "R51.9", "R51.9"),
        (ICD_10_CM, "R519", "R51.9"),
        (ICD_10_CM, "R04.0", "HP:0000421"),
        ("http://human-phenotype-ontology.org", "HP:0001303", "HP:0001250"),
        (SNOMED, "444814009", None),
        (SNOMED, "HP:0001250", None),
        (ICD_10_CM, "J45.909", None),
        (ICD_10_CM, "R51.77", None),
        (ICD_10_CM, "\x00", None),
        ("http://human-phenotype-ontology.org", "two words", None),
        ("http://example.org/own", "84757009", None),
        ("", "84757009", None),
    ],
)
def test_a_code_is_the_term_that_the_ontology_names(codes: CodeMap, system: str, code: str, term: str | None) -> None:
    assert codes.term(system, code) == term


def test_a_code_named_with_unrelated_terms_is_left_to_the_patient(codes: CodeMap) -> None:
    hpo = Vocabulary.default()
    for term in hpo:
        for xref in term.xrefs:
            prefix, _, code = xref.partition(":")
            if prefix == "SNOMEDCT_US" and (found := codes.term(SNOMED, code)):
                assert found == term.id or found in hpo.ancestors(term.id)
    named = {term.id for term in hpo if "NCIT:C3262" in term.xrefs}
    assert len(named) > 10
    assert codes.term("http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl", "C3262") in {None, "HP:0002664"}


def test_real_histories_give_terms(codes: CodeMap) -> None:
    with zipfile.ZipFile(data("synthea_fhir_r4") / "patients.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".json")]
        histories = [[entry["resource"] for entry in json.loads(archive.read(name))["entry"]] for name in names[:12]]
    ever = [set(terms_of_records(history, codes, current_only=False)) for history in histories]
    now = [set(terms_of_records(history, codes)) for history in histories]
    assert all(some <= more for some, more in zip(now, ever, strict=True))
    assert sum(map(len, now)) < sum(map(len, ever))
    hpo = Vocabulary.default()
    for history, terms in zip(histories, ever, strict=True):
        coded = {
            f"SNOMEDCT_US:{coding['code']}"
            for resource in history
            if resource["resourceType"] == "Condition"
            for coding in resource["code"]["coding"]
        }
        for each in terms:
            term = hpo.term(each)
            assert term is not None
            assert coded & set(term.xrefs)


def test_refuted_conditions_are_excluded_and_errors_and_past_ones_passed_over(codes: CodeMap) -> None:
    resources = [
        condition(SNOMED, "84757009", clinicalStatus=status("active")),
        condition(SNOMED, "84757009"),
        condition(SNOMED, "38341003", verificationStatus=status("refuted")),
        condition(SNOMED, "195967001", verificationStatus=status("entered-in-error")),
        condition(SNOMED, "271737000", clinicalStatus=status("resolved")),
        {"resourceType": "Patient"},
    ]
    assert terms_of_records(resources, codes) == ["HP:0001250"]
    found = symptoms_of_records(resources, Vocabulary.default(), codes)
    assert found == Symptoms(frozenset({"HP:0001250"}), frozenset({"HP:0000822"}))
    assert terms_of_records(resources, codes, current_only=False) == ["HP:0001250", "HP:0001903"]
    with pytest.raises(SymptomsEmpty):
        symptoms_of_records(resources[2:], Vocabulary.default(), codes)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["coding", "code", "system", "clinicalStatus"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["code", "clinicalStatus", "verificationStatus"]), JSON))
def test_misshapen_conditions_are_passed_over(fields: dict[str, Any]) -> None:
    assert list(coded_terms([{"resourceType": "Condition", **fields}], default_codes())) == []
