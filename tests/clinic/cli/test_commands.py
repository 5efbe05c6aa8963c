"""Every command as a user sees it: sentences and tables for people, one JSON object for programs."""

import datetime
import json
import re
from pathlib import Path

import click
import pytest

from clinic.cli.main import cli
from clinic.fhir.generate import generate
from tests.clinic.cli.conftest import Shell, mode
from tests.clinic.scene import AUTHOR, HILLCREST, OTHER, PATIENT, READER, RIVERSIDE, SECOND

ID = re.compile(r"[0-9a-f]{32}")
LOCATOR = re.compile(r"[0-9a-f]{64}")
BUNDLE = {
    "resourceType": "Bundle",
    "type": "collection",
    "entry": [
        {
            "fullUrl": "urn:uuid:1",
            "resource": {"resourceType": "Immunization", "status": "completed", "occurrenceDateTime": "2024-05-01"},
        },
        {
            "fullUrl": "urn:uuid:2",
            "resource": {"resourceType": "MedicationRequest", "status": "active", "authoredOn": "2024-05-01"},
        },
    ],
}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "bundle.json"
    path.write_text(json.dumps(BUNDLE))
    return path


def test_init_makes_a_home_whose_services_are_for_the_owner_alone(shell: Shell, tmp_path: Path) -> None:
    home, stores = tmp_path / "new", [f"file://{tmp_path}/{name}" for name in ("first", "second")]
    made = shell.json("init", "--home", home, "--store", stores[0], "--store", stores[1], "--proxies", "2")
    assert ID.fullmatch(made["member"])
    assert LOCATOR.fullmatch(made["genesis"])
    assert (made["stores"], made["proxies"], made["threshold"]) == (stores, 2, 2)
    services = list((home / "services").iterdir())
    assert len(services) == 3
    assert {mode(path) for path in services} == {0o600}
    assert mode(home) == mode(home / "services") == 0o700
    assert shell.json("status", "--home", home)["members"]["proxy"] == 2


def test_init_says_that_it_gives_no_threshold_security(shell: Shell, tmp_path: Path) -> None:
    out = shell.ok("init", "--home", tmp_path / "new", "--store", f"file://{tmp_path}/first", "--ledger", "embedded")
    assert "no threshold security" in out


def test_init_leaves_a_folder_alone_that_is_not_empty(shell: Shell, tmp_path: Path, note: Path) -> None:
    assert "[home-invalid]" in shell.error("init", "--home", tmp_path, "--store", f"file://{tmp_path}/first")
    assert "[home-invalid]" in shell.error("init", "--home", note, "--store", f"file://{tmp_path}/first")
    assert "[home-invalid]" in shell.error("init", "--store", f"file://{tmp_path}/first")
    assert note.read_text() == "potassium 4.10 mmol/l\n"
    assert shell.json("status")["members"]["patient"] == 2


def test_enrol_and_members(shell: Shell) -> None:
    hospital = shell.json("enrol", "hospital", "St. Brigid's")
    doctor = shell.json("enrol", "doctor", "Dr. Ío", "--hospital", "St. Brigid's")
    out = shell.ok("enrol", "patient", "山田 太郎", "--hospital", hospital["member"][:8])
    assert "Enrolled patient 山田 太郎" in out
    assert ID.fullmatch(doctor["member"])
    assert (shell.home / "services" / f"{hospital['member']}.json").stat().st_mode & 0o777 == 0o600
    listed = {member["name"]: member for member in shell.json("members")["members"]}
    told = listed["Dr. Ío"]
    assert (told["member"], told["role"], told["status"]) == (doctor["member"], "doctor", "active")
    assert listed["山田 太郎"]["role"] == "patient"


def test_a_table_never_breaks_an_id(shell: Shell) -> None:
    name = "Maximiliana Hadewych van der Wetering-Quintanilla de los Ángeles"
    member = shell.json("enrol", "patient", name, "--hospital", RIVERSIDE)["member"]
    lines = shell.ok("members").splitlines()
    assert sum(member in line for line in lines) == 1
    assert max(map(len, lines)) <= 80
    assert all(line == line.rstrip() for line in lines)


def test_in_a_pipe_a_row_stays_on_its_line(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS")
    name = "Maximiliana Hadewych van der Wetering-Quintanilla de los Ángeles " * 2
    shell.ok("enrol", "patient", name, "--hospital", RIVERSIDE)
    assert any(name.strip() in line and RIVERSIDE in line for line in shell.ok("members").splitlines())


def test_status(shell: Shell, note: Path) -> None:
    shell.seal(note)
    found = shell.json("status")
    assert found["members"] == {"hospital": 2, "doctor": 3, "patient": 2, "proxy": 3, "notary": 0, "issuer": 0}
    assert (found["blocks"], found["outbox"], found["threshold"], found["ledger"]) == (1, 0, 2, "embedded")
    out = shell.ok("status")
    assert "1 anchored, 0 waiting" in out
    assert found["stores"][0] in out


def test_seal_tells_chain_and_blocks(shell: Shell, note: Path, bundle: Path) -> None:
    told = shell.json("seal", "--doctor", AUTHOR, "--patient", PATIENT, note, bundle)
    assert ID.fullmatch(told["chain"])
    assert all(LOCATOR.fullmatch(block) for block in told["block"])
    assert (told["records"], told["blocks"]) == (3, 3)
    assert told["bytes"] > 0
    out = shell.ok("seal", "--author", AUTHOR, "--patient", PATIENT, note)
    assert out.startswith("Sealed 1 record in 1 block, ")
    assert told["chain"] in out


def test_a_patient_may_author(shell: Shell, note: Path) -> None:
    told = shell.json("seal", "--author", PATIENT, "--patient", PATIENT, "--category", "mental-health", note)
    (block,) = shell.json("blocks", "--patient", PATIENT)["blocks"]
    assert block["block"] == told["block"][0]
    assert block["about"].startswith("mental-health ")
    assert block["author"] == shell.member(PATIENT)


def test_withdraw_and_amend(shell: Shell, note: Path) -> None:
    (wrong,) = shell.seal(note)
    right = shell.json("seal", "--author", AUTHOR, "--patient", PATIENT, "--amends", wrong[:12], note)["block"][0]
    assert shell.json("withdraw", wrong[:12], "--author", AUTHOR, "--reason", "other patient")["block"] == wrong
    listed = {block["block"]: block["withdrawn"] for block in shell.json("blocks", "--patient", PATIENT)["blocks"]}
    assert listed == {wrong: True, right: False}
    assert "withdrawn" in shell.ok("blocks", "--patient", PATIENT)
    assert "[block-unknown]" in shell.error("withdraw", "0" * 12, "--author", AUTHOR)


def test_blocks_of_nobody_yet(shell: Shell) -> None:
    assert shell.json("blocks", "--patient", PATIENT) == {"blocks": []}
    assert shell.ok("blocks", "--patient", PATIENT) == "There are no blocks yet.\n"
    assert shell.ok("requests", "--patient", PATIENT) == "There are no requests.\n"
    assert shell.ok("grants", "--doctor", READER) == "There are no grants.\n"


def test_history_writes_what_was_granted(shell: Shell, note: Path, bundle: Path, tmp_path: Path) -> None:
    shell.seal(note, bundle)
    shell.ok("approve", shell.ask("--category", "immunisation", "--category", "clinical"), "--yes")
    listed = shell.ok("history", "--doctor", READER, "--patient", PATIENT, "--list")
    assert "2 blocks can be read; 1 block not granted." in listed
    assert "immunisation 2024" in listed
    before = shell.json("status")["entries"]
    told = shell.json("history", "--doctor", READER, "--patient", PATIENT, "--out", tmp_path / "out")
    assert shell.json("status")["entries"] == before + 1, "one release a read"
    expected = {"blocks": 2, "chapters": 2, "records": 2, "resources": 1, "denied": 1}
    assert {key: told[key] for key in expected} == expected
    assert told["bytes"] > note.stat().st_size
    assert told["seconds"] >= 0
    written = json.loads((tmp_path / "out" / "bundle.json").read_bytes())
    assert written["resourceType"] == "Bundle"
    assert [entry["fullUrl"] for entry in written["entry"]] == ["urn:uuid:1"]
    assert (tmp_path / "out" / "files" / "note.txt").read_bytes() == note.read_bytes()
    assert "[input-invalid]" in shell.error("history", "--doctor", READER, "--patient", PATIENT)


def test_open_writes_everything(shell: Shell, note: Path, bundle: Path, tmp_path: Path) -> None:
    shell.seal(note, bundle)
    told = shell.json("open", "--patient", PATIENT, "--out", tmp_path / "out")
    expected = {"blocks": 3, "chapters": 3, "records": 3, "resources": 2, "denied": 0}
    assert {key: told[key] for key in expected} == expected
    assert "Opened 3 records from 3 blocks" in shell.ok("open", "--patient", PATIENT, "--out", tmp_path / "again")
    assert (tmp_path / "out" / "bundle.json").read_bytes() == (tmp_path / "again" / "bundle.json").read_bytes()


def test_audit_shows_everything_in_order(shell: Shell, note: Path, tmp_path: Path) -> None:
    shell.seal(note)
    grant = shell.grant()
    shell.ok("history", "--doctor", READER, "--patient", PATIENT, "--out", tmp_path / "out")
    shell.ok("revoke", grant)
    entries = shell.json("audit", "show", "--patient", PATIENT)["entries"]
    events = ["enrol", "publish-key-card", "anchor-blocks", "request", "grant", "release", "revoke"]
    assert [entry["event"] for entry in entries] == events
    assert entries[2]["detail"] == f"1 block by {AUTHOR}"
    assert re.fullmatch(r"1 chapter released under grant [0-9a-f]{8}: clinical 20\d\d", entries[5]["detail"])
    assert entries[6]["detail"] == f"grant {grant[:8]} revoked"
    assert "key card version 1" in shell.ok("audit", "show", "--patient", PATIENT)


def test_verify_finds_what_was_changed(shell: Shell, note: Path) -> None:
    (block,) = shell.seal(note)
    sound = shell.json("verify", "--patient", PATIENT)
    assert sound["sound"] is True
    assert ID.fullmatch(sound["chains"][0]["chain"])
    assert "Everything is sound." in shell.ok("verify")
    damage(shell.home.parent / "store", block)
    assert "[verification-failed]" in shell.error("verify")
    told = shell.run("verify", "--json")
    assert told.status == 1
    assert told.json["sound"] is False
    assert told.json["chains"][0]["code"] is not None


def damage(store: Path, locator: str) -> None:
    """Flip one bit of a block in a folder store."""
    (path,) = [path for path in store.rglob("*") if path.name.startswith(locator)]
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)


def test_store_check_repair_and_copy(shell: Shell, note: Path, tmp_path: Path) -> None:
    first, second, third = (f"file://{tmp_path}/{name}" for name in ("first", "second", "third"))
    home = ("--home", tmp_path / "mirrored")
    shell.ok("init", *home, "--store", first, "--store", second)
    shell.ok("enrol", "hospital", RIVERSIDE, *home)
    shell.ok("enrol", "doctor", AUTHOR, "--hospital", RIVERSIDE, *home)
    shell.ok("enrol", "patient", PATIENT, "--hospital", RIVERSIDE, *home)
    (block,) = shell.json("seal", "--author", AUTHOR, "--patient", PATIENT, note, *home)["block"]
    assert shell.json("store", "check", *home)["sound"] is True
    damage(tmp_path / "second", block)
    report = shell.run("store", "check", "--json", *home)
    assert report.status == 1
    assert [item["damaged"] for item in report.json["stores"]] == [[], [block]]
    assert "[store-unsound]" in shell.error("store", "check", *home)
    assert shell.json("store", "repair", *home)["repaired"] == 1
    assert shell.json("store", "check", *home)["sound"] is True
    assert shell.json("store", "copy", first, third, *home)["copied"] == 1
    again = shell.json("store", "copy", first, third, *home)
    assert (again["copied"], again["present"]) == (0, 1)
    assert "1 were there already" in shell.ok("store", "copy", first, third, *home)


def test_recover_split_share_restore(shell: Shell, note: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.seal(note)
    guardians = ("--guardian", READER, "--guardian", SECOND, "--guardian", OTHER)
    told = shell.json("recover", "split", "--patient", PATIENT, *guardians, "--threshold", "2")
    assert told["member"] == shell.member(PATIENT)
    assert len(told["guardians"]) == 3
    shares = [tmp_path / name for name in ("first.share", "second.share")]
    forged = shell.home / "mailbox" / shell.member(READER) / f"{told['member']}.recovery.{'9' * 12}"
    forged.parent.mkdir(parents=True)
    forged.write_bytes(bytes(100))
    for share, guardian in zip(shares, (READER, OTHER), strict=True):
        run = shell.run("recover", "share", "--guardian", guardian, "--patient", PATIENT, "--out", share)
        assert run.status == 0
        assert ("could be taken in" in run.err) == (guardian == READER)
        assert mode(share) == 0o600
    (shell.home / "keystores" / f"{told['member']}.keystore").unlink()
    assert "[name-unknown]" in shell.error("open", "--patient", PATIENT, "--out", tmp_path / "out")
    restore = ("recover", "restore", "--patient", PATIENT)
    assert "[shares-too-few]" in shell.error(*restore, "--share", shares[0])
    assert "[share-duplicate]" in shell.error(*restore, "--share", shares[0], "--share", shares[0])
    new = tmp_path / "new-password"
    new.write_text("another password\n")
    shell.ok(*restore, "--share", shares[0], "--share", shares[1], "--new-password-file", new)
    assert "[wrong-password]" in shell.error("open", "--patient", PATIENT, "--out", tmp_path / "out")
    shell.ok("open", "--patient", PATIENT, "--out", tmp_path / "out", "--password-file", new)


def test_backup_and_restore(shell: Shell, note: Path, tmp_path: Path) -> None:
    shell.seal(note)
    grant = shell.grant()
    file = tmp_path / "home.backup"
    told = shell.json("backup", file)
    assert told["bytes"] == file.stat().st_size
    assert mode(file) == 0o600
    assert "[input-invalid]" in shell.error("backup", file)
    assert "[home-invalid]" in shell.error("restore", file)
    elsewhere = ("--home", tmp_path / "restored")
    assert shell.json("restore", file, *elsewhere)["home"] == str(tmp_path / "restored")
    assert shell.json("verify", *elsewhere)["sound"] is True
    out = tmp_path / "out"
    assert shell.json("history", "--doctor", READER, "--patient", PATIENT, "--out", out, *elsewhere)["records"] == 1
    assert shell.json("grants", "--patient", PATIENT, *elsewhere)["grants"][0]["grant"] == grant
    assert {mode(path) for path in (tmp_path / "restored" / "services").iterdir()} == {0o600}


def test_generate_is_seeded(shell: Shell, tmp_path: Path) -> None:
    told = shell.json("generate", "--patients", "2", "--seed", "7", "--out", tmp_path / "first")
    shell.ok("generate", "--patients", "2", "--seed", "7", "--out", tmp_path / "second")
    shell.ok("generate", "--patients", "2", "--seed", "8", "--out", tmp_path / "third")
    contents = [[path.read_bytes() for path in sorted((tmp_path / name).iterdir())] for name in ("first", "second")]
    assert len(contents[0]) == len(told["files"]) == 2
    assert contents[0] == contents[1]
    assert (tmp_path / "third" / told["files"][0]).read_bytes() != contents[0][0]


def test_demo_plays_a_bundle_a_folder_or_a_zip(shell: Shell, tmp_path: Path) -> None:
    ((_, data),) = generate(1, 3, datetime.date(2026, 1, 1))
    name = "Maximiliana-Hadewych-van-der-Wetering-Quintanilla-de-los-Angeles-y-Castellanos"
    (tmp_path / "histories").mkdir()
    (tmp_path / "histories" / f"{name}.json").write_bytes(data)
    told = shell.json("demo", tmp_path / "histories", "--store", f"file://{tmp_path}/demo-store")
    assert (told["held"], told["patients"], told["failed"]) == (True, 1, [])
    assert told["records"] > 10
    assert (told["ledger"]["held"], told["ledger"]["checks"] > 20) == (True, True)
    assert any((tmp_path / "demo-store").rglob("*"))
    out = shell.ok("demo", tmp_path / "histories")
    assert "Every check held." in out
    for step in ("stand for delegate", "is down", "no quorum", "signs twice", "Audit file", "A replica", "A notary"):
        assert out.count(step) == 1
    table = out[out.index("PATIENT") :].splitlines()
    assert table[0].split() == ["PATIENT", "RECORDS", "BLOCKS", "READ", "CLOSED", "CHECKS", "SECONDS"]
    assert max(map(len, table)) <= 80


def test_version_and_help(shell: Shell) -> None:
    assert re.fullmatch(r"chartseal, version \d+\.\d+\.\d+\S*\n", shell.ok("--version"))
    for name in cli.places:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        out = shell.ok(name, "--help")
        assert "Usage: chartseal" in out
        first = (command.help or "").split("\n", maxsplit=1)[0]
        assert first
        assert max(map(len, out.splitlines())) <= 80
    assert "..." not in shell.ok("--help").partition("Commands:")[2]


def test_a_bare_command_shows_its_help(shell: Shell) -> None:
    for arguments in ((), ("store",), ("recover",), ("audit",)):
        run = shell.run(*arguments)
        assert run.status == 2
        assert "Commands:" in run.err


def test_hospitals_are_told_apart_from_people(shell: Shell) -> None:
    assert "[name-unknown]" in shell.error("blocks", "--patient", HILLCREST)
    assert "[name-unknown]" in shell.error("enrol", "doctor", "Dr. Who", "--hospital", READER)
