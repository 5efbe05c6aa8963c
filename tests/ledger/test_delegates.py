"""Epochs, turns, what they do to reputation, and the seed."""

from collections import Counter
from dataclasses import replace

import pytest

from ledger.bodies import CommitSeed, RevealSeed
from ledger.delegates import current_epoch, delegate_key, epoch_number, founding_epoch, proposer
from ledger.errors import EpochUnknown
from ledger.reputation import FIRST_REPUTATION
from ledger.seed import commitment, committing, next_seed
from tests.ledger.electorate import EPOCH_BLOCKS, Electorate, genesis, standing, two_hospitals
from tests.ledger.scene import FOUNDERS, digest, ident, signing_key


def test_the_founders_sign_the_first_epoch() -> None:
    electorate = Electorate()
    assert electorate.epoch == founding_epoch(electorate.genesis)
    assert (electorate.epoch.number, electorate.epoch.first_height) == (0, 1)
    assert electorate.seated == set(map(ident, FOUNDERS))
    assert {seat.weight for seat in electorate.epoch.seats} == {FIRST_REPUTATION}
    assert len(founding_epoch(genesis(seats=2)).seats) == 2


def test_an_epoch_has_as_many_heights_as_the_genesis_says() -> None:
    heights = range(1, 3 * EPOCH_BLOCKS + 1)
    assert Counter(epoch_number(genesis(), height) for height in heights) == dict.fromkeys(range(3), EPOCH_BLOCKS)
    assert [committing(genesis(), height) for height in range(1, EPOCH_BLOCKS + 1)] == [True] * 4 + [False] * 4


def test_seats_change_between_epochs_only() -> None:
    electorate = two_hospitals()
    electorate.stand("north")
    electorate.vote("north", "north")
    for _ in range(EPOCH_BLOCKS - 1):
        electorate.block()
        assert electorate.seated == set(map(ident, FOUNDERS))
    electorate.block()
    assert electorate.epoch.first_height == EPOCH_BLOCKS + 1
    assert ident("north's delegate") in electorate.seated


def test_a_later_epoch_is_unknown_and_earlier_ones_are_kept() -> None:
    electorate = Electorate()
    with pytest.raises(EpochUnknown):
        current_epoch(electorate.tables, EPOCH_BLOCKS + 1)
    first = electorate.epoch
    electorate.end_epoch()
    electorate.end_epoch()
    assert current_epoch(electorate.tables, 1) == first
    assert [epoch.number for epoch in electorate.tables.epochs.scan()] == [0, 1, 2]


def test_each_seat_has_its_turn_and_a_missed_one_goes_on_to_the_next() -> None:
    epoch = Electorate().epoch
    turns = [proposer(epoch, height, 0) for height in range(1, 5)]
    assert tuple(turns) == epoch.seats
    assert proposer(epoch, 1, 1) == epoch.seats[1]
    assert proposer(epoch, 4, 1) == epoch.seats[0]
    assert proposer(epoch, 1, 4) == epoch.seats[0]


def test_an_epoch_without_fault_is_rewarded_and_one_with_a_missed_turn_is_not() -> None:
    electorate = Electorate()
    late = proposer(electorate.epoch, 1, 0).delegate
    electorate.block(round=1)
    electorate.end_epoch()
    reputations = {candidate.delegate: candidate.reputation for candidate in electorate.tables.candidates.scan()}
    assert reputations.pop(late) == FIRST_REPUTATION - 5
    assert set(reputations.values()) == {FIRST_REPUTATION + 1}
    (fault,) = electorate.tables.misconduct.scan()
    assert (fault.accused, fault.kind, fault.height, fault.round) == (late, "missed-turn", 1, 0)
    electorate.end_epoch()
    assert {candidate.reputation for candidate in electorate.tables.candidates.scan()} == {76, FIRST_REPUTATION + 2}


def test_reputation_is_at_most_100_and_at_least_0() -> None:
    electorate = Electorate()
    first, second = electorate.epoch.seats[:2]
    for delegate, reputation in ((first.delegate, 3), (second.delegate, 100)):
        candidate = electorate.tables.candidates.get(delegate)
        assert candidate is not None
        changed = replace(candidate, reputation=reputation)
        electorate.keyvalue.write([electorate.tables.candidates.put(changed, delegate)])
    electorate.block(round=1)
    electorate.end_epoch()
    reputations = {candidate.delegate: candidate.reputation for candidate in electorate.tables.candidates.scan()}
    assert (reputations[first.delegate], reputations[second.delegate]) == (0, 100)


def test_a_turn_is_missed_once_a_height_however_many_rounds_went_by() -> None:
    electorate = Electorate()
    electorate.block(round=2**53 - 1)
    assert {candidate.reputation for candidate in electorate.tables.candidates.scan()} == {FIRST_REPUTATION - 5}
    assert Counter(fault.round for fault in electorate.tables.misconduct.scan()) == Counter(range(4))


def test_who_is_not_seated_gains_nothing() -> None:
    electorate = two_hospitals()
    electorate.stand("north")
    electorate.end_epoch()
    assert electorate.reputation("north's delegate") == FIRST_REPUTATION
    assert electorate.reputation("founder 1") == FIRST_REPUTATION + 1


def shared(electorate: Electorate, name: str, *, reveal: bool) -> None:
    """``name`` commits in the first block of an epoch, and maybe reveals in the last."""
    number, secret = electorate.epoch.number, digest(f"secret of {name}")
    electorate.reach(0)
    electorate.do(CommitSeed(number, commitment(electorate.genesis.digest, number, ident(name), secret)), name)
    electorate.reach(EPOCH_BLOCKS - 1)
    if reveal:
        electorate.do(RevealSeed(number, secret), name)


def test_a_secret_committed_and_withheld_costs_reputation() -> None:
    electorate = Electorate()
    shared(electorate, "founder 1", reveal=False)
    electorate.end_epoch()
    assert electorate.reputation("founder 1") == FIRST_REPUTATION - 10
    assert electorate.reputation("founder 2") == FIRST_REPUTATION + 1
    (fault,) = electorate.tables.misconduct.scan()
    assert (fault.accused, fault.kind, fault.height) == (ident("founder 1"), "seed-withheld", EPOCH_BLOCKS)


def test_a_secret_revealed_changes_the_seed_and_costs_nothing() -> None:
    shown, silent, withheld = Electorate(), Electorate(), Electorate()
    shared(shown, "founder 1", reveal=True)
    shared(withheld, "founder 1", reveal=False)
    without = silent.end_epoch().seed
    assert shown.end_epoch().seed != without
    assert withheld.end_epoch().seed == without
    assert shown.reputation("founder 1") == FIRST_REPUTATION + 1


def test_the_seed_does_not_depend_on_who_reveals_first() -> None:
    epochs = []
    for names in (FOUNDERS, FOUNDERS[::-1]):
        electorate = Electorate()
        secrets = {name: digest(f"secret of {name}") for name in names}
        for name, secret in secrets.items():
            electorate.do(CommitSeed(0, commitment(electorate.genesis.digest, 0, ident(name), secret)), name)
        electorate.reach(EPOCH_BLOCKS // 2)
        for name, secret in secrets.items():
            electorate.do(RevealSeed(0, secret), name)
        shares = tuple(electorate.tables.seed_shares.scan(0))
        assert next_seed(electorate.epoch, shares) == next_seed(electorate.epoch, shares[::-1])
        epochs.append(electorate.end_epoch())
    assert epochs[0] == epochs[1]


def test_the_order_is_drawn_from_the_seed() -> None:
    electorate = Electorate()
    orders = [tuple(seat.delegate for seat in electorate.end_epoch().seats) for _ in range(8)]
    assert len(set(orders)) > 1
    assert {tuple(sorted(order)) for order in orders} == {tuple(sorted(map(ident, FOUNDERS)))}


def test_a_seat_keeps_its_key_until_the_epoch_ends() -> None:
    electorate = two_hospitals()
    electorate.stand("north")
    electorate.vote("north", "north")
    electorate.end_epoch()
    delegate, old = ident("north's delegate"), signing_key("north's delegate").verifying_key.data
    fresh = signing_key("fresh")
    electorate.do(standing("north", key=fresh), "north")
    assert delegate_key(electorate.tables, delegate, electorate.height) == old
    electorate.end_epoch()
    assert delegate_key(electorate.tables, delegate, electorate.height) == fresh.verifying_key.data
    assert delegate_key(electorate.tables, ident("nobody"), electorate.height) is None
