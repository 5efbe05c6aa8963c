"""Matching and sessions by the commands alone: patients at their homes, two issuers at their operators'."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import pytest

from benchmarks.servers.running import wait_until
from clinic.match_epoch import epoch_at
from ledger.bodies import Role
from matching.report import Report
from tests.network import running
from tests.network.at_home import At
from tests.network.cli.commands import MEMBERS
from tests.network.cli.conftest import Scene
from tests.network.hospital import Hospital
from tests.network.running import START_S, Clinic, Serving

pytestmark = pytest.mark.slow

SEIZURE, ATAXIA, HEARING, FEVER = "HP:0001250", "HP:0001251", "HP:0000365", "HP:0001945"
ISSUERS = ("issuer-a", "issuer-b")


@dataclass(frozen=True)
class Patient:
    """Somebody with symptoms, at her home."""

    at: At
    name: str

    def match(self, command: str, *words: str) -> Any:
        return self.at.json("match", command, *words, "--patient", self.name)

    def session(self, command: str, *words: str) -> Any:
        return self.at.json("session", command, *words, "--patient", self.name)

    def error(self, *words: str) -> str:
        return self.at.error(*words, "--patient", self.name)

    def listed(self) -> dict[str, str]:
        """How each of her matches stands."""
        return {each["match"]: each["status"] for each in self.match("list")["matches"]}

    def read(self, match_id: str) -> list[str]:
        """What is new."""
        return [each["text"] for each in self.session("read", match_id)["texts"]]


@pytest.fixture(scope="module")
def issuers(lasting_clinic: Clinic) -> Iterator[None]:
    """Both at work, their keys on the ledger."""
    clinic, served = lasting_clinic, {}
    hospital = Hospital(clinic.hospital.home, clinic.hospital.url)
    with ExitStack() as running_ones:
        for name in ISSUERS:
            folder = clinic.homes.folder / name
            running.join(hospital, folder, Role.ISSUER, name)
            served[name] = Serving.of(folder, ["issuer", "serve"])
            running_ones.callback(served[name].close)
            served[name].start()

        def known() -> bool:
            with hospital.home.site() as site:
                return len(site.state().issuer_keys(epoch_at(site.clock()))) == len(ISSUERS)

        replace(clinic, proxies=served).wait_for_cards()
        wait_until(known, START_S, "the issuers' keys")
        yield


@pytest.fixture
def patients(own_scene: Scene, issuers: None) -> list[Patient]:
    """Three, of whom each two share two symptoms, opted in."""
    found = []
    for name, third in (("Ada", FEVER), ("Brita", HEARING), ("Carla", FEVER)):
        patient = Patient(own_scene.joined(Role.PATIENT, name), name)
        named = [word for term in (SEIZURE, ATAXIA, third) for word in ("--symptom", term)]
        assert patient.match("optin", *named)["tags"] >= 3
        found.append(patient)
    return found


def match_of(one: Patient, other: Patient) -> str:
    """The match that both have."""
    one.match("find")
    (shared,) = set(one.listed()) & set(other.listed())
    return shared


def talk(one: Patient, other: Patient) -> str:
    """The match of both, in which both accepted and proved what they share."""
    match_id = match_of(one, other)
    assert one.match("accept", match_id)["status"] == "waiting"
    assert other.match("accept", match_id)["status"] == "paired"
    for each in (one, other, one):
        assert each.read(match_id) == []
    return match_id


def test_patients_are_matched_talk_and_leave(own_scene: Scene, patients: list[Patient]) -> None:
    ada, brita, carla = patients
    match_id = talk(ada, brita)
    assert {SEIZURE, ATAXIA} <= {each["id"] for each in ada.match("shared", match_id)["shared"]}
    assert ada.session("send", match_id, "Since when?")["sent"]
    assert brita.read(match_id) == ["Since when?"]
    report = ada.session("report", match_id, "--reason", "abuse")["report"]
    kept = own_scene.clinic.hospital.home / "matching" / "reports" / report
    assert Report.from_bytes(kept.read_bytes()).reason.value == "abuse"
    ada.session("end", match_id)
    assert brita.session("read", match_id)["session"] == "ended"
    assert "session-ended" in brita.error("session", "send", match_id, "hello?")

    blocked = talk(brita, carla)
    carla.session("block", blocked)
    assert "session-blocked" in carla.error("session", "send", blocked, "once more")
    assert "handle-unknown" in brita.error("session", "send", blocked, "hello?")  # nobody told her why

    declined = match_of(carla, ada)
    carla.match("decline", declined)
    assert carla.listed()[declined] == "closed"
    assert "pairing-closed" in carla.error("match", "accept", declined)
    assert ada.match("accept", declined)["status"] == "waiting"
    assert "not-both-accepted" in ada.error("match", "shared", declined)

    ada.match("optout")
    assert "not-opted-in" in ada.error("match", "find")
    assert ada.listed() == {match_id: "paired"}
    assert declined not in carla.listed()
    assert own_scene.walk.worked >= MEMBERS["matching"]
