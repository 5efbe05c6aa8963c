"""The ledger of a member against servers that tell the truth, and against each lie about it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from clinic.requests import Access, request_access
from clinic.seen_head import SeenHead
from ledger.bodies import Evidence, Role
from ledger.engine import Engine, Reader, Receipt
from ledger.engines.replica import Replica
from ledger.errors import LedgerError, LedgerUnavailable
from ledger.export import block_line
from ledger.refusals import Refused, SignerUnknown
from ledger.transactions import SignedTransaction, sign
from network import wire
from network.client.endpoints import cards_of
from network.client.ledger import FollowingLedger, LedgerUnreachable, fetch_genesis
from network.client.transport import Signer, Transport
from network.endpoint import EndpointBook, EndpointCard
from network.errors import ServerForked, ServerNotPinned, ServerRolledBack, ServerUnreachable
from scheme import canonical
from tests.clinic.scene import Scene, Template, open_scene
from tests.network.client.scripted import Asked, Reply, ScriptedServer

Alter = Callable[[list[bytes]], list[bytes]]
Receipts = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass
class Telling:
    """What a server tells of ``engine``: its blocks' lines and its receipts, altered on the way out."""

    engine: Engine
    lines: Alter = lambda lines: lines
    receipts: Receipts = lambda receipt: receipt
    cut: int | None = None
    submitted: list[SignedTransaction] = field(default_factory=list)

    def __call__(self, asked: Asked) -> Reply:
        path = urlsplit(asked.path)
        try:
            if path.path == wire.GENESIS:
                return Reply(body=bytes(self.engine.genesis))
            if path.path == wire.LEDGER_BLOCKS:
                start = int(parse_qs(path.query)["from"][0])
                cut, self.cut = self.cut, None
                return Reply(body=b"".join(self.lines(list(map(block_line, self.engine.blocks(start))))), cut=cut)
            assert path.path == wire.TRANSACTIONS
            transaction = SignedTransaction.from_bytes(asked.body)
            self.submitted.append(transaction)
            receipt = wire.receipt_to_json(self.engine.submit(transaction))
            return Reply(body=json.dumps(self.receipts(receipt)).encode())
        except LedgerError as error:
            return Reply(409, json.dumps({"error": error.code, "message": str(error)}).encode())


@dataclass
class Member:
    """A member's ledger, made anew from its files by ``opened``."""

    scene: Scene
    server: ScriptedServer
    folder: Path
    notices: list[int] = field(default_factory=list)

    def transport(self) -> Transport:
        reader = self.scene.reader
        signer = Signer(reader.member_id, lambda: reader.signing)
        return Transport(self.server.url, self.server.ca_pem, self.scene.clock, signer)

    @contextmanager
    def opened(self, **options: Any) -> Iterator[FollowingLedger]:
        """The ledger, as one run of one command has it."""
        place, transport, clock = self.folder / "ledger.sqlite", self.transport(), self.scene.clock
        genesis = self.scene.site.engine.genesis
        made = Replica.open(place, clock=clock) if place.exists() else Replica.create(place, genesis, clock=clock)
        ledger = FollowingLedger(
            made,
            transport,
            SeenHead(self.folder / "ledger.sqlite.seen"),
            clock,
            evidence=self.folder / "evidence",
            notice=self.notices.append,
            **options,
        )
        try:
            yield ledger
        finally:
            ledger.close()


@pytest.fixture
def telling(scene: Scene, server: ScriptedServer) -> Telling:
    """An honest server of the scene's ledger."""
    told = Telling(scene.site.engine)
    server.answer = told
    return told


@pytest.fixture
def member(scene: Scene, server: ScriptedServer, telling: Telling, tmp_path: Path, no_waiting: None) -> Member:
    """A member elsewhere, who has seen nothing yet."""
    folder = tmp_path / "member"
    folder.mkdir()
    return Member(scene, server, folder)


def ask(scene: Scene, ledger: FollowingLedger) -> str:
    """Something that the reader submits."""
    site = replace(scene.site, engine=ledger)
    return request_access(site, scene.reader, scene.patient.member_id, Access(), purpose="")


def heads(reader: Reader) -> tuple[int, str, int]:
    view = reader.view()
    return view.height, view.block, view.position


# The truth


def test_a_copy_is_the_servers_ledger_verified(scene: Scene, member: Member) -> None:
    with member.opened() as ledger:
        assert heads(ledger) == heads(scene.site.engine)
        assert ledger.verify() == scene.site.engine.verify()
        assert [entry.digest for entry in ledger.entries()] == [entry.digest for entry in scene.site.engine.entries()]
        assert ledger.tip() == scene.site.engine.tip()


def test_one_request_brings_all_that_is_new(scene: Scene, member: Member) -> None:
    with member.opened() as ledger:
        ledger.view()
        scene.ask()
        scene.ask()
        scene.clock.advance(5)
        assert heads(ledger) == heads(scene.site.engine)
    assert [asked.path.rpartition("=")[2] for asked in member.server.asked] == [
        "1",
        str(heads(scene.site.engine)[0] - 2),
    ]


def test_it_asks_again_only_after_a_while(scene: Scene, member: Member) -> None:
    with member.opened(fresh_s=5) as ledger:
        for _ in range(3):
            ledger.view()
        scene.clock.advance(4)
        ledger.view()
        assert len(member.server.asked) == 1
        scene.clock.advance(1)
        ledger.view()
        assert len(member.server.asked) == 2


def test_reading_needs_no_key(member: Member) -> None:
    with member.opened() as ledger:
        ledger.view()
    assert all("signature" not in asked.headers for asked in member.server.asked)


def test_what_was_submitted_is_in_the_copy_on_return(scene: Scene, member: Member) -> None:
    with member.opened() as ledger:
        request = ask(scene, ledger)
        assert ledger.view().state.request(request) is not None
        assert heads(ledger) == heads(scene.site.engine)


def test_the_ledgers_refusals_arrive_as_what_they_are(scene: Scene, member: Member, telling: Telling) -> None:
    with member.opened() as ledger:
        request = ask(scene, ledger)
        scene.clock.advance(1)
        (again,) = telling.submitted
        assert isinstance(ledger.submit(again), Receipt)  # the same again: the same receipt
        site = replace(scene.site, engine=ledger)
        with pytest.raises(Refused):
            request_access(site, scene.author, scene.author.member_id, Access(), purpose="")
        assert ledger.view().state.request(request) is not None


def test_of_many_each_gets_its_own_outcome(scene: Scene, member: Member, telling: Telling) -> None:
    with member.opened() as ledger:
        ask(scene, ledger)
        (first,) = telling.submitted
        of_nobody = sign(
            first.body, signer_id="ab" * 16, key=scene.reader.signing, ledger=ledger.genesis.digest, time=first.time
        )
        known, refused = ledger.submit_many([first, of_nobody])
        assert isinstance(known, Receipt)
        assert isinstance(refused, SignerUnknown)


def test_a_cut_stream_goes_on_where_it_broke(scene: Scene, member: Member, telling: Telling) -> None:
    telling.cut = 40_000
    with member.opened() as ledger:
        assert heads(ledger) == heads(scene.site.engine)
    first, second = (int(asked.path.rpartition("=")[2]) for asked in member.server.asked)
    assert (first, second > 1) == (1, True)


# Out of reach


def test_without_the_server_the_copy_answers_and_says_its_age(scene: Scene, member: Member) -> None:
    with member.opened() as ledger:
        before = heads(ledger)
        member.server.answer = lambda _asked: Reply(503, b'{"error": "server-busy", "message": "later"}')
        scene.clock.advance(60)
        assert heads(ledger) == before
        assert ledger.view().as_of == scene.clock() - 60
        assert member.notices == [scene.clock() - 60]


def test_submitting_without_the_server_fails_as_both_packages_call_it(scene: Scene, member: Member) -> None:
    with member.opened() as ledger:
        ledger.view()
        member.server.url = "https://127.0.0.1:1"
    with member.opened() as ledger, pytest.raises(LedgerUnreachable) as raised:
        ask(scene, ledger)
    assert isinstance(raised.value, ServerUnreachable)
    assert isinstance(raised.value, LedgerUnavailable)
    assert raised.value.code == "server-unreachable"


def test_a_confirmed_transaction_is_not_called_undone(scene: Scene, member: Member, no_waiting: None) -> None:
    with member.opened() as ledger:
        ledger.view()
        answer = member.server.answer

        def busy_afterwards(asked: Asked) -> Reply:
            if asked.path.startswith(wire.LEDGER_BLOCKS):
                return Reply(503, b'{"error": "server-busy", "message": "later"}')
            return answer(asked)

        member.server.answer = busy_afterwards
        with pytest.raises(LedgerUnreachable, match="the server confirmed this"):
            ask(scene, ledger)


def test_an_answer_lost_before_the_server_was_busy_leaves_it_open(
    scene: Scene, member: Member, no_waiting: None
) -> None:
    with member.opened() as ledger:
        ledger.view()
        replies = iter([Reply(200, b"taken", cut=1)])
        busy = Reply(503, b'{"error": "server-busy", "message": "later"}')
        member.server.answer = lambda _asked: next(replies, busy)
        with pytest.raises(LedgerUnreachable, match="is open"):
            ask(scene, ledger)


@pytest.fixture(autouse=True)
def same_url(server: ScriptedServer) -> Iterator[None]:
    url = server.url
    yield
    server.url = url


# Lies


def test_another_ledger_is_not_the_pinned_one(scene: Scene, member: Member, telling: Telling) -> None:
    transport = member.transport()
    assert fetch_genesis(transport, scene.site.engine.genesis.digest) == scene.site.engine.genesis
    with pytest.raises(ServerNotPinned):
        fetch_genesis(transport, "ab" * 32)
    transport.close()


def test_a_server_that_went_back_is_named(scene: Scene, member: Member, telling: Telling) -> None:
    with member.opened() as ledger:
        height = heads(ledger)[0]
        telling.lines = lambda _lines: []
        scene.clock.advance(5)
        with pytest.raises(ServerRolledBack, match=f"block {height}"):
            ledger.view()


def test_what_was_seen_is_remembered_when_the_copy_is_lost(scene: Scene, member: Member, telling: Telling) -> None:
    with member.opened() as ledger:
        ledger.view()
    (member.folder / "ledger.sqlite").unlink()
    telling.lines = lambda lines: lines[:-1]
    with member.opened() as ledger, pytest.raises(ServerRolledBack):
        ledger.view()
    telling.lines = lambda lines: lines
    with member.opened() as ledger:
        assert heads(ledger) == heads(scene.site.engine)


@pytest.fixture
def other_course(template: Template, tmp_path: Path) -> Iterator[Scene]:
    """The same hospital, with the same delegates, where something else happened."""
    with open_scene(template, tmp_path / "other") as opened:
        opened.ask(by=opened.second)
        opened.ask(by=opened.second)
        yield opened


def test_a_fork_is_named_and_the_delegates_votes_are_kept(
    scene: Scene, member: Member, telling: Telling, other_course: Scene
) -> None:
    scene.ask()
    with member.opened() as ledger:
        before = heads(ledger)
        telling.engine = other_course.site.engine
        scene.clock.advance(5)
        with pytest.raises(ServerForked, match="evidence") as raised:
            ledger.view()
    (kept,) = (member.folder / "evidence").iterdir()
    assert kept.name in str(raised.value)
    for line in kept.read_bytes().splitlines():
        evidence = Evidence.from_json(canonical.loads(line, what="evidence"))
        assert evidence.votes[0].delegate == evidence.votes[1].delegate
    telling.engine = scene.site.engine
    with member.opened() as ledger:
        assert heads(ledger) == before  # nothing of the fork was taken


def test_a_fork_behind_a_lost_copy_is_named(
    scene: Scene, member: Member, telling: Telling, other_course: Scene
) -> None:
    scene.ask()
    with member.opened() as ledger:
        ledger.view()
    shutil.move(member.folder / "ledger.sqlite", member.folder / "lost")
    telling.engine = other_course.site.engine
    with member.opened() as ledger, pytest.raises(ServerForked):
        ledger.view()


def test_an_older_copy_is_not_used_while_the_server_plays_dead(scene: Scene, member: Member, no_waiting: None) -> None:
    with member.opened() as ledger:
        ledger.view()
    shutil.copy(member.folder / "ledger.sqlite", member.folder / "older")
    scene.ask()
    with member.opened() as ledger:
        ledger.view()
    shutil.copy(member.folder / "older", member.folder / "ledger.sqlite")
    member.server.answer = lambda _asked: Reply(503, b'{"error": "server-busy", "message": "later"}')
    with member.opened() as ledger:
        for _ in range(2):
            with pytest.raises(ServerRolledBack):
                ledger.view()
        ledger.fresh_s = None
        with pytest.raises(ServerRolledBack):
            ledger.view()


def _with_one_vote(line: bytes) -> bytes:
    value = json.loads(line)
    del value["certificate"]["signatures"][1:]
    return canonical.dumps(value) + b"\n"


def _flipped(lines: list[bytes]) -> list[bytes]:
    return [*lines[:-1], lines[-1].replace(b'"time":1', b'"time":2', 1)]


@pytest.mark.parametrize(
    "lie",
    [
        _flipped,
        lambda lines: [*lines[:2], *lines[3:]],
        lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
        lambda lines: [*lines, b"{}\n"],
        lambda lines: [*lines, lines[-1]],
        lambda lines: [_with_one_vote(line) for line in lines],
    ],
    ids=["altered", "left out", "reordered", "no block", "twice", "without votes"],
)
def test_what_does_not_hold_is_not_taken(scene: Scene, member: Member, telling: Telling, lie: Alter) -> None:
    telling.lines = lie
    with member.opened() as ledger:
        with pytest.raises(LedgerError):
            ledger.view()
        held = [block.header.digest for block in ledger._copy.blocks()]
    assert held == [block.header.digest for block in scene.site.engine.blocks()][: len(held)]


@pytest.mark.parametrize(
    "lie",
    [
        lambda receipt: receipt | {"position": receipt["position"] + 1},
        lambda receipt: receipt | {"position": receipt["position"] - 1},
        lambda receipt: receipt | {"entry": "ab" * 32},
        lambda receipt: receipt | {"transaction": "ab" * 32},
    ],
    ids=["later", "earlier", "other entry", "other transaction"],
)
def test_a_receipt_for_another_entry_is_named(scene: Scene, member: Member, telling: Telling, lie: Receipts) -> None:
    telling.receipts = lie
    with member.opened() as ledger, pytest.raises(ServerForked, match="does not hold it"):
        ask(scene, ledger)


def test_a_transaction_that_is_confirmed_and_not_shown_is_named(scene: Scene, member: Member, telling: Telling) -> None:
    with member.opened() as ledger:
        height = heads(ledger)[0]
        telling.lines = lambda lines: lines[:1]
        with pytest.raises(ServerForked, match="does not hold it"):
            ask(scene, ledger)
        assert heads(ledger)[0] == height


def test_a_receipt_that_is_none_is_no_receipt(scene: Scene, member: Member, telling: Telling) -> None:
    telling.receipts = lambda receipt: {"position": receipt["position"]}
    with member.opened() as ledger, pytest.raises(Exception, match="receipt is none"):
        ask(scene, ledger)


# Endpoint cards


@pytest.mark.parametrize(("status", "code"), [(503, "server-busy"), (429, "too-many-requests")])
def test_proxies_that_were_seen_are_known_while_the_server_is_busy(
    scene: Scene, member: Member, telling: Telling, server: ScriptedServer, status: int, code: str
) -> None:
    def busy(asked: Asked) -> Reply:
        refused = json.dumps({"error": code, "message": "what to do"}).encode()
        return Reply(status, refused) if asked.path == wire.ENDPOINTS else telling(asked)

    server.answer = busy
    card = EndpointCard.sign(scene.members["proxy 1"], server.url, server.ca_pem, issued=scene.clock())
    book = EndpointBook(member.folder / "endpoints")
    with member.opened() as ledger:
        book.take(card, ledger.view().state, now=scene.clock())
        assert cards_of(Role.PROXY, ledger, book, scene.clock) == {card.member: card}
