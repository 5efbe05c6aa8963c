"""Somebody else's ids in every path and body: a rule for each route, and no route without a rule."""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from starlette.routing import Route

from clinic.grants import Decision, prepare
from clinic.history import plan, read_history
from clinic.keystore import MemberSecrets
from clinic.match_epoch import epoch_at
from clinic.match_issuer import IssuerRequest
from clinic.proxy_answer import Ask
from clinic.requests import new_id, request_access
from ledger.bodies import Request
from ledger.transactions import sign
from matching.oprf import Blinding
from network import match_messages, wire
from network.endpoint import EndpointCard
from network.proxy.messages import AskMessage
from network.tls import ServerIdentity
from scheme import canonical
from scheme.block import Block
from tests.clinic.scene import EVERYTHING, HILLCREST, draft
from tests.network.hostile.conftest import proxy_of, service_of
from tests.network.server.serving import Served, problem
from tests.network.server.test_blocks import drafted

PUBLIC = "anybody may ask; there is nobody's id in it"
MEMBERS = "every member may ask; nobody's id is in it, and a locator is no secret among members"

PSEUDONYMS = "a pseudonym or a mailbox's secret in the body stands for whoever asks; see the tests of matching"


class Try(NamedTuple):
    """A request by somebody whose matter it is not, and what it has to be answered with."""

    by: MemberSecrets
    path: str
    body: bytes | dict[str, Any] | None
    status: int
    code: str


Rule = str | Callable[[Served], Iterator[Try]]


def _another(served: Served) -> MemberSecrets:
    other: MemberSecrets = served.other
    return other


def letters_listed(served: Served) -> Iterator[Try]:
    yield Try(_another(served), wire.LETTERS.format(reader=served.patient.member_id), None, 403, "not-yours")


def letter_fetched(served: Served) -> Iterator[Try]:
    (letter, *_) = served.services.site.mailbox.list(served.reader.member_id, "") or [new_id()]
    path = wire.LETTER.format(reader=served.reader.member_id, letter=letter)
    for stranger in (served.other, served.patient, served.author):
        yield Try(stranger, path, None, 403, "not-yours")


def letter_delivered(served: Served) -> Iterator[Try]:
    """In the place of what belongs to a matter between others: a block's letter, a request's, a member's."""
    ((locator, _),) = served.sealed(draft())
    state = served.services.site.state()
    block = state.block(locator)
    assert block is not None
    request = request_access(served.services.site, served.reader, served.patient.member_id, EVERYTHING)
    for matter in (locator, request, served.patient.member_id):
        path = wire.LETTER.format(reader=served.patient.member_id, letter=matter)
        yield Try(_another(served), path, b"in its place", 403, "not-permitted")
    path = wire.LETTER.format(reader=new_id(), letter=new_id())
    yield Try(_another(served), path, b"to nobody", 403, "not-permitted")


def card_published(served: Served) -> Iterator[Try]:
    state = served.services.site.state()
    current = state.key_card(served.patient.member_id)
    assert current is not None
    card = served.services.site.cards.fetch(served.patient.member_id, current.version, current.digest)
    path = wire.CARD.format(patient=served.patient.member_id, version=current.version, commitment=current.digest)
    yield Try(_another(served), path, card, 403, "not-yours")
    own = wire.CARD.format(patient=served.other.member_id, version=current.version, commitment=current.digest)
    yield Try(_another(served), own, card, 422, "card-invalid")


def card_fetched(served: Served) -> Iterator[Try]:
    """It says what her scope ids mean, which who reads under a grant has in its letter."""
    granted(served)
    patient = served.patient.member_id
    card = served.services.site.state().key_card(patient)
    assert card is not None
    path = wire.CARD.format(patient=patient, version=card.version, commitment=card.digest)
    for stranger in (served.reader, served.other, served.members[HILLCREST], served.members["proxy 1"]):
        yield Try(stranger, path, None, 403, "not-permitted")
    yield Try(served.author, path.replace(patient, new_id()), None, 403, "not-permitted")


def block_put(served: Served) -> Iterator[Try]:
    (one, data), (two, _) = served.sealed(draft(), draft(text="another"))
    yield Try(_another(served), wire.BLOCK.format(locator=two), data, 422, "block-damaged")
    yield Try(_another(served), wire.BLOCK.format(locator=one), data[:-1] + b"x", 422, "block-damaged")


def block_deleted(served: Served) -> Iterator[Try]:
    ((locator, _),) = served.sealed(draft())
    for somebody in (served.other, served.author, served.patient):
        yield Try(somebody, wire.BLOCK.format(locator=locator), None, 409, "block-anchored")


def transaction(served: Served) -> Iterator[Try]:
    """What counts is the signature in it: of somebody else, or in somebody else's name."""
    body = Request(new_id(), served.patient.member_id, served.reader.member_id, "ab" * 32)
    genesis, now = served.home.genesis, served.clock()
    forged = sign(body, signer_id=served.reader.member_id, key=served.other.signing, ledger=genesis, time=now)
    yield Try(_another(served), wire.TRANSACTIONS, bytes(forged), 422, "transaction-signature-invalid")
    named = sign(body, signer_id=served.author.member_id, key=served.author.signing, ledger=genesis, time=now)
    yield Try(served.author, wire.TRANSACTIONS, bytes(named), 409, "wrong-signer")


def linked(served: Served) -> Iterator[Try]:
    """Places in a chain, for those who may not write in it."""
    header, _ = drafted(served)
    asked = {"patient": served.patient.member_id, "headers": [canonical.b64(header.unsigned)]}
    yield Try(_another(served), wire.LINKS, asked, 409, "author-not-permitted")
    yield Try(served.reader, wire.LINKS, asked, 409, "author-elsewhere")
    yield Try(served.author, wire.LINKS, asked | {"patient": served.other.member_id}, 409, "seal-refused")


def anchored(served: Served) -> Iterator[Try]:
    body = {
        "patient": served.patient.member_id, "hospital": served.riverside.member_id,
        "author": served.author.member_id, "chain": "ab" * 16, "previous_head": None, "first_index": 0,
        "blocks": [{"locator": "ab" * 32, "scope": "ab" * 16, "chapter": "ab" * 16, "size": 1}],
    }  # fmt: skip
    yield Try(served.reader, wire.ANCHORS, body, 403, "not-yours")
    own = body | {"author": served.other.member_id}
    yield Try(_another(served), wire.ANCHORS, own, 409, "author-not-permitted")
    elsewhere = body | {"hospital": served.members[HILLCREST].member_id}
    yield Try(served.author, wire.ANCHORS, elsewhere, 409, "author-elsewhere")


def endpoint_published(served: Served) -> Iterator[Try]:
    ca = ServerIdentity.load_or_create(served.home.folder / "other-tls", "127.0.0.1").ca_pem
    card = EndpointCard.sign(served.patient, "https://127.0.0.1:1", ca, issued=served.clock())
    path = wire.ENDPOINT.format
    yield Try(_another(served), path(member=served.patient.member_id), bytes(card), 403, "not-yours")
    yield Try(_another(served), path(member=served.other.member_id), bytes(card), 422, "endpoint-invalid")
    renamed = replace(card, member=served.other.member_id)
    yield Try(_another(served), path(member=served.other.member_id), bytes(renamed), 422, "endpoint-invalid")


def granted(served: Served) -> str:
    """A grant of the patient to the reader, on the ledger, and a block that it opens."""
    served.sealed(draft())
    site = served.services.site
    body = prepare(site, served.patient, served.reader.member_id, Decision(EVERYTHING), request_id=None)
    site.submit(body, served.patient)
    return body.grant


def fragments_deposited(served: Served) -> Iterator[Try]:
    grant = granted(served)
    path = wire.GRANT_PART.format(grant=grant, part=f"{grant}.1")
    yield Try(_another(served), path, b"hers", 403, "not-yours")
    yield Try(served.reader, path, b"the delegatee's own", 403, "not-yours")
    misnamed = wire.GRANT_PART.format(grant=new_id(), part=grant)
    yield Try(_another(served), misnamed, b"under another grant", 409, "proxy-refused")


def fragments_forgotten(served: Served) -> Iterator[Try]:
    path = wire.GRANT.format(grant=granted(served))
    for stranger in (served.other, served.author):
        yield Try(stranger, path, None, 403, "not-yours")
    yield Try(served.reader, path, None, 409, "proxy-refused")


def re_encrypted(served: Served) -> Iterator[Try]:
    granted(served)
    site = served.services.site
    reading = plan(site, served.reader, served.patient.member_id)
    assert list(read_history(site, served.reader, reading))
    (release,) = site.state().releases(served.patient.member_id)
    ((locator, data),) = [(locator, served.stored(locator)) for locator in _locators(served)]
    chapter = Block.open(io.BytesIO(data), locator).header.chapter
    message = bytes(AskMessage(release.release, (Ask(chapter.context, chapter.capsule),)))
    for stranger in (served.other, served.author, served.patient):
        yield Try(stranger, wire.REENCRYPT, message, 403, "not-yours")


def _locators(served: Served) -> list[str]:
    return [block.locator for block in served.services.site.state().blocks(patient=served.patient.member_id)]


def no_evidence(served: Served) -> Iterator[Try]:
    """Evidence counts by what it shows, whoever hands it in; see the tests of reports."""
    yield Try(_another(served), wire.REPORTS, b"{}", 422, "fault-invalid")


def evaluated(issuer: Served) -> Iterator[Try]:
    """A batch that the patient signed, of somebody else, and one that she signed for another issuer."""
    member, epoch = service_of(issuer).member_id, epoch_at(issuer.clock())
    batch = Blinding([secrets.token_bytes(32) for _ in range(16)]).elements
    hers = match_messages.issuer_request_to_json(IssuerRequest.sign(issuer.patient, member, epoch, batch))
    yield Try(_another(issuer), wire.EVALUATE, hers, 422, "match-request-invalid")
    yield Try(issuer.author, wire.EVALUATE, hers, 403, "not-enrolled")
    elsewhere = IssuerRequest.sign(issuer.patient, new_id(), epoch, batch)
    to_another = match_messages.issuer_request_to_json(elsewhere)
    yield Try(issuer.patient, wire.EVALUATE, to_another, 422, "match-request-invalid")
    yield Try(issuer.patient, wire.EVALUATE, to_another | {"issuer": member}, 422, "match-request-invalid")


HOSPITAL: dict[tuple[str, str], Rule] = {
    ("GET", wire.HEALTH): PUBLIC,
    ("GET", wire.METRICS): PUBLIC,
    ("GET", wire.OPENAPI): PUBLIC,
    ("GET", wire.TRUST): PUBLIC,
    ("GET", wire.GENESIS): PUBLIC,
    ("GET", wire.LEDGER_BLOCKS): PUBLIC,
    ("POST", wire.JOIN): PUBLIC,
    ("POST", wire.TRANSACTIONS): transaction,
    ("GET", wire.ENDPOINTS): MEMBERS,
    ("PUT", wire.ENDPOINT): endpoint_published,
    ("POST", wire.BLOCKS_FETCH): MEMBERS,
    ("POST", wire.BLOCKS_PRESIGN): MEMBERS,
    ("GET", wire.BLOCK): MEMBERS,
    ("HEAD", wire.BLOCK): MEMBERS,
    ("PUT", wire.BLOCK): block_put,
    ("DELETE", wire.BLOCK): block_deleted,
    ("GET", wire.LETTERS): letters_listed,
    ("GET", wire.LETTER): letter_fetched,
    ("PUT", wire.LETTER): letter_delivered,
    ("GET", wire.CARD): card_fetched,
    ("PUT", wire.CARD): card_published,
    ("POST", wire.LINKS): linked,
    ("POST", wire.ANCHORS): anchored,
    ("POST", wire.REPORTS): no_evidence,
    ("POST", wire.PSEUDONYMS): PSEUDONYMS,
    ("POST", wire.MATCH_SUBMIT): PSEUDONYMS,
    ("POST", wire.MATCH_FIND): PSEUDONYMS,
    ("POST", wire.MATCH_LIST): PSEUDONYMS,
    ("POST", wire.MATCH_ACCEPT): PSEUDONYMS,
    ("POST", wire.MATCH_DECLINE): PSEUDONYMS,
    ("POST", wire.MATCH_CONTACT): PSEUDONYMS,
    ("POST", wire.MATCH_REPORT): PSEUDONYMS,
    ("POST", wire.RELAY_OPEN): PSEUDONYMS,
    ("POST", wire.RELAY_PUT): PSEUDONYMS,
    ("POST", wire.RELAY_FETCH): PSEUDONYMS,
    ("POST", wire.RELAY_DELETE): PSEUDONYMS,
    ("POST", wire.RELAY_CLOSE): PSEUDONYMS,
}
PROXY: dict[tuple[str, str], Rule] = {
    ("GET", wire.HEALTH): PUBLIC,
    ("GET", wire.METRICS): PUBLIC,
    ("GET", wire.OPENAPI): PUBLIC,
    ("GET", wire.TRUST): PUBLIC,
    ("PUT", wire.GRANT_PART): fragments_deposited,
    ("DELETE", wire.GRANT): fragments_forgotten,
    ("POST", wire.REENCRYPT): re_encrypted,
}
ISSUER: dict[tuple[str, str], Rule] = {
    ("GET", wire.HEALTH): PUBLIC,
    ("GET", wire.METRICS): PUBLIC,
    ("GET", wire.OPENAPI): PUBLIC,
    ("GET", wire.TRUST): PUBLIC,
    ("POST", wire.EVALUATE): evaluated,
}


def routes(of: Iterable[object]) -> Iterator[tuple[str, str]]:
    """All that an app or router answers: method and path."""
    for route in of:
        if isinstance(route, Route):
            yield from ((method, route.path) for method in route.methods or ())
        else:
            yield from routes(route.original_router.routes)  # type: ignore[attr-defined]


def test_every_route_has_a_rule(served: Served, proxy: Served, issuer: Served) -> None:
    assert set(routes(served.app.routes)) == set(HOSPITAL)
    assert set(routes(proxy.app.routes)) == set(PROXY)
    assert set(routes(issuer.app.routes)) == set(ISSUER)


def tries(rules: dict[tuple[str, str], Rule]) -> list[Any]:
    return [
        pytest.param(method, rule, id=f"{method} {path}") for (method, path), rule in rules.items() if callable(rule)
    ]


def refuses(server: Served, served: Served, method: str, rule: Callable[[Served], Iterator[Try]]) -> None:
    """Each try ends as the rule says, and leaves ledger, store and letters as they are."""
    count = 0
    for by, path, body, status, code in rule(served):
        before = seen(served)
        assert problem(server.call(method, path, body, by=by)) == (status, code), (path, code)
        assert seen(served) == before
        count += 1
    assert count


def seen(served: Served) -> dict[str, bytes]:
    """All files but those that any request changes: the ledger by its head."""
    folder = served.home.folder
    kept = ("mailbox", "cards", "proxies", "desk", "issuer", "server/endpoints", "evidence", "../store")
    files = (path for name in kept for path in (folder / name).rglob("*") if path.is_file())
    head = served.services.site.engine.view().head
    return {str(path): path.read_bytes() for path in files} | {"head": head.encode()}


@pytest.mark.parametrize(("method", "rule"), tries(HOSPITAL))
def test_nobody_acts_for_another_at_the_hospital(
    served: Served, method: str, rule: Callable[[Served], Iterator[Try]]
) -> None:
    refuses(served, served, method, rule)


@pytest.mark.parametrize(("method", "rule"), tries(PROXY))
def test_nobody_acts_for_another_at_a_proxy(
    served: Served, method: str, rule: Callable[[Served], Iterator[Try]]
) -> None:
    refuses(proxy_of(served), served, method, rule)


@pytest.mark.parametrize(("method", "rule"), tries(ISSUER))
def test_nobody_acts_for_another_at_an_issuer(
    issuer: Served, method: str, rule: Callable[[Served], Iterator[Try]]
) -> None:
    refuses(issuer, issuer, method, rule)


@pytest.mark.parametrize(("method", "path"), [key for key, rule in HOSPITAL.items() if rule is MEMBERS])
def test_what_every_member_may_ask_no_stranger_may(served: Served, method: str, path: str) -> None:
    stranger = MemberSecrets.generate(new_id(), "doctor")
    filled = path.format(locator="ab" * 32, patient=served.patient.member_id, version=1, commitment="cd" * 32)
    body = {"locators": ["ab" * 32]} if method == "POST" else None
    answer = served.call(method, filled, body, by=stranger)
    assert (answer.status_code, answer.headers["Chartseal-Error"]) == (401, "signer-unknown")
