"""A hospital's home that others join: made without proxies, inviting, admitting, and what it says when it cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clinic.cli import session
from clinic.enrolment import admit, application_of
from clinic.keystore import MemberSecrets
from clinic.requests import new_id
from ledger.bodies import Role
from network.admission import Admission
from network.cli.main import main
from network.invitation import Invitation
from scheme import keyfile
from tests.clinic.cli.conftest import Shell
from tests.clinic.scene import PASSWORD
from tests.network.hospital import HOSPITAL, Hospital

URL = "https://clinic.example:8443"


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Hospital:
    return Hospital.create(tmp_path_factory.mktemp("hospital") / "home")


@pytest.fixture
def shell(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setattr(session, "PASSWORD_PROFILE", keyfile.TEST)
    monkeypatch.setattr("tests.clinic.cli.conftest.main", main)
    monkeypatch.setenv("CHARTSEAL_HOME", str(hospital.folder))
    monkeypatch.setenv("CHARTSEAL_PASSWORD", PASSWORD)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("CHARTSEAL_SERVER", raising=False)
    return Shell(hospital.folder, monkeypatch)


def invite(shell: Shell, *words: str) -> Any:
    return shell.json("invite", *words, "--url", URL)


def applied(shell: Shell, hospital: Hospital, role: Role, name: str) -> MemberSecrets:
    """Somebody who joined by an invitation, and waits."""
    code = Invitation.parse(invite(shell, role.value, name)["invitation"]).code
    secrets = MemberSecrets.generate(new_id(), role.value)
    home = hospital.home
    with home.site() as site:
        Admission(home).join(site, code, application_of(secrets))
    return secrets


def test_a_home_without_proxies_says_so(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    words = ("--home", tmp_path / "new", "init", "--store", (tmp_path / "store").as_uri(), "--proxies", "0")
    made = shell.json(*words, "--threshold", "3")
    assert (made["proxies"], made["threshold"]) == (0, 3)
    told = shell.json("--home", tmp_path / "new", "status")
    assert (told["proxies"], told["threshold"], told["members"]["proxy"]) == (0, 3, 0)
    assert "none has joined yet" in shell.ok("--home", tmp_path / "new", "status")
    assert shell.json("--home", tmp_path / "new", "members") == {"members": []}


def test_a_threshold_above_the_own_proxies_is_refused(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    words = ("--home", tmp_path / "new", "init", "--store", (tmp_path / "store").as_uri(), "--proxies", "2")
    assert "input-invalid" in shell.error(*words, "--threshold", "3")


def test_an_invitation_pins_this_server_and_ledger(shell: Shell, hospital: Hospital) -> None:
    told = invite(shell, "doctor", "Dr. X")
    invited = Invitation.parse(told["invitation"])
    assert (invited.url, invited.genesis) == (URL, hospital.home.genesis)
    assert told["hospital"] == shell.member(HOSPITAL)
    again = Invitation.parse(invite(shell, "doctor", "Dr. Y")["invitation"])
    assert again.ca_sha256 == invited.ca_sha256
    assert again.code != invited.code


def test_a_proxy_is_invited_by_no_hospital(shell: Shell) -> None:
    assert invite(shell, "proxy", "proxy one")["hospital"] is None


def test_the_code_is_kept_nowhere(shell: Shell, hospital: Hospital) -> None:
    link = invite(shell, "patient", "Wilhelmina")["invitation"]
    code = link.partition("#")[2].split(".")[1].encode()
    raw = Invitation.parse(link).code
    for path in hospital.folder.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        assert code not in data
        assert raw not in data
        assert raw.hex().encode() not in data


def test_what_an_invitation_needs(shell: Shell) -> None:
    assert "never served" in shell.error("invite", "doctor", "x")
    assert "invitation-invalid" in shell.error("invite", "doctor", "x", "--url", "http://clinic.example")
    assert "name-unknown" in shell.error("invite", "doctor", "x", "--hospital", "Nowhere", "--url", URL)
    assert "input-invalid" in shell.error("invite", "doctor", "", "--url", URL)
    assert shell.run("invite", "authority", "x", "--url", URL).status == 2


def test_those_who_wait_are_listed_admitted_and_turned_away(shell: Shell, hospital: Hospital) -> None:
    doctor = applied(shell, hospital, Role.DOCTOR, "Dr. Waiting")
    patient = applied(shell, hospital, Role.PATIENT, "Wilhelmina")
    proxy = applied(shell, hospital, Role.PROXY, "proxy one")
    listed = shell.json("admit")["waiting"]
    assert {each["member"]: (each["role"], each["name"]) for each in listed} == {
        doctor.member_id: ("doctor", "Dr. Waiting"),
        patient.member_id: ("patient", "Wilhelmina"),
        proxy.member_id: ("proxy", "proxy one"),
    }
    assert "input-invalid" in shell.error("admit", "0000ffff")
    shell.ok("admit", "--turn-away", proxy.member_id)
    assert shell.json("admit", patient.member_id[:10])["members"][0]["name"] == "Wilhelmina"
    shell.ok("admit", "--all")
    assert "Nobody waits." in shell.ok("admit")
    known = {each["member"]: each["name"] for each in shell.json("members")["members"]}
    assert known[doctor.member_id] == "Dr. Waiting"
    assert proxy.member_id not in known


def test_one_whom_the_ledger_refuses_keeps_nobody_else_waiting(shell: Shell, hospital: Hospital) -> None:
    refused = applied(shell, hospital, Role.PROXY, "proxy refused")
    others = [applied(shell, hospital, Role.PROXY, name) for name in ("proxy before", "proxy after")]
    home = hospital.home
    with home.site() as site:
        # The id is taken, by other keys: as if it was drawn twice.
        taken = MemberSecrets.generate(refused.member_id, "proxy")
        admit(site, home.authority(PASSWORD), application_of(taken))
    run = shell.run("admit", "--all", "--json")
    assert run.status == 1
    assert "error [not-all-admitted]" in run.err
    told = {each["member"]: each["status"] for each in run.json["members"]}
    assert told == {each.member_id: "admitted" for each in others} | {refused.member_id: "refused"}
    assert "Not admitted: proxy proxy refused" in shell.run("admit", "--all").out
    assert [each["member"] for each in shell.json("admit")["waiting"]] == [refused.member_id]
    shell.ok("admit", "--turn-away", refused.member_id)


def test_admitting_takes_the_authoritys_password(
    shell: Shell, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    doctor = applied(shell, hospital, Role.DOCTOR, "Dr. Second")
    monkeypatch.setenv("CHARTSEAL_PASSWORD", "wrong")
    assert "wrong-password" in shell.error("admit", "--all")
    monkeypatch.setenv("CHARTSEAL_PASSWORD", PASSWORD)
    shell.ok("admit", "--turn-away", doctor.member_id)


@pytest.mark.parametrize("listen", ["8443", "127.0.0.1", "host:", ":1", "127.0.0.1:99999", "256.0.0.1:1"])
def test_where_to_listen_is_checked(shell: Shell, listen: str) -> None:
    assert "input-invalid" in shell.error("serve", "--url", URL, "--listen", listen)


def test_a_wrong_password_of_the_authority_stops_serving(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("wrong")
    words = ("serve", "--url", URL, "--listen", "127.0.0.1:0", "--authority-password-file", tmp_path / "password")
    assert "wrong-password" in shell.error(*words)


def test_contacts_at_a_hospital_are_named(shell: Shell) -> None:
    assert "name one" in shell.error("contact", "show")
    assert shell.json("contact", "show", HOSPITAL)["role"] == "hospital"
