"""A family link between two homes: a parent offers, the child accepts and reads through the proxies, either ends it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.bodies import Role
from tests.clinic.cli.conftest import Shell
from tests.network.at_home import At, join
from tests.network.running import AUTHOR, OTHER, Clinic

PARENT = "Wilhelmina Abernathy"
NOTE = "hereditary angioedema\n"


@pytest.fixture
def child(clinic: Clinic, shell: Shell) -> At:
    shell.monkeypatch.setenv("CHARTSEAL_SERVER", clinic.hospital.url)
    return At(shell, clinic.homes.folder / OTHER)


@pytest.fixture
def parent(clinic: Clinic, child: At, shell: Shell, tmp_path: Path) -> At:
    """With a block in her history; she and the child know each other."""
    at = At(shell, tmp_path / "parent")
    join(clinic, at, Role.PATIENT, PARENT)
    at.ok("contact", "add", *child.line)
    note = tmp_path / "note.txt"
    note.write_text(NOTE)
    author = At(shell, clinic.homes.folder / AUTHOR)
    for other in (child, author):
        other.ok("contact", "add", "patient", name_of(at), at.line[2])
    author.ok("seal", "--doctor", AUTHOR, "--patient", name_of(at), "--category", "clinical", note)
    return at


def name_of(parent: At) -> str:
    """What others call her: homes last for the session, and each test has another parent."""
    return f"{PARENT} {parent.line[2][:8]}"


@pytest.mark.slow
def test_a_child_reads_until_the_link_is_ended(parent: At, child: At, tmp_path: Path) -> None:
    history = ("history", "--doctor", OTHER, "--patient", name_of(parent))
    offered = parent.json("family", "invite", "--parent", PARENT, "--child", OTHER, "--yes")["grant"]
    assert child.run(*history, "--list").status == 1  # not accepted yet
    assert child.json("family", "accept", offered[:12], "--yes")["parent"] == parent.line[2]
    assert child.json(*history, "--out", tmp_path / "out")["records"] == 1
    assert (tmp_path / "out" / "files" / "note.txt").read_text() == NOTE
    assert child.json("family", "end", offered)["status"] == "ended"
    assert "link was ended" in child.error(*history, "--list")
    assert parent.json("grants", "--patient", PARENT)["grants"][0]["status"] == "revoked"
    again = parent.json("family", "invite", "--parent", PARENT, "--child", OTHER, "--yes")["grant"]
    child.ok("family", "accept", again[:12], "--yes")
    assert child.json(*history, "--out", tmp_path / "again")["records"] == 1
    parent.ok("revoke", again)
    assert child.run(*history, "--list").status == 1
    assert "grant-revoked" in child.error("family", "end", again)
