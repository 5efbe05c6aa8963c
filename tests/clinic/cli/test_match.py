"""Commands of matching: two patients find each other and talk, and everything that is refused on the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest

from clinic.cli.main import cli
from matching.closure import Closure
from tests.clinic.cli.conftest import Shell
from tests.clinic.scene import AUTHOR, OTHER, PASSWORD, PATIENT

SEIZURE, ATAXIA, HEARING, FEVER = "HP:0001250", "HP:0001251", "HP:0000365", "HP:0001945"
ALICE, BERTA = ("--patient", PATIENT), ("--patient", OTHER)


def opt_in(shell: Shell, name: str, *terms: str, options: tuple[str, ...] = ()) -> dict[str, Any]:
    symptoms = [word for term in terms for word in ("--symptom", term)]
    found: dict[str, Any] = shell.json("match", "optin", "--patient", name, *symptoms, *options)
    return found


@pytest.fixture
def matched(shell: Shell) -> str:
    """Two patients opted in, one of them found the other; the match's id."""
    opt_in(shell, PATIENT, SEIZURE, ATAXIA, FEVER)
    opt_in(shell, OTHER, SEIZURE, ATAXIA, HEARING)
    (found,) = shell.json("match", "find", *ALICE)["matches"]
    assert found["status"] == "open"
    return str(found["match"])


@pytest.fixture
def talking(shell: Shell, matched: str) -> str:
    """Both accepted, and proved what they share."""
    shell.ok("match", "accept", matched, *ALICE)
    shell.ok("match", "accept", matched, *BERTA)
    for who in (ALICE, BERTA, ALICE):
        shell.ok("session", "read", matched, *who)
    return matched


def test_two_patients_find_each_other_and_talk(shell: Shell, matched: str) -> None:
    assert [each["match"] for each in shell.json("match", "list", *BERTA)["matches"]] == [matched]
    assert "[not-both-accepted]" in run_error(shell, "match", "accept", matched, *ALICE, then="shared")
    assert "[match-unknown]" in shell.error("match", "shared", matched, *BERTA)
    assert shell.json("match", "accept", matched[:12], *BERTA)["status"] == "paired"
    for who in (ALICE, BERTA):
        found = shell.json("match", "shared", matched, *who)
        assert {SEIZURE, ATAXIA} <= {each["id"] for each in found["shared"]}
        assert not {FEVER, HEARING} & {each["id"] for each in found["shared"]}
        assert 0 < found["score"] < 1
    shell.ok("session", "read", matched, *ALICE)
    assert shell.json("session", "send", matched, *ALICE, "Since when?")["sent"]
    read = shell.json("session", "read", matched, *BERTA)
    assert [each["text"] for each in read["texts"]] == ["Since when?"]
    assert "of yours not confirmed" in shell.ok("session", "read", matched, *ALICE)
    assert shell.json("session", "send", matched, *BERTA, "As a child. And you?")["sent"]
    answer = shell.ok("session", "read", matched, *ALICE)
    assert "As a child. And you?" in answer
    assert "not confirmed" not in answer
    assert "Nothing new." in shell.ok("session", "read", matched, *ALICE)
    assert "As a child. And you?" in shell.ok("session", "read", matched, *ALICE, "--all")


def run_error(shell: Shell, *words: str, then: str) -> str:
    shell.ok(*words)
    return shell.error(words[0], then, *words[2:])


def test_symptoms_are_looked_up_by_everyday_words(shell: Shell) -> None:
    found = shell.json("symptoms", "search", "bad headache")
    assert "HP:0002315" in [each["id"] for each in found["terms"]]
    assert found["source"].startswith("Human Phenotype Ontology, release ")
    assert "Headache" in shell.ok("symptoms", "search", "bad headache")
    assert "No term is near" in shell.ok("symptoms", "search", "xyzzyqwv")


def test_symptoms_are_looked_up_in_other_languages_where_files_are(shell: Shell, tmp_path: Path) -> None:
    assert "[vocabulary-missing]" in shell.error("symptoms", "search", "Kopfschmerz", "--language", "de")
    columns = ("source_language", "subject_id", "predicate_id", "translation_language", "translation_value",
               "translation_status")  # fmt: skip
    row = ("en", "HP:0002315", "rdfs:label", "de", "Kopfschmerzen", "OFFICIAL")
    table = tmp_path / "hp-de-preprocessed.babelon.tsv"
    table.write_text("\t".join(columns) + "\n" + "\t".join(row) + "\n")
    words = ("symptoms", "search", "Kopfschmerzen", "--language", "de", "--translations", tmp_path)
    assert [each["id"] for each in shell.json(*words)["terms"]] == ["HP:0002315"]


def test_an_opt_in_tells_what_was_taken(shell: Shell) -> None:
    told = opt_in(shell, PATIENT, "hp:0001250", ATAXIA)
    assert told["closure"] == "near"
    assert {each["id"]: each["label"] for each in told["symptoms"]} == {SEIZURE: "Seizure", ATAXIA: "Ataxia"}
    assert "[opted-in-already]" in shell.error("match", "optin", *ALICE, "--symptom", FEVER)
    assert "Opted in with 1 symptom as" in shell.ok("match", "optin", *ALICE, "--symptom", FEVER, "--change")


def test_full_closure_says_what_it_gives_away(shell: Shell) -> None:
    run = shell.run("match", "optin", *ALICE, "--symptom", SEIZURE, "--closure", "full")
    assert run.status == 0
    assert str(Closure.FULL.warning) in run.err
    assert "epoch" not in shell.run("match", "optin", *BERTA, "--symptom", SEIZURE, "--closure", "exact").err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), "symptoms-empty"),
        (("--symptom", "not a symptom"), "symptom-invalid"),
        (("--symptom", "HP:0000001"), "symptoms-empty"),
        (tuple(word for number in range(257) for word in ("--symptom", f"X:{number}")), "symptoms-too-many"),
    ],
)
def test_bad_symptoms_are_refused_before_anything_is_made(shell: Shell, words: tuple[str, ...], code: str) -> None:
    error = shell.error("match", "optin", *ALICE, *words)
    assert f"[{code}]" in error
    assert "not a symptom" not in error
    assert not list((shell.home / "matching").rglob("*.sqlite"))


def test_a_term_that_nobody_knows_is_taken_as_it_is(shell: Shell) -> None:
    told = opt_in(shell, PATIENT, "HP:9999999")
    assert told["symptoms"] == [{"id": "HP:9999999", "label": "not in the vocabulary"}]


def test_symptoms_come_from_a_matchmaker_patient(shell: Shell, tmp_path: Path) -> None:
    query = tmp_path / "query.json"
    features = [{"id": "HP:0001250", "observed": "yes"}, {"id": "HP:0000252", "observed": "no"}]
    query.write_text(json.dumps({"patient": {"id": "1", "features": features}}))
    told = opt_in(shell, PATIENT, options=("--from-mme", str(query)))
    assert [each["id"] for each in told["symptoms"]] == ["HP:0001250"]
    query.write_text("[]")
    assert "[matchmaker-invalid]" in shell.error("match", "optin", *BERTA, "--from-mme", query)


def test_symptoms_come_from_a_phenopacket(shell: Shell, tmp_path: Path) -> None:
    features = [{"type": {"id": SEIZURE}}, {"type": {"id": FEVER}, "excluded": True}]
    packet = tmp_path / "packet.json"
    packet.write_text(json.dumps({"id": "x", "phenotypicFeatures": features}))
    told = opt_in(shell, PATIENT, options=("--from-phenopacket", str(packet)))
    assert [each["id"] for each in told["symptoms"]] == [SEIZURE]
    packet.write_text("[]")
    assert "[phenopacket-invalid]" in shell.error("match", "optin", *BERTA, "--from-phenopacket", packet)


def test_symptoms_come_from_her_own_sealed_records(shell: Shell, tmp_path: Path) -> None:
    coding = {"system": "http://human-phenotype-ontology.org", "code": SEIZURE}
    condition = {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p"},
                 "recordedDate": "2024-05-05", "code": {"coding": [coding]}}  # fmt: skip
    bundle = tmp_path / "bundle.json"
    entries = [{"resource": {"resourceType": "Patient", "id": "p"}}, {"resource": condition}]
    bundle.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}))
    shell.seal(bundle)
    told = opt_in(shell, PATIENT, ATAXIA, options=("--from-records",))
    assert [each["id"] for each in told["symptoms"]] == [SEIZURE, ATAXIA]
    assert "[symptoms-empty]" in shell.error("match", "optin", *BERTA, "--from-records")


def test_only_patients_opt_in(shell: Shell) -> None:
    assert "[name-unknown]" in shell.error("match", "optin", "--patient", AUTHOR, "--symptom", SEIZURE)


def test_the_authoritys_password_may_be_another_file(shell: Shell, tmp_path: Path) -> None:
    file, wrong = tmp_path / "authority", tmp_path / "wrong"
    file.write_text(PASSWORD + "\n")
    wrong.write_text("something else\n")
    words = ("match", "optin", *ALICE, "--symptom", SEIZURE, "--authority-password-file")
    assert "password" in shell.error(*words, wrong)
    shell.ok(*words, file)


def test_nothing_is_there_before_somebody_opted_in(shell: Shell) -> None:
    assert "[not-opted-in]" in shell.error("match", "find", *ALICE)
    assert "[not-opted-in]" in shell.error("match", "optout", *ALICE)
    assert "No matches" in shell.ok("match", "list", *ALICE)
    assert "[match-unknown]" in shell.error("match", "accept", "abcdef", *ALICE)


def test_no_good_match_is_an_answer(shell: Shell, matched: str) -> None:
    assert shell.json("match", "find", *ALICE, "--min-score", "0.99")["matches"] == []
    assert "No good match" in shell.ok("match", "find", *ALICE, "--min-score", "0.99")
    assert matched[:12] in shell.ok("match", "find", *ALICE)


def test_scores_are_hidden_until_both_accepted(shell: Shell, matched: str) -> None:
    told = shell.json("match", "find", *ALICE)["matches"] + shell.json("match", "list", *BERTA)["matches"]
    assert {frozenset(each) for each in told} == {frozenset({"match", "status", "until", "session"})}


def test_a_declined_match_is_gone(shell: Shell, matched: str) -> None:
    shell.ok("match", "decline", matched, *BERTA)
    assert "[pairing-closed]" in shell.error("match", "accept", matched, *BERTA)
    assert shell.json("match", "accept", matched, *ALICE)["status"] == "waiting"
    assert "[not-both-accepted]" in shell.error("match", "shared", matched, *ALICE)


def test_who_left_is_not_found(shell: Shell, matched: str) -> None:
    assert shell.json("match", "optout", *BERTA)["opted_in"] is False
    assert shell.json("match", "find", *ALICE)["matches"] == []
    assert "[match-unknown]" in shell.error("match", "accept", matched, *ALICE)
    assert "[not-opted-in]" in shell.error("match", "find", *BERTA)


def test_a_text_waits_for_the_others_proof(shell: Shell, matched: str) -> None:
    shell.ok("match", "accept", matched, *ALICE)
    assert "[not-both-accepted]" in shell.error("session", "send", matched, *ALICE, "too early")
    shell.ok("match", "accept", matched, *BERTA)
    shell.ok("session", "send", matched, *ALICE, "hello")
    texts: list[str] = []
    for _ in range(2):
        texts += [each["text"] for each in shell.json("session", "read", matched, *BERTA)["texts"]]
        shell.ok("session", "read", matched, *ALICE)
    texts += [each["text"] for each in shell.json("session", "read", matched, *BERTA)["texts"]]
    assert texts == ["hello"]


def test_a_session_is_ended_blocked_and_reported(shell: Shell, talking: str) -> None:
    told = shell.json("session", "report", talking, *ALICE, "--reason", "abuse")
    assert Path(told["report"]).is_file()
    shell.ok("session", "end", talking, *ALICE)
    assert shell.json("session", "read", talking, *BERTA)["session"] == "ended"
    assert "[session-ended]" in shell.error("session", "send", talking, *BERTA, "hello?")
    shell.ok("session", "block", talking, *BERTA)
    assert "[session-blocked]" in shell.error("session", "send", talking, *BERTA, "hello?")


def test_long_and_empty_texts_are_refused(shell: Shell, talking: str) -> None:
    for text in ("", "x" * 16_385):
        assert "[message-too-long]" in shell.error("session", "send", talking, *ALICE, text)


def test_a_text_steers_no_terminal(shell: Shell, talking: str) -> None:
    shell.ok("session", "send", talking, *ALICE, "red \x1b[31m alert")
    out = shell.ok("session", "read", talking, *BERTA)
    assert "\x1b" not in out
    assert "alert" in out


def test_accuracy_is_measured(shell: Shell, tmp_path: Path) -> None:
    cases, queries = tmp_path / "cases.tsv", tmp_path / "queries.tsv"
    columns = ("id", "disease_id", "pmid", "observed_hpo", "excluded_hpo")
    rows = [
        ("a", "D:1", "P:1", f"{SEIZURE},{ATAXIA},{FEVER}", ""),
        ("b", "D:1", "P:2", f"{SEIZURE},{ATAXIA},{HEARING}", ""),
        ("c", "D:2", "P:3", "HP:0000989,HP:0000952,HP:0002076", ""),
    ]
    cases.write_text("\n".join("\t".join(row) for row in (columns, *rows)) + "\n")
    queries.write_text("query_id\tdisease_id\tpmids\na\tD:1\tP:1\n")
    told = shell.json("match", "evaluate", cases, queries, "--closure", "full")
    for name in ("jaccard", "simgic", "blind_simgic", "blind_best"):
        assert set(told[name]) == {"top1", "top5", "top10", "mrr", "ms_per_query"}
        assert told[name]["top1"] == 1
    assert "blind_simgic" in shell.ok("match", "evaluate", cases, queries)
    queries.write_text("nothing\n")
    assert "[cases-invalid]" in shell.error("match", "evaluate", cases, queries)


@pytest.mark.parametrize("group", ["symptoms", "match", "session"])
def test_help_fits_80_columns(shell: Shell, group: str) -> None:
    commands = getattr(cli.get_command(click.Context(cli), group), "commands")  # noqa: B009 (click's type has none)
    for words in ((group,), *((group, name) for name in commands)):
        assert max(map(len, shell.ok(*words, "--help").splitlines())) <= 80
