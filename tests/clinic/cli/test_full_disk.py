"""A disk that is full, at any moment: one clear line, and nothing that was acknowledged is lost."""

import errno
import itertools
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clinic.cli.conftest import Run, Shell
from tests.clinic.scene import AUTHOR, PATIENT, READER, RIVERSIDE

TOLD = re.compile(
    r"error \[(disk-full|home-invalid|outbox-pending|local-file-failed|store-\w+|ledger-\w+)\]: .*"
    r"|error \[proxies-insufficient\]: .*: proxy \w{8}: no space is left.*"
)


def clear(run: Run) -> bool:
    """Whether a run failed with one clear line."""
    *others, last = run.err.splitlines()
    return run.status == 1 and TOLD.fullmatch(last) is not None and not any("error" in line for line in others)


class DiskFull:
    """Lets ``after`` flushes to disk through; the next ones find it full."""

    def __init__(self, after: int) -> None:
        self._left = after
        self._fsync = os.fsync
        self.met = False

    def __call__(self, descriptor: int) -> None:
        if self._left == 0:
            self.met = True
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._left -= 1
        self._fsync(descriptor)


def seen(shell: Shell) -> int:
    """Height of the newest head that the home remembers."""
    return int(json.loads((shell.home / "ledger.sqlite.seen").read_bytes())["height"])


def at_every_flush(shell: Shell, monkeypatch: pytest.MonkeyPatch, command: Callable[[int], Run]) -> int:
    """Run ``command`` with the disk full from its first flush on, from its second, and so on until it gets through.

    It does too when only the newest head could not be remembered at its end: what it did is final by then.
    """
    for after in itertools.count():
        full = DiskFull(after)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            run = command(after)
        if not full.met or run.status == 0:
            assert run.status == 0, run
            assert not full.met or seen(shell) < shell.json("ledger", "status")["height"]
            assert seen(shell) == shell.json("ledger", "status")["height"], "the next command remembers it"
            assert shell.json("verify")["sound"] is True
            return after
        assert clear(run), run
    raise AssertionError


def test_sealing(shell: Shell, note: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def seal(_after: int) -> Run:
        return shell.run("seal", "--author", AUTHOR, "--patient", PATIENT, note)

    shell.seal(note)
    assert at_every_flush(shell, monkeypatch, seal) >= 3
    assert shell.json("status")["outbox"] == 0
    opened = shell.json("open", "--patient", PATIENT, "--out", tmp_path / "out")
    assert opened["records"] >= 2
    assert {path.read_bytes() for path in (tmp_path / "out" / "files").iterdir()} == {note.read_bytes()}
    assert not list((shell.home / "outbox").glob("*/*"))


def test_reading(shell: Shell, note: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shell.seal(note)
    shell.grant()

    def history(after: int) -> Run:
        return shell.run("history", "--doctor", READER, "--patient", PATIENT, "--out", tmp_path / f"out-{after}")

    done = at_every_flush(shell, monkeypatch, history)
    assert done >= 2
    for bundle in tmp_path.glob("out-*/bundle.json"):
        assert json.loads(bundle.read_bytes())["resourceType"] == "Bundle", "whole, or not there"
    assert (tmp_path / f"out-{done}" / "files" / "note.txt").read_bytes() == note.read_bytes()


def test_granting_and_revoking(shell: Shell, note: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.seal(note)
    asked = shell.ask()
    at_every_flush(shell, monkeypatch, lambda _after: shell.run("approve", asked, "--yes"))
    (grant,) = shell.json("grants", "--patient", PATIENT)["grants"]
    assert "1 block can be read" in shell.ok("history", "--doctor", READER, "--patient", PATIENT, "--list")
    at_every_flush(shell, monkeypatch, lambda _after: shell.run("revoke", grant["grant"]))
    shell.seal(note)
    assert "[grant-inactive]" in shell.error("history", "--doctor", READER, "--patient", PATIENT, "--list")


def test_enrolling(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def enrol(after: int) -> Run:
        return shell.run("enrol", "doctor", f"Dr. {after}", "--hospital", RIVERSIDE)

    done = at_every_flush(shell, monkeypatch, enrol)
    assert f"Dr. {done}" in {member["name"] for member in shell.json("members")["members"]}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """A file that takes all the room that is left."""
    path = disk / "filler"
    with path.open("wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    assert shutil.disk_usage(disk).free == 0
    return path


def test_everything_on_a_disk_that_is_full(shell: Shell, small_disk: Path, note: Path, tmp_path: Path) -> None:
    home = small_disk / "home"
    shutil.copytree(shell.home, home)
    shell.monkeypatch.setenv("CHARTSEAL_HOME", str(home))
    shell.seal(note)
    shell.grant()
    asked = shell.ask()
    filler = fill(small_disk)
    commands: list[tuple[str | Path, ...]] = [
        ("seal", "--author", AUTHOR, "--patient", PATIENT, note),
        ("request", "--doctor", READER, "--patient", PATIENT),
        ("approve", asked, "--yes"),
        ("refuse", asked),
        ("enrol", "hospital", "New"),
        ("enrol", "patient", "New", "--hospital", RIVERSIDE),
        ("history", "--doctor", READER, "--patient", PATIENT, "--out", tmp_path / "out"),
        ("open", "--patient", PATIENT, "--out", small_disk / "out"),
        ("backup", small_disk / "backup"),
        ("init", "--home", small_disk / "second", "--store", f"file://{small_disk}/store"),
        ("generate", "--patients", "1", "--seed", "1", "--out", small_disk / "generated"),
        ("recover", "split", "--patient", PATIENT, "--guardian", READER, "--threshold", "1"),
    ]
    for command in commands:
        run = shell.run(*command)
        assert clear(run), (command, run)
    filler.unlink()
    assert shell.json("verify")["sound"] is True
    assert not [path for path in small_disk.rglob("*") if path.suffix == ".tmp"]
    for command in commands[:5]:
        if command[0] != "refuse":
            shell.ok(*command)
    out = tmp_path / "again"
    assert shell.json("history", "--doctor", READER, "--patient", PATIENT, "--out", out)["records"] == 2


def test_a_store_that_is_full(shell: Shell, small_disk: Path, tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(os.urandom(4 << 20))
    home = ("--home", tmp_path / "home-2")
    shell.ok("init", *home, "--store", f"file://{small_disk}/store")
    shell.ok("enrol", "hospital", RIVERSIDE, *home)
    shell.ok("enrol", "patient", PATIENT, "--hospital", RIVERSIDE, *home)
    seal = ("seal", "--author", PATIENT, "--patient", PATIENT, large, *home)
    run = shell.run(*seal)
    assert clear(run), run
    assert shell.json("status", *home)["outbox"] == 1, "what was sealed waits"
    assert shell.json("verify", *home)["sound"] is True
    subprocess.run(["mount", "-o", "remount,size=32m", str(small_disk)], check=True)
    assert shell.run("outbox", *home).status == 0
    assert shell.json("open", "--patient", PATIENT, "--out", tmp_path / "out", *home)["bytes"] == 4 << 20


def test_a_temporary_folder_that_is_full(
    shell: Shell, small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(os.urandom(2 << 20))
    shell.seal(large)
    shell.grant()
    fill(small_disk)
    for command in (
        ("history", "--doctor", READER, "--patient", PATIENT, "--out", tmp_path / "history"),
        ("open", "--patient", PATIENT, "--out", tmp_path / "open"),
        ("backup", tmp_path / "backup"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(tempfile, "tempdir", str(small_disk))
            run = shell.run(*command)
        assert clear(run), (command, run)
    assert not (tmp_path / "backup").exists()
    assert shell.json("history", "--doctor", READER, "--patient", PATIENT, "--out", tmp_path / "out")["records"] == 1
