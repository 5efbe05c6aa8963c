"""Who may stand, vote, share in the seed and bring evidence, and what is refused."""

from dataclasses import replace

import pytest

from ledger.bodies import CommitSeed, RevealSeed, Stand, StandDown, VoteForDelegate
from ledger.registry import Body
from ledger.reputation import FIRST_REPUTATION
from ledger.seed import commitment
from tests.ledger.electorate import EPOCH_BLOCKS, Electorate, require_strict, standing, two_hospitals
from tests.ledger.scene import AUTHORITY_KEY, digest, ident, signing_key


@pytest.fixture
def electorate() -> Electorate:
    return two_hospitals()


# Standing


def test_hospitals_and_doctors_stand(electorate: Electorate) -> None:
    for name, organisation in (("north", "north"), ("saul", "south")):
        electorate.stand(name)
        candidate = electorate.candidate(f"{name}'s delegate")
        assert (candidate.member, candidate.organisation) == (ident(name), ident(organisation))
        assert (candidate.reputation, candidate.standing, candidate.founder) == (FIRST_REPUTATION, True, False)
        assert electorate.tables.candidate_of.get(ident(name)) == candidate.delegate


def test_standing_is_refused(electorate: Electorate) -> None:
    electorate.stand("south")
    forged = replace(standing("north"), proof=standing("south").proof)
    table: list[tuple[Stand, str, str]] = [
        (standing("paula"), "paula", "wrong-role"),
        (standing("proxy"), "proxy", "wrong-role"),
        (standing("notary"), "notary", "wrong-role"),
        (standing("authority"), "authority", "wrong-role"),
        (standing("founder 1"), "founder 1", "wrong-role"),
        (standing("north"), "south", "key-proof-invalid"),
        (forged, "north", "key-proof-invalid"),
        (standing("south"), "south", "stands-already"),
        (standing("south", delegate="another"), "south", "delegate-differs"),
        (standing("north", delegate="south's delegate", key=signing_key("fresh")), "north", "delegate-taken"),
        (standing("north", delegate="founder 1", key=signing_key("fresh")), "north", "delegate-taken"),
        (standing("north", delegate="paula", key=signing_key("fresh")), "north", "delegate-taken"),
        (standing("north", delegate="authority", key=signing_key("fresh")), "north", "delegate-taken"),
        (standing("north", key=signing_key("south's delegate")), "north", "key-in-use"),
        (standing("north", key=signing_key("founder 1")), "north", "key-in-use"),
        (standing("north", key=AUTHORITY_KEY), "north", "key-in-use"),
    ]
    for body, by, code in table:
        assert electorate.refusal(body, by) == code
    electorate.remove("north")
    assert electorate.refusal(standing("north"), "north") == "member-removed"


def test_a_delegate_changes_its_key(electorate: Electorate) -> None:
    electorate.stand("north")
    electorate.do(standing("north", key=signing_key("fresh")), "north")
    assert electorate.candidate("north's delegate").key == signing_key("fresh").verifying_key.data
    assert electorate.refusal(standing("south", key=signing_key("fresh")), "south") == "key-in-use"
    assert electorate.refusal(standing("south", key=signing_key("north's delegate")), "south") == "key-in-use"


def test_standing_down_and_up_again_keeps_the_reputation(electorate: Electorate) -> None:
    electorate.stand("north")
    electorate.repute("north's delegate", 7)
    electorate.do(StandDown(), "north")
    assert not electorate.candidate("north's delegate").standing
    electorate.stand("north")
    candidate = electorate.candidate("north's delegate")
    assert (candidate.reputation, candidate.standing) == (7, True)


def test_a_doctor_takes_over_the_reputation_of_the_hospital(electorate: Electorate) -> None:
    electorate.stand("north")
    electorate.repute("north's delegate", 7)
    electorate.stand("dora")
    electorate.stand("saul")
    assert electorate.reputation("dora's delegate") == 7
    assert electorate.reputation("saul's delegate") == FIRST_REPUTATION


def test_standing_down_is_refused(electorate: Electorate) -> None:
    for name in ("north", "paula", "authority", "founder 1"):
        assert electorate.refusal(StandDown(), name) == "not-standing"
    electorate.stand("north")
    electorate.do(StandDown(), "north")
    assert electorate.refusal(StandDown(), "north") == "not-standing"


# Voting


def test_a_vote_is_refused(electorate: Electorate) -> None:
    electorate.stand("north")
    electorate.stand("south")
    electorate.do(StandDown(), "south")
    for name in ("paula", "proxy", "notary", "authority", "founder 1"):
        assert electorate.refusal(VoteForDelegate(ident("north's delegate")), name) == "wrong-role"
    assert electorate.refusal(VoteForDelegate(ident("nobody")), "north") == "candidate-unknown"
    assert electorate.refusal(VoteForDelegate(ident("south's delegate")), "north") == "candidate-not-standing"


def test_a_second_vote_in_an_epoch_is_refused(electorate: Electorate) -> None:
    electorate.stand("north")
    electorate.vote("dora", "north")
    for candidate in ("north's delegate", "founder 1"):
        assert electorate.refusal(VoteForDelegate(ident(candidate)), "dora") == "vote-twice"
    electorate.end_epoch()
    electorate.do(VoteForDelegate(ident("founder 1")), "dora")
    vote = electorate.tables.votes.get(ident("dora"))
    assert vote is not None
    assert (vote.candidate, vote.epoch) == (ident("founder 1"), 1)


# The seed


def commit(electorate: Electorate, name: str, secret: str = digest("secret")) -> CommitSeed:
    number = electorate.epoch.number
    return CommitSeed(number, commitment(electorate.genesis.digest, number, ident(name), secret))


def test_commitments_are_refused(electorate: Electorate) -> None:
    electorate.do(commit(electorate, "founder 1"), "founder 1")
    electorate.stand("north")
    other = replace(commit(electorate, "founder 2"), epoch=1)
    table: list[tuple[CommitSeed, str, str]] = [
        (commit(electorate, "north"), "north", "not-seated"),
        (commit(electorate, "north's delegate"), "north's delegate", "not-seated"),
        (commit(electorate, "authority"), "authority", "not-seated"),
        (other, "founder 2", "seed-epoch-wrong"),
        (commit(electorate, "founder 1", digest("another")), "founder 1", "seed-committed"),
    ]
    for body, by, code in table:
        assert electorate.refusal(body, by) == code
    electorate.reach(EPOCH_BLOCKS // 2)
    assert electorate.refusal(commit(electorate, "founder 2"), "founder 2") == "seed-phase-wrong"


def test_secrets_are_refused(electorate: Electorate) -> None:
    for name in ("founder 1", "founder 2"):
        electorate.do(commit(electorate, name), name)
    assert electorate.refusal(RevealSeed(0, digest("secret")), "founder 1") == "seed-phase-wrong"
    electorate.reach(EPOCH_BLOCKS // 2)
    table = [
        (RevealSeed(0, digest("secret")), "north", "not-seated"),
        (RevealSeed(1, digest("secret")), "founder 1", "seed-epoch-wrong"),
        (RevealSeed(0, digest("secret")), "founder 3", "seed-not-committed"),
        (RevealSeed(0, digest("another")), "founder 1", "seed-mismatch"),
    ]
    for body, by, code in table:
        assert electorate.refusal(body, by) == code
    electorate.do(RevealSeed(0, digest("secret")), "founder 1")
    assert electorate.refusal(RevealSeed(0, digest("secret")), "founder 1") == "seed-revealed"


def test_a_commitment_is_bound_to_its_delegate_epoch_and_ledger() -> None:
    one = (digest("ledger"), 0, ident("founder 1"), digest("secret"))
    others = [
        (digest("another"), *one[1:]),
        (one[0], 1, *one[2:]),
        (*one[:2], ident("founder 2"), one[3]),
        (*one[:3], digest("another")),
    ]
    assert len({commitment(*each) for each in (one, *others)}) == 5


# Form


def bodies() -> list[Body]:
    return [
        standing("north"),
        StandDown(),
        VoteForDelegate(ident("north")),
        CommitSeed(3, digest("commitment")),
        RevealSeed(3, digest("secret")),
    ]


@pytest.mark.parametrize("body", bodies(), ids=lambda body: body.type)
def test_bodies_are_read_back_and_strict(body: Body) -> None:
    require_strict(body)
