"""Commands about family links: the parent invites, the child accepts and reads, either ends."""

from pathlib import Path

import pytest

from tests.clinic.cli.conftest import Shell
from tests.clinic.scene import OTHER, PATIENT, READER

LINK = ("--parent", PATIENT, "--child", OTHER)


@pytest.fixture
def sealed(shell: Shell, note: Path) -> str:
    """One block of the parent's."""
    (block,) = shell.seal(note)
    return block


def invite(shell: Shell, *options: str) -> str:
    return str(shell.json("family", "invite", *LINK, "--yes", *options)["grant"])


def status(shell: Shell, name: str = OTHER) -> str:
    (grant,) = shell.json("grants", "--patient", name)["grants"]
    return str(grant["status"])


def test_child_reads_once_both_agreed(shell: Shell, sealed: str, tmp_path: Path) -> None:
    link = invite(shell)
    read = ("history", "--doctor", OTHER, "--patient", PATIENT)
    assert "not accepted yet" in shell.error(*read, "--list")
    assert status(shell) == status(shell, PATIENT) == "offered"
    shell.ok("family", "accept", link[:12], "--yes")
    assert status(shell) == "active"
    shell.ok(*read, "--out", tmp_path / "out")
    (file,) = (tmp_path / "out" / "files").rglob("*.txt")
    assert file.read_text() == "potassium 4.10 mmol/l\n"


def test_invitation_is_shown_and_confirmed(shell: Shell, sealed: str) -> None:
    words = ("family", "invite", *LINK, "--category", "clinical", "--since", "2015", "--until", "2199-12-31")
    assert "nothing was offered" in shell.error(*words)
    assert "nothing was offered" in shell.error(*words, stdin="n\n")
    run = shell.run(*words, stdin="y\n")
    assert run.status == 0, run
    assert f"{OTHER} is to read: clinical, 2015 and later; until 2199-12-31." in run.err
    assert "Offered" in run.out


def test_a_decade_that_is_cut_in_two_is_left_out_aloud(shell: Shell, sealed: str) -> None:
    run = shell.run("family", "invite", *LINK, "--since", "2005", "--yes")
    assert "is left out, being only partly in; --since 2000 includes it." in run.err


def test_acceptance_is_confirmed(shell: Shell, sealed: str) -> None:
    link = invite(shell, "--category", "clinical")
    assert "nothing was accepted" in shell.error("family", "accept", link, stdin="n\n")
    assert status(shell) == "offered"
    run = shell.run("family", "accept", link, stdin="y\n")
    assert f"{PATIENT} offers you to read: clinical, all years; until revoked." in run.err
    assert status(shell) == "active"
    assert "[family-accepted]" in shell.error("family", "accept", link, "--yes")


@pytest.mark.parametrize("accepted", [True, False])
def test_child_ends_or_declines(shell: Shell, sealed: str, accepted: bool) -> None:
    link = invite(shell)
    if accepted:
        shell.ok("family", "accept", link, "--yes")
    assert shell.ok("family", "end", link).startswith("Ended" if accepted else "Declined")
    assert status(shell) == "revoked"
    assert "[grant-revoked]" in shell.error("family", "end", link)
    assert "link was ended" in shell.error("history", "--doctor", OTHER, "--patient", PATIENT, "--list")


def test_parent_ends_by_revoking(shell: Shell, sealed: str) -> None:
    link = invite(shell)
    shell.ok("family", "accept", link, "--yes")
    shell.ok("revoke", link)
    assert status(shell) == "revoked"


def test_ordinary_grants_are_not_family_links(shell: Shell, sealed: str) -> None:
    granted = str(shell.json("approve", shell.ask(), "--yes")["grant"])
    for verb in (("accept", granted, "--yes"), ("end", granted)):
        assert "not a family link" in shell.error("family", *verb)
    assert "[grant-unknown]" in shell.error("family", "accept", "ffffffff", "--yes")


def test_doctors_are_nobodys_children(shell: Shell, sealed: str) -> None:
    assert "[name-unknown]" in shell.error("family", "invite", "--parent", PATIENT, "--child", READER, "--yes")


def test_last_day_must_lie_ahead(shell: Shell, sealed: str) -> None:
    assert "over already" in shell.error("family", "invite", *LINK, "--until", "2020-01-01", "--yes")
