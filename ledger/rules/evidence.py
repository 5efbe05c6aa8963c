"""Rule of Evidence: by anybody; the accused is judged by the keys of the epoch in which it voted or proposed."""

from ledger.bodies import Evidence
from ledger.delegates import epoch_number, proposer, seat_of
from ledger.errors import CertificateInvalid, QuorumMissing, VoteInvalid
from ledger.header import LedgerHeader
from ledger.records import Epoch, Misconduct
from ledger.refusals import EvidenceInvalid, EvidenceKnown
from ledger.reputation import cost, punish
from ledger.rules.rule import Change, Place, rule_for
from ledger.tables import Tables
from ledger.votes import QuorumCertificate, Vote
from scheme.keys import VerifyingKey


@rule_for(Evidence)
def evidence(tables: Tables, body: Evidence, place: Place) -> Change:
    """1. The height has begun. 2. The evidence holds. 3. The same turn was not punished as heavily before."""
    height = body.votes[0].height
    epoch = tables.epochs.get(epoch_number(tables.genesis, height))
    if height > place.height or epoch is None:  # 1
        raise EvidenceInvalid("the evidence is about a height that has not come yet")
    if body.header is None:  # 2
        accused = _double_signer(tables, epoch, *body.votes)
    else:
        accused = _rejected_proposer(tables, epoch, body.header, body.votes)
    fault = Misconduct(accused, str(body.kind), height, body.votes[0].round, place.signer, place.position)
    if cost(tables, fault) <= 0:  # 3
        raise EvidenceKnown("the delegate was punished for this height and round already")
    return punish(tables, [fault], place.epoch)


def _double_signer(tables: Tables, epoch: Epoch, first: Vote, second: Vote) -> str:
    if (first.delegate, first.height, first.round) != (second.delegate, second.height, second.round):
        raise EvidenceInvalid("the two votes are not of one delegate at one height and round")
    if first.header == second.header:
        contradicting = first.accept is not second.accept
    else:
        contradicting = first.accept and second.accept
    if not contradicting:
        raise EvidenceInvalid("the two votes do not contradict each other")
    seat = seat_of(epoch, first.delegate)
    if seat is None:
        raise EvidenceInvalid("the accused had no seat at that height")
    try:
        for vote in (first, second):
            vote.verify(VerifyingKey(seat.key), tables.genesis.digest)
    except VoteInvalid:
        raise EvidenceInvalid("a vote is not signed by the accused for this ledger") from None
    return first.delegate


def _rejected_proposer(tables: Tables, epoch: Epoch, header: LedgerHeader, votes: tuple[Vote, ...]) -> str:
    if header.ledger != tables.genesis.digest:
        raise EvidenceInvalid("the rejected header belongs to another ledger")
    try:
        QuorumCertificate(votes).verify(header, epoch.seats, accept=False)
    except (CertificateInvalid, QuorumMissing, VoteInvalid):
        raise EvidenceInvalid("the header was not rejected by more than two thirds of its epoch's delegates") from None
    if header.proposer != proposer(epoch, header.height, header.round).delegate:
        raise EvidenceInvalid("the header does not name the delegate whose turn it was")
    return header.proposer
