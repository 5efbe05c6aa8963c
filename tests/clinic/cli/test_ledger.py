"""``chartseal ledger``: status, delegates, votes, faults, verification; copies stand in ``test_ledger_copies``."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import click
import pytest

from clinic.cli.main import cli
from tests.clinic.cli.conftest import Shell
from tests.clinic.scene import AUTHOR, HILLCREST, PATIENT, READER, RIVERSIDE

EPOCH_BLOCKS = 4


@pytest.fixture
def small(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A home with 4 ledger blocks an epoch, at the end of the first: a hospital is enrolled."""
    home = tmp_path / "small"
    store = (tmp_path / "small-store").as_uri()
    shell.ok("init", "--home", home, "--store", store, "--epoch-blocks", str(EPOCH_BLOCKS))
    monkeypatch.setenv("CHARTSEAL_HOME", str(home))
    made = Shell(home, monkeypatch)
    made.ok("enrol", "hospital", RIVERSIDE)
    assert made.json("ledger", "status")["height"] == EPOCH_BLOCKS
    return made


def delegate(shell: Shell, name: str) -> Any:
    """A delegate as ``ledger delegates`` lists it."""
    (found,) = [each for each in shell.json("ledger", "delegates")["delegates"] if each["name"] == name]
    return found


def keys(shell: Shell) -> list[Path]:
    """The files with the delegates' keys."""
    return sorted((shell.home / "delegates").iterdir())


def test_status_tells_who_signed_the_newest_block(shell: Shell) -> None:
    told = shell.json("ledger", "status")
    assert told["genesis"] == shell.json("status")["genesis"]
    assert told["newest"]["height"] == told["height"] > 0
    assert set(told["newest"]["signed"]) == set(told["seats"]) == {path.stem for path in keys(shell)}
    assert sum(told["newest"]["signed"].values()) >= told["newest"]["quorum"]
    assert told["next_turn"] in told["seats"]
    assert told["waiting"] is None
    out = shell.ok("ledger", "status")
    assert all(f"founder {number}: signed, weight 80" in out for number in (1, 2, 3, 4))
    assert told["genesis"] in out
    assert told["newest"]["digest"] in out


def test_who_is_voted_for_gets_a_seat_when_the_epoch_ends(small: Shell) -> None:
    small.ok("enrol", "doctor", AUTHOR, "--hospital", RIVERSIDE)
    assert "electable from epoch 2" in small.ok("ledger", "stand", RIVERSIDE)
    assert delegate(small, RIVERSIDE)["support"] == 0
    told = small.ok("ledger", "vote", AUTHOR, RIVERSIDE)
    assert told == f"{AUTHOR} votes for {RIVERSIDE}; it counts when epoch 1 ends.\n"
    before = delegate(small, RIVERSIDE)
    assert (before["turn"], before["weight"]) == (None, None)
    assert before["support"] > 0
    small.ok("enrol", "hospital", HILLCREST)
    seated = delegate(small, RIVERSIDE)
    assert seated["turn"] in {1, 2, 3, 4}
    assert seated["weight"] == 80
    founders = [each for each in small.json("ledger", "delegates")["delegates"] if each["name"].startswith("founder")]
    assert sorted(each["turn"] is None for each in founders) == [False, False, False, True]
    row = next(line for line in small.ok("ledger", "delegates").splitlines() if RIVERSIDE in line)
    assert str(seated["weight"]) in row.split()
    small.ok("enrol", "doctor", READER, "--hospital", HILLCREST)
    assert seated["delegate"] in small.json("ledger", "status")["newest"]["signed"]


def test_standing_down_ends_the_seat_with_the_epoch_and_keeps_the_id(small: Shell) -> None:
    first = small.json("ledger", "stand", RIVERSIDE)
    assert "[stands-already]" in small.error("ledger", "stand", RIVERSIDE)
    assert small.ok("ledger", "stand", "--down", RIVERSIDE) == f"{RIVERSIDE} stands no more.\n"
    assert "[not-standing]" in small.error("ledger", "stand", "--down", RIVERSIDE)
    assert "[candidate-not-standing]" in small.error("ledger", "vote", RIVERSIDE, RIVERSIDE)
    again = small.json("ledger", "stand", RIVERSIDE)
    assert (again["delegate"], again["standing"]) == (first["delegate"], True)
    assert len(keys(small)) == 5


def test_only_hospitals_and_doctors_stand_and_vote(shell: Shell) -> None:
    for words in (("stand", PATIENT), ("stand", "proxy 1"), ("vote", PATIENT, RIVERSIDE), ("vote", AUTHOR, "Nobody")):
        assert "[name-unknown]" in shell.error("ledger", *words)
    assert "ever stood" in shell.error("ledger", "vote", AUTHOR, RIVERSIDE)
    founder = shell.json("ledger", "status")["seats"][0]
    assert shell.json("ledger", "vote", AUTHOR, founder[:8])["candidate"] == founder
    assert "[vote-twice]" in shell.error("ledger", "vote", AUTHOR, founder[:8])


def test_a_doctor_stands_with_a_password_and_a_hospital_without(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("not the password\n")
    assert "[wrong-password]" in shell.error("ledger", "stand", AUTHOR, "--password-file", wrong)
    assert len(keys(shell)) == 4
    monkeypatch.delenv("CHARTSEAL_PASSWORD")
    shell.ok("ledger", "stand", RIVERSIDE)
    assert delegate(shell, RIVERSIDE)["standing"] is True
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in keys(shell))


def test_a_refused_candidate_leaves_no_key(shell: Shell) -> None:
    shell.ok("member", "suspend", AUTHOR)
    before = keys(shell)
    assert "[signer-suspended]" in shell.error("ledger", "stand", AUTHOR)
    assert keys(shell) == before


def test_work_goes_on_with_one_delegate_down_and_stops_with_two(shell: Shell, note: Path, tmp_path: Path) -> None:
    assert shell.ok("ledger", "evidence") == "No delegate was punished.\n"
    away = tmp_path / "away"
    away.mkdir()
    first, second = keys(shell)[:2]
    shutil.move(first, away)
    for _ in range(4):
        shell.seal(note)
    assert first.stem in shell.json("ledger", "status")["newest"]["missing"]
    assert "did not sign" in shell.ok("ledger", "status")
    (fault,) = shell.json("ledger", "evidence")["faults"]
    assert (fault["accused"], fault["kind"], fault["reporter"]) == (first.stem, "missed-turn", None)
    assert "missed-turn" in shell.ok("ledger", "evidence")
    assert "1 fault so far" in shell.ok("ledger", "delegates")
    shutil.move(second, away)
    height = shell.json("ledger", "status")["height"]
    assert "[quorum-missing]" in shell.error("enrol", "hospital", "Third")
    told = shell.json("ledger", "status")
    assert (told["height"], told["waiting"]) == (height, {"height": height + 1, "transactions": 1})
    assert "too few; nothing is lost" in shell.ok("ledger", "status")
    for path in away.iterdir():
        shutil.move(path, shell.home / "delegates")
    shell.seal(note)
    told = shell.json("ledger", "status")
    assert (told["height"], told["waiting"], told["newest"]["missing"]) == (height + 2, None, {})


def test_verify_says_what_it_checked_and_finds_damage(shell: Shell, note: Path) -> None:
    shell.seal(note)
    told = shell.json("ledger", "verify")
    status = shell.json("ledger", "status")
    assert (told["height"], told["entries"]) == (status["height"], status["entries"])
    assert told["state_root"] == status["newest"]["state_root"]
    assert f"{told['height']} blocks" in shell.ok("ledger", "verify")
    path = shell.home / "ledger.sqlite"
    data = path.read_bytes()
    place = data.rindex(b'"type":"anchor-blocks"')
    path.write_bytes(data[: place + 9] + b"A" + data[place + 10 :])
    assert "[ledger-damaged]" in shell.error("ledger", "verify")


def test_standing_while_too_few_vote_is_not_lost(shell: Shell, tmp_path: Path) -> None:
    away = tmp_path / "away"
    away.mkdir()
    for path in keys(shell)[:2]:
        shutil.move(path, away)
    assert "[quorum-missing]" in shell.error("ledger", "stand", RIVERSIDE)
    for path in away.iterdir():
        shutil.move(path, shell.home / "delegates")
    stands = shell.json("ledger", "stand", RIVERSIDE)
    assert stands["delegate"] == delegate(shell, RIVERSIDE)["delegate"]
    assert [path.stem for path in keys(shell)].count(stands["delegate"]) == 1
    assert len(keys(shell)) == 5


def test_every_command_of_the_group_has_help_in_80_columns(shell: Shell) -> None:
    group = cli.get_command(click.Context(cli), "ledger")
    assert set(group.commands) == {  # type: ignore[attr-defined]
        "status", "delegates", "stand", "vote", "evidence", "verify", "export", "follow",
    }  # fmt: skip
    for name in group.commands:  # type: ignore[attr-defined]
        out = shell.ok("ledger", name, "--help")
        assert max(map(len, out.splitlines())) <= 80
    assert "..." not in shell.ok("ledger", "--help").partition("Commands:")[2]
