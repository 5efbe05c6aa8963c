"""What every engine does, whichever it is."""

import threading

import pytest

from ledger.engine import Receipt
from ledger.errors import (
    ClockBehind,
    LedgerClosed,
    TransactionInvalid,
    TransactionSignatureInvalid,
)
from ledger.refusals import HeadMoved, OwnRecord, Refused, TimeSkewed
from tests.ledger.running import Running
from tests.ledger.scene import START, digest, fold, ident, signing_key


def test_state_is_the_fold_of_the_entries(running: Running) -> None:
    view = running.engine.view()
    assert (view.position, view.head, view.as_of) == (running.scene.state.position, running.scene.state.head, START)
    assert view.state.root == running.scene.state.root
    assert fold(running.engine.genesis, running.engine.entries()).root == view.state.root


def test_receipt_names_the_entry(running: Running) -> None:
    running.scene.now += 5
    transaction = running.scene.sign(running.scene.anchor(), "north")
    receipt = running.engine.submit(transaction)
    (entry,) = running.engine.entries(receipt.position)
    assert receipt == Receipt(transaction.id, entry.position, entry.digest, START + 5)
    assert entry.transaction == transaction
    assert running.engine.view().head == entry.digest
    assert list(running.engine.entries(receipt.position + 1)) == []


def test_resubmission_gives_the_same_receipt_also_later_and_after_a_restart(running: Running) -> None:
    transaction = running.scene.sign(running.scene.request(), "saul")
    receipt = running.engine.submit(transaction)
    assert running.engine.submit(transaction) == receipt
    running.scene.now += 10_000
    assert running.restart().submit(transaction) == receipt
    assert running.engine.submit_many([transaction, transaction]) == (receipt, receipt)
    assert running.engine.view().position == receipt.position


def test_refusal_changes_nothing(running: Running) -> None:
    before = running.engine.view()
    digest_before = before.state.root
    with pytest.raises(OwnRecord):
        running.engine.submit(running.scene.sign(running.scene.request(delegatee=ident("paula")), "paula"))
    with pytest.raises(TransactionSignatureInvalid):
        running.engine.submit(running.scene.sign(running.scene.request(), "saul", key=signing_key("dora")))
    with pytest.raises(TimeSkewed):
        running.engine.submit(running.scene.sign(running.scene.request(), "saul", time=START + 301))
    after = running.restart().view()
    assert (after.position, after.state.root) == (before.position, digest_before)


def test_group_admits_what_the_rules_admit_in_order(running: Running) -> None:
    scene = running.scene
    asked = scene.request()
    answered = scene.grant(request=asked.request)
    transactions = [
        scene.sign(asked, "saul"),
        scene.sign(asked, "saul"),
        scene.sign(answered, "paula"),
        scene.sign(scene.request(), "saul", ledger=digest("other")),
    ]
    first, second, third, fourth = running.engine.submit_many(transactions)
    assert isinstance(first, Receipt)
    assert isinstance(third, Receipt)
    assert isinstance(second, Refused)
    assert isinstance(fourth, TransactionInvalid)
    assert (second.code, fourth.code) == ("request-taken", "other-ledger")
    assert third.position == first.position + 1
    assert running.restart().view().state.grant(answered.grant) is not None


def test_full_batch_of_blocks_survives_a_restart(running: Running) -> None:
    running.engine.submit(running.scene.sign(running.scene.anchor(4096), "north"))
    head = running.restart().view().state.chain_head(ident("paula at north"))
    assert head is not None
    assert head.index == 4095
    assert running.engine.verify().entries == running.engine.view().position + 1


def test_time_of_entries_never_decreases(running: Running) -> None:
    running.scene.now += 100
    first = running.engine.submit(running.scene.sign(running.scene.request(), "saul"))
    running.scene.now -= 60
    second = running.engine.submit(running.scene.sign(running.scene.request(), "saul"))
    assert (first.time, second.time) == (START + 100, START + 100)
    running.scene.now -= 300
    with pytest.raises(ClockBehind):
        running.engine.submit(running.scene.sign(running.scene.request(), "saul"))


def test_verify_reports_what_was_verified(running: Running) -> None:
    report = running.engine.verify()
    assert (report.entries, report.head) == (running.scene.state.position + 1, running.scene.state.head)
    assert report.state_root == running.scene.state.root


def test_closed_engine_says_so(running: Running) -> None:
    running.engine.close()
    running.engine.close()
    for call in (running.engine.view, running.engine.verify, lambda: list(running.engine.entries())):
        with pytest.raises(LedgerClosed):
            call()
    running.engine = running.reopen(running.folder, lambda: START)


def test_two_engines_on_one_ledger_see_each_other(running: Running) -> None:
    other = running.reopen(running.folder, lambda: running.scene.now)
    stale = running.scene.sign(running.scene.anchor(), "north")
    running.engine.submit(running.scene.sign(running.scene.anchor(), "north"))
    with pytest.raises(HeadMoved):
        other.submit(stale)
    assert other.view().state.root == running.engine.view().state.root
    other.close()


def test_threads_share_one_engine(running: Running) -> None:
    batches = [[running.scene.sign(running.scene.request(), "saul") for _ in range(10)] for _ in range(4)]
    outcomes: list[int] = []
    seen: list[int] = []

    def submit(number: int) -> None:
        for transaction in batches[number]:
            outcomes.append(running.engine.submit(transaction).position)
            seen.append(len(running.engine.view().state.requests()))

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first = running.scene.state.position + 1
    assert sorted(outcomes) == list(range(first, first + 40))
    assert max(seen) == 40
    running.engine.verify()
