"""What the votes on one header of one turn say together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ledger.bodies import Evidence
from ledger.header import LedgerHeader
from ledger.records import Epoch
from ledger.seats import Seat, quorum
from ledger.votes import QuorumCertificate, Vote


def weight_of(votes: Iterable[Vote], epoch: Epoch) -> int:
    """Weight of ``votes``, all by delegates of ``epoch``."""
    weights = {seat.delegate: seat.weight for seat in epoch.seats}
    return sum(weights[vote.delegate] for vote in votes)


def is_on(vote: Vote, header: LedgerHeader, seat: Seat) -> bool:
    """Whether it is the vote of ``seat`` on ``header``, if its signature holds."""
    said = vote.delegate, vote.height, vote.round, vote.header
    return said == (seat.delegate, header.height, header.round, header.digest)


def evidence_in(header: LedgerHeader, votes: Sequence[Vote], epoch: Epoch) -> tuple[Evidence, ...]:
    """What the next proposer brings against the one whose block a quorum rejected."""
    rejecting = tuple(vote for vote in votes if not vote.accept)
    if weight_of(rejecting, epoch) < quorum(epoch.seats):
        return ()
    return (Evidence.rejected(header, QuorumCertificate(rejecting)),)


def is_hopeless(votes: Sequence[Vote], epoch: Epoch) -> bool:
    """Whether so much weight rejects that the rest is no quorum."""
    rejecting = weight_of((vote for vote in votes if not vote.accept), epoch)
    return sum(seat.weight for seat in epoch.seats) - rejecting < quorum(epoch.seats)
