"""Who votes, and what becomes of a block: delegates that are down, refuse, lie, or are too few."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.bodies import EvidenceKind
from ledger.delegate import Delegate
from ledger.engine import Receipt
from ledger.engines import embedded
from ledger.engines.embedded import EmbeddedEngine
from ledger.engines.replica import Replica
from ledger.errors import LedgerDamaged, QuorumMissing
from ledger.header import LedgerHeader
from ledger.refusals import OwnRecord
from ledger.reputation import FIRST_REPUTATION
from ledger.transactions import SignedTransaction
from ledger.votes import Vote
from tests.ledger.council import NAMES, Council, kinds
from tests.ledger.engines import ENGINES
from tests.ledger.faulty_delegates import AstrayProposer, DownDelegate, LyingProposer, RefusingDelegate
from tests.ledger.scene import FOUNDERS, ident, signing_key


@pytest.fixture(params=ENGINES)
def council(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Council]:
    council = Council(request.param, tmp_path)
    yield council
    council.engine.close()


@pytest.fixture
def in_file(tmp_path: Path) -> Iterator[Council]:
    council = Council("embedded", tmp_path)
    yield council
    council.engine.close()


def unfinal(council: Council, transaction: SignedTransaction) -> None:
    """``transaction`` is not acknowledged, and nothing of it shows anywhere."""
    before = council.standing()
    with pytest.raises(QuorumMissing) as caught:
        council.engine.submit(transaction)
    assert caught.value.code == "quorum-missing"
    assert council.standing() == before
    assert council.engine.view().state.position_of(transaction.id) is None
    assert council.count(transaction) == 0


def final(council: Council, *transactions: SignedTransaction) -> list[Receipt]:
    """Each of ``transactions`` gets a receipt, the same again, and stands in the ledger once."""
    receipts = [council.engine.submit(transaction) for transaction in transactions]
    assert [council.engine.submit(transaction) for transaction in transactions] == receipts
    assert [council.count(transaction) for transaction in transactions] == [1] * len(transactions)
    assert council.engine.pending() is None
    council.sound()
    return receipts


# Down


def test_blocks_go_on_without_one_delegate_at_its_cost(council: Council) -> None:
    down = council.turns(ahead=2)[0]
    council.put(DownDelegate, down)
    first = council.newest.height + 1
    council.blocks(8)
    rounds = {block.header.height: block.header.round for block in council.engine.blocks(first)}
    assert rounds == {height: int(height in (first + 1, first + 5)) for height in range(first, first + 8)}
    assert council.faults() == [(down, "missed-turn", first + 1, 0), (down, "missed-turn", first + 5, 0)]
    assert {name: council.reputation(name) for name in FOUNDERS} == {
        name: FIRST_REPUTATION - (10 if name == down else 0) for name in FOUNDERS
    }
    council.sound()


def test_a_delegate_that_is_not_at_hand_is_one_that_is_down(council: Council) -> None:
    away, *there = council.turns()
    council.only(*there)
    final(council, council.transaction())
    assert council.newest.round == 1
    assert council.faults() == [(away, "missed-turn", council.newest.height, 0)]
    assert council.newest.proposer == ident(there[0])


def test_one_refusing_delegate_holds_nothing_up(council: Council) -> None:
    (refusing, *_) = FOUNDERS
    council.put(RefusingDelegate, refusing)
    council.blocks(5)
    blocks = list(council.engine.blocks(council.newest.height - 4))
    assert [block.header.round for block in blocks] == [0] * 5
    assert all(ident(refusing) not in {vote.delegate for vote in block.certificate.votes} for block in blocks)
    assert council.faults() == []
    council.sound()


# Too few


@pytest.mark.parametrize("restarted", [False, True])
def test_less_than_a_quorum_acknowledges_nothing_and_loses_nothing(council: Council, restarted: bool) -> None:
    down = council.turns()[2:]
    council.put(DownDelegate, *down)
    kept, later = council.transaction(), council.transaction()
    unfinal(council, kept)
    unfinal(council, later)
    unfinal(council, kept)
    pending = council.engine.pending()
    assert pending is not None
    assert pending.transactions[0].id == kept.id
    assert {NAMES[vote.delegate] for vote in pending.votes} == set(FOUNDERS) - set(down)
    if restarted:
        council.restart()
        unfinal(council, later)
        assert council.engine.pending() == pending
    council.put(Delegate, *down)
    second, first = final(council, later, kept)
    assert first.position < second.position
    assert council.engine.view().height == pending.header.height + 1
    assert next(council.engine.blocks(pending.header.height)).header == pending.header
    assert council.faults() == []


def test_nobody_at_hand_changes_nothing(council: Council) -> None:
    transaction = council.transaction()
    council.only()
    unfinal(council, transaction)
    assert council.engine.pending() is None
    council.all()
    final(council, transaction)
    assert council.newest.round == 0


def test_finishing_a_kept_block_needs_no_new_transaction(council: Council) -> None:
    council.only(*council.turns()[:2])
    transaction = council.transaction()
    unfinal(council, transaction)
    with pytest.raises(QuorumMissing):
        council.engine.submit_many(())
    council.all()
    assert council.engine.submit_many(()) == ()
    assert council.count(transaction) == 1
    assert council.engine.pending() is None


def test_halves_of_the_delegates_in_two_engines_finish_each_others_blocks(council: Council) -> None:
    here, there = council.turns()[:2], council.turns()[2:]
    council.only(*here)
    other = council.second(*there)
    first, second, third = (council.transaction() for _ in range(3))
    unfinal(council, first)
    with pytest.raises(QuorumMissing):
        other.submit(second)
    assert council.count(first) == 1, "finished by the other, which had too few for its own"
    receipt = council.engine.submit(first)
    assert council.count(second) == 1
    with pytest.raises(QuorumMissing):
        council.engine.submit(third)
    assert other.submit(third).position == council.engine.view().position
    assert other.submit(first) == receipt
    other.close()
    council.sound()


def test_votes_by_another_key_are_none(council: Council) -> None:
    strangers = council.turns()[2:]
    for number, name in enumerate(strangers):
        council.delegates[name] = Delegate(ident(name), signing_key("another key"))
        council.all()
        if number == 0:
            final(council, council.transaction())
            tip = council.engine.tip()
            assert tip is not None
            assert ident(name) not in {vote.delegate for vote in tip.certificate.votes}
    transaction = council.transaction()
    before = council.standing()
    with pytest.raises(QuorumMissing):
        council.engine.submit(transaction)
    assert council.standing() == before
    council.put(Delegate, *strangers)
    final(council, transaction)


# Rejected


def test_rejected_by_more_than_a_third_goes_to_the_next_round(council: Council) -> None:
    class FirstRoundRefused(Delegate):
        def vote(self, header: LedgerHeader, valid: bool) -> Vote | None:
            return super().vote(header, valid and header.round > 0)

    accused, *_ = council.turns()
    council.put(FirstRoundRefused, *council.turns()[2:])
    final(council, council.transaction())
    assert council.newest.round == 1
    assert council.faults() == [(accused, "missed-turn", council.newest.height, 0)]
    assert council.evidence() == [], "half of the weight convicts nobody"


@pytest.mark.parametrize("restarted", [False, True])
def test_every_round_rejected_is_told_and_later_rounds_recover(council: Council, restarted: bool) -> None:
    refusing = council.turns()[2:]
    council.put(RefusingDelegate, *refusing)
    transaction = council.transaction()
    for _ in range(2):
        unfinal(council, transaction)
        assert council.engine.pending() is None
    if restarted:
        council.restart()
    with pytest.raises(OwnRecord):
        council.engine.submit(council.transaction(council.scene.request(delegatee=ident("paula")), "paula"))
    council.put(Delegate, *refusing)
    final(council, transaction)
    assert council.newest.round == 8, "no delegate is asked about a turn that it has voted on"


def test_one_refusal_and_one_absence_keep_the_block(council: Council) -> None:
    refusing, away = council.turns()[2:]
    council.put(RefusingDelegate, refusing)
    council.only(*(name for name in FOUNDERS if name != away))
    transaction = council.transaction()
    unfinal(council, transaction)
    assert council.engine.pending() is not None
    council.all()
    final(council, transaction)
    assert council.newest.round == 0


# Lies


def test_a_lying_proposer_is_rejected_and_convicted(council: Council) -> None:
    liar, reporter, *_ = council.turns()
    council.put(LyingProposer, liar)
    transaction = council.transaction()
    final(council, transaction)
    (entry,) = council.evidence()
    assert kinds([entry]) == [EvidenceKind.REJECTED_BLOCK]
    assert entry.transaction.signer == ident(reporter)
    assert council.newest.round == 1
    assert council.faults() == [(liar, "rejected-block", council.newest.height, 0)]
    assert council.reputation(liar) == FIRST_REPUTATION - 30
    block = next(council.engine.blocks(council.newest.height))
    assert len(block.certificate.votes) == 4, "the liar accepts what others propose"


def test_a_proposal_for_another_turn_is_a_missed_turn_and_binds_nobody(council: Council) -> None:
    astray = council.turns()[0]
    council.put(AstrayProposer, astray)
    final(council, council.transaction())
    assert council.newest.round == 1
    assert council.faults() == [(astray, "missed-turn", council.newest.height, 0)]
    council.all()
    final(council, council.transaction())
    assert council.newest.round == 0


def test_the_proof_of_a_lie_does_not_depend_on_the_next_proposer(council: Council) -> None:
    liar, away, reporter, _ = council.turns()
    council.put(LyingProposer, liar)
    council.only(*(name for name in FOUNDERS if name != away))
    final(council, council.transaction())
    (entry,) = council.evidence()
    assert entry.transaction.signer == ident(reporter)
    height = council.newest.height
    assert council.faults() == [(liar, "rejected-block", height, 0), (away, "missed-turn", height, 1)]


def test_a_lie_that_too_few_have_seen_is_convicted_later(council: Council) -> None:
    liar = council.turns()[0]
    council.put(LyingProposer, liar)
    council.only(liar)
    transaction = council.transaction()
    unfinal(council, transaction)
    assert council.engine.pending() is not None
    council.restart()
    final(council, transaction)
    assert council.newest.round == 1
    assert council.faults() == [(liar, "rejected-block", council.newest.height, 0)]
    assert len(council.evidence()) == 1


def test_all_lie_and_one_recovers(council: Council) -> None:
    council.put(LyingProposer, *FOUNDERS)
    transaction = council.transaction()
    unfinal(council, transaction)
    last = council.turns()[3]
    council.put(Delegate, *FOUNDERS)
    final(council, transaction)
    assert council.newest.round == 4
    assert (last, "rejected-block", council.newest.height, 3) in council.faults()


# What is kept


def test_a_flipped_bit_in_the_kept_block_is_told_and_convicts_nobody(in_file: Council) -> None:
    council = in_file
    down = council.turns()[2:]
    council.put(DownDelegate, *down)
    transaction = council.transaction()
    unfinal(council, transaction)
    council.put(Delegate, *down)
    ((good,),) = rows(council, "SELECT block FROM pending")
    for place in range(0, len(good), 23):
        flipped = bytearray(good)
        flipped[place] ^= 1 << place % 8
        rows(council, "UPDATE pending SET block = ?", bytes(flipped))
        with pytest.raises(LedgerDamaged):
            council.engine.submit(transaction)
    rows(council, "UPDATE pending SET block = 'text'")
    with pytest.raises(LedgerDamaged):
        council.engine.submit(transaction)
    rows(council, "UPDATE pending SET block = ?", good)
    final(council, transaction)
    assert council.faults() == []


def rows(council: Council, statement: str, *values: object) -> list[tuple[bytes]]:
    connection = sqlite3.connect(council.place, isolation_level=None)
    found = connection.execute(statement, values).fetchall()
    connection.close()
    return found


def test_a_kept_block_that_became_another_is_forgotten(in_file: Council, tmp_path: Path) -> None:
    """A backup is taken while a block waits; the ledger goes on; the backup follows it and takes its place."""
    council = in_file
    proposer = council.turns()[0]
    council.only(*council.turns()[:2])
    transaction = council.transaction()
    unfinal(council, transaction)
    backup = tmp_path / "backup"
    EmbeddedEngine.copy(council.place, backup)
    council.all()
    council.blocks(3)
    replica = Replica.open(backup, clock=council.clock)
    replica.follow(council.engine)
    replica.close()
    restored = EmbeddedEngine.open(backup, clock=council.clock)
    restored.seat(council.delegates.values())
    assert restored.pending() is None
    receipt = restored.submit(council.transaction())
    assert receipt.position == restored.view().position
    assert restored.view().state.misconduct() == ()
    assert restored.submit(transaction).position < receipt.position
    candidate = restored.view().state.candidate(ident(proposer))
    assert candidate is not None
    assert candidate.reputation == FIRST_REPUTATION
    restored.verify()
    restored.close()


def test_more_transactions_than_a_block_holds_go_into_several(
    council: Council, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "MAX_SUBMITTED", 3)
    transactions = [council.transaction() for _ in range(8)]
    transactions.insert(4, council.transaction(council.scene.request(delegatee=ident("paula")), "paula"))
    before = council.engine.view().height
    outcomes = council.engine.submit_many(transactions)
    assert [getattr(outcome, "code", "receipt") for outcome in outcomes] == ["receipt"] * 4 + ["own-record"] + [
        "receipt"
    ] * 4
    assert council.engine.view().height == before + 3
    council.sound()
