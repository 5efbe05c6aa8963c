"""Each command runs from a member's home, or is refused there with its code; one that nobody listed fails here."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from clinic.directory import Person
from clinic.own_blocks import open_own
from ledger.bodies import Role
from network.member_home import MemberHome
from tests.clinic.cli.conftest import Shell
from tests.network.at_home import At, acquaint
from tests.network.cli.commands import (
    CONSORTIUM,
    LISTED,
    MACHINES,
    MEMBERS,
    OPERATORS,
    SERVICES,
    Walk,
    every_command,
)
from tests.network.cli.conftest import Scene
from tests.network.running import AUTHOR, NOWHERE, PATIENT, READER, Homes, options

MARY = "Mary Quinn"
NOTE, CORRECTED, LATER = "potassium 4.10 mmol/l\n", "potassium 4.01 mmol/l\n", "potassium 3.90 mmol/l\n"
NOBODY = "00" * 16
"""A pseudonym of no patient."""


def test_every_command_is_listed() -> None:
    assert set(every_command()) == set(LISTED)


def test_where_a_command_is_run_is_said_once() -> None:
    places = (set().union(*MEMBERS.values()), OPERATORS, SERVICES, CONSORTIUM, MACHINES)
    assert sum(map(len, places)) == len(set().union(*places))


# What is not done at a member's

REFUSED = {
    "enrol": ("doctor", "x", "--hospital", "y"),
    "invite": ("doctor", "x"),
    "admit": (),
    "member suspend": ("ME",),
    "member reinstate": ("ME",),
    "member renew": ("ME",),
    "member remove": ("ME", "--yes"),
    "ledger stand": (AUTHOR,),
    "store check": (),
    "store repair": (),
    "store copy": ("file:///from", "file:///to"),
    "serve": ("--url", NOWHERE),
    "proxy serve": ("--url", NOWHERE),
    "issuer serve": ("--url", NOWHERE),
}
NO_HOME_OF_A_CONSORTIUM = {
    "consortium init": (),
    "consortium join": ("--child", "HERE"),
    "consortium anchor": ("--child", "HERE"),
    "consortium status": (),
    "consortium index": ("--child", "HERE"),
    "consortium find": (NOBODY,),
    "consortium ask": ("--child", "HERE", "--doctor", AUTHOR, NOBODY),
    "consortium asks": ("--child", "HERE"),
    "consortium answer": ("--child", "HERE", "--patient", PATIENT, "--yes", NOBODY),
}


@pytest.fixture(scope="module")
def lonely(homes: Homes, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Homes of a doctor, and of a patient who knows her."""
    folder = tmp_path_factory.mktemp("lonely")
    for name in (AUTHOR, PATIENT):
        shutil.copytree(homes.folder / name, folder / name)
    patient = MemberHome(folder / PATIENT, options(None))
    patient.directory.add(Person(homes.ids[AUTHOR], Role.DOCTOR.value, AUTHOR))
    return {name: folder / name for name in (AUTHOR, PATIENT)}


def refusals(shell: Shell, homes: dict[str, Path], command: str, words: tuple[str, ...]) -> list[str]:
    """What a doctor and a patient are told, without a server that could be asked."""
    walk = Walk(shell.home, shell.monkeypatch, NOWHERE)
    return [
        At(walk, folder).error(*command.split(), *({"ME": name, "HERE": str(folder)}.get(word, word) for word in words))
        for name, folder in homes.items()
    ]


@pytest.mark.parametrize("command", sorted(OPERATORS | SERVICES))
def test_what_takes_another_home_is_refused(shell: Shell, lonely: dict[str, Path], command: str) -> None:
    doctors, patients = refusals(shell, lonely, command, REFUSED[command])
    assert "error [not-permitted]" in doctors
    assert "error [not-permitted]" in patients
    assert ("hospital's own home" in doctors) == (command not in {"proxy serve", "issuer serve"})


@pytest.mark.parametrize("command", sorted(CONSORTIUM))
def test_a_members_home_is_no_consortiums(shell: Shell, lonely: dict[str, Path], command: str) -> None:
    for error in refusals(shell, lonely, command, NO_HOME_OF_A_CONSORTIUM[command]):
        assert "error [home-invalid]" in error


# What is


def test_consent_from_request_to_revocation(scene: Scene) -> None:
    walk, author, reader = scene.walk, scene.copied(AUTHOR), scene.copied(READER)
    patient = scene.joined(Role.PATIENT, MARY)
    acquaint(author, reader, patient)

    def seal(text: str, *words: str) -> str:
        file = scene.file(f"{len(list(scene.folder.iterdir()))}.txt", text)
        told = author.json("seal", "--doctor", AUTHOR, "--patient", MARY, "--category", "laboratory", *words, file)
        return str(told["block"][0])

    def read(out: str) -> list[str]:
        told = reader.json("history", "--doctor", READER, "--patient", MARY, "--out", scene.folder / out)
        texts = sorted(path.read_text() for path in (scene.folder / out / "files").iterdir())
        assert told["records"] == len(texts)
        return texts

    first = seal(NOTE)
    history = ("history", "--doctor", READER, "--patient", MARY, "--list")
    assert "grant-inactive" in reader.error(*history)
    asked = reader.json("request", "--doctor", READER, "--patient", MARY, "--purpose", "second opinion")["request"]
    (item,) = patient.json("requests", "--patient", MARY)["requests"]
    assert (item["request"], item["purpose"]) == (asked, "second opinion")
    grant = patient.json("approve", asked, "--yes")["grant"]
    (held,) = reader.json("grants", "--doctor", READER)["grants"]
    assert (held["grant"], held["status"]) == (grant, "active")
    assert read("granted") == [NOTE]
    amended = seal(CORRECTED, "--amends", first[:12])
    assert amends(scene, patient) == {first: None, amended: first}
    assert read("amended") == sorted([NOTE, CORRECTED])
    refused = reader.json("request", "--doctor", READER, "--patient", MARY, "--write")["request"]
    patient.ok("refuse", refused[:8], "--reason", "not now")
    assert patient.json("revoke", grant[:12])["status"] == "revoked"
    seal(LATER)
    error = reader.error(*history)
    assert "grant-inactive" in error
    assert "revoked" in error
    assert reader.json("grants", "--doctor", READER)["grants"][0]["status"] == "revoked"
    told = {each["request"]: each["status"] for each in reader.json("requests", "--doctor", READER)["requests"]}
    assert told == {asked: "granted", refused: "refused: not now"}
    assert len(patient.json("blocks", "--patient", MARY)["blocks"]) == 3
    assert patient.json("open", "--patient", MARY, "--out", scene.folder / "own")["records"] == 3
    assert walk.worked >= MEMBERS["consent"]


def amends(scene: Scene, patient: At) -> dict[str, str | None]:
    """Which block each of a patient's blocks corrects, by what its author signed."""
    home = MemberHome(patient.folder, options(scene.clinic.hospital.url))
    secrets = home.secrets()
    with home.site() as site:
        opened = open_own(site, secrets, site.state().blocks(patient=secrets.member_id))
        return {each.anchored.locator: each.manifest.amends for each in opened}
