"""What every engine refuses, alone and in a group, without a trace."""

from dataclasses import replace

import pytest

from ledger.bodies import Reinstate, Remove, Role, Suspend
from ledger.engine import Receipt
from ledger.errors import (
    ClockBehind,
)
from ledger.transactions import SignedTransaction
from tests.ledger.running import Running
from tests.ledger.scene import START, certificate, digest, ident, signing_key


def test_signer_must_be_who_signed(running: Running) -> None:
    scene = running.scene
    assert running.refusal(scene.sign(scene.request(), "saul", key=signing_key("dora"))) == (
        "transaction-signature-invalid"
    )
    assert running.refusal(scene.sign(scene.request(), "nobody")) == "signer-unknown"
    assert running.refusal(scene.sign(scene.anchor(), "saul")) == "wrong-signer"
    assert running.refusal(scene.sign(scene.request(), "saul", ledger=digest("other"))) == "other-ledger"
    assert running.refusal(scene.sign(Suspend(ident("saul"), digest("reason")), "north")) == "not-authority"


def test_altered_on_the_way_it_is_refused_and_the_original_is_not(running: Running) -> None:
    original = running.scene.sign(running.scene.request(), "saul")
    data = bytes(original)
    begin = data.index(b'"signature":"') + len(b'"signature":"')
    forged = SignedTransaction.from_bytes(data[:begin] + b"AAAA" + data[begin + 4 :])
    assert forged.id == original.id
    assert running.refusal(forged) == "transaction-signature-invalid"
    altered = SignedTransaction.from_bytes(data.replace(ident("paula").encode(), ident("petra").encode()))
    assert running.refusal(altered) == "transaction-signature-invalid"
    assert isinstance(running.engine.submit(original), Receipt)


def test_signers_clock_may_differ_by_the_skew_either_way(running: Running) -> None:
    scene = running.scene
    skew = scene.state.genesis.max_clock_skew_s
    for wrong in (-skew - 1, skew + 1):
        assert running.refusal(scene.sign(scene.request(), "saul", time=START + wrong)) == "time-skewed"
    for right in (-skew, skew):
        assert running.engine.submit(scene.sign(scene.request(), "saul", time=START + right)).time == START


def test_old_transaction_is_no_longer_admitted_but_its_receipt_stays(running: Running) -> None:
    scene = running.scene
    admitted, held_back = scene.sign(scene.request(), "saul"), scene.sign(scene.request(), "saul")
    receipt = running.engine.submit(admitted)
    scene.now += scene.state.genesis.max_clock_skew_s + 1
    assert running.refusal(held_back) == "time-skewed"
    assert running.engine.submit(admitted) == receipt


def test_reordered_transactions_wait_for_their_turn(running: Running) -> None:
    scene = running.scene
    asked = scene.request()
    answer = scene.sign(scene.grant(request=asked.request), "paula")
    assert running.refusal(answer) == "request-unknown"
    first = scene.anchor()
    locator = first.blocks[0].locator
    second = scene.sign(replace(scene.anchor(), previous_head=locator, first_index=1), "north")
    assert running.refusal(second) == "head-moved"
    request = scene.sign(asked, "saul")
    outcomes = running.engine.submit_many([second, scene.sign(first, "north"), second, answer, request, answer])
    assert [getattr(outcome, "code", "receipt") for outcome in outcomes] == [
        "head-moved", "receipt", "receipt", "request-unknown", "receipt", "receipt",
    ]  # fmt: skip


def test_the_same_request_signed_anew_is_no_second_one(running: Running) -> None:
    body = running.scene.request()
    running.engine.submit(running.scene.sign(body, "saul"))
    assert running.refusal(running.scene.sign(body, "saul")) == "request-taken"


def test_suspended_and_removed_signers_are_refused(running: Running) -> None:
    scene, engine = running.scene, running.engine
    held = scene.sign(scene.request(), "saul")
    engine.submit(scene.sign(Suspend(ident("saul"), digest("reason")), "authority"))
    assert running.refusal(held) == "signer-suspended"
    engine.submit(scene.sign(Reinstate(ident("saul")), "authority"))
    engine.submit(held)
    engine.submit(scene.sign(Remove(ident("saul")), "authority"))
    assert running.refusal(scene.sign(scene.request(), "saul")) == "signer-removed"
    running.restart()
    assert running.refusal(scene.sign(scene.request(), "saul")) == "signer-removed"


def test_expired_certificate_is_refused(running: Running) -> None:
    assert certificate("saul", Role.DOCTOR)
    running.scene.now += 731 * 86_400
    assert running.refusal(running.scene.sign(running.scene.request(), "saul")) == "certificate-expired"


def test_engine_whose_clock_went_back_too_far_adds_nothing_until_it_is_set(running: Running) -> None:
    scene = running.scene
    scene.now += 1000
    running.engine.submit(scene.sign(scene.request(), "saul"))
    late = scene.sign(scene.request(), "saul")
    before = running.engine.view()
    scene.now -= 301
    with pytest.raises(ClockBehind) as caught:
        running.engine.submit(late)
    assert caught.value.code == "clock-behind"
    assert (running.engine.view().head, running.engine.view().state.root) == (before.head, before.state.root)
    scene.now += 1
    assert running.engine.submit(late).time == START + 1000
