"""``chartseal ledger export|follow``: copies, forks and their evidence, and a ledger that was put back."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.clinic.cli.conftest import Shell
from tests.clinic.cli.test_passwords import Terminal
from tests.clinic.scene import PATIENT, RIVERSIDE
from tests.servers.postgresql import fresh_database


def test_an_export_is_followed_and_then_only_what_is_new(shell: Shell, note: Path, tmp_path: Path) -> None:
    export, copy = tmp_path / "ledger.jsonl", tmp_path / "mine" / "copy.sqlite"
    written = shell.json("ledger", "export", export)
    assert written["bytes"] == export.stat().st_size
    assert "[input-invalid]" in shell.error("ledger", "export", export)
    text = export.read_text()
    assert not any(person["name"] in text for person in shell.json("members")["members"])
    made = shell.json("ledger", "follow", export, "--into", copy, "--genesis", written["genesis"])
    assert (made["created"], made["taken"], made["height"]) == (True, written["blocks"], written["blocks"])
    shell.seal(note)
    for source, taken in ((shell.home, 1), (shell.home / "ledger.sqlite", 0)):
        told = shell.json("ledger", "follow", source, "--into", copy)
        assert (told["created"], told["taken"]) == (False, taken)
    assert told["header"] == shell.json("ledger", "status")["newest"]["digest"]
    assert "1 new block" not in shell.ok("ledger", "follow", shell.home, "--into", copy)


def test_a_copy_is_read_without_a_home(shell: Shell, tmp_path: Path) -> None:
    copy, nowhere = tmp_path / "copy.sqlite", ("--home", tmp_path / "nowhere")
    shell.ok("ledger", "stand", RIVERSIDE)
    shell.ok("ledger", "follow", shell.home, "--into", copy)
    here = shell.json("ledger", "status")
    told = shell.json("ledger", "status", "--replica", copy, *nowhere)
    assert told == here | {"kept_in": str(copy)}
    assert shell.json("ledger", "verify", "--replica", copy, *nowhere) == shell.json("ledger", "verify")
    names = [each["name"] for each in shell.json("ledger", "delegates", "--replica", copy, *nowhere)["delegates"]]
    assert shell.member(RIVERSIDE)[:12] in names
    assert shell.json("ledger", "evidence", "--replica", copy, *nowhere) == {"faults": []}
    again = tmp_path / "again.jsonl"
    assert shell.json("ledger", "export", again, "--replica", copy, *nowhere)["blocks"] == here["height"]
    assert "[home-invalid]" in shell.error("ledger", "status", *nowhere)


def test_the_genesis_is_pinned_or_a_warning_given(shell: Shell, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shell.ok("init", "--home", other, "--store", (tmp_path / "other-store").as_uri())
    copy = tmp_path / "copy.sqlite"
    wrong = ("--genesis", "ab" * 32)
    assert "[genesis-invalid]" in shell.error("ledger", "follow", shell.home, "--into", copy, *wrong)
    assert "[input-invalid]" in shell.error("ledger", "follow", shell.home, "--into", copy, "--genesis", "abc")
    assert not copy.exists()
    run = shell.run("ledger", "follow", shell.home, "--into", copy)
    assert (run.status, run.err.count("warning:")) == (0, 1)
    assert "warning" not in shell.run("ledger", "follow", shell.home, "--into", copy).err
    assert "[genesis-invalid]" in shell.error("ledger", "follow", other, "--into", copy)


def test_what_is_no_ledger_is_not_followed(shell: Shell, note: Path, tmp_path: Path) -> None:
    copy, cut = tmp_path / "copy.sqlite", tmp_path / "cut.jsonl"
    folder = tmp_path / "folder"
    folder.mkdir()
    shell.ok("ledger", "export", cut)
    cut.write_bytes(cut.read_bytes()[:-10])
    for source, code in (
        (note, "export-invalid"), (folder, "home-invalid"), (tmp_path / "nothing", "input-invalid"),
        (cut, "export-invalid"),
    ):  # fmt: skip
        assert f"[{code}]" in shell.error("ledger", "follow", source, "--into", copy)
    assert shell.json("ledger", "follow", shell.home, "--into", copy)["created"] is False, "what held was kept"


def test_an_older_copy_is_a_fork_and_the_copy_stays(shell: Shell, note: Path, tmp_path: Path) -> None:
    copy, old, evidence = tmp_path / "copy.sqlite", tmp_path / "old.jsonl", tmp_path / "evidence"
    shell.ok("ledger", "export", old)
    shell.seal(note)
    shell.ok("ledger", "follow", shell.home, "--into", copy)
    before = copy.read_bytes()
    run = shell.run("ledger", "follow", old, "--into", copy, "--evidence", evidence)
    assert (run.status, "[fork-offered]" in run.err) == (1, True)
    assert "0 pieces of evidence" in run.err
    assert not evidence.exists()
    assert copy.read_bytes() == before


def test_delegates_who_sign_a_fork_are_convicted(shell: Shell, note: Path, tmp_path: Path) -> None:
    copy, evidence, fork = tmp_path / "copy.sqlite", tmp_path / "evidence", tmp_path / "fork"
    shutil.copytree(shell.home, fork)
    shell.seal(note)
    shell.ok("ledger", "follow", shell.home, "--into", copy)
    shell.ok("enrol", "hospital", "Another", "--home", fork)
    assert "[fork-offered]" in shell.error("ledger", "follow", fork, "--into", copy, "--evidence", evidence)
    assert len(evidence.read_text().splitlines()) == 4
    told = shell.json("ledger", "evidence", evidence, "--as", RIVERSIDE)["punished"]
    assert {each["accused"] for each in told} == set(shell.json("ledger", "status")["seats"])
    assert {(each["kind"], each["reputation"]) for each in told} == {("double-sign", 20)}
    assert "[evidence-known]" in shell.error("ledger", "evidence", evidence)
    assert "not electable: reputation" in " ".join(shell.ok("ledger", "delegates").split())


def test_evidence_is_reported_by_another_delegate_of_the_home(shell: Shell, note: Path, tmp_path: Path) -> None:
    copy, evidence, fork = tmp_path / "copy.sqlite", tmp_path / "evidence", tmp_path / "fork"
    shutil.copytree(shell.home, fork)
    shell.seal(note)
    shell.ok("ledger", "follow", shell.home, "--into", copy)
    shell.ok("enrol", "hospital", "Another", "--home", fork)
    shell.error("ledger", "follow", fork, "--into", copy, "--evidence", evidence)
    one = json.loads(evidence.read_text().splitlines()[0])
    evidence.write_text(evidence.read_text().splitlines()[0])
    assert "double-sign at block" in shell.ok("ledger", "evidence", evidence)
    (fault,) = shell.json("ledger", "evidence")["faults"]
    assert fault["accused"] == one["votes"][0]["delegate"] != fault["reporter"]
    assert (shell.home / "delegates" / f"{fault['reporter']}.key").exists()


def test_what_is_no_evidence_is_told(shell: Shell, note: Path, tmp_path: Path) -> None:
    assert "[input-invalid]" in shell.error("ledger", "evidence", note)
    assert "[input-invalid]" in shell.error("ledger", "evidence", tmp_path / "nothing")
    assert "[input-invalid]" in shell.error("ledger", "evidence", note, "--replica", shell.home)


def test_a_ledger_that_was_put_back_is_noticed_and_repaired_from_a_replica(
    shell: Shell, note: Path, tmp_path: Path
) -> None:
    ledger, old, copy = shell.home / "ledger.sqlite", tmp_path / "old.sqlite", tmp_path / "copy.sqlite"
    shutil.copy(ledger, old)
    (block,) = shell.seal(note)
    shell.ok("ledger", "follow", shell.home, "--into", copy)
    shutil.copy(old, ledger)
    for words in (("status",), ("ledger", "status"), ("verify",), ("enrol", "hospital", "Third")):
        assert "[ledger-rolled-back]" in shell.error(*words)
    assert ledger.read_bytes() == old.read_bytes()
    assert shell.json("ledger", "follow", copy, "--into", ledger)["taken"] == 1
    assert block[:12] in shell.ok("blocks", "--patient", PATIENT)


@pytest.mark.parametrize("blocks", [1, 2])
def test_another_block_in_its_place_is_noticed(shell: Shell, note: Path, tmp_path: Path, blocks: int) -> None:
    fork = tmp_path / "fork"
    shutil.copytree(shell.home, fork)
    shell.seal(note)
    for number in range(blocks):
        shell.ok("enrol", "hospital", f"Another {number}", "--home", fork)
    shutil.copy(fork / "ledger.sqlite", shell.home / "ledger.sqlite")
    error = shell.error("ledger", "status")
    assert "[ledger-rolled-back]" in error
    assert "not the one that was seen" in error


def test_a_damaged_memory_of_the_head_is_told(shell: Shell) -> None:
    seen = shell.home / "ledger.sqlite.seen"
    assert seen.stat().st_mode & 0o777 == 0o600
    seen.write_text("{}")
    error = shell.error("ledger", "status")
    assert "[ledger-rolled-back]" in error
    assert seen.name in error
    seen.unlink()
    shell.ok("ledger", "status")
    assert seen.exists()


def test_a_restored_backup_remembers_its_own_head(shell: Shell, note: Path, tmp_path: Path) -> None:
    backup, restored = tmp_path / "home.backup", tmp_path / "restored"
    shell.ok("backup", backup)
    shell.seal(note)
    newest = shell.json("ledger", "status")["height"]
    shell.ok("restore", backup, "--home", restored)
    assert shell.json("ledger", "status", "--home", restored)["height"] == newest - 1
    assert (restored / "ledger.sqlite.seen").exists()


@pytest.mark.slow
def test_a_home_on_postgresql_is_followed_by_its_url(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = urlsplit(fresh_database())
    monkeypatch.setenv("PGPASSWORD", str(given.password))
    url = given._replace(netloc=f"{given.username}@{given.hostname}:{given.port}").geturl()
    home, copy = ("--home", tmp_path / "server"), tmp_path / "copy.sqlite"
    shell.ok("init", *home, "--store", (tmp_path / "server-store").as_uri(), "--ledger", url)
    shell.ok("enrol", "hospital", RIVERSIDE, *home)
    status = shell.json("ledger", "status", *home)
    assert status["kept_in"] == url
    told = shell.json("ledger", "follow", url, "--into", copy, "--genesis", status["genesis"])
    assert (told["taken"], told["header"]) == (status["height"], status["newest"]["digest"])
    shell.ok("ledger", "stand", RIVERSIDE, *home)
    assert shell.json("ledger", "follow", tmp_path / "server", "--into", copy)["taken"] == 1
    assert shell.json("ledger", "verify", "--replica", url)["height"] == status["height"] + 1


@pytest.mark.parametrize(
    "url", ["postgresql://me:hunter22@host/ledger", "postgresql://me@host/ledger?password=hunter22"]
)
def test_a_password_in_the_ledgers_url_is_refused(shell: Shell, tmp_path: Path, url: str) -> None:
    home = tmp_path / "new"
    for words in (
        ("init", "--home", home, "--store", tmp_path.as_uri(), "--ledger", url),
        ("ledger", "follow", url, "--into", tmp_path / "copy.sqlite"),
        ("ledger", "status", "--replica", url),
    ):
        error = shell.error(*words)
        assert "[input-invalid]" in error
        assert "hunter22" not in error
    assert not home.exists()


def test_a_block_that_waited_in_an_older_copy_is_forgotten_once_later_ones_are_followed(
    shell: Shell, note: Path, tmp_path: Path
) -> None:
    ledger, old, copy, away = (tmp_path / name for name in ("home/ledger.sqlite", "old.sqlite", "copy.sqlite", "away"))
    away.mkdir()
    for path in sorted((shell.home / "delegates").iterdir())[:2]:
        shutil.move(path, away)
    assert "[quorum-missing]" in shell.error("enrol", "hospital", "Third")
    shutil.copy(ledger, old)
    for path in away.iterdir():
        shutil.move(path, shell.home / "delegates")
    shell.seal(note)
    shell.ok("ledger", "follow", shell.home, "--into", copy)
    shutil.copy(old, ledger)
    assert "[ledger-rolled-back]" in shell.error("ledger", "status")
    assert shell.json("ledger", "follow", copy, "--into", ledger)["taken"] == 2
    assert shell.json("ledger", "status")["waiting"] is None
    shell.seal(note)
    told = shell.json("ledger", "status")
    assert (told["newest"]["round"], told["waiting"]) == (0, None)
    # Whoever was away may have missed a turn; nobody is convicted for the block that was forgotten.
    assert {fault["kind"] for fault in shell.json("ledger", "evidence")["faults"]} <= {"missed-turn"}


@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("n", 1)])
def test_on_a_terminal_the_genesis_is_asked_for(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, status: int
) -> None:
    copy = tmp_path / "copy.sqlite"
    monkeypatch.setattr(io, "StringIO", Terminal)
    run = shell.run("ledger", "follow", shell.home, "--into", copy, stdin=f"{answer}\n")
    assert (run.status, copy.exists()) == (status, status == 0)
    assert shell.json("ledger", "status")["genesis"] in run.err
