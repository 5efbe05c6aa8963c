"""Delegates over real blocks: elected, drawn into an order, convicted, replaced; and proofs across all of it."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.bodies import Evidence, Remove, Stand, StandDown
from ledger.delegate import Delegate
from ledger.errors import ForkOffered, HandoverMissing, LedgerError, QuorumMissing
from ledger.proofs import LightClient
from ledger.reputation import FIRST_REPUTATION
from ledger.seed import next_seed
from scheme.keys import SigningKey
from tests.ledger.council import NAMES
from tests.ledger.electing import ELECTED, EPOCH_BLOCKS, Story, followed, of, vote
from tests.ledger.electorate import standing
from tests.ledger.faulty_delegates import DoubleSigningDelegate, DownDelegate, WithholdingDelegate
from tests.ledger.scene import FOUNDERS, ident, signing_key


def test_elected_convicted_and_replaced(story: Story, tmp_path: Path) -> None:
    # Epoch 0: founders sign; hospitals stand and are voted for.
    assert set(story.seats) == set(FOUNDERS)
    story.hospitals_stand_and_vote()
    assert set(story.seats) == set(FOUNDERS), "nothing changes within an epoch"
    story.end_epoch()
    assert set(story.seats) == of(*ELECTED)
    # Epoch 1: the elected take turns; east's signs two headers, which paula shows.
    story.delegates["east's delegate"] = double = DoubleSigningDelegate(
        ident("east's delegate"), signing_key("east's delegate")
    )
    story.all()
    story.blocks(2)
    evidence = double.evidence()
    story.do(evidence, "paula")
    assert story.faults()[-1][:2] == ("east's delegate", "double-sign")
    assert story.reputation("east's delegate") == FIRST_REPUTATION - 60
    assert story.refusal(evidence, "paula") == "evidence-known"
    assert story.refusal(Evidence.double_sign(*reversed(evidence.votes)), "north") == "evidence-known"
    assert "east's delegate" in story.seats, "until the epoch ends"
    story.delegates["east's delegate"] = Delegate(double.delegate, double._key)
    story.all()
    story.end_epoch()
    # Epoch 2: the next candidate has moved up.
    assert set(story.seats) == of("north", "south", "west", "centre")
    assert story.reputation("north's delegate") == FIRST_REPUTATION + 1
    # Its hospital supports another, and it does not come back by standing anew.
    assert story.refusal(standing("east"), "east") == "stands-already"
    story.do(StandDown(), "east")
    story.do(standing("east"), "east")
    story.do(vote("north"), "east")
    story.end_epoch()
    assert set(story.seats) == of("north", "south", "west", "centre")
    assert story.reputation("east's delegate") == FIRST_REPUTATION - 60
    story.blocks(1)
    proposers = [block.header.proposer for block in story.engine.blocks(2 * EPOCH_BLOCKS + 1)]
    assert ident("east's delegate") not in proposers
    assert {block.header.round for block in story.engine.blocks()} == {0}
    followed(story, tmp_path)


def test_every_epoch_draws_its_order_from_what_was_revealed(story_in_file: Story) -> None:
    story = story_in_file
    orders = [tuple(story.seats)]
    for number in range(6):
        story.end_epoch()
        tables = story.engine.view().state.tables
        shares = list(tables.seed_shares.scan(number))
        before, after = tables.epochs.get(number), tables.epochs.get(number + 1)
        assert before is not None
        assert after is not None
        assert {share.delegate for share in shares} == {ident(name) for name in FOUNDERS}
        assert all(share.secret is not None for share in shares)
        assert after.seed == next_seed(before, shares)
        orders.append(tuple(story.seats))
    assert len({epoch.seed for epoch in story.engine.view().state.tables.epochs.scan()}) == 7
    assert len(set(orders)) > 1
    assert all(sorted(order) == sorted(FOUNDERS) for order in orders)
    types = [entry.transaction.body.type for entry in story.engine.entries()]
    assert (types.count("commit-seed"), types.count("reveal-seed")) == (24, 24)
    for height, block in enumerate(story.engine.blocks(), start=1):
        order = orders[(height - 1) // EPOCH_BLOCKS]
        assert NAMES[block.header.proposer] == order[(height - 1) % EPOCH_BLOCKS % 4]
    assert {story.reputation(name) for name in FOUNDERS} == {FIRST_REPUTATION + 6}


def test_restarts_between_commitment_and_revelation_change_nothing(story: Story, tmp_path: Path) -> None:
    for _ in range(EPOCH_BLOCKS - 1):
        story.restart()
        story.blocks(1)
    shares = list(story.engine.view().state.tables.seed_shares.scan(0))
    assert [share.secret is not None for share in shares] == [True] * 4
    assert story.faults() == []
    followed(story, tmp_path)


def test_secret_withheld_costs_reputation(story_in_file: Story) -> None:
    story = story_in_file
    story.put(WithholdingDelegate, "founder 2")
    story.end_epoch()
    assert story.faults() == [("founder 2", "seed-withheld", EPOCH_BLOCKS, 0)]
    assert story.reputation("founder 2") == FIRST_REPUTATION - 10
    assert story.reputation("founder 1") == FIRST_REPUTATION + 1
    weights = {NAMES[seat.delegate]: seat.weight for seat in story.engine.view().state.epoch(EPOCH_BLOCKS + 1).seats}
    assert weights["founder 2"] == FIRST_REPUTATION - 10
    story.sound()


def test_delegate_that_misses_turns_gives_way_to_others(story: Story, tmp_path: Path) -> None:
    """North has one seat; for the other three the founders with the best reputation remain."""
    story.together((standing("north"), "north"), (vote("north"), "north"))
    story.delegates["north's delegate"] = Delegate(ident("north's delegate"), signing_key("north's delegate"))
    story.put(DownDelegate, "founder 3")
    story.end_epoch()
    faults = story.faults()
    assert {name for name, _, _, _ in faults} == {"founder 3"}
    assert {kind for _, kind, _, _ in faults} == {"missed-turn", "seed-withheld"}, "it had committed before"
    assert set(story.seats) == {"north's delegate", "founder 1", "founder 2", "founder 4"}
    story.end_epoch()
    assert story.faults() == faults, "who has no seat misses no turn"
    followed(story, tmp_path)


def test_key_changed_in_the_ledger_but_not_in_the_process(story: Story, tmp_path: Path) -> None:
    story.hospitals_stand_and_vote()
    story.end_epoch()
    new = SigningKey.from_secret_bytes(b"\x07" * 32)
    story.do(Stand.of(ident("west's delegate"), new, ident("west")), "west")
    story.end_epoch()
    for _ in range(4):
        story.blocks(1)
        tip = story.engine.tip()
        assert tip is not None
        assert ident("west's delegate") not in {vote.delegate for vote in tip.certificate.votes}
    story.sound()
    story.delegates["west's delegate"] = Delegate(ident("west's delegate"), new)
    story.all()
    story.blocks(1)
    tip = story.engine.tip()
    assert tip is not None
    assert ident("west's delegate") in {vote.delegate for vote in tip.certificate.votes}
    followed(story, tmp_path)


def test_new_delegates_that_are_not_at_hand_hold_up_the_new_epoch_only(story_in_file: Story, tmp_path: Path) -> None:
    story = story_in_file
    story.hospitals_stand_and_vote()
    story.only(*FOUNDERS)
    story.end_epoch()
    with pytest.raises(QuorumMissing):
        story.blocks(1)
    assert story.newest.height == EPOCH_BLOCKS
    story.restart()
    story.blocks(2)
    assert {block.header.proposer for block in story.engine.blocks(EPOCH_BLOCKS + 1)} <= {
        ident(f"{name}'s delegate") for name in ELECTED
    }
    followed(story, tmp_path)


def test_removed_hospital_loses_its_seat_and_its_vote(story_in_file: Story, tmp_path: Path) -> None:
    story = story_in_file
    story.hospitals_stand_and_vote()
    story.end_epoch()
    story.do(Remove(ident("west")), "authority")
    assert "west's delegate" in story.seats
    story.end_epoch()
    assert set(story.seats) == of("north", "south", "east", "centre")
    followed(story, tmp_path)


# Proofs across epochs


def test_clients_follow_the_changes_of_delegates(story: Story, tmp_path: Path) -> None:
    old, step_by_step = LightClient(story.genesis), LightClient(story.genesis)
    story.engine.prove([0]).verify(old)
    story.hospitals_stand_and_vote()
    for _ in range(4):
        story.end_epoch()
        assert story.engine.prove([1]).verify(step_by_step) == (story.entries()[1],)
        story.blocks(1)
        assert story.engine.prove([2]).verify(step_by_step) == (story.entries()[2],)
    proof = story.engine.prove([0, 5, story.engine.view().position])
    assert [handover.final.header.height for handover in proof.handovers] == [8, 16, 24, 32]
    with pytest.raises(HandoverMissing) as caught:
        replace(proof, handovers=()).verify(old)
    assert caught.value.code == "handover-missing"
    for left_out in range(4):
        handovers = proof.handovers[:left_out] + proof.handovers[left_out + 1 :]
        with pytest.raises(LedgerError):
            replace(proof, handovers=handovers).verify(LightClient(story.genesis))
    entries = proof.verify(old)
    assert [entry.position for entry in entries] == [0, 5, story.engine.view().position]
    earlier = story.engine.blocks(3)
    with pytest.raises(ForkOffered):
        old.accept((), replace(proof.final, header=next(earlier).header))
    assert {entry.transaction.body.type for entry in story.entries()} >= {"stand", "vote", "reveal-seed"}
    for before, after in itertools.pairwise(story.engine.blocks()):
        assert before.header.next_delegates == after.header.delegates
    followed(story, tmp_path)
