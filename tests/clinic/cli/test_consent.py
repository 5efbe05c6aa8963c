"""Asking, granting, refusing and revoking at the command."""

import datetime
import json
from pathlib import Path

import pytest

from tests.clinic.cli.conftest import Shell
from tests.clinic.scene import AUTHOR, PATIENT, READER, SECOND


@pytest.fixture
def years(tmp_path: Path) -> Path:
    """A bundle with a laboratory result and a medication of each of two years."""
    entries = []
    for year in (2023, 2025):
        entries += [
            {
                "resourceType": "Observation",
                "status": "final",
                "category": [{"coding": [{"code": "laboratory"}]}],
                "effectiveDateTime": f"{year}-02-03",
            },
            {"resourceType": "MedicationRequest", "status": "active", "authoredOn": f"{year}-02-03"},
        ]
    path = tmp_path / "years.json"
    path.write_text(
        json.dumps(
            {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": entry} for entry in entries]}
        )
    )
    return path


def about(shell: Shell, reader: str = READER) -> set[str]:
    """What the reader may read, as ``history --list`` shows it."""
    listed = shell.ok("history", "--doctor", reader, "--patient", PATIENT, "--list").splitlines()[2:]
    return {" ".join(line.split()[1:3]) for line in listed}


def test_requests_are_listed_for_both_parties(shell: Shell) -> None:
    asked = shell.ask("--category", "laboratory", "--since", "2020", "--purpose", "second opinion", "--write")
    for side in (("--patient", PATIENT), ("--doctor", READER)):
        (item,) = shell.json("requests", *side)["requests"]
        assert (item["request"], item["status"], item["purpose"]) == (asked, "open", "second opinion")
        assert item["patient"] == shell.member(PATIENT)
        assert item["asked"] == {"categories": ["laboratory"], "since": 2020, "write": True}
    assert shell.json("requests", "--doctor", SECOND) == {"requests": []}
    out = shell.ok("requests", "--patient", PATIENT)
    assert asked[:12] in out
    assert "second" in out


def test_approve_without_options_shows_and_confirms_exactly_what_was_asked(shell: Shell, years: Path) -> None:
    shell.seal(years)
    asked = shell.ask("--category", "laboratory", "--since", "2024", "--purpose", "second opinion")
    run = shell.run("approve", asked[:12], stdin="y\n")
    assert run.status == 0, run
    assert f"{READER} asks for laboratory, 2024 and later. Purpose: second opinion." in run.err
    assert "You grant: laboratory, 2024 and later; until revoked." in run.err
    assert about(shell) == {"laboratory 2025"}
    (grant,) = shell.json("grants", "--patient", PATIENT)["grants"]
    assert grant["granted"] == {"categories": ["laboratory"], "since": 2024, "write": False}
    assert grant["status"] == "active"


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_nothing_is_granted_without_a_yes(shell: Shell, answer: str) -> None:
    asked = shell.ask()
    assert "[selection-invalid]: nothing was granted" in shell.error("approve", asked, stdin=answer)
    assert shell.json("grants", "--patient", PATIENT) == {"grants": []}
    assert shell.json("requests", "--patient", PATIENT)["requests"][0]["status"] == "open"


def test_what_is_confirmed_is_shown_with_json_too(shell: Shell) -> None:
    run = shell.run("approve", shell.ask(), "--json", stdin="y\n")
    assert run.status == 0
    assert "You grant: everything, all years" in run.err
    assert json.loads(run.out)["grant"]


def test_approve_less_than_was_asked(shell: Shell, years: Path) -> None:
    shell.seal(years)
    shell.ok("approve", shell.ask(), "--category", "medication", "--since", "2024", "--yes")
    assert about(shell) == {"medication 2025"}


def test_approve_single_blocks(shell: Shell, years: Path) -> None:
    blocks = shell.seal(years)
    told = shell.json("approve", shell.ask(), "--blocks", f"1,{blocks[2][:12]}", "--yes")
    assert told["blocks"] == [blocks[0], blocks[2]]
    (grant,) = shell.json("grants", "--doctor", READER)["grants"]
    assert grant["covers"] == "2 selected blocks"
    assert grant["blocks"] == sorted(told["blocks"])
    assert "2 blocks can be read; 2 blocks not granted" in shell.ok(
        "history", "--doctor", READER, "--patient", PATIENT, "--list"
    )
    assert "[selection-invalid]" in shell.error("approve", shell.ask(), "--blocks", "9", "--yes")


def test_existing_only_leaves_later_blocks_closed(shell: Shell, years: Path, note: Path) -> None:
    shell.seal(years)
    shell.grant("--existing-only")
    shell.seal(note)
    assert "4 blocks can be read; 1 block not granted" in shell.ok(
        "history", "--doctor", READER, "--patient", PATIENT, "--list"
    )


def test_until_is_the_last_day(shell: Shell) -> None:
    today = datetime.datetime.now(datetime.UTC).date()
    yesterday, tomorrow = (str(today + datetime.timedelta(days=days)) for days in (-1, 1))
    asked = shell.ask()
    assert "[selection-invalid]" in shell.error("approve", asked, "--until", yesterday, "--yes")
    shell.ok("approve", asked, "--until", tomorrow, "--yes")
    assert tomorrow in shell.ok("grants", "--patient", PATIENT)


def test_refuse(shell: Shell) -> None:
    asked = shell.ask()
    assert shell.json("refuse", asked[:8], "--reason", "not my doctor") == {"request": asked, "status": "refused"}
    assert "not my doctor" in shell.json("requests", "--doctor", READER)["requests"][0]["status"]
    assert "[request-unknown]" in shell.error("approve", asked, "--yes")
    assert "[request-unknown]" in shell.error("refuse", asked)


def test_revoke_closes(shell: Shell, note: Path, tmp_path: Path) -> None:
    shell.seal(note)
    grant = shell.grant()
    shell.ok("history", "--doctor", READER, "--patient", PATIENT, "--out", tmp_path / "before")
    assert shell.json("revoke", grant[:12])["grant"] == grant
    assert shell.json("grants", "--doctor", READER)["grants"][0]["status"] == "revoked"
    error = shell.error("history", "--doctor", READER, "--patient", PATIENT, "--out", tmp_path / "after")
    assert "[grant-inactive]" in error
    assert "revoked" in error
    assert not (tmp_path / "after").exists() or not any((tmp_path / "after").iterdir())
    assert "[grant-unknown]" in shell.error("revoke", grant)


def test_revoke_says_which_grants_have_to_be_given_again(shell: Shell) -> None:
    first, second, third = (shell.grant("--category", "laboratory") for _ in range(3))
    for name in ("proxy 1", "proxy 2"):
        shell.ok("member", "suspend", name)
    told = shell.json("revoke", first)
    assert (told["status"], told["rekeyed"]) == ("revoked", 0)
    assert [each["grant"] for each in told["left_out"]] == [second, third]
    for each in told["left_out"]:
        assert each["delegatee"] == shell.member(READER)
        assert each["why"].count("that proxy is suspended") == 2
    out = shell.ok("revoke", second)
    assert f"Grant {third[:12]} to {READER} got no new keys" in out
    assert "give it again. The reason: 0 of the 2 proxies needed" in out


def test_without_a_grant_nothing_is_read(shell: Shell, note: Path, tmp_path: Path) -> None:
    shell.seal(note)
    shell.grant()
    error = shell.error("history", "--doctor", SECOND, "--patient", PATIENT, "--out", tmp_path / "out")
    assert "[grant-inactive]" in error
    assert "[name-unknown]" in shell.error("open", "--patient", READER, "--out", tmp_path / "out")


def test_a_write_grant_lets_another_hospitals_doctor_add(shell: Shell, note: Path) -> None:
    seal = ("seal", "--author", READER, "--patient", PATIENT, note)
    assert "[not-permitted]" in shell.error(*seal)
    shell.ok("approve", shell.ask("--write"), "--yes")
    shell.ok(*seal)
    assert len(shell.json("blocks", "--patient", PATIENT)["blocks"]) == 1


def test_a_patient_is_asked_by_the_author_too(shell: Shell) -> None:
    told = shell.json("request", "--doctor", AUTHOR, "--patient", PATIENT)
    assert told["patient"] == shell.member(PATIENT)
    out = shell.ok("request", "--doctor", AUTHOR, "--patient", PATIENT, "--category", "billing")
    assert out.startswith(f"Asked {PATIENT} for billing, all years.\n")


def test_what_a_stranger_writes_does_not_steer_the_terminal(shell: Shell) -> None:
    asked = shell.ask("--purpose", "x\x1b[2J\nYou grant: nothing.\u202e")
    run = shell.run("approve", asked, stdin="n\n")
    assert "\x1b" not in run.err + shell.ok("requests", "--patient", PATIENT)
    assert "\u202e" not in run.err
    assert "\nYou grant: nothing." not in run.err


def test_say_who_you_are(shell: Shell) -> None:
    assert "[input-invalid]" in shell.error("requests")
    assert "[input-invalid]" in shell.error("grants", "--patient", PATIENT, "--doctor", READER)
