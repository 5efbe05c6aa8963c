"""A replica takes what holds, in order, and nothing else; whatever it is offered, it stays good."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.engines import replica as replicas
from ledger.engines.embedded import EmbeddedEngine
from ledger.engines.replica import BlockSource, Replica
from ledger.errors import ForkOffered, LedgerError, LedgerUnavailable, OtherLedger
from ledger.proofs import LightClient
from ledger.validate import LedgerBlock
from tests.ledger.council import Council
from tests.ledger.engines import ENGINES, founders
from tests.ledger.scene import digest, genesis, ident
from tests.ledger.sources import Tamper, TamperingSource, altered, certified, signed_lie, with_transactions
from tests.servers.postgresql import fresh_database

BLOCKS = 6


@pytest.fixture(params=ENGINES)
def each_council(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Council]:
    council = Council(request.param, tmp_path)
    yield council
    council.engine.close()


@pytest.fixture
def council(tmp_path: Path) -> Iterator[Council]:
    council = Council("embedded", tmp_path)
    for _ in range(BLOCKS - 1):
        council.engine.submit_many([council.transaction() for _ in range(3)])
    assert council.newest.height == BLOCKS
    yield council
    council.engine.close()


@pytest.fixture
def replica(council: Council, tmp_path: Path) -> Iterator[Replica]:
    replica = Replica.create(tmp_path / "replica", council.genesis, clock=council.clock)
    yield replica
    replica.close()


def same(replica: Replica, council: Council) -> None:
    """The replica says in every respect what the engine says, and holds."""
    mine, others = replica.view(), council.engine.view()
    assert (mine.position, mine.head, mine.height, mine.block) == (
        others.position, others.head, others.height, others.block,
    )  # fmt: skip
    assert list(mine.state.rows()) == list(others.state.rows())
    assert list(replica.blocks()) == list(council.engine.blocks())
    assert replica.tip() == council.engine.tip()
    assert replica.verify() == council.engine.verify()


def test_it_follows_from_the_first_block_and_then_what_is_new(each_council: Council, tmp_path: Path) -> None:
    council = each_council
    replica = Replica.create(tmp_path / "replica", council.genesis, clock=council.clock)
    assert replica.tip() is None
    assert (replica.follow(council.engine), replica.follow(council.engine)) == (1, 0)
    same(replica, council)
    for count in (1, 3):
        council.scene.now += 10
        council.blocks(count)
        assert replica.follow(council.engine) == count
        assert replica.view().as_of == council.scene.now
    same(replica, council)
    position = replica.view().position
    assert replica.prove([0, position]).verify(LightClient(council.genesis)) == tuple(
        council.entries()[each] for each in (0, position)
    )
    replica.close()


def test_it_follows_into_postgresql_and_from_there_into_another(council: Council, replica: Replica) -> None:
    distant = Replica.create(fresh_database(), council.genesis, clock=council.clock)
    assert distant.follow(council.engine) == BLOCKS
    same(distant, council)
    assert replica.follow(distant) == BLOCKS
    same(replica, council)
    distant.close()


def test_it_goes_on_where_it_was_closed(council: Council, replica: Replica, tmp_path: Path) -> None:
    replica.follow(council.engine)
    replica.close()
    council.blocks(2)
    again = Replica.open(tmp_path / "replica", genesis_digest=council.genesis.digest, clock=council.clock)
    assert again.follow(council.engine) == 2
    same(again, council)
    again.close()


def test_pages_of_blocks_come_in_whole(council: Council, replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicas, "_BLOCKS_PER_COMMIT", 3)
    assert replica.follow(council.engine) == BLOCKS
    same(replica, council)
    council.blocks(1)
    assert replica.follow(council.engine) == 1


# Other courses of the ledger


def refused(replica: Replica, source: BlockSource, error: type[LedgerError], code: str) -> None:
    before, rows = replica.view(), list(replica.view().state.rows())
    with pytest.raises(error) as caught:
        replica.follow(source)
    assert caught.value.code == code
    after = replica.view()
    assert (after.head, after.height, after.block, list(after.state.rows())) == (
        before.head, before.height, before.block, rows,
    )  # fmt: skip


@pytest.mark.parametrize("grown", [0, 1, 3, 5])
def test_a_restored_backup_that_grew_differently_is_a_fork(
    council: Council, replica: Replica, tmp_path: Path, grown: int
) -> None:
    backup = tmp_path / "backup"
    EmbeddedEngine.copy(council.place, backup)
    council.blocks(3)
    replica.follow(council.engine)
    fork = EmbeddedEngine.open(backup, clock=council.clock)
    fork.seat(founders())
    for _ in range(grown):
        fork.submit(council.transaction())
    refused(replica, fork, ForkOffered, "fork-offered")
    council.blocks(1)
    assert replica.follow(council.engine) == 1
    same(replica, council)
    fork.close()


def test_another_ledger_is_no_source(council: Council, replica: Replica, tmp_path: Path) -> None:
    replica.follow(council.engine)
    (tmp_path / "other").mkdir()
    other = Council("embedded", tmp_path / "other", start=replace(genesis(), unique=ident("another")))
    refused(replica, other.engine, OtherLedger, "other-ledger")
    other.engine.close()


# Blocks that do not hold


def first_altered(block: LedgerBlock) -> list[LedgerBlock]:
    first, *rest = (entry.transaction for entry in block.entries)
    changed = altered(first, ident("paula").encode(), ident("petra").encode())
    return [with_transactions(block, [changed, *rest])]


def without_first(block: LedgerBlock) -> list[LedgerBlock]:
    return [replace(block, entries=block.entries[1:])]


def backwards(block: LedgerBlock) -> list[LedgerBlock]:
    return [with_transactions(block, [entry.transaction for entry in reversed(block.entries)])]


def twice_the_same(block: LedgerBlock) -> list[LedgerBlock]:
    transactions = [entry.transaction for entry in block.entries]
    return [with_transactions(block, [*transactions, transactions[0]])]


def votes_exchanged(block: LedgerBlock) -> list[LedgerBlock]:
    one, two, *rest = block.certificate.votes
    swapped = replace(one, signature=two.signature), replace(two, signature=one.signature), *rest
    return [replace(block, certificate=replace(block.certificate, votes=swapped))]


def two_votes(block: LedgerBlock) -> list[LedgerBlock]:
    return [replace(block, certificate=replace(block.certificate, votes=block.certificate.votes[:2]))]


def strangers(block: LedgerBlock) -> list[LedgerBlock]:
    return [replace(block, certificate=certified(block.header, by=("north", "south", "dora", "saul")))]


def rejections(block: LedgerBlock) -> list[LedgerBlock]:
    return [replace(block, certificate=certified(block.header, accept=False))]


LIES = {
    "state_root": digest("a lie"),
    "entries_root": digest("a lie"),
    "next_delegates": digest("a lie"),
    "size": 1,
    "time": 1,
    "round": 1,
    "epoch": 1,
    "proposer": ident("nobody"),
}
TAMPERINGS: dict[str, tuple[Tamper, str]] = {
    "altered transaction": (first_altered, "block-invalid"),
    "missing transaction": (without_first, "block-invalid"),
    "reordered transactions": (backwards, "block-invalid"),
    "repeated transaction": (twice_the_same, "block-invalid"),
    "missing block": (lambda _: [], "block-invalid"),
    "repeated block": (lambda block: [block, block], "block-invalid"),
    "another header": (lambda block: [replace(block, header=replace(block.header, size=99))], "certificate-invalid"),
    "signatures exchanged": (votes_exchanged, "vote-invalid"),
    "half of the votes": (two_votes, "quorum-missing"),
    "votes of others": (strangers, "certificate-invalid"),
    "rejecting votes": (rejections, "certificate-invalid"),
    "other delegates": (lambda block: [signed_lie(block, delegates=digest("others"))], "certificate-invalid"),
    "other ledger": (lambda block: [signed_lie(block, ledger=digest("others"))], "block-invalid"),
    "other predecessor": (lambda block: [signed_lie(block, previous=digest("others"))], "block-invalid"),
    **{
        f"signed lie: {name}": (lambda block, name=name: [signed_lie(block, **{name: LIES[name]})], "block-invalid")  # type: ignore[misc]
        for name in LIES
    },
}


@pytest.mark.parametrize("height", [2, BLOCKS - 1])
@pytest.mark.parametrize("what", TAMPERINGS)
def test_block_that_does_not_hold_is_refused_and_those_before_stay(
    council: Council, replica: Replica, what: str, height: int
) -> None:
    tamper, code = TAMPERINGS[what]
    with pytest.raises(LedgerError) as caught:
        replica.follow(TamperingSource(council.engine, height, tamper))
    assert caught.value.code == code
    expected = height if what == "repeated block" else height - 1
    assert replica.view().height == expected
    assert replica.verify().height == expected
    assert replica.follow(council.engine) == BLOCKS - expected
    same(replica, council)


def test_a_quorum_cannot_break_the_rules(council: Council, replica: Replica) -> None:
    """Nobody reads her own record by a request, whatever the delegates sign."""
    forbidden = council.transaction(council.scene.request(delegatee=ident("paula")), "paula")

    def signed_by_all(block: LedgerBlock) -> list[LedgerBlock]:
        changed = with_transactions(block, [forbidden])
        return [signed_lie(changed, state_root=digest("with the forbidden entry"))]

    with pytest.raises(LedgerError) as caught:
        replica.follow(TamperingSource(council.engine, 4, signed_by_all))
    assert caught.value.code == "block-invalid"
    assert "own-record" in str(caught.value)
    assert replica.view().height == 3


def test_source_that_fails_leaves_what_it_gave(council: Council, replica: Replica) -> None:
    def failing(_: LedgerBlock) -> Iterator[LedgerBlock]:
        raise LedgerUnavailable("the line is cut")
        yield

    with pytest.raises(LedgerUnavailable):
        replica.follow(TamperingSource(council.engine, 4, failing))
    assert replica.view().height == 3
    assert replica.follow(council.engine) == BLOCKS - 3
    same(replica, council)


def test_interrupted_it_stands_at_a_whole_page(
    council: Council, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupting(_: LedgerBlock) -> Iterator[LedgerBlock]:
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(replicas, "_BLOCKS_PER_COMMIT", 2)
    with pytest.raises(KeyboardInterrupt):
        replica.follow(TamperingSource(council.engine, 4, interrupting))
    assert replica.view().height == 2
    assert replica.verify().height == 2
    assert replica.follow(council.engine) == BLOCKS - 2
    same(replica, council)


class StalledSource:
    """Sends what ``blocks`` does, and asks ``while_waiting`` before each."""

    def __init__(self, source: BlockSource, while_waiting: Callable[[], object]) -> None:
        self.genesis = source.genesis
        self._source = source
        self._while_waiting = while_waiting

    def blocks(self, start: int = 1) -> Iterator[LedgerBlock]:
        for block in self._source.blocks(start):
            self._while_waiting()
            yield block


def test_nothing_is_locked_while_a_source_is_waited_for(council: Council, replica: Replica, tmp_path: Path) -> None:
    other = Replica.open(tmp_path / "replica", clock=council.clock, busy_timeout_s=0)
    seen = []

    def look() -> None:
        with ThreadPoolExecutor(1) as pool:
            seen.append(pool.submit(lambda: replica.view().height).result(timeout=10))
        with other._writing():  # another process may write meanwhile
            pass

    assert replica.follow(StalledSource(council.engine, look)) == BLOCKS
    assert seen == [0] * BLOCKS
    other.close()


def test_another_process_may_follow_meanwhile(council: Council, replica: Replica, tmp_path: Path) -> None:
    other = Replica.open(tmp_path / "replica", clock=council.clock)
    taken = []

    def follow_too() -> None:
        if not taken:
            taken.append(other.follow(council.engine))

    assert replica.follow(StalledSource(council.engine, follow_too)) == 0
    assert taken == [BLOCKS]
    same(replica, council)
    other.close()
