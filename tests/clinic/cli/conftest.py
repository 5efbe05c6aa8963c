"""Running the command in this process, through ``main``, as a shell would see it."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from clinic.cli.main import main
from tests.clinic import scene


@dataclass(frozen=True)
class Run:
    """What a shell sees of one run."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object on standard output."""
        lines = self.out.splitlines()
        assert len(lines) == 1, self.out
        return json.loads(lines[0])


@dataclass
class Shell:
    """A shell whose home, password and width of terminal are set."""

    home: Path
    monkeypatch: pytest.MonkeyPatch

    def run(self, *arguments: str | Path, stdin: str = "") -> Run:
        """Run ``chartseal ARGUMENTS``."""
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
        with self.monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["chartseal", *map(str, arguments)])
            patch.setattr(sys, "stdin", io.StringIO(stdin))
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            status = 0
            try:
                main()
            except SystemExit as left:
                status = left.code if isinstance(left.code, int) else 1
        return Run(status, *(stream.buffer.getvalue().decode() for stream in (out, err)))

    def ok(self, *arguments: str | Path, stdin: str = "") -> str:
        """Run a command that must succeed; what it printed."""
        run = self.run(*arguments, stdin=stdin)
        assert run.status == 0, run
        return run.out

    def json(self, *arguments: str | Path) -> Any:
        """Run a command that must succeed with ``--json``; the object."""
        run = self.run(*arguments, "--json")
        assert run.status == 0, run
        return run.json

    def error(self, *arguments: str | Path, stdin: str = "") -> str:
        """Run a command that must fail with exit status 1; its error, one line without a traceback."""
        run = self.run(*arguments, stdin=stdin)
        assert run.status == 1, run
        assert "Traceback" not in run.err
        (line,) = [line for line in run.err.splitlines() if line.startswith("error [")]
        assert run.err.rstrip().endswith(line), run.err
        return line

    # Steps that many tests begin with

    def seal(self, *files: Path) -> list[str]:
        """Seal files as ``AUTHOR`` for ``PATIENT``; ids of the blocks."""
        blocks: list[str] = self.json("seal", "--author", scene.AUTHOR, "--patient", scene.PATIENT, *files)["block"]
        return blocks

    def ask(self, *options: str) -> str:
        """A request of ``READER`` to ``PATIENT``; its id."""
        return str(self.json("request", "--doctor", scene.READER, "--patient", scene.PATIENT, *options)["request"])

    def grant(self, *options: str) -> str:
        """A request and its approval; the grant's id."""
        return str(self.json("approve", self.ask(), "--yes", *options)["grant"])

    def member(self, name: str) -> str:
        """The id of a member."""
        (found,) = [each for each in self.json("members")["members"] if each["name"] == name]
        return str(found["member"])


@pytest.fixture
def shell(home_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell in a home with everybody of ``tests.clinic.scene`` enrolled, 80 columns wide."""
    monkeypatch.setenv("CHARTSEAL_HOME", str(home_folder))
    monkeypatch.setenv("CHARTSEAL_PASSWORD", scene.PASSWORD)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("CHARTSEAL_DEBUG", raising=False)
    return Shell(home_folder, monkeypatch)


@pytest.fixture
def note(tmp_path: Path) -> Path:
    """A small file to seal."""
    path = tmp_path / "note.txt"
    path.write_text("potassium 4.10 mmol/l\n")
    return path


def only_keystore(home: Path, member_id: str) -> None:
    """Delete every keystore but one."""
    for path in (home / "keystores").iterdir():
        if member_id not in path.name:
            path.unlink()


def mode(path: Path) -> int:
    """Permission bits of a file."""
    return path.stat().st_mode & 0o777
