"""A member whose machine is lost comes back on a new one, with the same keys, by her guardians' shares."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from clinic.guardians import Bundle, HandedShare
from clinic.keystore import FileKeystore
from ledger.bodies import Role
from scheme import keyfile
from tests.clinic.cli.conftest import Shell
from tests.clinic.scene import PASSWORD
from tests.network.at_home import At, join
from tests.network.running import AUTHOR, OTHER, READER, Clinic

PATIENT = "Wilhelmina Abernathy"
GUARDIANS = (AUTHOR, READER, OTHER)
NOTE = "potassium 4.10 mmol/l\n"
NEW = "another password entirely"


@pytest.fixture
def guardians(clinic: Clinic, shell: Shell) -> dict[str, At]:
    shell.monkeypatch.setenv("CHARTSEAL_SERVER", clinic.hospital.url)
    return {name: At(shell, clinic.homes.folder / name) for name in GUARDIANS}


@pytest.fixture
def patient(clinic: Clinic, guardians: dict[str, At], shell: Shell, tmp_path: Path) -> At:
    """Joined, known to her guardians and knowing them, with a block in her history."""
    at = At(shell, tmp_path / "patient")
    join(clinic, at, Role.PATIENT, PATIENT)
    for guardian in guardians.values():
        role, _, member = at.line
        guardian.ok("contact", "add", role, f"{PATIENT} {member}", member)
        at.ok("contact", "add", *guardian.line)
    note = tmp_path / "note.txt"
    note.write_text(NOTE)
    author = guardians[AUTHOR]
    author.ok("seal", "--doctor", AUTHOR, "--patient", at.line[2], "--category", "laboratory", note)
    return at


def split(patient: At) -> None:
    names = [word for name in GUARDIANS for word in ("--guardian", name)]
    told = patient.json("recover", "split", "--patient", PATIENT, *names, "--threshold", "2")
    assert len(told["sent"]) == len(GUARDIANS)


def hand_in(guardians: dict[str, At], patient_id: str, folder: Path) -> list[Path]:
    files = [folder / f"{name}.share" for name in guardians]
    for (name, at), file in zip(guardians.items(), files, strict=True):
        at.ok("recover", "share", "--guardian", name, "--patient", patient_id, "--out", file)
    return files


def secrets(at: At, member: str, password: str) -> bytes:
    return FileKeystore(at.folder / "keystores", keyfile.TEST).unlock(member, password).to_secret_bytes()


def test_a_lost_home_comes_back(
    clinic: Clinic, guardians: dict[str, At], patient: At, shell: Shell, tmp_path: Path
) -> None:
    split(patient)
    split(patient)  # the newest counts
    member, keys = patient.line[2], secrets(patient, patient.line[2], PASSWORD)
    shutil.rmtree(patient.folder)
    files = hand_in(guardians, member, tmp_path)
    new = At(shell, tmp_path / "new")
    words: list[str | Path] = ["recover", "restore", "--patient", "Mina", "--share", files[0]]
    assert "shares-too-few" in new.error(*words)
    paper = tmp_path / "paper.share"
    paper.write_text(HandedShare.from_secret_bytes(files[2].read_bytes())[0].share.to_secret_text().lower())
    assert "no bundle" in new.error(*words[:-2], "--share", paper)
    assert not new.folder.exists()
    (tmp_path / "new-password").write_text(NEW)
    told = new.json(*words, "--share", paper, "--new-password-file", tmp_path / "new-password")
    assert told == {"member": member, "home": str(new.folder)}
    shell.monkeypatch.setenv("CHARTSEAL_PASSWORD", NEW)
    assert secrets(new, member, NEW) == keys
    assert new.line == ["patient", "Mina", member]
    assert new.json("contact", "show", READER)["member"] == clinic.ids(READER)
    assert new.json("open", "--patient", "Mina", "--out", tmp_path / "out")["records"] == 1
    assert (tmp_path / "out" / "files" / "note.txt").read_text() == NOTE
    assert new.json("verify", "--patient", "Mina")["sound"]
    split_again = ("recover", "split", "--patient", "Mina", "--guardian", OTHER, "--threshold", "1")
    assert new.json(*split_again)["sent"] == [clinic.ids(OTHER)]


@pytest.mark.slow
def test_a_home_is_not_made_of_what_does_not_hold(
    clinic: Clinic, guardians: dict[str, At], patient: At, shell: Shell, tmp_path: Path
) -> None:
    split(patient)
    member = patient.line[2]
    files = hand_in(guardians, member, tmp_path)
    new = At(shell, tmp_path / "new")
    words: list[str | Path] = ["recover", "restore", "--patient", PATIENT, "--share", files[0], "--share", files[1]]
    with shell.monkeypatch.context() as patch:
        patch.setenv("CHARTSEAL_SERVER", "https://127.0.0.1:9")
        assert "server-unreachable" in new.error(*words)
    assert not new.folder.exists()
    new.folder.mkdir()
    (new.folder / "thesis.txt").write_text("mine")
    assert "not empty" in new.error(*words)
    assert [path.name for path in new.folder.iterdir()] == ["thesis.txt"]
    assert "keys are elsewhere" in guardians[READER].error(*words[:3], member, *words[4:])
    (first,) = HandedShare.from_secret_bytes(files[0].read_bytes())
    bundle = Bundle.from_bytes(first.bundle)
    false = replace(bundle, sealed=bundle.sealed[::-1])
    files[0].write_bytes(replace(first, bundle=bytes(false)).to_secret_bytes())
    shutil.rmtree(new.folder)
    assert new.json(*words)["member"] == member  # by the other guardian's bundle
