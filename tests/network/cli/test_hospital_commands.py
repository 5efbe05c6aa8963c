"""What is done at the hospital's own home beside its running server, at a consortium's, and without any server."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.bodies import Role
from tests.clinic.cli.conftest import Shell
from tests.network.at_home import At, acquaint
from tests.network.cli.commands import CONSORTIUM, MACHINES, OPERATORS, Walk
from tests.network.cli.conftest import Scene
from tests.network.hospital import HOSPITAL
from tests.network.running import AUTHOR, NOWHERE

pytestmark = pytest.mark.slow

MARY = "Mary Quinn"
SEIZURE, ATAXIA, HEARING = "HP:0001250", "HP:0001251", "HP:0000365"


@pytest.fixture
def operator(own_scene: Scene, shell: Shell) -> At:
    """At the hospital's own home, whose commands name no server."""
    return At(Walk(shell.home, shell.monkeypatch), own_scene.clinic.hospital.home)


@pytest.fixture
def author(own_scene: Scene) -> At:
    return own_scene.copied(AUTHOR)


@pytest.fixture
def mary(own_scene: Scene, author: At) -> At:
    """With a block by the author."""
    at = own_scene.joined(Role.PATIENT, MARY)
    acquaint(author, at)
    author.ok("seal", "--doctor", AUTHOR, "--patient", MARY, own_scene.file("note.txt", "potassium 4.10 mmol/l\n"))
    return at


def worked(at: At) -> set[str]:
    assert isinstance(at.shell, Walk)
    return at.shell.worked


def test_the_operator_works_beside_the_server(own_scene: Scene, operator: At, author: At, mary: At) -> None:
    scene, (_, _, member) = own_scene, mary.line
    invited = At(scene.walk, scene.folder / "invited")
    link = operator.json("invite", "doctor", "Dr. Invited")["invitation"]
    joined = invited.json("join", link, "--role", "doctor", "--name", "Invited")
    here = operator.json("enrol", "doctor", "Dr. Here", "--hospital", HOSPITAL)
    assert operator.json("admit") == {"waiting": []}  # the server admits
    listed = {each["member"]: each["name"] for each in operator.json("members")["members"]}
    assert (listed[joined["member"]], listed[here["member"]]) == ("Dr. Invited", "Dr. Here")

    operator.ok("member", "suspend", member, "--reason", "a lost machine")
    reason = ("member", "show", MARY, "--reason")
    assert "signer-suspended" in mary.error(*reason)  # the server gives her no letter until she is reinstated
    assert "not-permitted" in author.error("request", "--doctor", AUTHOR, "--patient", MARY)
    operator.ok("member", "reinstate", member)
    assert mary.json(*reason)["reason"] == "a lost machine"
    renewed = operator.json("member", "renew", member, "--days", "900")["not_after"]
    assert mary.json("member", "show", MARY)["not_after"] == renewed

    stands = operator.json("ledger", "stand", HOSPITAL)["delegate"]
    assert stands in {each["delegate"] for each in author.json("ledger", "delegates")["delegates"]}
    assert operator.json("store", "check")["sound"]
    store = scene.clinic.homes.folder / "hospital-store"
    (block,) = mary.json("blocks", "--patient", MARY)["blocks"]
    (kept,) = (path for path in store.rglob("*") if path.name.startswith(block["block"]))
    elsewhere = scene.folder / "elsewhere"
    assert operator.json("store", "copy", store.as_uri(), elsewhere.as_uri())["copied"] >= 1
    (copied,) = (path for path in elsewhere.rglob("*") if path.name == kept.name)
    assert copied.read_bytes() == kept.read_bytes()
    kept.unlink()
    assert "store-unsound" in operator.error("store", "check")
    assert "store-unsound" in operator.error("store", "repair")  # there is no mirror
    operator.ok("store", "copy", elsewhere.as_uri(), store.as_uri())
    assert operator.json("store", "repair")["lost"] == []
    assert mary.json("open", "--patient", MARY, "--out", scene.folder / "out")["records"] == 1

    assert operator.json("member", "remove", member, "--yes")["status"] == "removed"
    assert "signer-removed" in mary.error("open", "--patient", MARY, "--out", scene.folder / "again")
    assert worked(operator) >= OPERATORS


def test_a_consortium_is_at_the_hospitals_own_home(own_scene: Scene, operator: At, author: At, mary: At) -> None:
    """Whose keys are in the hospital's home asks and answers there; of who has a home of her own it says so."""
    child, (_, _, elsewhere) = ("--child", operator.folder), mary.line
    together = At(operator.shell, own_scene.folder / "consortium")
    for role, name in (("doctor", "Dr. Asks"), ("patient", "Paul")):
        operator.ok("enrol", role, name, "--hospital", HOSPITAL)
    operator.ok("seal", "--doctor", "Dr. Asks", "--patient", "Paul", own_scene.file("note.txt", "x"))
    paul = operator.json("contact", "show", "Paul")["member"]

    together.ok("consortium", "init")
    joined = together.json("consortium", "join", *child, "--doctor", "Dr. Asks")["joined"]
    assert [each["name"] for each in joined] == [HOSPITAL, "Dr. Asks"]
    height = operator.json("ledger", "status")["height"]
    assert together.json("consortium", "anchor", *child)["height"] == height
    assert [each["height"] for each in together.json("consortium", "status")["children"]] == [height]
    together.ok("consortium", "index", *child)
    for pseudonym in (paul, elsewhere):
        assert together.json("consortium", "find", pseudonym) == {"found": True}
    asking = ("consortium", "ask", *child, "--doctor", "Dr. Asks")
    asked, other = (together.json(*asking, pseudonym)["ask"] for pseudonym in (paul, elsewhere))
    together.ok("consortium", "answer", *child, "--patient", "Paul", "--yes", asked)
    asks = together.json("consortium", "asks", *child, "--doctor", "Dr. Asks")["asks"]
    assert {each["ask"]: each["status"] for each in asks} == {asked: f"turn to {HOSPITAL}", other: "open"}

    assert "name-unknown" in together.error("consortium", "join", *child, "--doctor", AUTHOR)
    assert "name-unknown" in together.error("consortium", "answer", *child, "--patient", elsewhere, "--yes", other)
    for folder in (author.folder, mary.folder):
        assert "not-permitted" in together.error("consortium", "anchor", "--child", folder)
    assert worked(together) >= CONSORTIUM


def test_any_machine_does_these_without_a_server(shell: Shell, tmp_path: Path) -> None:
    walk = Walk(shell.home, shell.monkeypatch, NOWHERE)
    at = At(walk, tmp_path / "home")
    assert at.json("generate", "--patients", "1", "--seed", "1", "--out", tmp_path / "made")["files"]
    assert at.json("demo", tmp_path / "made")["held"]
    assert SEIZURE in {each["id"] for each in at.json("symptoms", "search", "seizure")["terms"]}
    cases, queries = tmp_path / "cases.tsv", tmp_path / "queries.tsv"
    columns = ("id", "disease_id", "pmid", "observed_hpo", "excluded_hpo")
    terms = f"{SEIZURE},{ATAXIA},{HEARING}"
    rows = [("a", "D:1", "P:1", terms, ""), ("b", "D:1", "P:2", terms, "")]
    cases.write_text("\n".join("\t".join(row) for row in (columns, *rows)) + "\n")
    queries.write_text("query_id\tdisease_id\tpmids\na\tD:1\tP:1\n")
    assert at.json("match", "evaluate", cases, queries)["blind_simgic"]["top1"] == 1
    (tmp_path / "store").mkdir()
    assert at.json("init", "--store", (tmp_path / "store").as_uri())["home"] == str(at.folder)
    assert walk.worked == MACHINES
