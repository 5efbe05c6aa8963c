"""Who may ask a proxy for what, and what happens to fragments whose grant never came."""

from dataclasses import replace
from pathlib import Path

import pytest

from clinic import revocation
from clinic.errors import NotPermitted, ProxyRefused
from clinic.grants import Decision
from clinic.grants import grant as give
from clinic.proxy import ProxyService
from clinic.proxy_answer import Ask
from clinic.requests import Access, new_id
from ledger.bodies import Grant
from ledger.transactions import SignedTransaction
from network.errors import NotYours, TooManyRequests
from network.proxy.desk import MAX_PARTS, MAX_WAIT_S, MAX_WAITING, ProxyDesk
from network.proxy.messages import AskMessage
from scheme.scopes import Category
from tests.clinic.conftest import *  # noqa: F403 (its fixtures)
from tests.clinic.scene import Scene, draft
from tests.clinic.stubs import EngineStub, at_engine

LABORATORY = Access(frozenset({Category.LABORATORY}))


@pytest.fixture
def folder(scene: Scene) -> Path:
    """Where the first proxy keeps things; what the scene's own proxy holds is there as ``fragments``."""
    folder = scene.home.folder / "proxies" / "desk"
    folder.mkdir(parents=True)
    (folder / "fragments").symlink_to(scene.home.folder / "proxies" / scene.proxies[0].member_id)
    (scene.home.folder / "proxies" / scene.proxies[0].member_id).mkdir(exist_ok=True)
    return folder


@pytest.fixture
def desk(scene: Scene, folder: Path) -> ProxyDesk:
    """The first proxy's desk."""
    keys = scene.proxies[0]
    service = ProxyService(keys, folder / "fragments", scene.site.engine, scene.clock)
    return ProxyDesk(service, keys.member_id, folder, scene.site.engine, scene.clock)


def held(folder: Path, grant: str) -> list[str]:
    return sorted(path.name for path in (folder / "fragments" / grant).glob("*"))


def test_only_a_patient_in_office_gives_fragments(scene: Scene, desk: ProxyDesk, folder: Path) -> None:
    grant = new_id()
    for stranger in (scene.reader.member_id, scene.proxies[1].member_id):
        with pytest.raises(NotYours, match="only a patient"):
            desk.deposit(stranger, grant, grant, b"sealed")
    with pytest.raises(NotPermitted, match="not enrolled"):
        desk.deposit("00" * 16, grant, grant, b"sealed")
    assert held(folder, grant) == []
    desk.deposit(scene.patient.member_id, grant, grant, b"sealed")
    assert held(folder, grant) == [grant]


def test_nobody_else_adds_to_what_waits_for_a_grant(scene: Scene, desk: ProxyDesk, folder: Path) -> None:
    grant = new_id()
    desk.deposit(scene.patient.member_id, grant, grant, b"sealed")
    with pytest.raises(NotYours):
        desk.deposit(scene.other.member_id, grant, grant, b"hers")
    assert (folder / "fragments" / grant / grant).read_bytes() == b"sealed"
    desk.deposit(scene.patient.member_id, grant, f"{grant}.7", b"more")
    assert held(folder, grant) == [grant, f"{grant}.7"]


def test_nobody_else_adds_to_a_grant_on_the_ledger(scene: Scene, desk: ProxyDesk, folder: Path) -> None:
    scene.seal(draft())
    grant = scene.grant(LABORATORY)
    with pytest.raises(NotYours, match="another patient"):
        desk.deposit(scene.other.member_id, grant, f"{grant}.1", b"hers")
    desk.deposit(scene.patient.member_id, grant, f"{grant}.1", b"more")
    assert f"{grant}.1" in held(folder, grant)


@pytest.mark.parametrize("part", ["00" * 16, "", "a", "../a", "ff" * 16 + ".1"])
def test_a_part_is_named_by_its_grant(scene: Scene, desk: ProxyDesk, part: str) -> None:
    with pytest.raises(ProxyRefused, match="named by its grant"):
        desk.deposit(scene.patient.member_id, "12" * 16, part, b"sealed")


def test_a_patient_may_have_so_many_grants_waiting_and_no_more(scene: Scene, desk: ProxyDesk, folder: Path) -> None:
    for _ in range(MAX_WAITING):
        grant = new_id()
        desk.deposit(scene.patient.member_id, grant, grant, b"sealed")
    late = new_id()
    with pytest.raises(TooManyRequests, match="submit those first"):
        desk.deposit(scene.patient.member_id, late, late, b"sealed")
    assert held(folder, late) == []
    desk.deposit(scene.other.member_id, late, late, b"sealed")


def test_a_grant_has_so_many_parts_and_no_more(scene: Scene, desk: ProxyDesk) -> None:
    grant = new_id()
    for number in range(MAX_PARTS):
        desk.deposit(scene.patient.member_id, grant, f"{grant}.{number}", b"x")
    with pytest.raises(ProxyRefused, match="as many parts"):
        desk.deposit(scene.patient.member_id, grant, grant, b"x")


def test_what_no_grant_followed_is_deleted_and_what_one_did_stays(scene: Scene, desk: ProxyDesk, folder: Path) -> None:
    scene.seal(draft())
    orphan = new_id()
    desk.deposit(scene.patient.member_id, orphan, orphan, b"sealed")
    granted = scene.grant(LABORATORY)
    (folder / "waiting" / scene.patient.member_id / granted).write_bytes(str(scene.clock()).encode())
    desk.sweep()
    assert held(folder, orphan) == [orphan], "not yet"
    assert not (folder / "waiting" / scene.patient.member_id / granted).exists()
    scene.clock.advance(MAX_WAIT_S + 1)
    desk.sweep()
    assert held(folder, orphan) == []
    assert held(folder, granted) == [granted]
    assert not list((folder / "waiting").glob("*/*"))


@pytest.mark.parametrize("end", ["does not name this proxy", "is over"])
def test_fragments_of_a_grant_that_is_not_for_this_proxy_go(
    scene: Scene, desk: ProxyDesk, folder: Path, end: str
) -> None:
    """The answer to the deposit was lost, or the proxy saw grant and revocation at once and was not told to forget."""

    def deposit(transaction: SignedTransaction) -> None:
        if isinstance(transaction.body, Grant):
            desk.deposit(scene.patient.member_id, transaction.body.grant, transaction.body.grant, b"sealed")

    scene.seal(draft())
    names = scene.site.proxies.keys() - {scene.proxies[0].member_id} if end != "is over" else scene.site.proxies.keys()
    proxies = {name: scene.site.proxies[name] for name in names}
    site = replace(at_engine(scene.site, EngineStub(scene.site.engine, before_submit=deposit)), proxies=proxies)
    granted = give(site, scene.patient, scene.reader.member_id, Decision(LABORATORY), request_id=None)
    if end == "is over":
        revocation.revoke(replace(scene.site, proxies={}), scene.patient, granted)
    assert held(folder, granted) == [granted]
    desk.sweep()
    assert held(folder, granted) == []
    assert not list((folder / "waiting").glob("*/*"))


@pytest.mark.parametrize("mark", [b"", bytes(10), b"soon"])
def test_a_damaged_mark_waits_no_longer_and_stops_nothing(
    scene: Scene, desk: ProxyDesk, folder: Path, mark: bytes
) -> None:
    damaged, sound = new_id(), new_id()
    for grant in (damaged, sound):
        desk.deposit(scene.patient.member_id, grant, grant, b"sealed")
    (folder / "waiting" / scene.patient.member_id / damaged).write_bytes(mark)
    desk.sweep()
    assert (held(folder, damaged), held(folder, sound)) == ([], [sound])


def test_whose_grant_did_not_come_has_it_forgotten_at_once(scene: Scene, desk: ProxyDesk, folder: Path) -> None:
    grant = new_id()
    desk.deposit(scene.patient.member_id, grant, grant, b"sealed")
    for stranger in (scene.other.member_id, scene.reader.member_id):
        with pytest.raises(ProxyRefused, match="not on this proxy's ledger"):
            desk.forget(stranger, grant)
    assert held(folder, grant) == [grant]
    desk.forget(scene.patient.member_id, grant)
    assert held(folder, grant) == []
    assert not list((folder / "waiting").glob("*/*"))


def test_only_its_parties_have_a_grant_forgotten_and_only_when_it_is_over(
    scene: Scene, desk: ProxyDesk, folder: Path
) -> None:
    scene.seal(draft())
    grant = scene.grant(LABORATORY)
    with pytest.raises(ProxyRefused, match="revoke it first"):
        desk.forget(scene.patient.member_id, grant)
    for stranger in (scene.second.member_id, scene.other.member_id, scene.proxies[1].member_id):
        with pytest.raises(NotYours):
            desk.forget(stranger, grant)
    with pytest.raises(ProxyRefused, match="not on this proxy's ledger"):
        desk.forget(scene.patient.member_id, new_id())
    assert held(folder, grant) == [grant]
    revocation.revoke(scene.site, scene.patient, grant)
    desk.forget(scene.reader.member_id, grant)
    assert held(folder, grant) == []
    with pytest.raises(ProxyRefused, match="is over"):
        desk.deposit(scene.patient.member_id, grant, grant, b"again")


def test_only_the_delegatee_whose_release_it_is_has_it_re_encrypted(scene: Scene, desk: ProxyDesk) -> None:
    (locator,) = scene.seal(draft()).blocks
    scene.grant(LABORATORY)
    scene.read()
    (release,) = scene.site.state().releases(scene.patient.member_id)
    header = scene.fetched(locator).block.header
    message = AskMessage(release.release, (Ask(header.chapter.context, header.chapter.capsule),))
    for stranger in (scene.second.member_id, scene.patient.member_id, scene.proxies[1].member_id):
        with pytest.raises(NotYours, match="another delegatee"):
            desk.reencrypt(stranger, message)
    with pytest.raises(ProxyRefused, match="release is not on"):
        desk.reencrypt(scene.reader.member_id, AskMessage(new_id(), message.asks))
    assert len(desk.reencrypt(scene.reader.member_id, message).fragments) == 1
