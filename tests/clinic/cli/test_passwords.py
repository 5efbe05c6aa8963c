"""Where passwords come from, and that only the actor's keystore is needed."""

import io
from pathlib import Path

import pytest

from clinic.cli import passwords, session
from tests.clinic.cli.conftest import Shell, only_keystore
from tests.clinic.scene import AUTHOR, PASSWORD, PATIENT, READER, RIVERSIDE


@pytest.fixture
def silent(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell without ``$CHARTSEAL_PASSWORD``."""
    monkeypatch.delenv("CHARTSEAL_PASSWORD")
    return shell


def test_the_file_comes_before_the_variable(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\nnot this line\n")
    monkeypatch.setenv("CHARTSEAL_PASSWORD", "wrong")
    assert "[wrong-password]" in shell.error("blocks", "--patient", PATIENT)
    assert shell.ok("blocks", "--patient", PATIENT, "--password-file", file)


def test_a_password_can_be_piped_in(silent: Shell) -> None:
    assert silent.ok("blocks", "--patient", PATIENT, stdin=PASSWORD + "\n").endswith("There are no blocks yet.\n")
    error = silent.error("blocks", "--patient", PATIENT, stdin="")
    assert "use --password-file or $CHARTSEAL_PASSWORD" in error
    assert "[wrong-password]" in silent.error("blocks", "--patient", PATIENT, stdin="wrong\n")


@pytest.mark.parametrize("content", [b"", b"\n", None])
def test_a_password_file_that_says_nothing(silent: Shell, tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    assert "[input-invalid]" in silent.error("blocks", "--patient", PATIENT, "--password-file", file)


def test_an_empty_password_is_refused(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARTSEAL_PASSWORD", "")
    assert "the password is empty" in shell.error("blocks", "--patient", PATIENT)


def test_a_wrong_password_changes_nothing(shell: Shell, note: Path, tmp_path: Path) -> None:
    shell.seal(note)
    asked = shell.ask()
    before = shell.json("status")["entries"]
    with shell.monkeypatch.context() as patch:
        patch.setenv("CHARTSEAL_PASSWORD", "wrong")
        for arguments in (
            ("seal", "--author", AUTHOR, "--patient", PATIENT, note),
            ("open", "--patient", PATIENT, "--out", tmp_path / "out"),
            ("approve", asked, "--yes"),
            ("refuse", asked),
            ("request", "--doctor", READER, "--patient", PATIENT),
            ("enrol", "hospital", "New"),
            ("enrol", "patient", "New", "--hospital", RIVERSIDE),
            ("history", "--doctor", READER, "--patient", PATIENT, "--out", tmp_path / "out"),
        ):
            assert "[wrong-password]" in shell.error(*arguments)
    assert shell.json("status")["entries"] == before
    assert not (tmp_path / "out").exists()
    assert len(shell.json("members")["members"]) == 10


def test_a_new_members_password(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "hers"
    file.write_text("only hers\n")
    shell.ok("enrol", "patient", "First", "--hospital", RIVERSIDE, "--new-password-file", file)
    shell.ok("enrol", "patient", "Second", "--hospital", RIVERSIDE)
    assert "[wrong-password]" in shell.error("blocks", "--patient", "First")
    shell.ok("blocks", "--patient", "First", "--password-file", file)
    shell.ok("blocks", "--patient", "Second")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_a_new_member_is_asked(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def ask(question: str, *, confirm: bool = False) -> str:
        asked.append((question, confirm))
        return "typed"

    monkeypatch.setattr(session, "ask_password", ask)
    with monkeypatch.context() as patch:
        patch.setattr(session.sys, "stdin", Terminal())  # type: ignore[attr-defined]
        current = session.Session(shell.home, False, None, None)
        assert current.new_members_password("patient New", "authority's") == "typed"
    assert asked == [("New password for patient New", True)]
    assert current.new_members_password("patient New", "authority's") == "authority's"


def test_a_prompt_on_a_terminal_does_not_echo(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}

    def prompt(question: str, **options: object) -> str:
        seen.update(options)
        return "typed"

    monkeypatch.setattr(passwords.click, "prompt", prompt)
    monkeypatch.setattr(passwords.sys, "stdin", Terminal())
    assert passwords.ask_password("Password of x", confirm=True) == "typed"
    assert (seen["hide_input"], seen["confirmation_prompt"], seen["err"]) == (True, True, True)


def test_only_the_actors_keystore_is_unlocked(shell: Shell, note: Path, tmp_path: Path) -> None:
    keystores = {path.name: path.read_bytes() for path in (shell.home / "keystores").iterdir()}
    patient, reader, author = (shell.member(name) for name in (PATIENT, READER, AUTHOR))

    def alone(member: str, *arguments: str | Path) -> dict[str, object]:
        for name, data in keystores.items():
            (shell.home / "keystores" / name).write_bytes(data)
        only_keystore(shell.home, member)
        assert len(list((shell.home / "keystores").iterdir())) == 1
        told = shell.json(*arguments)
        assert isinstance(told, dict)
        return told

    alone(author, "seal", "--author", AUTHOR, "--patient", PATIENT, note)
    request = str(alone(reader, "request", "--doctor", READER, "--patient", PATIENT)["request"])
    refused = str(alone(reader, "request", "--doctor", READER, "--patient", PATIENT)["request"])
    alone(reader, "requests", "--doctor", READER)
    alone(patient, "requests", "--patient", PATIENT)
    grant = str(alone(patient, "approve", request, "--yes")["grant"])
    alone(patient, "refuse", refused)
    alone(patient, "grants", "--patient", PATIENT)
    alone(reader, "grants", "--doctor", READER)
    alone(reader, "history", "--doctor", READER, "--patient", PATIENT, "--out", tmp_path / "history")
    alone(reader, "history", "--doctor", READER, "--patient", PATIENT, "--list")
    alone(patient, "open", "--patient", PATIENT, "--out", tmp_path / "open")
    (block,) = alone(patient, "blocks", "--patient", PATIENT)["blocks"]  # type: ignore[misc, attr-defined]
    alone(patient, "audit", "show", "--patient", PATIENT)
    alone(patient, "recover", "split", "--patient", PATIENT, "--guardian", READER, "--threshold", "1")
    alone(reader, "recover", "share", "--guardian", READER, "--patient", PATIENT, "--out", tmp_path / "share")
    alone(patient, "revoke", grant)
    alone(author, "withdraw", block["block"], "--author", AUTHOR)


def test_what_needs_no_password_works_without_any_keystore(silent: Shell, note: Path) -> None:
    for path in (silent.home / "keystores").iterdir():
        path.unlink()
    for arguments in (("members",), ("status",), ("verify",), ("store", "check"), ("store", "repair"), ("outbox",)):
        silent.json(*arguments)
