"""A tag issuer's server: it evaluates for the patient who signs, once, in this epoch, within her quota."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from clinic.errors import NotPermitted
from clinic.keystore import MemberSecrets
from clinic.match_epoch import EPOCH_DAYS, epoch_at, published
from clinic.match_issuer import IssuerRequest, IssuerService
from ledger.bodies import Role
from ledger.errors import LedgerUnavailable
from matching.errors import ProofInvalid
from matching.oprf import Blinding
from network import match_messages as messages
from network import wire
from network.server.base import document
from network.server.limits import Limits
from tests.network.hostile.conftest import issuer_of, service_of
from tests.network.server.serving import Served, problem

QUOTA = 40


@dataclass
class Issuing:
    """An issuer being served beside the hospital; ``old`` makes its ledger too old."""

    served: Served
    old: bool = False

    @property
    def service(self) -> IssuerService:
        return service_of(self.served)

    @property
    def epoch(self) -> int:
        return epoch_at(self.served.clock())

    def fresh(self) -> None:
        if self.old:
            raise LedgerUnavailable("too old")

    def ask(self, request: IssuerRequest, *, by: MemberSecrets | None = None) -> tuple[int, str]:
        """Status and code of an answer that must be a refusal."""
        return problem(self.served.call("POST", wire.EVALUATE, messages.issuer_request_to_json(request), by=by))

    def request(
        self, elements: int = 16, *, by: MemberSecrets | None = None, epoch: int | None = None
    ) -> IssuerRequest:
        batch = Blinding([secrets.token_bytes(32) for _ in range(elements)]).elements
        return IssuerRequest.sign(by or self.served.patient, self.service.member_id, self.epoch, batch)

    def answered(self, request: IssuerRequest, *, by: MemberSecrets | None = None) -> messages.Answer:
        answer = self.served.call("POST", wire.EVALUATE, messages.issuer_request_to_json(request), by=by)
        assert answer.status_code == 200, answer.text
        return messages.issuer_answer_from_json(answer.json())


@pytest.fixture
def issuing(served: Served) -> Iterator[Issuing]:
    issuing = Issuing(served)
    with issuer_of(served, Limits(), quota=QUOTA, fresh=issuing.fresh) as issuing.served:
        yield issuing


@pytest.fixture
def ready(issuing: Issuing) -> Issuing:
    """With its key of the epoch on the ledger."""
    issuing.service.begin(issuing.epoch)
    return issuing


def test_its_answer_holds_for_the_key_on_the_ledger(ready: Issuing) -> None:
    batch = Blinding([secrets.token_bytes(32) for _ in range(16)])
    request = IssuerRequest.sign(ready.served.patient, ready.service.member_id, ready.epoch, batch.elements)
    answer = ready.answered(request)
    (record,) = ready.served.services.site.state().issuer_keys(ready.epoch)
    assert answer.key == published(record)
    assert len(batch.finalize(answer.evaluation, answer.key.key)) == 16
    elements = answer.evaluation.elements
    with pytest.raises(ProofInvalid):
        batch.finalize(replace(answer.evaluation, elements=elements[1:] + elements[:1]), answer.key.key)


def test_it_answers_nobody_before_its_key_is_published(issuing: Issuing) -> None:
    assert not issuing.service.has_published(issuing.epoch)
    assert issuing.ask(issuing.request()) == (409, "other-epoch")
    issuing.service.begin(issuing.epoch)
    assert issuing.service.has_published(issuing.epoch)
    issuing.service.begin(issuing.epoch)  # again after a restart: still the one key
    assert len(issuing.served.services.site.state().issuer_keys(issuing.epoch)) == 1


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        (lambda request: replace(request, issuer="00" * 16), (422, "match-request-invalid")),
        (lambda request: replace(request, epoch=request.epoch + 1), (422, "match-request-invalid")),
        (lambda request: replace(request, signature=bytes(64)), (422, "match-request-invalid")),
        (lambda request: replace(request, elements=request.elements[:1]), (422, "match-request-invalid")),
        (lambda request: replace(request, elements=()), (422, "message-invalid")),
    ],
)
def test_a_changed_request_is_refused(
    ready: Issuing, change: Callable[[IssuerRequest], IssuerRequest], answer: tuple[int, str]
) -> None:
    assert ready.ask(change(ready.request())) == answer


def test_it_answers_only_the_patient_who_signed(ready: Issuing) -> None:
    served = ready.served
    request = ready.request()
    assert ready.ask(request, by=served.other) == (422, "match-request-invalid")
    assert ready.ask(ready.request(by=served.author), by=served.author) == (403, "not-enrolled")
    unsigned = served.public("POST", wire.EVALUATE, messages.issuer_request_to_json(request))
    assert problem(unsigned) == (401, "signature-missing")
    ready.answered(request)  # none of that was counted


def test_a_batch_is_answered_once(ready: Issuing) -> None:
    request = ready.request()
    ready.answered(request)
    assert ready.ask(request) == (409, "batch-repeated")


def test_the_quota_is_each_patients_own(ready: Issuing) -> None:
    ready.answered(ready.request(32))
    assert ready.ask(ready.request(16)) == (409, "quota-exceeded")
    other = ready.served.other
    ready.answered(ready.request(32, by=other), by=other)


def test_an_epoch_that_is_over_is_closed_for_good(ready: Issuing) -> None:
    before = ready.request()
    ready.served.clock.advance(EPOCH_DAYS * 86_400)
    ready.service.begin(ready.epoch)
    assert ready.ask(before) == (409, "other-epoch")
    assert [path.name for path in (ready.served.home.folder / "issuer").glob("seed-*")] == [f"seed-{ready.epoch}"]
    ready.answered(ready.request())


def test_elements_that_are_none_are_not_counted(ready: Issuing) -> None:
    wrong = IssuerRequest.sign(ready.served.patient, ready.service.member_id, ready.epoch, [b"\xff" * 32])
    assert ready.ask(wrong) == (422, "element-invalid")
    ready.answered(ready.request(32))


def test_with_an_old_ledger_it_judges_nobody(ready: Issuing) -> None:
    ready.old = True
    assert ready.ask(ready.request()) == (503, "ledger-unavailable")
    assert problem(ready.served.public("GET", wire.HEALTH)) == (503, "ledger-unavailable")


def test_beside_issuers_elsewhere_a_home_makes_none_of_its_own(issuing: Issuing) -> None:
    served = issuing.served
    with (
        served.home.matching(served.services.site) as services,
        pytest.raises(NotPermitted, match="homes of their own"),
    ):
        services.registrar(lambda: served.members["authority"])
    assert [person.name for person in served.home.directory.people() if person.role == Role.ISSUER] == ["issuer"]


def test_the_document_says_who_may_ask(ready: Issuing) -> None:
    operation = document(ready.served.app)["paths"][wire.EVALUATE]["post"]
    assert operation["security"]
    assert {"200", "401", "403", "409", "413", "422", "429", "503"} <= set(operation["responses"])
    trust = ready.served.public("GET", wire.TRUST).json()
    assert trust["issuer"] == ready.service.member_id
