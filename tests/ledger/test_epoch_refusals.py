"""Votes for delegates and evidence against them that are refused, over real blocks."""

from dataclasses import replace
from pathlib import Path

from ledger.bodies import Evidence, StandDown, VoteForDelegate
from ledger.delegate import Delegate
from ledger.votes import cast_vote
from tests.ledger.electing import Story, followed, of, vote
from tests.ledger.faulty_delegates import DoubleSigningDelegate
from tests.ledger.scene import ident, signing_key


def test_one_vote_an_epoch(story_in_file: Story) -> None:
    story = story_in_file
    story.hospitals_stand_and_vote()
    assert story.refusal(vote("centre"), "north") == "vote-twice"
    assert story.refusal(vote("north"), "paula") == "wrong-role"
    assert story.refusal(VoteForDelegate(ident("nobody")), "dora") == "candidate-unknown"
    story.do(StandDown(), "west")
    assert story.refusal(vote("west"), "dora") == "candidate-not-standing"
    story.end_epoch()
    assert set(story.seats) == of("north", "south", "east", "centre")
    story.do(vote("centre"), "north")
    assert story.refusal(vote("centre"), "north") == "vote-twice"


def test_evidence_that_shows_nothing_is_refused(story: Story) -> None:
    story.put(DoubleSigningDelegate, "founder 1")
    story.blocks(2)
    double = story.delegates["founder 1"]
    assert isinstance(double, DoubleSigningDelegate)
    first, second = double.pairs[-1]
    header, old = story.newest, double.pairs[-2][0]
    other = replace(header, state_root=header.entries_root)
    forged = replace(second, delegate=ident("founder 2")), replace(first, delegate=ident("founder 2"))
    future = replace(header, height=header.height + 5)
    ahead = [cast_vote(signing_key("founder 1"), ident("founder 1"), each, accept=True) for each in (
        future, replace(other, height=future.height),
    )]  # fmt: skip
    elsewhere = [
        cast_vote(signing_key("founder 2"), ident("founder 2"), replace(each, ledger=other.entries_root), accept=True)
        for each in (header, other)
    ]
    stranger = [cast_vote(signing_key("north"), ident("north"), each, accept=True) for each in (header, other)]
    for votes in [(first, first), (first, old), forged, ahead, elsewhere, stranger]:
        assert story.refusal(Evidence.double_sign(*votes), "paula") == "evidence-invalid"
    certificate = next(iter(story.engine.blocks(header.height))).certificate
    assert story.refusal(Evidence.rejected(header, certificate), "paula") == "evidence-invalid"
    assert story.faults() == []
    story.do(Evidence.double_sign(first, second), "founder 3")
    assert story.faults() == [("founder 1", "double-sign", header.height, 0)]


def test_a_fault_is_shown_epochs_later_by_the_keys_of_then(story_in_file: Story, tmp_path: Path) -> None:
    story = story_in_file
    story.put(DoubleSigningDelegate, "founder 1")
    story.blocks(1)
    double = story.delegates["founder 1"]
    assert isinstance(double, DoubleSigningDelegate)
    evidence = double.evidence()
    story.put(Delegate, "founder 1")
    story.hospitals_stand_and_vote()
    for _ in range(3):
        story.end_epoch()
    assert "founder 1" not in story.seats
    story.do(evidence, "saul")
    assert story.reputation("founder 1") < 40
    followed(story, tmp_path)
