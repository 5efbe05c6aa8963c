"""``chartseal audit``: a patient's entries in a file that anybody checks from the genesis digest alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import pytest

from clinic.cli.main import cli
from scheme import canonical
from tests.clinic.cli.conftest import Shell
from tests.clinic.scene import OTHER, PATIENT, READER


@pytest.fixture
def file(shell: Shell, note: Path, tmp_path: Path) -> Path:
    """The audit file of a patient after a block, a request, a grant and a reading."""
    shell.seal(note)
    shell.grant()
    shell.ok("history", "--doctor", READER, "--patient", PATIENT, "--out", tmp_path / "out")
    path = tmp_path / "audit.json"
    shell.ok("audit", "export", "--patient", PATIENT, path)
    return path


@pytest.fixture
def nowhere(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The audit file, and from now on no home and no password."""
    monkeypatch.setenv("CHARTSEAL_HOME", str(tmp_path / "nowhere"))
    monkeypatch.delenv("CHARTSEAL_PASSWORD")
    return file


def genesis(shell: Shell) -> str:
    return str(shell.json("status")["genesis"])


def test_export_holds_every_entry_that_show_lists(shell: Shell, file: Path) -> None:
    shown = shell.json("audit", "show", "--patient", PATIENT)["entries"]
    told = shell.json("audit", "verify", file)
    assert [each["position"] for each in told["entries"]] == [each["position"] for each in shown]
    events = [each["event"] for each in told["entries"]]
    assert events[-4:] == ["anchor-blocks", "request", "grant", "release"]
    release = told["entries"][-1]
    assert (release["signer"], release["role"], len(release["scopes"])) == (shell.member(READER), "doctor", 1)
    assert release["grant"] == told["entries"][-2]["grant"]
    assert told["patient"] == shell.member(PATIENT)
    assert told["fhir"] is True
    assert told["size"] == shell.json("status")["entries"]


def test_verify_says_who_and_when_and_what_it_does_not_show(shell: Shell, file: Path) -> None:
    out = shell.ok("audit", "verify", file)
    assert out.startswith(f"Sound. Patient {PATIENT}, ledger {genesis(shell)[:16]}, as of ")
    assert "Shown: each entry is signed" in out
    assert "Not shown: whether a signer was suspended" in out
    assert "a replica of the whole ledger shows it" in out
    header, *rows = out[out.index("ENTRY ") :].splitlines()
    assert header.split() == ["ENTRY", "TIME", "SIGNED", "BY", "EVENT", "DETAIL"]
    assert any("release" in row and "doctor" in row for row in rows)
    assert "1 scope" in rows[-1]
    assert max(map(len, [header, *rows])) <= 80


def test_verify_needs_no_home_and_no_password_but_the_genesis(shell: Shell, nowhere: Path, tmp_path: Path) -> None:
    file, home_folder = nowhere, shell.home
    known = str(shell.json("status", "--home", home_folder)["genesis"])
    told = shell.json("audit", "verify", file, "--genesis", known)
    assert told["sound"] is True
    assert PATIENT not in shell.ok("audit", "verify", file, "--genesis", known)
    assert "[input-invalid]" in shell.error("audit", "verify", file)
    assert "[genesis-invalid]" in shell.error("audit", "verify", file, "--genesis", "ab" * 32)
    assert "[input-invalid]" in shell.error("audit", "verify", file, "--genesis", known[:16])
    assert not (tmp_path / "nowhere").exists()


def test_an_altered_file_is_refused(shell: Shell, file: Path) -> None:
    data = file.read_bytes()
    member = shell.member(READER).encode()
    other = shell.member(OTHER).encode()
    for altered in (data[:-1], data.replace(member, other, 1), data.replace(member, other), b"{}", b""):
        assert altered != data
        file.write_bytes(altered)
        error = shell.error("audit", "verify", file)
        assert re.match(r"error \[(audit|proof|transaction|encoding|certificate)-", error), error


def test_an_entry_of_an_earlier_file_must_be_there(shell: Shell, note: Path, file: Path, tmp_path: Path) -> None:
    later = tmp_path / "later.json"
    shell.seal(note)
    shell.ok("audit", "export", "--patient", PATIENT, later)
    entries = len(shell.json("audit", "verify", file)["entries"])
    assert f"None of the earlier file's {entries} entries is missing" in shell.ok(
        "audit", "verify", later, "--earlier", file
    )
    assert "[audit-incomplete]" in shell.error("audit", "verify", file, "--earlier", later)


def test_an_own_replica_shows_whether_a_reading_was_left_out(shell: Shell, file: Path, tmp_path: Path) -> None:
    """Nothing refers to a release, so that the file alone does not tell."""
    export, replica = tmp_path / "ledger.jsonl", tmp_path / "replica.sqlite"
    shell.ok("ledger", "export", export)
    shell.ok("ledger", "follow", export, "--into", replica, "--genesis", genesis(shell))
    assert "Complete: a replica" in shell.ok("audit", "verify", file, "--replica", replica)
    value = canonical.loads(file.read_bytes(), what="the file")
    value["proof"]["entries"] = value["proof"]["entries"][:-1]
    file.write_bytes(canonical.dumps(value | {"fhir": None}))
    assert "cannot be shown by a file" in " ".join(shell.ok("audit", "verify", file).split())
    assert "[audit-incomplete]" in shell.error("audit", "verify", file, "--replica", replica)


def test_a_replica_that_is_behind_is_no_witness(shell: Shell, note: Path, file: Path, tmp_path: Path) -> None:
    export, replica = tmp_path / "ledger.jsonl", tmp_path / "replica.sqlite"
    shell.ok("ledger", "export", export)
    shell.ok("ledger", "follow", export, "--into", replica, "--genesis", genesis(shell))
    note.write_text("another")
    shell.seal(note)
    later = tmp_path / "later.json"
    shell.ok("audit", "export", "--patient", PATIENT, later)
    assert "[input-invalid]" in shell.error("audit", "verify", later, "--replica", replica)


def test_export_names_a_patient_and_a_new_file(shell: Shell, file: Path, tmp_path: Path) -> None:
    before = file.read_bytes()
    assert "[input-invalid]" in shell.error("audit", "export", "--patient", PATIENT, file)
    assert file.read_bytes() == before
    assert file.stat().st_mode & 0o777 == 0o600
    for name in (READER, "Nobody"):
        assert "[name-unknown]" in shell.error("audit", "export", "--patient", name, tmp_path / "new.json")
    assert not (tmp_path / "new.json").exists()
    assert "[input-invalid]" in shell.error("audit", "verify", tmp_path / "new.json")


def test_a_patient_exports_from_a_replica_under_her_id(shell: Shell, file: Path, tmp_path: Path) -> None:
    copy, mine = tmp_path / "copy.sqlite", tmp_path / "mine.json"
    patient = shell.member(PATIENT)
    shell.ok("ledger", "follow", shell.home, "--into", copy)
    words: tuple[Any, ...] = ("--replica", copy, "--home", tmp_path / "nowhere")
    shell.ok("audit", "export", "--patient", patient, mine, *words)
    assert mine.read_bytes() == file.read_bytes()
    other = tmp_path / "other.json"
    assert "[input-invalid]" in shell.error("audit", "export", "--patient", PATIENT, other, *words)
    for member in (shell.member(READER), "ab" * 16):
        assert "[not-permitted]" in shell.error("audit", "export", "--patient", member, other, *words)


def test_names_are_in_no_audit_file(shell: Shell, file: Path) -> None:
    text = file.read_text()
    names = [each["name"] for each in shell.json("members")["members"]]
    assert PATIENT in names
    assert not any(name in text for name in names)


def test_every_command_of_the_group_has_help_in_80_columns(shell: Shell) -> None:
    group = cli.get_command(click.Context(cli), "audit")
    assert set(group.commands) == {"show", "export", "verify"}  # type: ignore[attr-defined]
    for name in group.commands:  # type: ignore[attr-defined]
        out = shell.ok("audit", name, "--help")
        assert max(map(len, out.splitlines())) <= 80
    assert "..." not in shell.ok("audit", "--help").partition("Commands:")[2]
