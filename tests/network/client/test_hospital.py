"""The hospital at its own server: what it signs and anchors is compared with what the author asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from clinic.delivery import finish_outbox
from clinic.errors import HospitalUnreachable, LinkInvalid, NotPermitted, OutboxPending
from clinic.hospital import HospitalService
from clinic.outbox import Outbox
from clinic.seen_head import SeenHead
from clinic.site import Site
from ledger.bodies import AnchorBlocks
from ledger.engines.replica import Replica
from ledger.errors import LedgerError
from ledger.export import block_line
from network import wire
from network.client.hospital import RemoteHospital
from network.client.ledger import FollowingLedger
from network.client.transport import Signer, Transport
from scheme import canonical
from scheme.errors import ChartSealError
from scheme.header import BlockHeader
from tests.clinic.scene import Scene, draft
from tests.network.client.scripted import Asked, Reply, ScriptedServer

Lie = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass
class Answering:
    """A hospital's server, which alters its answers on the way out; ``anchored`` replaces what it anchors."""

    scene: Scene
    links: Lie = lambda answer: answer
    anchored: Callable[[AnchorBlocks], AnchorBlocks] = lambda body: body
    down: str | None = None

    def __call__(self, asked: Asked) -> Reply:
        service = HospitalService(self.scene.riverside, self.scene.site.engine, self.scene.clock)
        if asked.path.startswith(wire.LEDGER_BLOCKS):
            start = int(asked.path.rpartition("=")[2])
            return Reply(body=b"".join(map(block_line, self.scene.site.engine.blocks(start))))
        if asked.path == self.down:
            return Reply(503, b'{"error": "server-busy", "message": "later"}')
        value = json.loads(asked.body)
        try:
            if asked.path == wire.LINKS:
                headers = [BlockHeader.from_unsigned(canonical.unb64(each, what="header")) for each in value["headers"]]
                linked = service.link(value["patient"], self.scene.author.member_id, headers)
                signatures = [canonical.b64(each) for each in linked.signatures]
                answer = {"index": linked.first_index, "previous": linked.previous_head, "signatures": signatures}
                return Reply(body=json.dumps(self.links(answer)).encode())
            assert asked.path == wire.ANCHORS
            receipt = service.anchor(self.anchored(AnchorBlocks.from_json(value)))
            return Reply(body=json.dumps(wire.receipt_to_json(receipt)).encode())
        except (LedgerError, NotPermitted) as error:
            return Reply(409, json.dumps({"error": error.code, "message": str(error)}).encode())


@dataclass
class Author:
    """A doctor elsewhere, with an outbox of her own; blocks go into the scene's store."""

    scene: Scene
    site: Site
    outbox: Outbox

    def seal(self) -> None:
        self.scene.seal(draft(), draft(text="sodium"), site=self.site, outbox=self.outbox)

    @property
    def waiting(self) -> int:
        return len(self.outbox.pending())


@pytest.fixture
def answering(scene: Scene, server: ScriptedServer) -> Answering:
    made = Answering(scene)
    server.answer = made
    return made


@pytest.fixture
def author(
    scene: Scene, server: ScriptedServer, answering: Answering, tmp_path: Path, no_waiting: None
) -> Iterator[Author]:
    doctor = scene.author
    signer = Signer(doctor.member_id, lambda: doctor.signing)
    transport = Transport(server.url, server.ca_pem, scene.clock, signer)
    copy = Replica.create(tmp_path / "copy", scene.site.engine.genesis, clock=scene.clock)
    seen = SeenHead(tmp_path / "seen")
    ledger = FollowingLedger(copy, transport, seen, scene.clock, evidence=tmp_path / "evidence")
    hospital = RemoteHospital(transport, ledger, scene.riverside.member_id)
    site = replace(scene.site, engine=ledger, hospitals={scene.riverside.member_id: hospital})
    yield Author(scene, site, Outbox(tmp_path / "outbox"))
    ledger.close()


def test_sealing_with_the_hospital_elsewhere(scene: Scene, author: Author, server: ScriptedServer) -> None:
    author.seal()
    author.seal()
    assert len(scene.own()) == 4
    assert author.waiting == 0
    paths = [asked.path.partition("?")[0] for asked in server.asked]
    assert paths.count(wire.LINKS) == paths.count(wire.ANCHORS) == 2


def test_another_author_who_was_faster_is_followed(scene: Scene, author: Author, answering: Answering) -> None:
    once = iter([lambda: scene.seal(draft(text="in between"))])

    def overtaken(answer: dict[str, Any]) -> dict[str, Any]:
        for seal in once:
            seal()
        return answer

    answering.links = overtaken
    author.seal()
    assert len(scene.own()) == 3


@pytest.mark.parametrize(
    "lie",
    [
        lambda answer: answer | {"index": answer["index"] + 1},
        lambda answer: answer | {"previous": "ab" * 32},
        lambda answer: answer | {"signatures": answer["signatures"][::-1]},
        lambda answer: answer | {"signatures": answer["signatures"][:1]},
        lambda answer: answer | {"signatures": ["x"] * 2},
        lambda answer: answer | {"signatures": None},
        lambda answer: answer | {"index": "0"},
        lambda answer: answer | {"previous": 7},
        lambda _answer: {},
    ],
)
def test_wrong_links_are_not_used_and_nothing_is_lost(
    scene: Scene, author: Author, answering: Answering, lie: Lie
) -> None:
    answering.links = lie
    with pytest.raises(OutboxPending) as raised:
        author.seal()
    assert isinstance(raised.value.__cause__, LinkInvalid)
    assert author.waiting == 1
    assert not scene.store.blocks
    answering.links = lambda answer: answer
    assert finish_outbox(author.site, author.outbox) == 1
    assert len(scene.own()) == 2


def test_an_anchor_of_something_else_is_noticed(scene: Scene, author: Author, answering: Answering) -> None:
    answering.anchored = lambda body: replace(body, blocks=(replace(body.blocks[0], size=1), *body.blocks[1:]))
    with pytest.raises(ChartSealError, match="anchored something else"):
        author.seal()


@pytest.mark.parametrize("path", [wire.LINKS, wire.ANCHORS])
def test_out_of_reach_it_waits(scene: Scene, author: Author, answering: Answering, path: str) -> None:
    answering.down = path
    with pytest.raises(OutboxPending) as raised:
        author.seal()
    assert isinstance(raised.value.__cause__, HospitalUnreachable)
    assert author.waiting == 1
    with pytest.raises(HospitalUnreachable):
        finish_outbox(author.site, author.outbox)
    answering.down = None
    assert finish_outbox(author.site, author.outbox) == 1
    assert (len(scene.own()), author.waiting) == (2, 0)


def test_a_lost_confirmation_anchors_nothing_twice(scene: Scene, author: Author, answering: Answering) -> None:
    def lost(body: AnchorBlocks) -> AnchorBlocks:
        HospitalService(scene.riverside, scene.site.engine, scene.clock).anchor(body)
        answering.anchored = lambda again: again
        raise NotPermitted("the answer to the first is lost; this is some other error")

    answering.anchored = lost
    with pytest.raises(ChartSealError):
        author.seal()
    scene.clock.advance(10)
    finish_outbox(author.site, author.outbox)
    assert (len(scene.own()), author.waiting) == (2, 0)


def test_it_speaks_for_its_own_member_only(scene: Scene, author: Author) -> None:
    (hospital,) = author.site.hospitals.values()
    with pytest.raises(LinkInvalid, match="own member only"):
        hospital.link(scene.patient.member_id, scene.reader.member_id, [])
