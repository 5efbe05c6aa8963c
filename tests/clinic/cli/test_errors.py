"""Errors: one clear line and an exit status; names that fit several; homes that are none."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clinic import home
from clinic.directory import Directory, Person
from clinic.hospital import HospitalService
from tests import interrupts
from tests.clinic.cli.conftest import Shell
from tests.clinic.scene import AUTHOR, OTHER, PATIENT, READER, RIVERSIDE


def test_a_wrong_call_is_status_2_and_points_to_the_help(shell: Shell) -> None:
    for arguments in (("bogus",), ("seal",), ("revoke",), ("requests", "--bogus"), ("generate", "--patients", "0")):
        run = shell.run(*arguments)
        assert run.status == 2
        assert len(run.err.splitlines()) == 1
        assert run.err.startswith("error [usage]: ")
        assert "--help`)" in run.err


def test_with_json_the_error_is_an_object_too(shell: Shell) -> None:
    run = shell.run("open", "--patient", "Nobody", "--out", "out", "--json")
    assert run.status == 1
    assert run.json["error"] == "name-unknown"
    assert run.json["message"] in run.err
    assert shell.run("--json", "revoke").json["error"] == "usage"


def test_json_can_stand_before_the_command(shell: Shell) -> None:
    assert json.loads(shell.ok("--json", "members"))["members"]


def test_home_is_the_option_then_the_variable(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shell.json("--home", shell.home, "status")["home"] == str(shell.home)
    assert "[home-invalid]" in shell.error("--home", tmp_path / "none", "status")
    assert "[home-invalid]" in shell.error("status", "--home", tmp_path / "none")
    monkeypatch.setenv("CHARTSEAL_HOME", str(tmp_path / "none"))
    assert shell.json("--home", shell.home, "status")["home"] == str(shell.home)
    monkeypatch.delenv("CHARTSEAL_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert f"{tmp_path}/.chartseal is not a ChartSeal home" in shell.error("status")


def test_a_folder_that_is_no_home_is_told_before_names_are_looked_up(shell: Shell, note: Path, tmp_path: Path) -> None:
    for arguments in (
        ("seal", "--author", AUTHOR, "--patient", PATIENT, note),
        ("blocks", "--patient", PATIENT),
        ("recover", "split", "--patient", PATIENT, "--guardian", READER, "--threshold", "1"),
        ("backup", tmp_path / "file"),
        ("verify",),
        ("store", "check"),
    ):
        assert "is not a ChartSeal home" in shell.error(*arguments, "--home", tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_an_ambiguous_name_lists_the_candidates(shell: Shell, note: Path) -> None:
    doctor = shell.json("enrol", "doctor", "Ines Moreau", "--hospital", RIVERSIDE)["member"]
    patient = shell.json("enrol", "patient", "ines moreau", "--hospital", RIVERSIDE)["member"]
    error = shell.error("seal", "--author", "Ines Moreau", "--patient", "ines moreau", note)
    assert "[name-ambiguous]" in error
    assert f"doctor Ines Moreau {doctor[:12]}" in error
    assert f"patient ines moreau {patient[:12]}" in error
    shell.ok("seal", "--author", doctor[:12], "--patient", "INES  MOREAU", note)


def test_an_ambiguous_prefix_lists_the_candidates(shell: Shell) -> None:
    directory = Directory(shell.home / "directory.json")
    for last in "12":
        directory.add(Person("c0ffee" + "0" * 25 + last, "patient", f"Twin {last}"))
    error = shell.error("verify", "--patient", "c0ffee")
    assert "[name-ambiguous]" in error
    assert "Twin 1" in error
    assert "Twin 2" in error
    assert "[name-unknown]" in shell.error("verify", "--patient", "c0f"), "a prefix has four digits or more"


def test_ids_and_prefixes_of_ids_are_names(shell: Shell, note: Path) -> None:
    author, patient = shell.member(AUTHOR), shell.member(PATIENT)
    told = shell.json("seal", "--author", author, "--patient", patient[:6].upper(), note)
    assert shell.json("blocks", "--patient", patient[:8])["blocks"][0]["block"] == told["block"][0]


def test_a_name_in_one_home_is_enrolled_once(shell: Shell) -> None:
    error = shell.error("enrol", "patient", PATIENT.upper(), "--hospital", RIVERSIDE)
    assert "[input-invalid]" in error
    assert "enrolled already" in error
    assert "belongs to a hospital" in shell.error("enrol", "doctor", "Dr. New")


@pytest.mark.parametrize("url", ["nonsense", "http://example.org/x", "file://relative/path", "s3://", "sftp:///x"])
def test_init_takes_no_other_store(shell: Shell, tmp_path: Path, url: str) -> None:
    assert "[store-" in shell.error("init", "--home", tmp_path / "new", "--store", url)
    assert not (tmp_path / "new").exists()


def test_a_password_in_a_url_is_refused_and_not_repeated(shell: Shell, tmp_path: Path) -> None:
    run = shell.run("init", "--home", tmp_path / "new", "--store", "ftp://user:hunter2@example.org/x")
    assert run.status == 1
    assert "hunter2" not in run.err + run.out
    assert not (tmp_path / "new").exists()


def test_a_threshold_above_the_number_of_proxies(shell: Shell, tmp_path: Path) -> None:
    store = ("--store", f"file://{tmp_path}/s")
    options = ("--proxies", "2", "--threshold", "3")
    assert "[input-invalid]" in shell.error("init", "--home", tmp_path / "new", *store, *options)
    assert not (tmp_path / "new").exists()


def test_a_bug_is_told_without_a_traceback(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: object) -> object:
        raise ZeroDivisionError("with something personal in it")

    monkeypatch.setattr(home.Home, "config", property(broken))
    run = shell.run("status")
    assert run.status == 70
    assert run.err.startswith("error [internal]: this is a bug (ZeroDivisionError)")
    assert "personal" not in run.err
    monkeypatch.setenv("CHARTSEAL_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        shell.run("status")


def test_interrupted_is_130_and_loses_nothing(shell: Shell, note: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(HospitalService, "anchor", interrupted)
        run = shell.run("seal", "--author", AUTHOR, "--patient", PATIENT, note)
    assert run.status == 130
    assert "Traceback" not in run.err
    assert run.err.strip() == "error [aborted]: stopped; nothing that was acknowledged is lost"
    assert shell.json("status")["outbox"] == 1
    shell.ok("seal", "--author", AUTHOR, "--patient", PATIENT, note)
    assert (shell.json("status")["outbox"], len(shell.json("blocks", "--patient", PATIENT)["blocks"])) == (0, 2)


COMMAND = [sys.executable, "-m", "tests.clinic.weak_chartseal"]


def test_ctrl_c_in_the_middle_of_a_seal(shell: Shell, tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    with large.open("wb") as file:
        file.write(os.urandom(1 << 20))
        file.truncate(600 << 20)
    arguments = ["seal", "--author", AUTHOR, "--patient", PATIENT, str(large)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=pipe,
        stderr=pipe,
        text=True,
        preexec_fn=interrupts.heeded,  # noqa: PLW1509 (it calls nothing that a thread could hold)
    )
    deadline = time.monotonic() + 20
    while not any((shell.home / "outbox").glob("*/block-*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.strip().splitlines() == ["error [aborted]: stopped; nothing that was acknowledged is lost"]
    assert shell.json("verify")["sound"] is True
    assert shell.json("blocks", "--patient", PATIENT) == {"blocks": []}


def test_a_reader_that_goes_away_is_no_error(shell: Shell) -> None:
    with subprocess.Popen([*COMMAND, "members"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_an_output_that_is_full_is_told(shell: Shell) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*COMMAND, "members"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error [output-failed]")
    assert "Traceback" not in done.stderr


def test_two_processes_on_one_home(shell: Shell, note: Path) -> None:
    seal = [*COMMAND, "seal", "--author", AUTHOR, "--patient", PATIENT, str(note)]
    other = [*COMMAND, "seal", "--author", OTHER, "--patient", OTHER, str(note)]
    enrol = [[*COMMAND, "enrol", "patient", f"Newcomer {number}", "--hospital", RIVERSIDE] for number in range(2)]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for command in (seal, other, *enrol, seal)
    ]
    for process in processes:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    names = {member["name"] for member in shell.json("members")["members"]}
    assert {"Newcomer 0", "Newcomer 1"} <= names
    assert shell.json("verify")["sound"] is True
    assert shell.json("status")["blocks"] == 3
    assert shell.json("status")["outbox"] == 0
