"""Commands of the certification centre: member list, show, suspend, reinstate, renew, remove."""

import datetime

import pytest

from tests.clinic.cli.conftest import Shell
from tests.clinic.scene import AUTHOR, HILLCREST, OTHER, PATIENT, READER, RIVERSIDE


def rows(out: str) -> dict[str, str]:
    """What ``member show`` printed: name of a line to what stands there."""
    return {line[:13].strip(): line[13:].strip() for line in out.splitlines()}


def test_member_list_and_members_print_the_same(shell: Shell) -> None:
    assert shell.ok("member", "list") == shell.ok("members")
    assert shell.json("member", "list") == shell.json("members")


def test_list_tells_whose_keys_count_and_until_when(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.ok("member", "suspend", AUTHOR)
    shell.ok("member", "remove", READER, "--yes")
    ends = shell.json("member", "renew", PATIENT, "--days", "3")["not_after"]
    listed = {each["name"]: each for each in shell.json("members")["members"]}
    assert [listed[name]["status"] for name in (AUTHOR, READER, PATIENT)] == ["suspended", "removed", "active"]
    assert listed[PATIENT]["not_after"] == ends < listed[AUTHOR]["not_after"]
    monkeypatch.delenv("COLUMNS")
    monkeypatch.setattr("clinic.clock.time.time", lambda: ends + 1)
    (line,) = [line for line in shell.ok("member", "list").splitlines() if PATIENT in line]
    assert RIVERSIDE in line
    assert line.split()[-3:] == ["certificate", "ended", f"{datetime.datetime.fromtimestamp(ends, datetime.UTC):%F}"]


def test_show_is_a_public_key_look_up(shell: Shell) -> None:
    shown = shell.json("member", "show", PATIENT)
    assert (shown["role"], shown["status"], shown["suspensions"]) == ("patient", "active", [])
    assert shown["hospitals"] == [shell.member(RIVERSIDE)]
    assert {name: len(fingerprint) for name, fingerprint in shown["keys"].items()} == {
        "signing": 32, "letters": 32, "reading": 32, "records": 32,
    }  # fmt: skip
    out = rows(shell.ok("member", "show", PATIENT))
    assert out["member"] == f"patient {PATIENT}"
    assert (out["hospital"], out["certificate"], out["signing key"]) == (
        RIVERSIDE, shown["serial"], shown["keys"]["signing"],
    )  # fmt: skip


def test_show_needs_no_password_and_fits_the_terminal(shell: Shell) -> None:
    shell.monkeypatch.delenv("CHARTSEAL_PASSWORD")
    out = shell.ok("member", "show", PATIENT)
    assert max(map(len, out.splitlines())) <= 80


def test_suspended_author_seals_nothing_until_reinstated(shell: Shell, note: object) -> None:
    shell.ok("member", "suspend", AUTHOR, "--reason", "stolen laptop")
    assert "[not-permitted]" in shell.error("seal", "--author", AUTHOR, "--patient", PATIENT, str(note))
    assert "[member-suspended]" in shell.error("member", "suspend", AUTHOR)
    shown = rows(shell.ok("member", "show", AUTHOR, "--reason"))
    assert (shown["status"], shown["reason"]) == ("suspended", "stolen laptop")
    shell.ok("member", "reinstate", AUTHOR)
    assert "[member-not-suspended]" in shell.error("member", "reinstate", AUTHOR)
    shell.ok("seal", "--author", AUTHOR, "--patient", PATIENT, str(note))
    (suspension,) = shell.json("member", "show", AUTHOR)["suspensions"]
    assert suspension["since"] < suspension["until"]


def test_reason_without_a_suspension_is_an_error(shell: Shell) -> None:
    assert "never suspended" in shell.error("member", "show", AUTHOR, "--reason")


def test_renewal_changes_the_certificate_and_no_key(shell: Shell) -> None:
    before = shell.json("member", "show", AUTHOR)
    told = shell.json("member", "renew", AUTHOR, "--days", "1000")
    after = shell.json("member", "show", AUTHOR)
    assert told["not_after"] == after["not_after"] > before["not_after"]
    assert after["serial"] != before["serial"]
    assert after["keys"] == before["keys"]


def test_removal_is_confirmed(shell: Shell) -> None:
    assert "nobody was removed" in shell.error("member", "remove", AUTHOR)
    assert "nobody was removed" in shell.error("member", "remove", AUTHOR, stdin="n\n")
    out = shell.run("member", "remove", AUTHOR, stdin="y\n")
    assert f"Remove {AUTHOR} for good" in out.err
    assert out.out == f"Removed doctor {AUTHOR}.\n"
    assert rows(shell.ok("member", "show", AUTHOR))["status"] == "removed"


def test_hospital_removes_its_own_doctor_without_the_authority(shell: Shell) -> None:
    shell.monkeypatch.delenv("CHARTSEAL_PASSWORD")
    assert "[wrong-signer]" in shell.error("member", "remove", AUTHOR, "--hospital", HILLCREST, "--yes")
    shell.ok("member", "remove", AUTHOR, "--hospital", RIVERSIDE, "--yes")


def test_patient_of_two_hospitals_stays_with_the_other(shell: Shell) -> None:
    shell.ok("enrol", "patient", OTHER, "--hospital", HILLCREST)
    run = shell.run("member", "remove", OTHER, "--hospital", RIVERSIDE, stdin="y\n")
    assert f"End {OTHER}'s relation with {RIVERSIDE}" in run.err
    assert "stays one elsewhere" in run.out
    shown = shell.json("member", "show", OTHER)
    assert (shown["status"], shown["hospitals"]) == ("active", [shell.member(HILLCREST)])


def test_whoever_is_not_the_authority_changes_nothing(shell: Shell) -> None:
    shell.monkeypatch.setenv("CHARTSEAL_PASSWORD", "not the authority's")
    for verb in ("suspend", "reinstate", "renew"):
        assert "[wrong-password]" in shell.error("member", verb, AUTHOR)
    assert "[wrong-password]" in shell.error("member", "remove", AUTHOR, "--yes")


def test_unknown_names_are_told(shell: Shell) -> None:
    assert "[name-unknown]" in shell.error("member", "show", "Nobody")
