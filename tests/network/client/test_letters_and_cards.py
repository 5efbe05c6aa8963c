"""Letters and key cards by way of a server: kept here once seen, and compared with what was seen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from clinic.cards import current_card
from clinic.errors import HomeInvalid, LetterInvalid
from clinic.letters import FolderMailbox
from clinic.requests import Access
from network.client.cards import RemoteKeyCards
from network.client.mailbox import RemoteMailbox
from network.client.transport import Signer, Transport
from network.errors import AnswerInvalid, LetterExists, ServerRolledBack, ServerUnreachable
from scheme.keycard import KeyCardInvalid
from tests.clinic.scene import Scene
from tests.network.client.scripted import Asked, Reply, ScriptedServer

READER = "ab" * 16
FIRST, SECOND = "01" * 16, "02" * 16


@dataclass
class Shelf:
    """A server that keeps bytes by path, and lists letters."""

    kept: dict[str, bytes] = field(default_factory=dict)
    listed: object = None

    def __call__(self, asked: Asked) -> Reply:
        parts = urlsplit(asked.path)
        if asked.method == "PUT":
            if self.kept.setdefault(parts.path, asked.body) != asked.body:
                return error(409, "letter-exists")
            return Reply(204)
        if parts.path in self.kept:
            return Reply(body=self.kept[parts.path])
        if parts.query or parts.path.count("/") == 3:
            prefix = parse_qs(parts.query).get("prefix", [""])[0]
            names = [path.rpartition("/")[2] for path in self.kept if path.startswith(parts.path)]
            found = [name for name in names if name.startswith(prefix)] if self.listed is None else self.listed
            return Reply(body=json.dumps({"letters": found}).encode())
        return error(404, "letter-unknown" if "letters" in parts.path else "card-unknown")


def error(status: int, code: str) -> Reply:
    return Reply(status, json.dumps({"error": code, "message": "what to do"}).encode())


@pytest.fixture
def shelf(server: ScriptedServer) -> Shelf:
    made = Shelf()
    server.answer = made
    return made


@pytest.fixture
def transport(server: ScriptedServer, scene: Scene, no_waiting: None) -> Iterator[Transport]:
    made = Transport(server.url, server.ca_pem, scene.clock, Signer(READER, lambda: scene.reader.signing))
    yield made
    made.close()


# Letters


@pytest.fixture
def mailbox(transport: Transport, tmp_path: Path) -> RemoteMailbox:
    return RemoteMailbox(transport, FolderMailbox(tmp_path / "letters"))


def unreachable(transport: Transport) -> None:
    with transport._connections.in_use() as client:
        client.base_url = "https://127.0.0.1:1"  # type: ignore[assignment]


def test_a_letter_is_fetched_once(mailbox: RemoteMailbox, shelf: Shelf, server: ScriptedServer) -> None:
    mailbox.deliver(FIRST, READER, b"sealed")
    assert [mailbox.fetch(FIRST, READER) for _ in range(3)] == [b"sealed"] * 3
    assert [asked.method for asked in server.asked] == ["PUT", "GET"]


def test_letters_that_were_read_are_there_without_the_server(
    mailbox: RemoteMailbox, shelf: Shelf, transport: Transport
) -> None:
    for name in (FIRST, SECOND):
        mailbox.deliver(name, READER, name.encode())
    mailbox.fetch(FIRST, READER)
    assert mailbox.list(READER, "0") == [FIRST, SECOND]
    unreachable(transport)
    assert mailbox.list(READER, "0") == [FIRST]
    assert mailbox.fetch(FIRST, READER) == FIRST.encode()
    with pytest.raises(ServerUnreachable):
        mailbox.fetch(SECOND, READER)


@pytest.mark.parametrize(("status", "code"), [(503, "server-busy"), (429, "too-many-requests")])
def test_letters_that_were_read_are_there_while_the_server_is_busy(
    mailbox: RemoteMailbox, shelf: Shelf, server: ScriptedServer, status: int, code: str
) -> None:
    mailbox.deliver(FIRST, READER, b"sealed")
    mailbox.fetch(FIRST, READER)
    server.answer = lambda _asked: error(status, code)
    assert mailbox.list(READER, "0") == [FIRST]


def test_no_such_letter(mailbox: RemoteMailbox, shelf: Shelf) -> None:
    with pytest.raises(LetterInvalid, match="what to do"):
        mailbox.fetch(FIRST, READER)


def test_a_letter_takes_no_others_place(mailbox: RemoteMailbox, shelf: Shelf) -> None:
    mailbox.deliver(FIRST, READER, b"one")
    with pytest.raises(LetterExists):
        mailbox.deliver(FIRST, READER, b"two")


@pytest.mark.parametrize("name", ["../../config.json", "ab", "", FIRST.upper()[:1] + "AB" * 15, FIRST + "/x"])
def test_nothing_but_a_letters_id_is_asked_for(
    mailbox: RemoteMailbox, shelf: Shelf, server: ScriptedServer, name: str
) -> None:
    for call in (lambda: mailbox.fetch(name, READER), lambda: mailbox.deliver(name, READER, b"x")):
        with pytest.raises(LetterInvalid):
            call()
    assert not server.asked


@pytest.mark.parametrize("listed", ["x", [1], ["../../config.json"], [SECOND], [FIRST, None]])
def test_a_list_of_something_else_is_refused(mailbox: RemoteMailbox, shelf: Shelf, listed: object) -> None:
    shelf.listed = listed
    with pytest.raises(AnswerInvalid):
        mailbox.list(READER, FIRST)


# Key cards


@pytest.fixture
def cards(transport: Transport, tmp_path: Path, scene: Scene) -> RemoteKeyCards:
    return RemoteKeyCards(transport, tmp_path / "cards", scene.reader.member_id)


def published(scene: Scene, shelf: Shelf) -> tuple[int, str]:
    """The scene's patient's newest card, on the shelf."""
    anchored = scene.site.state().key_card(scene.patient.member_id)
    assert anchored is not None
    data = scene.site.cards.fetch(scene.patient.member_id, anchored.version, anchored.digest)
    shelf.kept[f"/v1/cards/{scene.patient.member_id}/{anchored.version}/{anchored.digest}"] = data
    return anchored.version, anchored.digest


def test_a_card_is_fetched_once_and_verified(
    cards: RemoteKeyCards, scene: Scene, shelf: Shelf, server: ScriptedServer
) -> None:
    published(scene, shelf)
    for _ in range(2):
        assert current_card(cards, scene.site.state(), scene.patient.member_id).scopes
    assert len(server.asked) == 1


def test_an_older_card_than_was_seen_is_refused(cards: RemoteKeyCards, scene: Scene, shelf: Shelf) -> None:
    first = published(scene, shelf)
    cards.fetch(scene.patient.member_id, *first)
    revoke_something(scene)
    second = published(scene, shelf)
    assert second[0] == 2
    cards.fetch(scene.patient.member_id, *second)
    with pytest.raises(ServerRolledBack, match="version 2 was seen"):
        cards.fetch(scene.patient.member_id, *first)


def revoke_something(scene: Scene) -> None:
    from clinic.revocation import revoke  # noqa: PLC0415

    revoke(scene.site, scene.patient, scene.grant())


def test_newer_cards_are_asked_for_as_long_as_the_server_may_give_them(
    cards: RemoteKeyCards, scene: Scene, shelf: Shelf, server: ScriptedServer
) -> None:
    cards.fetch(scene.patient.member_id, *published(scene, shelf))
    until = scene.clock() + 60
    scene.grant(Access(write=True), until=until)
    revoke_something(scene)
    newer, state = published(scene, shelf), scene.site.state()
    server.asked.clear()
    cards.refresh(state, now=until + 1)
    assert not server.asked
    cards.refresh(state, now=until - 1)
    assert len(server.asked) == 1
    assert cards.fetch(scene.patient.member_id, *newer)
    assert len(server.asked) == 1


def test_ones_own_older_cards_are_history(transport: Transport, tmp_path: Path, scene: Scene, shelf: Shelf) -> None:
    own = RemoteKeyCards(transport, tmp_path / "own", scene.patient.member_id)
    first = published(scene, shelf)
    revoke_something(scene)
    second = published(scene, shelf)
    for version in (second, first, second):
        own.fetch(scene.patient.member_id, *version)


def test_another_card_than_named_is_refused(cards: RemoteKeyCards, scene: Scene, shelf: Shelf) -> None:
    version, _ = published(scene, shelf)
    (data,) = shelf.kept.values()
    shelf.kept[f"/v1/cards/{scene.patient.member_id}/{version}/{'ab' * 32}"] = data
    with pytest.raises(KeyCardInvalid, match="not the one that the ledger names"):
        cards.fetch(scene.patient.member_id, version, "ab" * 32)


def test_no_such_card(cards: RemoteKeyCards, scene: Scene, shelf: Shelf) -> None:
    with pytest.raises(HomeInvalid, match="what to do"):
        cards.fetch(scene.patient.member_id, 1, "ab" * 32)


def test_a_published_card_is_kept_here_first(
    cards: RemoteKeyCards, scene: Scene, shelf: Shelf, transport: Transport, tmp_path: Path
) -> None:
    version, digest = published(scene, shelf)
    (data,) = shelf.kept.values()
    unreachable(transport)
    with pytest.raises(ServerUnreachable):
        cards.publish(scene.patient.member_id, version, digest, data)
    assert cards.fetch(scene.patient.member_id, version, digest) == data
