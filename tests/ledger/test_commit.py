"""What fails after the votes: a full disk, an error or an interruption in the middle of writing or committing."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ledger.engine import Receipt
from ledger.errors import LedgerBusy, LedgerError, LedgerFull, LedgerUnavailable, QuorumMissing
from ledger.refusals import OwnRecord, Refused
from tests.ledger.council import Council
from tests.ledger.engines import ENGINES
from tests.ledger.scene import ident


@pytest.fixture(params=ENGINES)
def council(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Council]:
    council = Council(request.param, tmp_path)
    yield council
    council.engine.close()


def breaking(council: Council, monkeypatch: pytest.MonkeyPatch, where: str, error: BaseException) -> None:
    """Make the next submission fail at ``where``: once, after the delegates voted."""
    store, state = council.engine._store, council.engine._state
    owner: Any
    owner, name = {
        "appending": (store, "append"),
        "appended": (store, "append"),
        "settling": (state, "settle"),
        "committing": (store.database, "_control"),
        "committed": (store.database, "_control"),
    }[where]
    before, method = where in {"appending", "settling", "committing"}, getattr(owner, name)

    def broken(*arguments: object) -> Any:
        counts = name != "_control" or arguments == ("COMMIT",)
        if counts:
            monkeypatch.undo()
        if counts and before:
            raise error
        result = method(*arguments)
        if counts:
            raise error
        return result

    monkeypatch.setattr(owner, name, broken)


@pytest.mark.parametrize("error", [LedgerFull("no room"), LedgerBusy("busy"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("where", ["appending", "appended", "settling", "committing", "committed"])
def test_broken_off_after_the_votes_it_is_submitted_again(
    council: Council, monkeypatch: pytest.MonkeyPatch, where: str, error: BaseException
) -> None:
    council.blocks(2)
    before = council.standing()
    transaction, later = council.transaction(), council.transaction()
    breaking(council, monkeypatch, where, error)
    with pytest.raises(type(error)) as caught:
        council.engine.submit(transaction)
    assert caught.value is error
    if where == "committed":
        assert council.engine.view().position == before[0] + 1  # type: ignore[operator]
    else:
        assert council.standing() == before
    council.scene.now += 1
    receipts = [council.engine.submit(each) for each in (later, transaction)]
    assert [council.count(each) for each in (later, transaction)] == [1, 1]
    assert council.newest.round == 0
    assert council.faults() == []
    council.sound()
    council.restart()
    assert [council.engine.submit(each) for each in (later, transaction)] == receipts


@pytest.mark.parametrize("where", ["appending", "settling", "committing", "committed"])
def test_broken_off_while_a_kept_block_is_finished(
    council: Council, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    council.only(*council.turns()[:2])
    kept, later = council.transaction(), council.transaction()
    with pytest.raises(QuorumMissing):
        council.engine.submit(kept)
    before, pending = council.standing(), council.engine.pending()
    council.all()
    breaking(council, monkeypatch, where, LedgerFull("no room"))
    with pytest.raises(LedgerFull):
        council.engine.submit(later)
    if where != "committed":
        assert council.standing() == before
        assert council.engine.pending() == pending
    first, second = (council.engine.submit(each) for each in (kept, later))
    assert first.position < second.position
    assert council.faults() == []
    council.sound()


def test_failure_to_keep_a_block_leaves_the_delegates_free(council: Council, monkeypatch: pytest.MonkeyPatch) -> None:
    council.only(*council.turns()[:2])
    transaction = council.transaction()
    before = council.standing()
    breaking(council, monkeypatch, "committing", LedgerFull("no room"))
    with pytest.raises(LedgerFull):
        council.engine.submit(transaction)
    assert council.engine.pending() is None
    assert council.standing() == before
    council.scene.now += 1
    council.all()
    assert council.engine.submit(transaction).position > before[0]  # type: ignore[operator]
    assert council.newest.round == 0
    council.sound()


def test_a_commit_in_doubt_is_looked_up_before_anything_else(council: Council, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database fails in the commit and still when the engine looks what became of it."""
    before = council.standing()
    database = council.engine._store.database
    method, failed = database._control, []

    def broken(*statements: str) -> None:
        if statements == ("COMMIT",) or (failed and statements[0].startswith("BEGIN")):
            failed.append(statements)
            raise LedgerUnavailable("gone")
        method(*statements)

    monkeypatch.setattr(database, "_control", broken)
    transaction = council.transaction()
    with pytest.raises(LedgerUnavailable):
        council.engine.submit(transaction)
    with pytest.raises(LedgerUnavailable):
        council.engine.view()
    assert len(failed) > 1
    monkeypatch.undo()
    assert council.standing() == before
    council.engine.submit(transaction)
    council.sound()


def test_full_disk_with_real_delegates_is_recovered_from(tmp_path: Path) -> None:
    council = Council("embedded", tmp_path)
    connection = council.engine._store.database.connection
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    before = council.standing()
    transaction = council.transaction(council.scene.anchor(2000), "north")
    for _ in range(2):
        with pytest.raises(LedgerFull) as caught:
            council.engine.submit(transaction)
        assert caught.value.code == "ledger-full"
        assert council.standing() == before
    connection.exec_driver_sql("PRAGMA max_page_count=1000000")
    council.scene.now += 1
    council.engine.submit(transaction)
    assert council.count(transaction) == 1
    council.sound()
    council.engine.close()


def test_interrupted_as_it_takes_the_write_lock_it_lets_go(council: Council, monkeypatch: pytest.MonkeyPatch) -> None:
    database = council.engine._store.database
    method = database._control

    def interrupted(*statements: str) -> None:
        method(*statements)
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(database, "_control", interrupted)
    transaction = council.transaction()
    with pytest.raises(KeyboardInterrupt):
        council.engine.submit(transaction)
    other = council.second(*council.delegates)
    other.submit(council.transaction())
    other.close()
    council.engine.submit(transaction)
    council.sound()


# Several threads


def together(calls: list[Callable[[], Receipt]]) -> list[Receipt | BaseException]:
    """What each of ``calls``, begun together in a thread of its own, returns or raises."""
    outcomes: dict[int, Receipt | BaseException] = {}

    def run(number: int) -> None:
        try:
            outcomes[number] = calls[number]()
        except BaseException as error:  # noqa: BLE001 (what it raises is what is looked at)
            outcomes[number] = error

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(outcomes) == len(calls), "a caller was left waiting"
    return [outcomes[number] for number in range(len(calls))]


def submitting(council: Council, transactions: list[Any]) -> list[Receipt | BaseException]:
    """Submit each in a thread of its own; all wait for the first block to be over, so that they go together."""
    engine = council.engine
    with engine._lock:
        queued = threading.Thread(target=lambda: _until_queued(council, len(transactions)), daemon=True)
        queued.start()
        results: list[Any] = []
        runner = threading.Thread(
            target=lambda: results.extend(together([lambda each=each: engine.submit(each) for each in transactions])),
            daemon=True,
        )
        runner.start()
        queued.join(60)
    runner.join(60)
    return results


def _until_queued(council: Council, count: int) -> None:
    while len(council.engine._queue) < count:
        threading.Event().wait(0.001)


def test_callers_that_wait_share_a_block_and_each_gets_its_own_answer(council: Council) -> None:
    refused = council.scene.request(delegatee=ident("paula"))
    transactions = [council.transaction() for _ in range(30)]
    transactions[7] = council.transaction(refused, "paula")
    transactions[19] = transactions[3]
    height = council.newest.height
    outcomes = submitting(council, transactions)
    assert isinstance(outcomes[7], OwnRecord)
    receipts = [each for number, each in enumerate(outcomes) if number != 7]
    assert all(isinstance(each, Receipt) for each in receipts)
    assert [each.transaction_id for each in receipts if isinstance(each, Receipt)] == [
        each.id for number, each in enumerate(transactions) if number != 7
    ]
    assert outcomes[19] == outcomes[3]
    assert council.newest.height == height + 1
    assert {council.count(each) for number, each in enumerate(transactions) if number != 7} == {1}
    council.sound()


def test_too_few_delegates_are_told_to_every_caller(council: Council) -> None:
    council.only(*council.turns()[:2])
    transactions = [council.transaction() for _ in range(8)]
    assert {type(each) for each in submitting(council, transactions)} == {QuorumMissing}
    council.all()
    outcomes = submitting(council, transactions)
    assert all(isinstance(each, Receipt) for each in outcomes)
    assert [council.count(each) for each in transactions] == [1] * 8
    council.sound()


@pytest.mark.parametrize("where", ["appending", "committing", "committed"])
def test_an_interrupted_leader_leaves_the_others_served(
    council: Council, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    transactions = [council.transaction() for _ in range(12)]
    transactions[5] = council.transaction(council.scene.request(delegatee=ident("paula")), "paula")
    breaking(council, monkeypatch, where, KeyboardInterrupt())
    outcomes = submitting(council, transactions)
    interrupted = [number for number, each in enumerate(outcomes) if isinstance(each, KeyboardInterrupt)]
    assert len(interrupted) == 1
    for number, outcome in enumerate(outcomes):
        if number not in interrupted:
            assert isinstance(outcome, Refused if number == 5 else Receipt)
    admitted = [each for number, each in enumerate(transactions) if number != 5]
    assert all(isinstance(council.engine.submit(each), Receipt) for each in admitted)
    assert {council.count(each) for each in admitted} == {1}
    assert council.engine._queue == []
    council.sound()


def test_an_unforeseen_error_is_not_met_again_by_who_comes_after(
    council: Council, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaking(council, monkeypatch, "appending", ValueError("unforeseen"))
    with pytest.raises(ValueError, match="unforeseen"):
        council.engine.submit(council.transaction())
    assert council.engine._queue == []
    assert isinstance(council.engine.submit(council.transaction()), Receipt)
    council.sound()


def test_an_error_for_all_leaves_nobody_waiting(council: Council, monkeypatch: pytest.MonkeyPatch) -> None:
    transactions = [council.transaction() for _ in range(12)]
    breaking(council, monkeypatch, "committing", LedgerBusy("busy"))
    outcomes = submitting(council, transactions)
    assert {type(each) for each in outcomes} <= {LedgerBusy, Receipt}
    assert any(isinstance(each, LedgerBusy) for each in outcomes)
    assert all(isinstance(each, LedgerError | Receipt) for each in outcomes)
    assert all(isinstance(each, Receipt) for each in submitting(council, transactions))
    assert [council.count(each) for each in transactions] == [1] * 12


def test_verify_while_others_write(council: Council) -> None:
    done = threading.Event()
    outcomes: list[object] = []

    def write() -> None:
        other = council.second(*council.delegates)
        while not done.is_set():
            outcomes.append(other.submit(council.transaction()))
            outcomes.append(council.engine.submit(council.transaction()))
        other.close()

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        for number in range(200):
            council.engine.verify()
            if number >= 6 and len(outcomes) >= 6:
                break
    finally:
        done.set()
        writer.join(60)
    assert len(outcomes) >= 6


# The database goes away


def cut_off(url: str) -> None:
    """End every connection to the database but this one."""
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.mark.parametrize("moment", ["BEGIN", "SAVEPOINT block", "COMMIT"])
def test_connection_lost_is_told_and_a_new_one_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    council = Council("embedded on PostgreSQL", tmp_path)
    before = council.standing()
    transaction = council.transaction()
    database = council.engine._store.database
    method = database._control

    def cut(*statements: str) -> None:
        if statements[0] == moment:
            monkeypatch.undo()
            cut_off(str(council.place))
        method(*statements)

    monkeypatch.setattr(database, "_control", cut)
    with pytest.raises(LedgerUnavailable) as caught:
        council.engine.submit(transaction)
    assert caught.value.code == "ledger-unavailable"
    with pytest.raises(LedgerUnavailable):
        council.engine.view()
    council.restart()
    assert council.standing() == before
    council.engine.submit(transaction)
    assert council.count(transaction) == 1
    council.sound()
    council.engine.close()
