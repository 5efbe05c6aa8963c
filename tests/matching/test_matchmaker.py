"""Matchmaker Exchange patients: observed and excluded terms, of the public benchmark and of made-up files."""

from __future__ import annotations

import json

import pytest

from matching.errors import MatchmakerInvalid, SymptomInvalid, SymptomsEmpty, SymptomsTooMany
from matching.matchmaker import MAX_MATCHMAKER_BYTES, read_matchmaker_patient
from matching.symptoms import MAX_SYMPTOMS, Symptoms
from matching.vocabulary import Vocabulary
from tests.needs import data

SEIZURE, HEADACHE, MERGED, MERGED_INTO = "HP:0001250", "HP:0002315", "HP:0001388", "HP:0001382"


def patient(*features: object, **fields: object) -> bytes:
    return json.dumps({"id": "P1", "features": features, **fields}).encode()


def read(content: bytes) -> Symptoms:
    return read_matchmaker_patient(content, Vocabulary.default())


def test_the_public_benchmark_reads_with_as_many_terms_as_it_has() -> None:
    known = Vocabulary.default()
    patients = json.loads((data("mme_benchmark") / "benchmark_patients.json").read_bytes())
    observed, excluded = 0, 0
    for each in patients:
        said: dict[str, set[str]] = {"yes": set(), "no": set()}
        for feature in each["features"]:
            said[feature["observed"]].add(known.canonical_id(feature["id"]))
        found = read(json.dumps(each).encode())
        assert found == Symptoms(frozenset(said["yes"]), frozenset(said["no"]))
        assert read(json.dumps({"patient": each}).encode()) == found
        observed, excluded = observed + len(found.observed), excluded + len(found.excluded)
    assert (len(patients), observed, excluded) == (50, 554, 2)


def test_a_feature_is_observed_unless_it_says_otherwise() -> None:
    found = read(patient({"id": SEIZURE}, {"id": HEADACHE, "observed": "no"}, {"id": "HP:0000252", "observed": "yes"}))
    assert found == Symptoms(frozenset({SEIZURE, "HP:0000252"}), frozenset({HEADACHE}))


def test_a_feature_of_which_nothing_is_known_is_passed_over() -> None:
    found = read(patient({"id": SEIZURE}, {"id": HEADACHE, "observed": "unknown"}))
    assert found == Symptoms(frozenset({SEIZURE}))


def test_unknown_terms_survive_and_merged_ones_are_resolved() -> None:
    found = read(patient({"id": "HP:9999999"}, {"id": MERGED}, {"id": "R51.9", "observed": "no"}))
    assert found == Symptoms(frozenset({"HP:9999999", MERGED_INTO}), frozenset({"R51.9"}))


def test_onset_genes_disorders_and_other_fields_change_nothing() -> None:
    plain = read(patient({"id": SEIZURE}))
    feature = {"id": SEIZURE, "ageOfOnset": HEADACHE, "label": "Headache", "_own": 1}
    more = {
        "ageOfOnset": "HP:0003577",
        "inheritanceMode": "HP:0000006",
        "genomicFeatures": [{"gene": {"id": "EFTUD2"}}],
        "disorders": [{"id": "MIM:610536"}],
        "_own": {"features": [{"id": HEADACHE}]},
    }
    assert read(patient(feature, **more)) == plain


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"3",
        b"null",
        b"\xff\xff",
        b"[" * 100_000,
        b"[" + patient({"id": SEIZURE}) + b"]",
        b'{"results": []}',
        b'{"patient": []}',
        b'{"patient": null}',
        b'{"features": [{"id": "HP:0001250"}]}',
        b'{"id": "P1"}',
        b'{"id": "P1", "phenotypicFeatures": [{"type": {"id": "HP:0001250"}}]}',
        b'{"id": "P1", "features": null}',
        b'{"id": "P1", "features": {"id": "HP:0001250"}}',
        b'{"id": "P1", "features": "HP:0001250"}',
        b'{"id": "P1", "features": [{"id": "HP:0001250"}], "features": [{"id": "HP:0002315"}]}',
        b'{"id": "P1", "features": [{"id": "HP:0001250", "observed": "no", "observed": "yes"}]}',
        patient({"id": SEIZURE}, id=7),
        patient({"id": SEIZURE}, id=""),
        patient({"id": SEIZURE}, id="P" * 256),
        patient(SEIZURE),
        patient([SEIZURE]),
        patient(None),
        patient({}),
        patient({"id": 1250}),
        patient({"id": None}),
        patient({"label": "Seizure"}),
        *(patient({"id": SEIZURE, "observed": said}) for said in (True, None, "YES", "maybe", "", ["yes"], {})),
        b" " * (MAX_MATCHMAKER_BYTES + 1),
    ],
)
def test_what_is_no_patient_of_the_exchange_is_refused(content: bytes) -> None:
    with pytest.raises(MatchmakerInvalid) as refused:
        read(content)
    assert refused.value.code == "matchmaker-invalid"
    assert "HP:" not in str(refused.value)
    assert "P1" not in str(refused.value)


@pytest.mark.parametrize(
    "content",
    [
        b'{"id": "P1", "genomicFeatures": [{"gene": {"id": "EFTUD2"}}]}',
        patient(),
        patient({"id": SEIZURE, "observed": "no"}),
        patient({"id": SEIZURE, "observed": "unknown"}),
    ],
)
def test_a_patient_without_observed_features_has_no_symptoms(content: bytes) -> None:
    with pytest.raises(SymptomsEmpty):
        read(content)


def test_bad_and_too_many_ids_are_refused_as_everywhere() -> None:
    with pytest.raises(SymptomInvalid):
        read(patient({"id": "bad headache"}))
    with pytest.raises(SymptomsTooMany):
        read(patient(*({"id": f"HP:{9000000 + number}"} for number in range(MAX_SYMPTOMS + 1))))
