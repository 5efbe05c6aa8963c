"""A doctor and a patient, each with a home of her own, at a hospital that a process of its own serves."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clinic.enrolment import application_of
from clinic.guardians import Recovered
from clinic.home_folder import HomeOptions
from clinic.keystore import MemberSecrets
from ledger.bodies import Evidence, Role
from ledger.votes import cast_vote
from network.errors import EnrolmentDiffers
from network.member_config import LostHome
from network.member_home import MemberHome
from scheme import canonical, keyfile
from tests.clinic.cli.conftest import Shell
from tests.clinic.scene import PASSWORD
from tests.network import running
from tests.network.at_home import At, join
from tests.network.hospital import Hospital, free_url

DOCTOR, PATIENT = "Dr. Ngozi Okafor", "Wilhelmina Abernathy"
NOTE = "potassium 4.10 mmol/l\n"


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    made = Hospital.create(tmp_path_factory.mktemp("hospital") / "home")
    made.serve()
    yield made
    if made.process is not None:
        assert made.stop() == 0


@pytest.fixture
def doctor(hospital: Hospital, shell: Shell, tmp_path: Path) -> At:
    at = At(shell, tmp_path / "doctor")
    assert join(hospital, at, Role.DOCTOR, DOCTOR)["status"] == "admitted"
    return at


@pytest.fixture
def patient(hospital: Hospital, shell: Shell, tmp_path: Path) -> At:
    at = At(shell, tmp_path / "patient")
    assert join(hospital, at, Role.PATIENT, PATIENT)["status"] == "admitted"
    return at


@pytest.fixture(scope="module")
def joined_once(hospital: Hospital, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a patient for tests that change nothing."""
    folder = tmp_path_factory.mktemp("lasting") / "patient"
    running.join(hospital, folder, Role.PATIENT, PATIENT)
    return folder


@pytest.fixture
def lasting_patient(shell: Shell, joined_once: Path) -> At:
    return At(shell, joined_once)


@pytest.fixture
def acquainted(doctor: At, patient: At) -> tuple[At, At]:
    doctor.ok("contact", "add", *patient.line)
    patient.ok("contact", "add", *doctor.line)
    return doctor, patient


@pytest.fixture
def note(tmp_path: Path) -> Path:
    path = tmp_path / "note.txt"
    path.write_text(NOTE)
    return path


@pytest.fixture
def away(hospital: Hospital) -> Iterator[None]:
    """The hospital's server is stopped, and is there again at the end, at the same address."""
    assert hospital.stop() == 0
    yield
    if hospital.process is None:
        hospital.serve()


def seal(doctor: At, note: Path) -> Any:
    return doctor.json("seal", "--doctor", DOCTOR, "--patient", PATIENT, "--category", "laboratory", note)


# Joining


def test_keys_are_made_here_and_stay_here(hospital: Hospital, patient: At) -> None:
    member = patient.line[2]
    assert (patient.folder / "keystores" / f"{member}.keystore").exists()
    assert member not in {path.stem for path in hospital.folder.glob("keystores/*")}
    names = [path for path in hospital.folder.rglob("*") if path.is_file() and PATIENT.encode() in path.read_bytes()]
    assert {path.name for path in names} <= {"directory.json"} | {path.name for path in hospital.folder.glob("inv*/*")}


def test_a_patient_has_her_first_card_published(hospital: Hospital, patient: At) -> None:
    member = patient.line[2]
    with hospital.home.site() as site:
        card = site.state().key_card(member)
        assert card is not None
        assert site.cards.fetch(member, card.version, card.digest)


def test_what_is_pinned_is_shown(hospital: Hospital, shell: Shell, tmp_path: Path) -> None:
    at = At(shell, tmp_path / "other")
    run = at.run("join", hospital.invitation(Role.DOCTOR, "x"), "--role", "doctor", "--name", "x")
    assert run.status == 0
    assert hospital.url in run.err
    assert hospital.home.genesis[:16] in run.err
    assert "2 proxies needed" in run.err


def test_an_invitation_counts_once_and_leaves_nothing_behind(hospital: Hospital, shell: Shell, tmp_path: Path) -> None:
    link = hospital.invitation(Role.DOCTOR, "x")
    At(shell, tmp_path / "first").ok("join", link, "--role", "doctor", "--name", "x")
    second = At(shell, tmp_path / "second")
    assert "invitation-invalid" in second.error("join", link, "--role", "doctor", "--name", "x")
    assert not second.folder.exists()


def test_an_invitation_is_for_one_role(hospital: Hospital, shell: Shell, tmp_path: Path) -> None:
    at = At(shell, tmp_path / "x")
    link = hospital.invitation(Role.PATIENT, "x")
    assert "for a patient" in at.error("join", link, "--role", "doctor", "--name", "x")
    assert join(hospital, at, Role.DOCTOR, "x")["status"] == "admitted"


def _changed(link: str, place: int) -> str:
    url, _, fragment = link.partition("#")
    parts = fragment.split(".")
    parts[place] = ("A" if parts[place][0] != "A" else "B") + parts[place][1:]
    return f"{url}#{'.'.join(parts)}"


@pytest.mark.parametrize(("place", "what"), [(2, "another ledger"), (3, "another certificate authority")])
def test_another_server_than_invited_is_not_joined(
    hospital: Hospital, shell: Shell, tmp_path: Path, place: int, what: str
) -> None:
    at = At(shell, tmp_path / "x")
    error = at.error("join", _changed(hospital.invitation(Role.DOCTOR, "x"), place), "--role", "doctor", "--name", "x")
    assert "server-not-pinned" in error
    assert what.split()[1] in error
    assert not at.folder.exists()


def test_a_home_that_joined_does_not_join_again(hospital: Hospital, doctor: At) -> None:
    error = doctor.error("join", hospital.invitation(Role.DOCTOR, "x"), "--role", "doctor", "--name", "x")
    assert "joined already" in error


def test_waiting_for_the_authority_any_command_goes_on(hospital: Hospital, shell: Shell, tmp_path: Path) -> None:
    hospital.stop()
    hospital.serve(admitting=False)
    try:
        at, own = At(shell, tmp_path / "p"), At(shell, hospital.folder)
        link = hospital.invitation(Role.PATIENT, PATIENT)
        words = ("join", link, "--role", "patient", "--name", PATIENT)
        waiting = at.json(*words)
        assert waiting["status"] == "waiting"
        assert "not-admitted" in at.error("members")
        assert at.json(*words) == waiting  # the same keys, the same application
        (listed,) = own.json("admit")["waiting"]
        assert (listed["member"], listed["name"]) == (waiting["member"], PATIENT)
        assert own.json("admit", waiting["member"][:8])["members"][0]["status"] == "admitted"
        assert own.json("admit")["waiting"] == []
        assert waiting["member"] in {each["member"] for each in at.json("members")["members"]}
        assert at.json("blocks", "--patient", PATIENT) == {"blocks": []}  # her card is published: she has scopes
        assert not (at.folder / "joining.json").exists()
    finally:
        hospital.stop()
        hospital.serve()


def test_joining_goes_on_wherever_it_was_interrupted(
    hospital: Hospital, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = At(shell, tmp_path / "p")
    words = ("join", hospital.invitation(Role.PATIENT, PATIENT), "--role", "patient", "--name", PATIENT)
    for step in (
        "clinic.directory.Directory.add",
        "network.joining.Joining.begin",
        "network.joining.Joining.apply",
        "network.joining.Joining.require_own",
        "network.joining.publish_first_card",
    ):
        with monkeypatch.context() as patch:
            patch.setattr(step, _killed)
            patch.setattr("shutil.rmtree", _unless_cleaning_up)
            assert at.run(*words).status == 130, step
    assert at.json(*words)["status"] == "admitted"
    member = at.line[2]
    with hospital.home.site() as site:
        assert site.state().key_card(member) is not None


def _killed(*_words: object, **_options: object) -> None:
    raise KeyboardInterrupt


_rmtree = shutil.rmtree


def _unless_cleaning_up(path: Path, *, ignore_errors: bool = False) -> None:
    """A killed process removes nothing on its way out."""
    if not ignore_errors:
        _rmtree(path)


def test_a_home_made_anew_is_compared_with_the_ledger_wherever_that_was_interrupted(
    lasting_patient: At, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, options = MemberHome(lasting_patient.folder, running.options(None)), running.options(None)
    recovered, new = Recovered(lost.secrets(), lost.to_rebuild()), At(shell, tmp_path / "new")
    for step in ("network.joining.Joining.begin", "network.joining.Joining.require_own"):
        with monkeypatch.context() as patch:
            patch.setattr(step, _killed)
            patch.setattr("shutil.rmtree", _unless_cleaning_up)
            with pytest.raises(KeyboardInterrupt):
                MemberHome.rebuild(new.folder, recovered, PATIENT, PASSWORD, options)
    with monkeypatch.context() as patch:
        patch.setattr("network.joining.certified_member", lambda state, _member: state.members()[0])
        assert "enrolment-differs" in new.error("members")
    new.ok("members")
    assert not (new.folder / "joining.json").exists()
    assert new.line[2] == lasting_patient.line[2]


def test_a_home_is_not_made_anew_for_whom_the_ledger_does_not_know(lasting_patient: At, tmp_path: Path) -> None:
    lost = LostHome.from_bytes(MemberHome(lasting_patient.folder, running.options(None)).to_rebuild())
    stranger = MemberSecrets.generate("ab" * 16, Role.PATIENT.value)
    pinned = replace(lost, config=replace(lost.config, member=stranger.member_id))
    with pytest.raises(EnrolmentDiffers):
        MemberHome.rebuild(
            tmp_path / "new", Recovered(stranger, bytes(pinned)), PATIENT, PASSWORD, running.options(None)
        )
    assert not (tmp_path / "new").exists()


def test_an_enrolment_with_other_keys_is_refused(hospital: Hospital, shell: Shell, tmp_path: Path) -> None:
    """A server that enrolled its own keys in the member's name: here, a home that remembers others than it sent."""
    at = At(shell, tmp_path / "d")
    join(hospital, at, Role.DOCTOR, DOCTOR)
    home = MemberHome(at.folder, HomeOptions(profile=keyfile.TEST, password=lambda _whose: PASSWORD))
    others = MemberSecrets.generate(home.me.member_id, Role.DOCTOR.value)
    home.joining.begin(bytes(16), application_of(others))
    assert "enrolment-differs" in at.error("members")
    assert home.joining.pending


# Every day


def test_records_go_from_the_doctors_home_to_the_patients(
    hospital: Hospital, acquainted: tuple[At, At], note: Path, tmp_path: Path
) -> None:
    doctor, patient = acquainted
    sealed = seal(doctor, note)
    (listed,) = patient.json("blocks", "--patient", PATIENT)["blocks"]
    assert (listed["block"], listed["author"]) == (sealed["block"][0], doctor.line[2])
    assert patient.json("open", "--patient", PATIENT, "--out", tmp_path / "out")["records"] == 1
    assert (tmp_path / "out" / "files" / note.name).read_text() == NOTE
    assert patient.json("verify", "--patient", PATIENT)["sound"]
    for path in hospital.folder.parent.rglob("*"):
        assert not path.is_file() or NOTE.strip().encode() not in path.read_bytes(), path


def test_consent_goes_between_homes(acquainted: tuple[At, At]) -> None:
    doctor, patient = acquainted
    request = doctor.json("request", "--doctor", DOCTOR, "--patient", PATIENT, "--purpose", "second opinion")["request"]
    (item,) = patient.json("requests", "--patient", PATIENT)["requests"]
    assert (item["request"], item["purpose"], item["status"]) == (request, "second opinion", "open")
    patient.ok("refuse", request[:8], "--reason", "not now")
    assert doctor.json("requests", "--doctor", DOCTOR)["requests"][0]["status"] == "refused: not now"
    assert doctor.json("grants", "--doctor", DOCTOR)["grants"] == []


def test_a_withdrawal_goes_between_homes(acquainted: tuple[At, At], note: Path) -> None:
    doctor, patient = acquainted
    (block,) = seal(doctor, note)["block"]
    doctor.ok("withdraw", block, "--author", DOCTOR, "--reason", "wrong patient")
    (listed,) = patient.json("blocks", "--patient", PATIENT)["blocks"]
    assert listed["withdrawn"]


def test_the_ledger_is_the_members_own_to_verify(acquainted: tuple[At, At], tmp_path: Path) -> None:
    _, patient = acquainted
    told = patient.json("ledger", "status")
    assert told["kept_in"] == str(patient.folder / "ledger.sqlite")
    assert patient.json("ledger", "verify")["height"] == told["height"]
    assert patient.json("ledger", "export", tmp_path / "export")["blocks"] == told["height"]
    assert len(patient.json("ledger", "delegates")["delegates"]) == 4
    followed = patient.json(
        "ledger", "follow", patient.folder, "--into", tmp_path / "copy", "--genesis", told["genesis"]
    )
    assert followed["height"] == told["height"]
    audit = tmp_path / "audit"
    patient.ok("audit", "export", "--patient", PATIENT, audit)
    assert patient.json("audit", "verify", audit)["sound"]


def test_status_tells_of_the_member(hospital: Hospital, lasting_patient: At) -> None:
    told = lasting_patient.json("status")
    assert (told["server"], told["role"], told["name"]) == (hospital.url, "patient", PATIENT)
    assert told["genesis"] == hospital.home.genesis
    assert "verified copy" in lasting_patient.ok("status")


def test_looking_needs_no_password(lasting_patient: At, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHARTSEAL_PASSWORD")
    for words in (["status"], ["members"], ["member", "show", PATIENT], ["ledger", "status"], ["contact", "show"]):
        lasting_patient.ok(*words)
    assert "no terminal" in lasting_patient.error("blocks", "--patient", PATIENT)


def test_the_one_password_is_asked_for_when_nothing_was_unlocked(
    acquainted: tuple[At, At], note: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    doctor, patient = acquainted
    seal(doctor, note)
    assert patient.json("verify", "--patient", PATIENT)["sound"]  # fetches blocks, which is signed
    monkeypatch.setenv("CHARTSEAL_PASSWORD", "wrong")
    assert "wrong-password" in patient.error("verify", "--patient", PATIENT)


@pytest.mark.parametrize(
    "words",
    [
        ("enrol", "doctor", "x", "--hospital", "y"),
        ("store", "check"),
        ("store", "repair"),
        ("member", "suspend", PATIENT),
        ("member", "reinstate", PATIENT),
        ("member", "renew", PATIENT),
        ("member", "remove", PATIENT, "--yes"),
        ("admit",),
        ("invite", "doctor", "x"),
        ("serve", "--url", "https://localhost"),
    ],
    ids=" ".join,
)
def test_what_is_the_hospitals_is_refused(lasting_patient: At, words: tuple[str, ...]) -> None:
    error = lasting_patient.error(*words)
    assert "not-permitted" in error
    assert "hospital's own home" in error


def test_others_keys_are_elsewhere(acquainted: tuple[At, At], note: Path) -> None:
    doctor, patient = acquainted
    assert f"home of doctor {DOCTOR}" in doctor.error("blocks", "--patient", PATIENT)
    assert f"home of patient {PATIENT}" in patient.error("requests", "--doctor", DOCTOR)
    assert "not-permitted" in doctor.error("ledger", "stand", DOCTOR)


# What every member may do


@pytest.mark.parametrize(
    "words",
    [
        ("audit", "show", "--patient", PATIENT),
        ("proxy", "faults"),
        ("proxy", "list"),
        ("member", "list"),
        pytest.param(("symptoms", "search", "headache"), marks=pytest.mark.slow),
        ("ledger", "evidence"),
    ],
    ids=" ".join,
)
def test_what_is_everybodys_runs_from_a_members_home(lasting_patient: At, words: tuple[str, ...]) -> None:
    assert lasting_patient.ok(*words)


def test_a_doctor_votes_and_reports_from_her_home(hospital: Hospital, doctor: At, tmp_path: Path) -> None:
    """The evidence is real: a delegate's own key signed two headers of one height and round."""
    first, second = doctor.json("ledger", "delegates")["delegates"][:2]
    voted = doctor.json("ledger", "vote", DOCTOR, first["delegate"][:8])
    assert (voted["voter"], voted["candidate"]) == (doctor.line[2], first["delegate"])
    accused = second["delegate"]
    key = hospital.home.delegate_keys.find(accused)
    assert key is not None
    with hospital.home.site() as site:
        header = next(site.engine.blocks()).header
    votes = [cast_vote(key, accused, each, accept=True) for each in (header, replace(header, size=header.size + 1))]
    evidence = tmp_path / "evidence"
    evidence.write_bytes(canonical.dumps(Evidence.double_sign(*votes).to_json()) + b"\n")
    (punished,) = doctor.json("ledger", "evidence", evidence, "--as", DOCTOR)["punished"]
    assert (punished["accused"], punished["kind"]) == (accused, "double-sign")
    assert punished["reputation"] < second["reputation"]
    assert accused in {fault["accused"] for fault in doctor.json("ledger", "evidence")["faults"]}
    assert "evidence-known" in doctor.error("ledger", "evidence", evidence, "--as", DOCTOR)


# The address book


def test_a_contact_is_compared_with_the_ledger(doctor: At, patient: At) -> None:
    role, name, member = patient.line
    for words, what in (
        (("doctor", name, member), "is a patient on the ledger"),
        ((role, name, "ab" * 16), "not enrolled"),
        ((role, name, "xyz"), "32 hexadecimal digits"),
        ((role, "", member), "printable"),
    ):
        assert what in doctor.error("contact", "add", *words)
    doctor.ok("contact", "add", role, name, member)
    assert "known here already" in doctor.error("contact", "add", role, "Another Name", member)
    assert doctor.json("contact", "show", name)["member"] == member


def test_the_line_to_hand_over_is_what_the_other_types(patient: At) -> None:
    (line,) = patient.ok("contact", "show").splitlines()
    assert shlex.split(line) == patient.line


# Out of reach


def test_reading_goes_on_with_what_is_here(acquainted: tuple[At, At], away: None) -> None:
    _, patient = acquainted
    run = patient.run("blocks", "--patient", PATIENT)
    assert run.status == 0
    assert run.err.count("the server cannot be reached; this is from the ledger as of 20") == 1
    assert "of 20" in patient.ok("status")


def test_what_changes_something_says_that_it_did_not(acquainted: tuple[At, At], away: None) -> None:
    doctor, _ = acquainted
    run = doctor.run("request", "--doctor", DOCTOR, "--patient", PATIENT)
    assert (run.status, "error [server-unreachable]" in run.err) == (1, True)


def test_sealing_goes_on_and_goes_out_later(
    hospital: Hospital, acquainted: tuple[At, At], note: Path, tmp_path: Path
) -> None:
    doctor, patient = acquainted
    seal(doctor, note)  # her card is known here from now on
    hospital.stop()
    try:
        run = doctor.run("seal", "--doctor", DOCTOR, "--patient", PATIENT, "--category", "laboratory", note)
        assert (run.status, "error [outbox-pending]" in run.err) == (1, True)
        assert doctor.json("status")["outbox"] == 1
        assert "error [hospital-unreachable]" in doctor.run("outbox").err
    finally:
        hospital.serve()
    assert doctor.json("outbox") == {"batches": 1}
    assert doctor.json("status")["outbox"] == 0
    assert len(patient.json("blocks", "--patient", PATIENT)["blocks"]) == 2


def test_the_next_command_with_keys_sends_what_waits(hospital: Hospital, acquainted: tuple[At, At], note: Path) -> None:
    doctor, patient = acquainted
    seal(doctor, note)
    hospital.stop()
    try:
        doctor.run("seal", "--doctor", DOCTOR, "--patient", PATIENT, "--category", "laboratory", note)
    finally:
        hospital.serve()
    run = doctor.run("requests", "--doctor", DOCTOR)
    assert (run.status, "anchored now" in run.err) == (0, True)
    assert len(patient.json("blocks", "--patient", PATIENT)["blocks"]) == 2


def test_a_server_that_moved_is_said_where(
    hospital: Hospital, acquainted: tuple[At, At], note: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    doctor, patient = acquainted
    before = hospital.url
    hospital.stop()
    try:
        hospital.url = free_url()
        hospital.serve()
        words = ("seal", "--doctor", DOCTOR, "--patient", PATIENT, "--category", "laboratory", note)
        assert doctor.json("--server", hospital.url, *words)["blocks"] == 1
        assert doctor.json("--server", hospital.url, "status")["server"] == hospital.url
        monkeypatch.setenv("CHARTSEAL_SERVER", hospital.url)
        assert patient.json("open", "--patient", PATIENT, "--out", tmp_path / "out")["records"] == 1
    finally:
        hospital.stop()
        hospital.url = before
        hospital.serve()


def test_where_the_server_is_matters_to_members_only(hospital: Hospital, shell: Shell, tmp_path: Path) -> None:
    for at, what in ((At(shell, tmp_path / "none"), "chartseal join"), (At(shell, hospital.folder), "leave it out")):
        assert what in at.error("--server", hospital.url, "status")


# The home itself


def test_a_members_home_is_backed_up_and_restored(patient: At, shell: Shell, tmp_path: Path) -> None:
    patient.ok("backup", tmp_path / "file")
    again = At(shell, tmp_path / "again")
    again.ok("restore", tmp_path / "file")
    assert again.line == patient.line
    assert again.json("blocks", "--patient", PATIENT) == {"blocks": []}


def test_a_lost_copy_of_the_ledger_is_made_anew(patient: At) -> None:
    before = patient.json("ledger", "status")["height"]
    (patient.folder / "ledger.sqlite").unlink()
    assert patient.json("ledger", "status")["height"] == before


@pytest.mark.parametrize("name", ["server", "genesis", "member", "role", "threshold", "type"])
def test_a_damaged_config_is_told(patient: At, name: str) -> None:
    path = patient.folder / "config.json"
    value = json.loads(path.read_text())
    for wrong in (None, 0, [], "x"):
        path.write_text(json.dumps(value | {name: wrong}, sort_keys=True, separators=(",", ":")))
        assert patient.run("status").status == 1
    del value[name]
    path.write_text(json.dumps(value, sort_keys=True, separators=(",", ":")))
    assert "home-invalid" in patient.error("status")


def test_a_proxys_home_has_no_password(hospital: Hospital, shell: Shell, tmp_path: Path) -> None:
    at = At(shell, tmp_path / "proxy")
    shell.monkeypatch.delenv("CHARTSEAL_PASSWORD")
    assert join(hospital, at, Role.PROXY, "proxy of ours")["status"] == "admitted"
    (keys,) = (at.folder / "services").iterdir()
    assert keys.stat().st_mode & 0o777 == 0o600
    assert not (at.folder / "keystores").exists()


def test_a_folder_in_use_is_left_alone(hospital: Hospital, shell: Shell, tmp_path: Path) -> None:
    at = At(shell, tmp_path / "mine")
    at.folder.mkdir()
    (at.folder / "thesis.txt").write_text("mine")
    error = at.error("join", hospital.invitation(Role.DOCTOR, "x"), "--role", "doctor", "--name", "x")
    assert "home-invalid" in error
    assert [path.name for path in at.folder.iterdir()] == ["thesis.txt"]
    shutil.rmtree(at.folder)
