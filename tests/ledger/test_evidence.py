"""Evidence: what convicts a delegate, what it costs, and what shows nothing."""

from dataclasses import replace

import pytest

from ledger.bodies import Evidence, EvidenceKind
from ledger.delegates import proposer
from ledger.errors import FieldInvalid
from ledger.header import LedgerHeader
from ledger.reputation import FIRST_REPUTATION
from ledger.votes import QuorumCertificate, Vote, cast_vote
from scheme import canonical
from tests.ledger.electorate import EPOCH_BLOCKS, Electorate, require_strict, standing, two_hospitals
from tests.ledger.scene import FOUNDERS, digest, ident, signing_key

NAMES = {ident(name): name for name in FOUNDERS}


@pytest.fixture
def electorate() -> Electorate:
    return two_hospitals()


def votes_on(header: LedgerHeader, *names: str, accept: bool) -> tuple[Vote, ...]:
    return tuple(cast_vote(signing_key(name), ident(name), header, accept=accept) for name in names)


def double(electorate: Electorate, name: str = "founder 1", *, height: int = 1, round: int = 0) -> Evidence:  # noqa: A002
    header = electorate.header(height=height, round=round)
    (first,) = votes_on(header, name, accept=True)
    (second,) = votes_on(replace(header, size=2), name, accept=True)
    return Evidence.double_sign(first, second)


def rejected(electorate: Electorate, names: tuple[str, ...] = FOUNDERS, *, height: int = 1) -> Evidence:
    header = electorate.header(height=height)
    return Evidence.rejected(header, QuorumCertificate(votes_on(header, *names, accept=False)))


@pytest.mark.parametrize("reporter", ["north", "paula", "proxy", "authority", "founder 2"])
def test_anybody_shows_a_double_sign(electorate: Electorate, reporter: str) -> None:
    electorate.do(double(electorate), reporter)
    assert electorate.reputation("founder 1") == FIRST_REPUTATION - 60
    (fault,) = electorate.tables.misconduct.scan()
    assert (fault.accused, fault.kind) == (ident("founder 1"), "double-sign")
    assert (fault.height, fault.round, fault.reporter) == (1, 0, ident(reporter))


def test_acceptance_and_rejection_of_one_header_are_a_double_sign(electorate: Electorate) -> None:
    header = electorate.header(height=1)
    votes = (*votes_on(header, "founder 1", accept=True), *votes_on(header, "founder 1", accept=False))
    electorate.do(Evidence.double_sign(*votes), "north")
    assert electorate.reputation("founder 1") == FIRST_REPUTATION - 60


def test_a_rejected_block_costs_its_proposer(electorate: Electorate) -> None:
    accused = NAMES[proposer(electorate.epoch, 1, 0).delegate]
    electorate.do(rejected(electorate), "north")
    assert electorate.reputation(accused) == FIRST_REPUTATION - 30
    assert sum(electorate.reputation(name) for name in FOUNDERS) == 4 * FIRST_REPUTATION - 30


def test_punished_once_and_only_the_heaviest_at_one_turn(electorate: Electorate) -> None:
    accused = NAMES[proposer(electorate.epoch, 1, 0).delegate]
    electorate.block(round=1)
    assert electorate.reputation(accused) == FIRST_REPUTATION - 5
    electorate.do(rejected(electorate), "north")
    assert electorate.reputation(accused) == FIRST_REPUTATION - 30
    assert electorate.refusal(rejected(electorate), "south") == "evidence-known"
    electorate.do(double(electorate, accused), "north")
    assert electorate.reputation(accused) == FIRST_REPUTATION - 60
    swapped = double(electorate, accused)
    swapped = replace(swapped, votes=swapped.votes[::-1])
    for again in (double(electorate, accused), swapped, rejected(electorate)):
        assert electorate.refusal(again, "north") == "evidence-known"
    electorate.do(double(electorate, accused, height=2), "north")
    assert electorate.reputation(accused) == 0


def test_evidence_that_shows_nothing_is_refused(electorate: Electorate) -> None:
    header, later = electorate.header(height=1), electorate.header(height=1, round=1)
    other = replace(header, size=2)
    accepted = votes_on(header, *FOUNDERS, accept=True)
    foreign = replace(header, ledger=digest("another ledger"))
    (stranger, contradiction) = (votes_on(each, "north", accept=True)[0] for each in (header, other))
    forged = replace(votes_on(other, "founder 1", accept=True)[0], signature=accepted[0].signature)
    table = {
        "the same vote": Evidence.double_sign(accepted[0], accepted[0]),
        "two delegates": Evidence.double_sign(accepted[0], *votes_on(other, "founder 2", accept=True)),
        "two rounds": Evidence.double_sign(accepted[0], *votes_on(later, "founder 1", accept=True)),
        "one rejected": Evidence.double_sign(accepted[0], *votes_on(other, "founder 1", accept=False)),
        "no seat": Evidence.double_sign(stranger, contradiction),
        "forged": Evidence.double_sign(accepted[0], forged),
        "two ledgers": Evidence.double_sign(accepted[0], *votes_on(foreign, "founder 1", accept=True)),
        "to come": double(electorate, height=2),
        "accepted": Evidence(EvidenceKind.REJECTED_BLOCK, header, accepted),
        "too few": rejected(electorate, FOUNDERS[:2]),
        "one twice": Evidence(
            EvidenceKind.REJECTED_BLOCK, header, votes_on(header, *FOUNDERS, "founder 1", accept=False)
        ),
        "another header": replace(rejected(electorate), header=other),
        "another ledger": Evidence(EvidenceKind.REJECTED_BLOCK, foreign, votes_on(foreign, *FOUNDERS, accept=False)),
    }
    for name, evidence in table.items():
        assert electorate.refusal(evidence, "paula") == "evidence-invalid", name
    wrong_proposer = replace(header, proposer=proposer(electorate.epoch, 2, 0).delegate)
    certificate = QuorumCertificate(votes_on(wrong_proposer, *FOUNDERS, accept=False))
    assert electorate.refusal(Evidence.rejected(wrong_proposer, certificate), "paula") == "evidence-invalid"


def test_a_rejected_header_may_name_anything_but_its_proposer(electorate: Electorate) -> None:
    header = replace(electorate.header(height=1), delegates=digest("a set of its own"), epoch=9)
    certificate = QuorumCertificate(votes_on(header, *FOUNDERS, accept=False))
    electorate.do(Evidence.rejected(header, certificate), "north")
    assert electorate.reputation(NAMES[header.proposer]) == FIRST_REPUTATION - 30


def test_evidence_is_judged_by_the_seats_of_its_own_epoch(electorate: Electorate) -> None:
    electorate.stand("north")
    electorate.vote("north", "north")
    electorate.end_epoch()
    electorate.do(standing("north", key=signing_key("fresh")), "north")
    electorate.end_epoch()
    header = electorate.header(height=EPOCH_BLOCKS + 1)
    old, fresh = signing_key("north's delegate"), signing_key("fresh")

    def pair(key_name: str) -> Evidence:
        key = old if key_name == "old" else fresh
        votes = [
            cast_vote(key, ident("north's delegate"), each, accept=True) for each in (header, replace(header, size=2))
        ]
        return Evidence.double_sign(*votes)

    before = electorate.reputation("north's delegate")
    assert electorate.refusal(pair("fresh"), "saul") == "evidence-invalid"
    electorate.do(pair("old"), "saul")
    assert electorate.reputation("north's delegate") == before - 60


def test_a_fault_is_the_whole_organisation_s(electorate: Electorate) -> None:
    electorate.stand("north")
    electorate.stand("dora")
    electorate.vote("north", "north")
    electorate.end_epoch()
    electorate.do(double(electorate, "north's delegate", height=electorate.height), "saul")
    electorate.stand("dan")
    electorate.end_epoch()
    for name in ("north", "dora", "dan"):
        assert electorate.reputation(f"{name}'s delegate") == FIRST_REPUTATION - 60
    assert ident("north's delegate") not in {seat.delegate for seat in electorate.epoch.seats}
    electorate.vote("dora", "dora")
    electorate.end_epoch()
    assert ident("dora's delegate") not in {seat.delegate for seat in electorate.epoch.seats}


def test_evidence_is_read_back_and_strict() -> None:
    electorate = Electorate()
    for body in (double(electorate), rejected(electorate)):
        require_strict(body)


def test_evidence_with_the_wrong_parts_is_refused() -> None:
    electorate = Electorate()
    doubled, reject = double(electorate), rejected(electorate)
    table = [
        replace(doubled, votes=doubled.votes[:1]),
        replace(doubled, votes=(*doubled.votes, doubled.votes[0])),
        replace(doubled, header=reject.header),
        replace(reject, header=None),
    ]
    for wrong in table:
        with pytest.raises(FieldInvalid):
            Evidence.from_json(wrong.to_json())
    with pytest.raises(FieldInvalid):
        Evidence.from_json(reject.to_json() | {"header": canonical.b64(b"{}")})
