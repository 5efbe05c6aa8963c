"""What a patient's machine makes of services at a distance that lie, are away, or are one where two are needed."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from clinic import matching
from clinic.clock import system_clock
from clinic.keystore import MemberSecrets
from clinic.match_authority import PseudonymRegister, PseudonymRequest
from clinic.match_errors import MatchingNotSetUp
from clinic.match_index import MatchQuery
from clinic.match_issuer import IssuerRequest
from clinic.match_state import open_book
from clinic.matching import Desk
from ledger.bodies import Role
from ledger.engine import View
from ledger.genesis import Genesis
from matching.epoch import EpochKeys, IssuerPublicKey
from matching.errors import (
    IssuerKeyChanged,
    IssuersNotIndependent,
    MailboxFull,
    OfferInvalid,
    ProofInvalid,
    RelayUnavailable,
)
from matching.issuer import IssuerKey
from matching.mailbox import MailboxSecret
from matching.offer import MatchOffer
from matching.tags import Answer, TagRequest
from network import match_messages as messages
from network import wire
from network.client.matching import RemoteIndex, RemoteIssuer, RemoteMatching, RemoteRegister, RemoteRelay
from network.client.transport import Signer, Transport
from network.endpoint import EndpointBook, EndpointCard
from network.errors import AnswerInvalid, RegisterClosed
from network.tls import ServerIdentity
from scheme import canonical
from scheme.certificates import CertificateInvalid
from scheme.keys import SigningKey
from tests.clinic.scene import RIVERSIDE, Scene
from tests.matching.issuing import EPOCH, ISSUERS, OPERATORS, issuer_key
from tests.network.client.conftest import *  # noqa: F403 (its fixtures)
from tests.network.client.scripted import Asked, Reply, ScriptedServer

MAILBOX = MailboxSecret(bytes(32))


@dataclass
class Copy:
    """A ledger of a member's home that has what the hospital's has."""

    scene: Scene
    transport: Transport
    height: int = 7

    @property
    def genesis(self) -> Genesis:
        return self.scene.site.engine.genesis

    def view(self) -> View:
        return self.scene.site.engine.view()


@pytest.fixture
def nobody(server: ScriptedServer) -> Iterator[Transport]:
    """A transport that no one signs."""
    transport = Transport(server.url, server.ca_pem, system_clock, max_attempts=1)
    yield transport
    transport.close()


@pytest.fixture
def remote(scene: Scene, server: ScriptedServer, nobody: Transport, tmp_path: Path) -> Iterator[RemoteMatching]:
    """The services as a patient of the scene asks them."""
    signer = Signer(scene.patient.member_id, lambda: scene.patient.signing)
    signed = Transport(server.url, server.ca_pem, system_clock, signer, max_attempts=1)
    book = EndpointBook(tmp_path / "endpoints")
    remote = RemoteMatching(Copy(scene, signed), nobody, book, signer, scene.clock)  # type: ignore[arg-type]
    yield remote
    remote.close()
    signed.close()


def answering(server: ScriptedServer, value: object, status: int = 200) -> None:
    server.answer = lambda _asked: Reply(status, json.dumps(value).encode())


# Index


def test_requests_to_index_and_relay_name_nobody(scene: Scene, server: ScriptedServer, remote: RemoteMatching) -> None:
    answering(server, {"matches": [], "messages": []})
    key = SigningKey.generate()
    remote.index.matches(MatchQuery.sign(key, b"certificate", epoch=remote.epoch, time=1))
    remote.relay.open(MAILBOX)
    remote.relay.fetch(MAILBOX)
    unsigned = list(server.asked)
    answering(server, {"certificate": canonical.b64(b"der")})
    remote.registrar(_nobodys_key).certify(PseudonymRequest.sign(scene.patient, remote.epoch, key.verifying_key))
    signed = server.asked[-1]
    for asked in unsigned:
        assert not {"signature", "signature-input", "content-digest"} & asked.headers.keys()
        said = json.dumps(asked.headers) + asked.path + asked.body.decode()
        assert scene.patient.member_id not in said
        assert MAILBOX.to_secret_bytes().hex() not in asked.path
        assert asked.port != signed.port  # on a connection of their own
    assert {"signature", "signature-input"} <= signed.headers.keys()
    assert scene.patient.member_id in signed.headers["signature-input"]


def _nobodys_key() -> MemberSecrets:
    raise AssertionError("the authority's key is not asked for at a distance")


@dataclass
class Offering:
    """A patient with a certified pseudonym, and offers that an index could make up."""

    scene: Scene
    desk: Desk
    strangers: list[SigningKey] = field(default_factory=lambda: [SigningKey.generate() for _ in range(2)])

    def certificate(self, key: SigningKey, member: MemberSecrets) -> bytes:
        register = PseudonymRegister(self.scene.home.folder / "register", self.scene.authority, self.scene.site)
        return register.certify(PseudonymRequest.sign(member, self.desk.services.epoch, key.verifying_key))

    def offer(self, *certificates: bytes) -> dict[str, object]:
        one, two = certificates
        offer = MatchOffer.create(
            epoch=self.desk.services.epoch, expires_at=self.scene.clock() + 99, certificates=(one, two)
        )
        return {"matches": [{"offer": canonical.b64(bytes(offer)), "state": "open"}]}


@pytest.fixture
def offering(scene: Scene, remote: RemoteMatching, tmp_path: Path) -> Iterator[Offering]:
    (tmp_path / "own").mkdir()
    with open_book(tmp_path / "own" / "patients", scene.patient) as book:
        offering = Offering(scene, Desk(scene.site, remote, scene.patient, book))
        state = book.state
        state.begin_epoch(remote.epoch)
        assert state.signing is not None
        state.certificate = offering.certificate(state.signing, scene.patient)
        yield offering


def test_an_invented_match_is_refused(offering: Offering, server: ScriptedServer) -> None:
    desk, own = offering.desk, offering.desk.pseudonym()[1]
    other = offering.certificate(offering.strangers[0], offering.scene.other)
    answering(server, offering.offer(own, other))
    assert len(matching.matches(desk)) == 1
    answering(server, offering.offer(own, b"no certificate"))
    with pytest.raises(CertificateInvalid):
        matching.matches(desk)
    with pytest.raises(CertificateInvalid):
        matching.find(desk, top=5, least=0.0)
    answering(server, offering.offer(own, own))
    with pytest.raises(OfferInvalid, match="herself"):
        matching.matches(desk)
    answering(server, offering.offer(other, other))
    with pytest.raises(OfferInvalid):
        matching.find(desk, top=5, least=0.0)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"matches": None},
        {"matches": [{}]},
        {"matches": [{"offer": "", "state": "open"}]},
        {"matches": [{"offer": "AAAA", "state": "married"}]},
    ],
)
def test_what_is_no_list_of_matches_is_not_used(
    nobody: Transport, server: ScriptedServer, answer: dict[str, object]
) -> None:
    answering(server, answer)
    query = MatchQuery(1, 1, b"c", bytes(64))
    with pytest.raises((AnswerInvalid, OfferInvalid)):
        RemoteIndex(nobody).matches(query)


@pytest.mark.parametrize("score", ["1", None, True, [0.5], float("nan"), float("inf")])
def test_a_score_is_a_number(nobody: Transport, server: ScriptedServer, score: object) -> None:
    answering(server, {"acceptance": "AAAA", "shared": [], "score": score})
    with pytest.raises(Exception) as raised:
        RemoteIndex(nobody).contact(MatchQuery(1, 1, b"c", bytes(64)), bytes(16))
    assert raised.value.code == "answer-invalid"  # type: ignore[attr-defined]


# Relay


def test_numbers_of_messages_go_up(nobody: Transport, server: ScriptedServer) -> None:
    relay = RemoteRelay(nobody)
    data = canonical.b64(b"sealed")
    answering(server, {"messages": [{"number": 3, "data": data}, {"number": 5, "data": data}]})
    assert [stored.number for stored in relay.fetch(MAILBOX, after=2)] == [3, 5]
    for after, numbers in ((3, (3,)), (0, (2, 2)), (0, (2, 1)), (0, (0,)), (0, tuple(range(1, 52)))):
        answering(server, {"messages": [{"number": number, "data": data} for number in numbers]})
        with pytest.raises(AnswerInvalid):
            relay.fetch(MAILBOX, after=after)


def test_a_relay_that_is_away_is_told_as_such(nobody: Transport, server: ScriptedServer) -> None:
    relay = RemoteRelay(nobody)
    answering(server, {"error": "server-busy", "message": "try again"}, 503)
    with pytest.raises(RelayUnavailable):
        relay.put(bytes(16), b"sealed")
    answering(server, {"error": "mailbox-full", "message": "wait"}, 409)
    with pytest.raises(MailboxFull):
        relay.put(bytes(16), b"sealed")


# Register


def test_a_register_without_a_key_says_so(scene: Scene, nobody: Transport, server: ScriptedServer) -> None:
    transport = Transport(
        server.url, server.ca_pem, system_clock, Signer(scene.patient.member_id, lambda: scene.patient.signing)
    )
    asked = PseudonymRequest.sign(scene.patient, 1, SigningKey.generate().verifying_key)
    answering(server, {"error": "register-closed", "message": "ask the hospital"}, 409)
    with pytest.raises(RegisterClosed):
        RemoteRegister(transport).certify(asked)
    for certificate in (None, 7, "not base64", canonical.b64(bytes(20_000))):
        answering(server, {"certificate": certificate})
        with pytest.raises(AnswerInvalid):
            RemoteRegister(transport).certify(asked)
    transport.close()


# Issuers


def issuer_cards(scene: Scene, folder: Path, names: str, *, one_ca: bool = False) -> list[EndpointCard]:
    """Endpoint cards of issuers that are enrolled for that."""
    cards = []
    for name in names:
        person = scene.home.enrol(
            scene.site, scene.authority, Role.ISSUER, f"issuer {name}", hospital=RIVERSIDE, password=""
        )
        identity = ServerIdentity.load_or_create(folder / ("ca" if one_ca else name), "127.0.0.1")
        keys = scene.home.issuers()[person.member_id]
        cards.append(EndpointCard.sign(keys, f"https://127.0.0.1:90{ord(name)}", identity.ca_pem, issued=scene.clock()))
    return cards


def listing(server: ScriptedServer, cards: list[EndpointCard]) -> None:
    def answer(asked: Asked) -> Reply:
        assert asked.path == wire.ENDPOINTS
        listed = [canonical.loads(bytes(card), what="a card") for card in cards]
        return Reply(body=json.dumps({"endpoints": listed}).encode())

    server.answer = answer


@pytest.mark.parametrize("names", ["", "a", "abc"])
def test_there_have_to_be_two_issuers(
    scene: Scene, remote: RemoteMatching, server: ScriptedServer, tmp_path: Path, names: str
) -> None:
    listing(server, issuer_cards(scene, tmp_path, names))
    with pytest.raises(MatchingNotSetUp, match=f"has {len(names)};"):
        _ = remote.issuers


def test_both_say_where_they_are(scene: Scene, remote: RemoteMatching, server: ScriptedServer, tmp_path: Path) -> None:
    cards = issuer_cards(scene, tmp_path, "ab")
    listing(server, cards[:1])
    with pytest.raises(MatchingNotSetUp, match="not published"):
        _ = remote.issuers
    listing(server, cards)
    assert set(remote.issuers) == {card.member for card in cards}


def test_two_issuers_that_are_one_server_are_refused(
    scene: Scene, remote: RemoteMatching, server: ScriptedServer, tmp_path: Path
) -> None:
    listing(server, issuer_cards(scene, tmp_path, "ab", one_ca=True))
    with pytest.raises(IssuersNotIndependent):
        _ = remote.issuers


def test_no_answer_of_an_issuer_is_taken_on_trust(scene: Scene, nobody: Transport, server: ScriptedServer) -> None:
    signer = Signer(scene.patient.member_id, lambda: scene.patient.signing)
    transport = Transport(server.url, server.ca_pem, system_clock, signer)
    keys = [issuer_key(which) for which in (0, 1)]
    asked = TagRequest(["HP:0001250"], EpochKeys(keys[0].public, keys[1].public))
    foreign = IssuerKey(secrets.token_bytes(32), issuer=ISSUERS[0], operator=OPERATORS[0], epoch=EPOCH)

    def answers(using: IssuerKey, claiming: IssuerPublicKey) -> Answer:
        evaluation = using.oprf.evaluate(asked.elements(ISSUERS[0]))
        answering(server, messages.issuer_answer_to_json(Answer(claiming, evaluation)))
        request = IssuerRequest.sign(scene.patient, ISSUERS[0], EPOCH, asked.elements(ISSUERS[0]))
        return RemoteIssuer(transport, lambda: 7).evaluate(request)

    other = Answer(keys[1].public, keys[1].oprf.evaluate(asked.elements(ISSUERS[1])))
    assert len(asked.finish([answers(keys[0], keys[0].public), other])) == 1
    with pytest.raises(ProofInvalid):
        asked.finish([answers(foreign, keys[0].public), other])
    with pytest.raises(IssuerKeyChanged):
        asked.finish([answers(foreign, foreign.public), other])
    answering(server, {"evaluation": "AAAA"})
    with pytest.raises(AnswerInvalid):
        RemoteIssuer(transport, lambda: 7).evaluate(IssuerRequest("aa", "bb", 1, (bytes(32),), bytes(64)))
    assert server.asked[-1].headers[wire.LEDGER_HEIGHT] == "7"
    transport.close()
