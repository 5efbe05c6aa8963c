"""Register, index and relay at the hospital's server: who is told what, and that nobody is asked for a name."""

from __future__ import annotations

import json
import logging
import secrets
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from clinic.keystore import MemberSecrets
from clinic.match_authority import PseudonymRequest
from clinic.match_epoch import epoch_at, pseudonym_check
from clinic.match_index import MatchQuery
from clinic.match_service import MatchPlace
from matching.answer import Acceptance, Decline
from matching.binding import BindingRule
from matching.index_request import Action, IndexRequest
from matching.mailbox import MailboxSecret
from matching.offer import MatchOffer
from matching.pair import PendingPair
from matching.relay import OVERHEAD_BYTES, RelayLimits
from matching.report import Reason, Report
from matching.vocabulary import Vocabulary
from network import match_messages as messages
from network import wire
from network.server import match_desk
from network.server.base import document
from network.server.limits import Limits
from scheme import canonical, certificates
from scheme.keys import SigningKey, VerifyingKey
from tests.clinic.scene import Template
from tests.network.server.serving import Served, problem, serving

SHARED = [secrets.token_bytes(16) for _ in range(3)]
_NUMBERS = count(1)


@dataclass
class Patient:
    """A patient's side without a book: her pseudonym and what she signs with it."""

    served: Served
    member: MemberSecrets
    key: SigningKey = field(default_factory=SigningKey.generate)
    certificate: bytes = b""

    @property
    def epoch(self) -> int:
        return epoch_at(self.served.clock())

    def certified(self) -> Patient:
        answer = self.ask_register()
        assert answer.status_code == 200, answer.text
        self.certificate = canonical.unb64(answer.json()["certificate"], what="it")
        return self

    def ask_register(self, *, by: MemberSecrets | None = None) -> httpx.Response:
        request = PseudonymRequest.sign(self.member, self.epoch, self.key.verifying_key)
        body = messages.pseudonym_request_to_json(request)
        return self.served.call("POST", wire.PSEUDONYMS, body, by=by or self.member)

    def request(self, action: Action, tags: list[bytes] = [], **changed: Any) -> IndexRequest:  # noqa: B006
        fields = {"epoch": self.epoch, "sequence": next(_NUMBERS), "tags": tags} | changed
        return IndexRequest.create(action, self.key, self.certificate, **fields)

    def submit(self, request: IndexRequest) -> httpx.Response:
        return self.served.public("POST", wire.MATCH_SUBMIT, messages.index_request_to_json(request))

    def opted_in(self) -> Patient:
        answer = self.certified().submit(self.request(Action.OPT_IN, [*SHARED, secrets.token_bytes(16)]))
        assert answer.status_code == 204, answer.text
        return self

    def find(self) -> list[MatchOffer]:
        asked = {"request": messages.index_request_to_json(self.request(Action.FIND)), "top": 5, "least": 0.0}
        answer = self.served.public("POST", wire.MATCH_FIND, asked)
        assert answer.status_code == 200, answer.text
        return [messages.open_match_from_json(each).offer for each in answer.json()["matches"]]

    def query(self, *, time: int | None = None) -> MatchQuery:
        return MatchQuery.sign(self.key, self.certificate, epoch=self.epoch, time=time or self.served.clock())

    def list(self, **when: int) -> httpx.Response:
        return self.served.public("POST", wire.MATCH_LIST, messages.query_to_json(self.query(**when)))

    def contact(self, offer: MatchOffer) -> httpx.Response:
        asked = {"match": offer.match_id.hex(), "query": messages.query_to_json(self.query())}
        return self.served.public("POST", wire.MATCH_CONTACT, asked)

    def accepting(self, offer: MatchOffer) -> Acceptance:
        key = VerifyingKey(self.served.services.site.engine.genesis.verifying)
        certified = pseudonym_check(key, self.served.clock)
        mine = offer.verify(self.key.verifying_key, epoch=self.epoch, certified=certified)
        rule = BindingRule.of(Vocabulary.default())
        return PendingPair.accept(mine, self.key, rule, now=self.served.clock()).acceptance

    def accept(self, offer: MatchOffer) -> Acceptance:
        acceptance = self.accepting(offer)
        assert self.answer(wire.MATCH_ACCEPT, offer, bytes(acceptance)).status_code == 204
        return acceptance

    def answer(self, path: str, offer: MatchOffer, answer: bytes) -> httpx.Response:
        asked = {"match": offer.match_id.hex(), "answer": canonical.b64(answer)}
        return self.served.public("POST", path, asked)


@pytest.fixture
def one(served: Served) -> Patient:
    return Patient(served, served.patient)


@pytest.fixture
def other(served: Served) -> Patient:
    return Patient(served, served.other)


@pytest.fixture
def offer(one: Patient, other: Patient) -> MatchOffer:
    """Both opted in, and one has found the other."""
    one.opted_in()
    other.opted_in()
    (found,) = one.find()
    return found


# Register


def test_a_pseudonym_is_certified_for_whom_it_is_signed(one: Patient, other: Patient) -> None:
    assert problem(one.ask_register(by=other.member)) == (422, "match-request-invalid")
    one.certified()
    again = one.ask_register()  # a lost answer: the same key gets another certificate
    assert again.status_code == 200
    another = replace(one, key=SigningKey.generate())
    assert problem(another.ask_register()) == (409, "pseudonym-issued")


def test_only_a_patient_gets_one_and_only_for_now(served: Served, one: Patient) -> None:
    assert problem(Patient(served, served.author).ask_register()) == (403, "not-permitted")
    request = PseudonymRequest.sign(one.member, one.epoch + 1, one.key.verifying_key)
    answer = served.call("POST", wire.PSEUDONYMS, messages.pseudonym_request_to_json(request))
    assert problem(answer) == (409, "other-epoch")


def test_nobody_unsigned_reaches_the_register(served: Served, one: Patient) -> None:
    request = PseudonymRequest.sign(one.member, one.epoch, one.key.verifying_key)
    answer = served.public("POST", wire.PSEUDONYMS, messages.pseudonym_request_to_json(request))
    assert problem(answer) == (401, "signature-missing")


def test_without_the_authoritys_key_it_says_whom_to_ask(template: Template, tmp_path: Path) -> None:
    with serving(template, tmp_path) as served:
        answer = Patient(served, served.patient).ask_register()
        assert problem(answer) == (409, "register-closed")
        assert "--authority-password-file" in answer.json()["message"]


# Index


def test_two_are_matched_and_told_what_they_share_when_both_accepted(
    one: Patient, other: Patient, offer: MatchOffer
) -> None:
    assert other.find() == [offer]
    theirs = other.accept(offer)
    assert problem(other.contact(offer)) == (409, "not-both-accepted")
    one.accept(offer)
    contact, score = messages.contact_from_json(one.contact(offer).json())
    assert contact.acceptance == theirs
    assert set(contact.shared) == set(SHARED)
    assert 0 < score < 1


def test_a_third_pseudonym_learns_nothing(served: Served, one: Patient, other: Patient, offer: MatchOffer) -> None:
    for patient in (one, other):
        patient.accept(offer)
    third = Patient(served, served.author, certificate=one.certificate)  # a certificate that is not of its key
    assert problem(third.contact(offer)) == (422, "match-request-invalid")
    assert problem(third.answer(wire.MATCH_DECLINE, offer, bytes(Decline.sign(third.key, offer)))) == (
        422, "answer-invalid",
    )  # fmt: skip
    unknown = MatchOffer.create(epoch=one.epoch, expires_at=one.served.clock() + 9, certificates=offer.certificates)
    assert problem(one.contact(unknown)) == (404, "match-unknown")


def test_a_pseudonym_that_the_authority_did_not_certify_is_none(served: Served, one: Patient) -> None:
    stranger = SigningKey.generate()
    one.certificate = certificates.issue(
        stranger, served.services.site.engine.genesis.authority, member_id=one.key.verifying_key.key_id,
        role=f"pseudonym-{one.epoch}", key=one.key.verifying_key, now=served.clock(), days=90,
    )  # fmt: skip
    assert problem(one.submit(one.request(Action.OPT_IN, SHARED))) == (403, "certificate-invalid")
    assert problem(one.list()) == (403, "certificate-invalid")


def test_another_epoch_is_refused(served: Served, one: Patient) -> None:
    one.certified()
    for epoch in (one.epoch - 1, one.epoch + 1):
        assert problem(one.submit(one.request(Action.OPT_IN, SHARED, epoch=epoch))) == (409, "other-epoch")
    served.clock.advance(91 * 86_400)
    assert problem(one.submit(one.request(Action.OPT_IN, SHARED))) == (403, "certificate-invalid")


def test_what_was_sent_before_does_nothing(served: Served, one: Patient) -> None:
    one.certified()
    first = one.request(Action.OPT_IN, SHARED)
    assert one.submit(first).status_code == 204
    assert one.submit(one.request(Action.OPT_OUT)).status_code == 204
    assert problem(one.submit(first)) == (422, "opt-in-invalid")
    assert problem(one.list(time=served.clock() - 301)) == (422, "match-request-invalid")


def test_a_changed_request_is_nobodys(one: Patient) -> None:
    one.certified()
    request = one.request(Action.OPT_IN, SHARED)
    assert problem(one.submit(replace(request, tags=frozenset(SHARED[:1])))) == (422, "opt-in-invalid")
    value = messages.index_request_to_json(request)
    for wrong in (value | {"more": 1}, value | {"tags": ["zz" * 16]}, value | {"epoch": "1"}, {}):
        assert problem(one.served.public("POST", wire.MATCH_SUBMIT, wrong)) == (422, "message-invalid")


def test_one_pseudonym_asks_only_so_often(template: Template, tmp_path: Path) -> None:
    limits = Limits(pseudonym_per_s=0.001, pseudonym_burst=3)
    with serving(template, tmp_path, limits, authority=template.members["authority"]) as served:
        one, other = Patient(served, served.patient).opted_in(), Patient(served, served.other).opted_in()
        assert [one.list().status_code for _ in range(3)] == [200, 200, 429]
        assert other.list().status_code == 200


def test_one_address_asks_only_so_often(template: Template, tmp_path: Path) -> None:
    limits = Limits(matching_per_s=0.001, matching_burst=3, mailbox_per_s=0.001, mailbox_burst=1)
    with serving(template, tmp_path, limits) as served:
        mailboxes = [{"secret": secrets.token_hex(32)} for _ in range(2)]
        opened = [served.public("POST", wire.RELAY_OPEN, mailbox) for mailbox in mailboxes]
        assert [answer.status_code for answer in opened] == [204, 429]
        assert served.public("POST", wire.RELAY_CLOSE, mailboxes[0]).status_code == 204
        assert problem(served.public("POST", wire.RELAY_CLOSE, mailboxes[0])) == (429, "too-many-requests")


# Beside commands of the same home


def test_a_command_that_uses_the_index_is_waited_for_and_named(
    served: Served, one: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    one.certified()
    monkeypatch.setattr(match_desk, "WAIT_S", 0.05)
    with MatchPlace.of(served.home.folder, served.home.directory).locked():
        assert problem(one.submit(one.request(Action.OPT_IN, SHARED))) == (503, "home-busy")
    assert one.submit(one.request(Action.OPT_IN, SHARED)).status_code == 204


def test_the_server_lets_go_of_the_index_by_itself(
    served: Served, one: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(match_desk, "HOLD_S", 0.2)
    one.opted_in()
    with MatchPlace.of(served.home.folder, served.home.directory).services(served.services.site) as services:
        services.set_up(served.members["authority"])  # as a command of the home beside the server
        assert services.index.matches(one.query()) == []
    assert one.list().status_code == 200


# Relay


def test_a_message_goes_from_one_to_the_other_and_no_further(served: Served) -> None:
    mailbox = MailboxSecret.generate()
    secret = {"secret": mailbox.to_secret_bytes().hex()}
    message = {"handle": mailbox.handle.hex(), "data": canonical.b64(b"sealed")}
    assert problem(served.public("POST", wire.RELAY_PUT, message)) == (404, "handle-unknown")
    assert served.public("POST", wire.RELAY_OPEN, secret).status_code == 204
    assert served.public("POST", wire.RELAY_PUT, message).status_code == 204
    asked = secret | {"after": 0, "limit": 50}
    (found,) = served.public("POST", wire.RELAY_FETCH, asked).json()["messages"]
    assert messages.stored_from_json(found).data == b"sealed"
    stranger = {"secret": secrets.token_hex(32)}
    assert problem(served.public("POST", wire.RELAY_FETCH, stranger | {"after": 0, "limit": 50})) == (
        404, "handle-unknown",
    )  # fmt: skip
    assert problem(served.public("POST", wire.RELAY_DELETE, stranger | {"up_to": 9})) == (404, "handle-unknown")
    assert served.public("POST", wire.RELAY_DELETE, secret | {"up_to": 1}).status_code == 204
    assert served.public("POST", wire.RELAY_FETCH, asked).json() == {"messages": []}
    assert served.public("POST", wire.RELAY_CLOSE, secret).status_code == 204
    assert problem(served.public("POST", wire.RELAY_PUT, message)) == (404, "handle-unknown")


def test_a_message_has_a_largest_size(served: Served) -> None:
    mailbox = MailboxSecret.generate()
    served.public("POST", wire.RELAY_OPEN, {"secret": mailbox.to_secret_bytes().hex()})
    for size, answer in ((131_073, (413, "message-too-long")), (300_000, (413, "too-large"))):
        message = {"handle": mailbox.handle.hex(), "data": canonical.b64(bytes(size))}
        assert problem(served.public("POST", wire.RELAY_PUT, message)) == answer


def test_an_address_fills_so_much_of_the_relay_and_no_more(template: Template, tmp_path: Path) -> None:
    size = 3000
    with serving(template, tmp_path, Limits(relayed_burst=2 * (size + OVERHEAD_BYTES), relayed_per_s=0.01)) as served:
        mailbox = MailboxSecret.generate()
        served.public("POST", wire.RELAY_OPEN, {"secret": mailbox.to_secret_bytes().hex()})
        message = json.dumps({"handle": mailbox.handle.hex(), "data": canonical.b64(bytes(size))}).encode()

        def put(address: str) -> httpx.Response:
            return served.send("POST", wire.RELAY_PUT, message, {}, address=address)

        assert [put("192.0.2.1").status_code for _ in range(2)] == [204, 204]
        refused = put("192.0.2.1")
        assert problem(refused) == (429, "too-many-requests")
        assert int(refused.headers["Retry-After"]) > size
        assert put("192.0.2.2").status_code == 204
        assert 'chartseal_limited_total{by="relayed"} 1.0' in served.public("GET", wire.METRICS).text


def test_one_address_does_not_fill_the_relay_in_the_time_that_messages_stay() -> None:
    limits, relay = Limits(), RelayLimits()
    filled = limits.relayed_burst + limits.relayed_per_s * relay.message_days * 86_400
    assert filled < relay.max_bytes / 2
    assert relay.max_message_bytes + OVERHEAD_BYTES < limits.relayed_burst


# Reports


def test_a_report_that_holds_reaches_the_authoritys_folder(
    served: Served, one: Patient, other: Patient, offer: MatchOffer
) -> None:
    mine, theirs = one.accept(offer), other.accept(offer)
    made = Report.create(one.key, offer, mine, theirs, Reason.ABUSE)
    name = served.public("POST", wire.MATCH_REPORT, bytes(made)).json()["name"]
    kept = served.home.folder / "matching" / "reports" / name
    assert kept.read_bytes() == bytes(made)
    served.clock.advance(120 * 86_400)  # a session outlives the epoch, and so does the right to report
    assert served.public("POST", wire.MATCH_REPORT, bytes(made)).status_code == 200
    forged = Report.create(SigningKey.generate(), offer, mine, theirs, Reason.OTHER)
    assert problem(served.public("POST", wire.MATCH_REPORT, bytes(forged))) == (422, "report-invalid")
    assert problem(served.public("POST", wire.MATCH_REPORT, b"{}")) == (422, "report-invalid")


# What is told of whom


def test_no_line_of_the_log_ties_a_member_to_index_or_relay(
    served: Served, one: Patient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        one.opted_in()
        one.list()
    told = [record for record in caplog.records if "/v1/matching/" in str(vars(record))]
    assert told
    text = "\n".join(str(vars(record)) for record in caplog.records)
    assert one.key.verifying_key.key_id not in text
    assert one.member.member_id not in text


def test_the_document_says_of_each_path_who_may_ask(served: Served) -> None:
    paths = document(served.app)["paths"]
    of_matching = {path: found["post"] for path, found in paths.items() if "matching" in path or "relay" in path}
    assert len(of_matching) == 13
    for path, operation in of_matching.items():
        assert operation["requestBody"]["required"]
        assert {"413", "422", "429", "503"} <= set(operation["responses"])
        assert ("security" in operation) == (path == wire.PSEUDONYMS)
