"""A home of which a file is cut, changed or gone: a clear error, no traceback, and the rest untouched."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from scheme import canonical
from tests.clinic.cli.conftest import Shell
from tests.clinic.scene import AUTHOR, PATIENT, READER, RIVERSIDE

DAMAGE: dict[str, Callable[[bytes], bytes | None]] = {
    "cut": lambda data: data[: len(data) // 2],
    "other-json": lambda _data: b"{}",
    "gone": lambda _data: None,
}
FILES = (
    "config.json",
    "directory.json",
    "ledger.sqlite",
    "services/AUTHORITY.keystore",
    "services/RIVERSIDE.json",
    "services/PROXY.json",
    "keystores/AUTHOR.keystore",
    "keystores/PATIENT.keystore",
    "cards/PATIENT/CARD.json",
    "mailbox/READER/GRANT",
)


@pytest.fixture
def lived_in(shell: Shell, note: Path) -> dict[str, str]:
    """A home in which something was sealed, asked and granted; what the names in ``FILES`` stand for."""
    shell.seal(note)
    request = shell.ask()
    grant = str(shell.json("approve", request, "--yes")["grant"])
    config = canonical.loads((shell.home / "config.json").read_bytes(), what="config")
    people = {"AUTHOR": AUTHOR, "PATIENT": PATIENT, "READER": READER, "RIVERSIDE": RIVERSIDE}
    ids = {word: shell.member(name) for word, name in people.items()}
    return ids | {
        "CARD": next((shell.home / "cards" / ids["PATIENT"]).iterdir()).stem,
        "AUTHORITY": config["authority"],
        "PROXY": config["proxies"][0],
        "GRANT": grant,
    }


def commands(note: Path, out: Path) -> list[tuple[str | Path, ...]]:
    return [
        ("status",),
        ("verify",),
        ("seal", "--author", AUTHOR, "--patient", PATIENT, note),
        ("requests", "--patient", PATIENT),
        ("history", "--doctor", READER, "--patient", PATIENT, "--out", out / "history"),
        ("open", "--patient", PATIENT, "--out", out / "open"),
        ("enrol", "doctor", "Dr. New", "--hospital", RIVERSIDE),
    ]


def path_of(home: Path, ids: dict[str, str], file: str) -> Path:
    """A file of ``FILES`` in a home."""
    stem, dot, suffix = file.partition(".")
    return home / ("/".join(ids.get(part, part) for part in stem.split("/")) + dot + suffix)


@pytest.mark.parametrize("file", FILES)
def test_a_damaged_file_is_told(
    shell: Shell, note: Path, tmp_path: Path, lived_in: dict[str, str], file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind, change in DAMAGE.items():
        home = tmp_path / kind / "home"
        shutil.copytree(shell.home, home)
        monkeypatch.setenv("CHARTSEAL_HOME", str(home))
        path = path_of(home, lived_in, file)
        data = change(path.read_bytes())
        path.unlink()
        if data is not None:
            path.write_bytes(data)
        before = {path: path.read_bytes() for path in home.rglob("*.json") if path.name != "directory.json"}
        runs = [shell.run(*command) for command in commands(note, tmp_path / kind)]
        for run in runs:
            assert run.status in {0, 1}, (kind, run)
            if run.status:
                assert run.err.startswith("error ["), (kind, run)
                assert len(run.err.splitlines()) == 1, (kind, run)
        if "PROXY" not in file:
            assert any(run.status for run in runs), kind
        assert {path: path.read_bytes() for path in before} == before, "nothing is overwritten"


def test_a_directory_that_is_gone_is_not_begun_anew(shell: Shell) -> None:
    directory = shell.home / "directory.json"
    kept = directory.read_bytes()
    directory.unlink()
    assert "[home-invalid]" in shell.error("enrol", "hospital", "New")
    assert not directory.exists()
    directory.write_bytes(kept)
    assert shell.json("members")["members"]


@pytest.mark.parametrize(
    "config",
    [
        b'{"a":1,"a":2}',
        b'{ "type": "chartseal/config" }',
        b'{"stores":NaN}',
        b"[]",
        b"\xff\xfe{}",
        b"[" * 100_000,
    ],
)
def test_a_configuration_that_is_not_canonical(shell: Shell, config: bytes) -> None:
    (shell.home / "config.json").write_bytes(config)
    for command in (("status",), ("verify",)):
        assert "config.json" in shell.error(*command)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("stores", []),
        ("stores", "file:///x"),
        ("stores", [5]),
        ("stores", ["file:///x/../y"]),
        ("stores", ["nonsense"]),
        ("proxies", 5),
        ("proxies", ["../../outside"]),
        ("threshold", "2"),
        ("threshold", -1),
        ("max_staleness_s", None),
        ("authority", "../x"),
        ("genesis", 7),
        ("host_keys", ["nonsense"]),
        ("ledger", 5),
        ("match_index", 5),
    ],
)
def test_a_setting_that_is_none(shell: Shell, note: Path, setting: str, value: object) -> None:
    path = shell.home / "config.json"
    config = canonical.loads(path.read_bytes(), what="config")
    path.write_bytes(canonical.dumps(config | {setting: value}))
    for command in (
        ("status",),
        ("verify",),
        ("seal", "--author", AUTHOR, "--patient", PATIENT, note),
        ("enrol", "hospital", "New"),
    ):
        run = shell.run(*command)
        assert run.status in {0, 1}, run
        assert "Traceback" not in run.err


def test_an_outbox_batch_that_is_damaged(shell: Shell, note: Path) -> None:
    for data in (b"", b"{}", b'{"type":"chartseal/outbox-batch"}', b"garbage"):
        batch = shell.home / "outbox" / "00ff00ff00ff00ff"
        batch.mkdir(parents=True, exist_ok=True)
        (batch / "batch.json").write_bytes(data)
        run = shell.run("--json", "seal", "--author", AUTHOR, "--patient", PATIENT, note)
        told = run.json
        assert (run.status, told["blocks"], told["earlier"]["code"]) == (0, 1, "outbox-pending")
        assert told["earlier"]["message"].startswith(f"outbox batch {batch.name}: batch.json is damaged")
        assert run.err.startswith("note: what an earlier run left"), "for people, the same"
        shell.error("status")
        assert (batch / "batch.json").read_bytes() == data
