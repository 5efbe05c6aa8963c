"""The consortium's commands, from `init` to a doctor who knows where to turn."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.clinic.cli.conftest import Shell
from tests.clinic.scene import OTHER, PATIENT, READER, RIVERSIDE

DOCTOR, HOSPITAL = "Dr. Saul Adeyemi", "Southern Hospital"
PURPOSE = "a second opinion"


@dataclass
class Place:
    """Riverside's home, Southern Hospital's home, and the consortium's."""

    shell: Shell
    north: Path
    south: Path
    home: Path

    def ok(self, *words: str | Path) -> str:
        return self.shell.ok("consortium", words[0], "--home", self.home, *words[1:])

    def json(self, *words: str | Path) -> Any:
        return self.shell.json("consortium", words[0], "--home", self.home, *words[1:])

    def error(self, *words: str | Path) -> str:
        return self.shell.error("consortium", words[0], "--home", self.home, *words[1:])

    def ask(self) -> str:
        asking = ("ask", "--child", self.south, "--doctor", DOCTOR, "--purpose", PURPOSE)
        return str(self.json(*asking, self.shell.member(PATIENT))["ask"])

    def asks(self) -> Any:
        """What the doctor sees."""
        return self.json("asks", "--child", self.south, "--doctor", DOCTOR)["asks"]


@pytest.fixture
def place(shell: Shell, note: Path, tmp_path: Path) -> Place:
    south, home = tmp_path / "south", tmp_path / "consortium"
    shell.seal(note)
    shell.ok("init", "--home", south, "--store", (tmp_path / "south-store").as_uri())
    shell.ok("enrol", "hospital", HOSPITAL, "--home", south)
    shell.ok("enrol", "doctor", DOCTOR, "--hospital", HOSPITAL, "--home", south)
    shell.ok("consortium", "init", "--home", home)
    made = Place(shell, shell.home, south, home)
    made.ok("join", "--child", made.north, "--hospital", RIVERSIDE)
    made.ok("join", "--child", south, "--doctor", DOCTOR)
    return made


def test_a_doctor_is_told_where_to_turn(place: Place) -> None:
    pseudonym = place.shell.member(PATIENT)
    assert place.json("find", pseudonym) == {"found": False}
    assert place.ok("index", "--child", place.north, "--child", place.south) == "Entered 1 patient.\n"
    assert place.json("find", pseudonym) == {"found": True}
    assert "has records somewhere" in place.ok("find", pseudonym)
    ask = place.ask()
    assert [(item["ask"], item["status"]) for item in place.asks()] == [(ask, "open")]
    row = place.ok("asks", "--child", place.north).splitlines()[-1]
    assert row.startswith(ask[:12])
    assert all(re.search(word, row) for word in (DOCTOR[:8], PATIENT.split()[0]))
    told = place.ok("answer", "--child", place.north, "--patient", PATIENT, "--yes", ask[:8])
    assert told == f"The doctor is told to turn to {RIVERSIDE}.\n"
    (item,) = place.asks()
    assert item["status"] == f"turn to {RIVERSIDE}"
    assert item["ledger"] == place.shell.json("status")["genesis"]
    assert item["purpose"] == PURPOSE
    assert "[ask-answered]" in place.error("answer", "--child", place.north, "--patient", PATIENT, "--yes", ask)


def test_a_patient_is_shown_the_ask_and_may_decline(place: Place) -> None:
    place.ok("index", "--child", place.north, "--patient", PATIENT)
    words = ("consortium", "answer", "--home", place.home, "--child", place.north, "--patient", PATIENT)
    run = place.shell.run(*words, place.ask(), stdin="n\n")
    assert (run.status, run.out) == (0, "The doctor is told that the patient declined.\n")
    assert DOCTOR in run.err
    assert PURPOSE in run.err
    place.ok("answer", "--child", place.north, "--patient", PATIENT, "--decline", place.ask())
    assert [(item["status"], item["hospital"]) for item in place.asks()] == [("declined", None)] * 2


def test_an_ask_is_for_the_patient_whom_it_is_about(place: Place) -> None:
    place.ok("index", "--child", place.north, "--patient", PATIENT, "--patient", OTHER)
    answering = ("answer", "--child", place.north, "--patient", OTHER, "--yes", place.ask())
    assert "[request-unknown]" in place.error(*answering)


def test_an_unindexed_pseudonym_and_a_random_one_look_the_same(place: Place) -> None:
    place.ok("index", "--child", place.north)
    taken_out = place.shell.member(OTHER), secrets.token_hex(16)
    assert len({place.ok("find", pseudonym) for pseudonym in taken_out}) == 1
    asking = ("ask", "--child", place.south, "--doctor", DOCTOR)
    assert len({place.error(*asking, pseudonym) for pseudonym in taken_out}) == 1
    place.ok("index", "--child", place.north, "--remove", "--patient", PATIENT)
    assert place.json("find", place.shell.member(PATIENT)) == {"found": False}


def test_heads_are_anchored_and_shown(place: Place, note: Path) -> None:
    for _ in range(2):
        anchored = place.json("anchor", "--child", place.north)
        assert "[child-head-old]" in place.error("anchor", "--child", place.north)
        place.shell.seal(note)
    assert "at height" in place.ok("anchor", "--child", place.south)
    north, south = place.json("status")["children"]
    assert (north["name"], north["height"], north["external"]) == (RIVERSIDE, anchored["height"], anchored["external"])
    assert south["height"] > 0
    assert RIVERSIDE in place.ok("status")


def test_wrong_calls_are_told(place: Place, tmp_path: Path) -> None:
    north = ("--child", place.north)
    assert "[input-invalid]" in place.error("find", "paula")
    assert "[input-invalid]" in place.error("join", *north)
    assert "[input-invalid]" in place.error("index", *north, "--child", place.south, "--patient", PATIENT)
    assert "[home-invalid]" in place.shell.error("consortium", "status", "--home", place.north)
    assert "[home-invalid]" in place.error("anchor", "--child", tmp_path / "nothing")
    assert "[name-unknown]" in place.error("ask", "--child", place.south, "--doctor", READER, "00" * 16)
    assert "Nobody new" in place.ok("join", *north, "--hospital", RIVERSIDE)
    assert "There are no asks" in place.ok("asks", *north)
    password = tmp_path / "wrong"
    password.write_text("wrong\n")
    assert "[wrong-password]" in place.error("join", *north, "--hospital", RIVERSIDE, "--password-file", password)


def test_a_ledger_that_has_not_joined_is_not_anchored(place: Place, tmp_path: Path) -> None:
    other = tmp_path / "other"
    place.shell.ok("init", "--home", other, "--store", (tmp_path / "other-store").as_uri())
    assert "[name-unknown]" in place.error("anchor", "--child", other)
    assert "[name-unknown]" in place.error("index", "--child", other)


def test_doctors_password_may_be_another(place: Place, tmp_path: Path) -> None:
    own = tmp_path / "doctors-password"
    own.write_text("the doctor's own\n")
    name = ("Dr. Sara Lindgren",)
    enrol = ("enrol", "doctor", *name, "--hospital", HOSPITAL, "--home", place.south, "--new-password-file", own)
    place.shell.ok(*enrol)
    joining = ("join", "--child", place.south, "--doctor", *name)
    assert "[wrong-password]" in place.error(*joining)
    assert name[0] in place.ok(*joining, "--doctor-password-file", own)
