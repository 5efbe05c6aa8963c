"""Killed before each statement to the database in turn: nothing acknowledged is lost, nothing stands there twice."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger.engine import Receipt
from ledger.engines.embedded import EmbeddedEngine
from ledger.engines.replica import Replica
from ledger.errors import LedgerError, LedgerExists, QuorumMissing
from ledger.transactions import SignedTransaction
from tests.ledger.council import Council
from tests.ledger.engines import ENGINES
from tests.ledger.killed import killed_before
from tests.ledger.scene import genesis
from tests.ledger.sources import KeptBlocks

EPOCH_BLOCKS = 5
FAST, EVERY = 4, 1
"""Every how manieth statement is the last."""
STEPS = [FAST, pytest.param(EVERY, marks=pytest.mark.slow)]


@pytest.fixture(params=ENGINES)
def council(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Council]:
    council = Council(request.param, tmp_path, start=genesis(epoch_blocks=EPOCH_BLOCKS))
    yield council
    council.engine.close()


def submitting(council: Council, transaction: SignedTransaction, *names: str) -> Callable[[], str]:
    """Open the ledger and submit, with these delegates at hand, or all."""

    def work() -> str:
        engine = council.second(*(names or council.delegates))
        try:
            return str(engine.submit(transaction).position)
        except QuorumMissing as error:
            return error.code

    return work


class Killing:
    """One submission after the other, each killed one moment later than the one before."""

    def __init__(self, council: Council) -> None:
        self.council = council
        self.acknowledged: dict[str, int] = {}
        self.in_flight = 0

    def round(self, number: int, transaction: SignedTransaction, *names: str) -> bool:
        """Whether the submission passed without being killed."""
        council = self.council
        council.engine.close()
        said = killed_before(number, submitting(council, transaction, *names))
        council.restart()
        report = council.engine.verify()
        assert report.entries == len(council.entries())
        state = council.engine.view().state
        for each, position in self.acknowledged.items():
            assert state.position_of(each) == position
        assert council.count(transaction) in {0, 1}
        self.in_flight += council.count(transaction)
        if said is not None and said.isdecimal():
            assert state.position_of(transaction.id) == int(said)
        elif said is not None:
            assert council.count(transaction) == 0
        receipt = council.engine.submit(transaction)
        assert council.engine.submit(transaction) == receipt
        assert council.count(transaction) == 1
        self.acknowledged[transaction.id] = receipt.position
        council.scene.now += 1
        return said is not None


def until_it_passes(killing: Killing, step: int, one_round: Callable[[int], bool]) -> int:
    """Kill before statement 1, 1 + step, ... until two submissions passed; returns how many were killed."""
    number, passed, killed = 1, 0, 0
    while passed < 2:
        if one_round(number):
            passed += 1
        else:
            killed += 1
        number += step
    assert not one_round(0)
    assert killing.council.faults() == []
    killing.council.sound()
    return killed


@pytest.mark.parametrize("step", STEPS)
def test_killed_while_submitting(council: Council, step: int) -> None:
    killing = Killing(council)
    killed = until_it_passes(killing, step, lambda number: killing.round(number, council.transaction()))
    assert killed > 24 // step
    assert killing.in_flight >= 3, "those that passed, and the one that was killed before it could tell"
    assert council.engine.view().state.epoch(council.newest.height).number >= 1


@pytest.mark.parametrize("step", STEPS)
def test_killed_while_keeping_a_block_that_too_few_voted_for(council: Council, step: int) -> None:
    killing = Killing(council)
    killed = until_it_passes(
        killing, step, lambda number: killing.round(number, council.transaction(), *council.turns()[:2])
    )
    assert killed > 20 // step


@pytest.mark.parametrize("step", STEPS)
def test_killed_while_finishing_a_block_that_was_kept(council: Council, step: int) -> None:
    killing = Killing(council)

    def one_round(number: int) -> bool:
        council.only(*council.turns()[:2])
        kept = council.transaction()
        with pytest.raises(QuorumMissing):
            council.engine.submit(kept)
        passed = killing.round(number, council.transaction())
        assert council.count(kept) == 1, "what waited comes first"
        return passed

    assert until_it_passes(killing, step, one_round) > 30 // step


def test_killed_while_creating(tmp_path: Path) -> None:
    passed, number = False, 0
    while not passed:
        number += 1
        path = tmp_path / f"ledger {number}"

        def work(path: Path = path) -> str:
            EmbeddedEngine.create(path, genesis()).close()
            return "created"

        passed = killed_before(number, work) is not None
        try:
            EmbeddedEngine.create(path, genesis()).close()
        except LedgerExists:
            assert number > 5
        engine = EmbeddedEngine.open(path, genesis_digest=genesis().digest)
        assert engine.verify().entries == 0
        engine.close()
    assert number > 10


@pytest.mark.parametrize("step", STEPS)
def test_killed_while_a_replica_follows(tmp_path: Path, step: int) -> None:
    council = Council("embedded", tmp_path, start=genesis(epoch_blocks=EPOCH_BLOCKS))
    path = tmp_path / "replica"
    Replica.create(path, council.genesis).close()
    passed, number = False, 1
    while not passed:
        council.blocks(2)
        source = KeptBlocks(council.genesis, tuple(council.engine.blocks()))

        def work(source: KeptBlocks = source) -> str:
            return str(Replica.open(path).follow(source))

        passed = killed_before(number, work) is not None
        replica = Replica.open(path)
        height = replica.view().height
        assert tuple(replica.blocks()) == source.kept[:height]
        assert replica.verify().height == height
        assert replica.follow(council.engine) == len(source.kept) - height
        assert list(replica.view().state.rows()) == list(council.engine.view().state.rows())
        replica.close()
        number += step
    assert number > 40
    council.engine.close()


def test_killed_at_random_moments_together(tmp_path: Path) -> None:
    """Several submissions by one process, killed at statements that are drawn beforehand."""
    council = Council("embedded", tmp_path)
    for number in (40, 71, 113):
        transactions = [council.transaction() for _ in range(6)]
        council.engine.close()

        def work(transactions: list[SignedTransaction] = transactions) -> str:
            engine = council.second(*council.delegates)
            return str([engine.submit(each).position for each in transactions])

        assert killed_before(number, work) is None
        council.restart()
        council.sound()
        present = [council.count(each) for each in transactions]
        assert present == sorted(present, reverse=True), "in order, without a gap"
        receipts: list[Receipt | LedgerError] = [council.engine.submit(each) for each in transactions]
        assert len({getattr(receipt, "position", None) for receipt in receipts}) == 6
        assert [council.count(each) for each in transactions] == [1] * 6
    council.engine.close()
