"""A ledger whose hospitals stand for delegate and vote, over real blocks."""

from pathlib import Path

import pytest

from ledger.bodies import Role, VoteForDelegate
from ledger.delegate import Delegate
from ledger.engine import Receipt
from ledger.engines.replica import Replica
from ledger.errors import LedgerError
from ledger.proofs import LedgerProof, LightClient
from ledger.registry import Body
from tests.ledger.council import HOSPITALS, NAMES, Council
from tests.ledger.electorate import standing
from tests.ledger.scene import enrolment, ident, signing_key

EPOCH_BLOCKS = 8
ELECTED = HOSPITALS[:4]
"""Each votes for its own delegate; centre's has the vote of one doctor only."""


class Story(Council):
    """Five hospitals; everything happens in blocks of the engine."""

    def do(self, body: Body, by: str) -> Receipt:
        self.scene.now += 1
        return self.engine.submit(self.scene.sign(body, by))

    def together(self, *bodies: tuple[Body, str]) -> None:
        """One block."""
        outcomes = self.engine.submit_many([self.scene.sign(body, by) for body, by in bodies])
        assert all(isinstance(outcome, Receipt) for outcome in outcomes), outcomes

    def refusal(self, body: Body, by: str) -> str:
        before = self.standing()
        with pytest.raises(LedgerError) as caught:
            self.do(body, by)
        assert self.standing() == before
        return caught.value.code

    def hospitals_stand_and_vote(self) -> None:
        """Three blocks of epoch 0."""
        more = [(enrolment(name, Role.HOSPITAL), "authority") for name in HOSPITALS[2:]]
        self.together(*more, (enrolment("carla", Role.DOCTOR, "centre"), "centre"))
        self.together(*((standing(name), name) for name in HOSPITALS))
        self.together(*((vote(name), name) for name in ELECTED), (vote("centre"), "carla"))
        for name in HOSPITALS:
            delegate = f"{name}'s delegate"
            self.delegates[delegate] = Delegate(ident(delegate), signing_key(delegate))
        self.all()

    def end_epoch(self) -> None:
        """Blocks to the last of the epoch; the next block is in the next."""
        self.blocks(-self.newest.height % EPOCH_BLOCKS or EPOCH_BLOCKS)

    @property
    def seats(self) -> list[str]:
        """Who has a seat, in order of turns."""
        return [NAMES[seat.delegate] for seat in self.engine.view().state.epoch(self.newest.height + 1).seats]


def vote(name: str) -> VoteForDelegate:
    return VoteForDelegate(ident(f"{name}'s delegate"))


def of(*names: str) -> set[str]:
    return {f"{name}'s delegate" for name in names}


def followed(story: Story, folder: Path) -> None:
    """Whoever has only the genesis comes to the same end, and each entry is proved to who has only that."""
    story.sound()
    replica = Replica.create(folder / "follower", story.genesis)
    replica.follow(story.engine)
    assert list(replica.view().state.rows()) == list(story.engine.view().state.rows())
    for reader in (replica, story.engine):
        proof = LedgerProof.from_bytes(bytes(reader.prove(range(reader.view().position + 1))))
        assert proof.verify(LightClient(story.genesis)) == tuple(story.entries())
    replica.close()
