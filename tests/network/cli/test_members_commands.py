"""The other commands of doctors and patients, each from her own home."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clinic.home import Home
from ledger.bodies import Evidence, Role
from ledger.votes import cast_vote
from scheme import canonical, keyfile
from tests.network.at_home import At, acquaint
from tests.network.cli.commands import MEMBERS
from tests.network.cli.conftest import Scene
from tests.network.running import AUTHOR, PROXIES, READER, Clinic

pytestmark = pytest.mark.slow

MARY, CHILD = "Mary Quinn", "Ann Quinn"
NOTE = "hereditary angioedema\n"


def seal(scene: Scene, author: At, *words: str) -> Any:
    return author.run(
        "seal", "--doctor", AUTHOR, "--patient", MARY, "--category", "clinical", *words,
        scene.file("note.txt", NOTE), "--json",
    )  # fmt: skip


@pytest.fixture
def author(own_scene: Scene) -> At:
    return own_scene.copied(AUTHOR)


@pytest.fixture
def reader(own_scene: Scene) -> At:
    return own_scene.copied(READER)


@pytest.fixture
def mary(own_scene: Scene, author: At, reader: At) -> At:
    """With a block by the author; all three know each other."""
    at = own_scene.joined(Role.PATIENT, MARY)
    acquaint(author, reader, at)
    assert seal(own_scene, author).json["blocks"] == 1
    return at


def test_records_wait_go_out_and_are_withdrawn(own_scene: Scene, author: At, mary: At) -> None:
    scene, link = own_scene, own_scene.clinic.hospital.link
    link.gone = True
    try:
        assert seal(scene, author).json["error"] == "outbox-pending"
        assert "hospital-unreachable" in author.error("outbox")
    finally:
        link.reset()
    assert author.json("outbox") == {"batches": 1}
    first, _ = (each["block"] for each in mary.json("blocks", "--patient", MARY)["blocks"])
    author.ok("withdraw", first, "--author", AUTHOR, "--reason", "wrong patient")
    assert [each["withdrawn"] for each in mary.json("blocks", "--patient", MARY)["blocks"]] == [True, False]
    opened = mary.json("open", "--patient", MARY, "--out", scene.folder / "out")
    assert (opened["records"], opened["withdrawn"]) == (1, 1)
    assert mary.json("verify", "--patient", MARY)["sound"]
    events = [each["event"] for each in mary.json("audit", "show", "--patient", MARY)["entries"]]
    assert events == ["enrol", "publish-key-card", "anchor-blocks", "anchor-blocks", "withdraw"]
    audit = scene.folder / "audit"
    assert mary.json("audit", "export", "--patient", MARY, audit)["entries"] == len(events)
    assert author.json("audit", "verify", audit)["patient"] == mary.line[2]
    assert scene.walk.worked >= MEMBERS["records"]


def test_a_child_reads_what_her_parent_offers(own_scene: Scene, mary: At) -> None:
    child = own_scene.joined(Role.PATIENT, CHILD)
    acquaint(mary, child)
    offer = ("family", "invite", "--parent", MARY, "--child", CHILD, "--category", "clinical", "--yes")
    declined = mary.json(*offer)["grant"]
    assert child.json("family", "end", declined)["status"] == "declined"
    history = ("history", "--doctor", CHILD, "--patient", MARY)
    assert "grant-inactive" in child.error(*history, "--list")
    offered = mary.json(*offer)["grant"]
    child.ok("family", "accept", offered[:12], "--yes")
    assert child.json(*history, "--out", own_scene.folder / "out")["records"] == 1
    assert (own_scene.folder / "out" / "files" / "note.txt").read_text() == NOTE
    assert child.json("family", "end", offered)["status"] == "ended"
    assert "grant-inactive" in child.error(*history, "--list")
    statuses = {each["grant"]: each["status"] for each in mary.json("grants", "--patient", MARY)["grants"]}
    assert statuses == {declined: "revoked", offered: "revoked"}
    assert own_scene.walk.worked >= MEMBERS["family"]


def test_the_ledger_is_anybodys_to_check_and_a_doctors_to_vote_on(own_scene: Scene, author: At, mary: At) -> None:
    scene = own_scene
    told = mary.json("ledger", "status")
    assert told["kept_in"] == str(mary.folder / "ledger.sqlite")
    assert mary.json("ledger", "verify")["height"] == told["height"]
    export = scene.folder / "export"
    assert mary.json("ledger", "export", export)["blocks"] == told["height"]
    copy = ("ledger", "follow", export, "--into", scene.folder / "copy", "--genesis", told["genesis"])
    assert author.json(*copy)["height"] == told["height"]
    first, second = author.json("ledger", "delegates")["delegates"][:2]
    assert author.json("ledger", "vote", AUTHOR, second["delegate"][:12])["candidate"] == second["delegate"]
    support = {each["delegate"]: each["support"] for each in mary.json("ledger", "delegates")["delegates"]}
    assert support[second["delegate"]] > second["support"]
    accused = first["delegate"]
    evidence = scene.file("evidence", double_signed(scene.clinic, accused))
    (punished,) = author.json("ledger", "evidence", evidence, "--as", AUTHOR)["punished"]
    assert punished["accused"] == accused
    assert accused in {each["accused"] for each in mary.json("ledger", "evidence")["faults"]}
    assert "name-unknown" in mary.error("ledger", "vote", MARY, second["delegate"][:12])
    assert scene.walk.worked >= MEMBERS["ledger"]


def double_signed(clinic: Clinic, delegate: str) -> str:
    """What shows that a delegate signed two headers of one height and round, by its own key."""
    home = Home(clinic.hospital.home, profile=keyfile.TEST)
    key = home.delegate_keys.find(delegate)
    assert key is not None
    with home.site() as site:
        header = next(site.engine.blocks()).header
    votes = [cast_vote(key, delegate, each, accept=True) for each in (header, replace(header, size=header.size + 1))]
    return canonical.dumps(Evidence.double_sign(*votes).to_json()).decode()


@contextmanager
def lying(clinic: Clinic, name: str, silent: str) -> Iterator[None]:
    """One proxy signs wrong fragments, another is out of reach."""
    proxy, link = clinic.proxies[name], clinic.proxies[silent].link
    proxy.stop()
    link.gone = True
    try:
        proxy.start(server=clinic.hospital.url, program="tests.network.lying_proxy")
        yield
    finally:
        link.reset()
        proxy.stop()
        proxy.start(server=clinic.hospital.url)


def test_members_are_looked_up_and_a_lying_proxy_is_shown(own_scene: Scene, author: At, reader: At, mary: At) -> None:
    clinic = own_scene.clinic
    _, _, member = mary.line
    told = author.json("status")
    assert (told["member"], told["proxies"], told["server"]) == (author.line[2], len(PROXIES), clinic.hospital.url)
    listed = {each["member"]: (each["role"], each["name"]) for each in author.json("members")["members"]}
    assert listed[member] == ("patient", MARY)
    assert author.json("member", "list") == author.json("members")
    keys = [at.json("member", "show", member)["keys"] for at in (author, mary)]
    assert keys[0] == keys[1]
    assert {each["proxy"] for each in mary.json("proxy", "list")["proxies"]} == {clinic.ids(each) for each in PROXIES}
    request = reader.json("request", "--doctor", READER, "--patient", MARY)["request"]
    mary.ok("approve", request, "--yes")
    history = ("history", "--doctor", READER, "--patient", MARY, "--out", own_scene.folder / "out")
    assert reader.json("proxy", "faults") == {"faults": []}
    with lying(clinic, PROXIES[0], PROXIES[1]):
        assert "proxies-insufficient" in reader.error(*history)
    (fault,) = reader.json("proxy", "faults")["faults"]
    assert (fault["proxy"], fault["error"]) == (clinic.ids(PROXIES[0]), None)
    assert author.json("proxy", "check", fault["file"])["proxy"] == clinic.ids(PROXIES[0])
    assert own_scene.walk.worked >= MEMBERS["people"]


def test_a_lost_machine_is_replaced(own_scene: Scene, author: At, reader: At, mary: At) -> None:
    scene = own_scene
    _, _, member = mary.line
    names = [word for name in (AUTHOR, READER) for word in ("--guardian", name)]
    mary.ok("recover", "split", "--patient", MARY, *names, "--threshold", "2")
    mary.ok("backup", scene.folder / "mary.backup")
    shutil.rmtree(mary.folder)
    shares: list[str | Path] = []
    for guardian, name in ((author, AUTHOR), (reader, READER)):
        file = scene.folder / f"{name}.share"
        guardian.ok("recover", "share", "--guardian", name, "--patient", MARY, "--out", file)
        shares += ["--share", file]
    rebuilt, restored = At(scene.walk, scene.folder / "rebuilt"), At(scene.walk, scene.folder / "restored")
    assert rebuilt.json("recover", "restore", "--patient", MARY, *shares)["member"] == member
    restored.ok("restore", scene.folder / "mary.backup")
    for number, home in enumerate((rebuilt, restored)):
        assert home.line == ["patient", MARY, member]
        assert home.json("open", "--patient", MARY, "--out", scene.folder / f"out-{number}")["records"] == 1
    assert scene.walk.worked >= MEMBERS["a lost machine"]
