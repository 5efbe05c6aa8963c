"""A delegate's own guard, its part in the seed, and delegates that break the rules."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.bodies import CommitSeed, Evidence, RevealSeed
from ledger.delegate import Delegate
from ledger.reputation import FIRST_REPUTATION
from ledger.seed import seed_secret
from ledger.transactions import SignedTransaction
from ledger.votes import QuorumCertificate
from tests.ledger.electorate import EPOCH_BLOCKS, Electorate
from tests.ledger.faulty_delegates import (
    DoubleSigningDelegate,
    DownDelegate,
    LyingProposer,
    RefusingDelegate,
    WithholdingDelegate,
)
from tests.ledger.scene import FOUNDERS, START, digest, ident, signing_key
from tests.ledger.test_header import HEADER


def delegate(kind: type[Delegate] = Delegate, name: str = "founder 1") -> Delegate:
    return kind(ident(name), signing_key(name))


def duties(electorate: Electorate, who: Delegate) -> list[SignedTransaction]:
    return who.duties(electorate.tables, electorate.height, START)


def admit(electorate: Electorate, transaction: SignedTransaction, name: str = "founder 1") -> None:
    transaction.verify(signing_key(name).verifying_key)
    assert transaction.signer == ident(name)
    electorate.do(transaction.body, name)


# Votes


@pytest.mark.parametrize("valid", [True, False])
def test_a_valid_header_is_accepted_and_another_rejected(valid: bool) -> None:
    vote = delegate().vote(HEADER, valid)
    assert vote is not None
    assert (vote.header, vote.height, vote.round, vote.accept) == (HEADER.digest, HEADER.height, HEADER.round, valid)
    vote.verify(signing_key("founder 1").verifying_key, HEADER.ledger)


def test_asked_again_it_says_the_same() -> None:
    for valid in (True, False):
        one = delegate()
        assert one.vote(HEADER, valid) == one.vote(HEADER, not valid) == one.vote(HEADER, valid)


def test_a_second_header_of_a_turn_is_not_accepted() -> None:
    one = delegate()
    assert one.vote(HEADER, True) is not None
    assert one.vote(replace(HEADER, size=41), True) is None
    rejection = one.vote(replace(HEADER, size=42), False)
    assert rejection is not None
    assert not rejection.accept
    next_round = one.vote(replace(HEADER, round=HEADER.round + 1, size=41), True)
    assert next_round is not None
    assert next_round.accept


def test_it_goes_back_to_no_earlier_turn() -> None:
    one = delegate()
    assert one.vote(HEADER, True) is not None
    for earlier in (replace(HEADER, round=0), replace(HEADER, height=HEADER.height - 1, round=5)):
        assert one.vote(earlier, True) is None
        assert one.vote(earlier, False) is None


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 2), st.integers(1, 3), st.booleans())))
def test_whatever_it_is_asked_its_votes_never_contradict(asked: list[tuple[int, int, int, bool]]) -> None:
    one, accepted, said = delegate(), {}, {}
    for height, number, size, valid in asked:
        vote = one.vote(replace(HEADER, height=height, round=number, size=size), valid)
        if vote is not None:
            assert said.setdefault(vote.header, vote.accept) is vote.accept
            if vote.accept:
                assert accepted.setdefault((vote.height, vote.round), vote.header) == vote.header


# The seed


def test_it_commits_once_in_the_first_half_and_reveals_once_in_the_second() -> None:
    electorate, one = Electorate(), delegate()
    done = []
    for _ in range(2 * EPOCH_BLOCKS):
        for transaction in duties(electorate, one):
            admit(electorate, transaction)
            done.append((electorate.height, transaction.body.type))
        electorate.block()
    assert done == [(1, "commit-seed"), (5, "reveal-seed"), (9, "commit-seed"), (13, "reveal-seed")]
    assert electorate.reputation("founder 1") == FIRST_REPUTATION + 2


def test_a_delegate_made_anew_reveals_what_the_one_before_committed_to() -> None:
    electorate = Electorate()
    admit(electorate, duties(electorate, delegate())[0])
    electorate.reach(EPOCH_BLOCKS // 2)
    admit(electorate, duties(electorate, delegate())[0])
    share = electorate.tables.seed_shares.get(0, ident("founder 1"))
    assert share is not None
    assert share.secret is not None


def test_who_has_no_seat_has_no_duties() -> None:
    electorate = Electorate()
    assert duties(electorate, delegate(name="north")) == []
    assert duties(electorate, Delegate(ident("founder 1"), signing_key("another key"))) == []


def test_too_late_to_commit_is_no_duty() -> None:
    electorate = Electorate()
    electorate.reach(EPOCH_BLOCKS // 2)
    assert duties(electorate, delegate()) == []


def test_a_secret_that_another_key_committed_to_is_not_revealed() -> None:
    electorate = Electorate()
    admit(electorate, duties(electorate, delegate())[0])
    electorate.reach(EPOCH_BLOCKS // 2)
    assert duties(electorate, Delegate(ident("founder 1"), signing_key("another key"))) == []


def test_secrets_differ_by_key_ledger_and_epoch() -> None:
    key = signing_key("founder 1")
    secrets = {
        seed_secret(key, digest("ledger"), 0),
        seed_secret(key, digest("ledger"), 1),
        seed_secret(key, digest("another"), 0),
        seed_secret(signing_key("founder 2"), digest("ledger"), 0),
    }
    assert len(secrets) == 4
    assert key.to_secret_bytes().hex() not in secrets


def test_the_representation_shows_no_secret() -> None:
    assert repr(delegate()) == f"Delegate({ident('founder 1')})"


# Those that break the rules


def test_a_delegate_that_is_down_does_nothing_until_it_is_back() -> None:
    electorate = Electorate()
    one = DownDelegate(ident("founder 1"), signing_key("founder 1"))
    assert (one.vote(HEADER, True), one.propose(HEADER), duties(electorate, one)) == (None, None, [])
    one.down = False
    assert one.vote(HEADER, True) is not None
    assert one.propose(HEADER) == HEADER
    assert [type(each.body) for each in duties(electorate, one)] == [CommitSeed]


def test_a_refusing_delegate_rejects_what_is_valid() -> None:
    vote = delegate(RefusingDelegate).vote(HEADER, True)
    assert vote is not None
    assert not vote.accept


def test_a_withholding_delegate_commits_and_pays() -> None:
    electorate, one = Electorate(), delegate(WithholdingDelegate)
    admit(electorate, duties(electorate, one)[0])
    electorate.reach(EPOCH_BLOCKS // 2)
    assert duties(electorate, one) == []
    assert [type(each.body) for each in duties(electorate, delegate())] == [RevealSeed]
    electorate.end_epoch()
    assert electorate.reputation("founder 1") == FIRST_REPUTATION - 10


def test_a_lying_proposer_is_rejected_by_the_others_and_punished() -> None:
    electorate = Electorate()
    right = electorate.header(height=1)
    accused, *others = sorted(FOUNDERS, key=lambda name: ident(name) != right.proposer)
    header = delegate(LyingProposer, accused).propose(right)
    assert header is not None
    votes = [delegate(name=name).vote(header, header == right) for name in others]
    certificate = QuorumCertificate(tuple(vote for vote in votes if vote is not None))
    electorate.do(Evidence.rejected(header, certificate), others[0])
    assert electorate.reputation(accused) == FIRST_REPUTATION - 30


def test_a_double_signing_delegate_is_convicted_by_its_own_votes() -> None:
    electorate = Electorate()
    one = DoubleSigningDelegate(ident("founder 1"), signing_key("founder 1"))
    assert one.vote(electorate.header(height=1), True) is not None
    electorate.do(one.evidence(), "founder 2")
    assert electorate.reputation("founder 1") == FIRST_REPUTATION - 60
