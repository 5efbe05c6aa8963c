"""Delegates as their members see them: standing, voting, evidence against one, and how an election stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from clinic.clock import Clock
from clinic.delegate_keys import DelegateKeys
from clinic.errors import NotPermitted
from clinic.keystore import MemberSecrets
from clinic.requests import new_id
from clinic.submission import submit
from ledger.bodies import Evidence, Stand, StandDown, VoteForDelegate
from ledger.delegate import Delegate
from ledger.delegates import proposer
from ledger.election import tally
from ledger.engine import Engine, Reader, Receipt
from ledger.engines.replica import BlockSource
from ledger.errors import TransactionInvalid
from ledger.records import Candidate, Epoch, Misconduct
from ledger.refusals import DelegateDiffers, Refused
from ledger.seats import Seat
from scheme.keys import SigningKey


@dataclass(frozen=True)
class Electorate:
    """Seats of the epoch that runs, in turn order, and candidates; ``support`` is what the next election counts now.

    ``next_turn`` proposes the next block, at ``height`` + 1. A candidate that is not in ``support`` cannot be elected.
    """

    height: int
    epoch: Epoch
    next_turn: Seat
    candidates: tuple[Candidate, ...]
    support: Mapping[str, int]
    misconduct: tuple[Misconduct, ...]

    @property
    def seats(self) -> Mapping[str, Seat]:
        """Seats by delegate id, in turn order."""
        return {seat.delegate: seat for seat in self.epoch.seats}


def electorate(ledger: Reader) -> Electorate:
    """How things stand at the newest block. Raises as ``Reader.view``."""
    view = ledger.view()
    state = view.state
    epoch = state.epoch(view.height + 1)
    with state.lock, state.tables.keyvalue.snapshot():
        known = {candidate.delegate: candidate for candidate in state.tables.candidates.scan()}
        support = tally(state.tables, known, epoch.number + 1).support
    return Electorate(
        height=view.height,
        epoch=epoch,
        next_turn=proposer(epoch, view.height + 1, 0),
        candidates=tuple(known.values()),
        support=support,
        misconduct=state.misconduct(),
    )


def stand(engine: Engine, keys: DelegateKeys, member: MemberSecrets, clock: Clock) -> Candidate:
    """Have ``member`` stand for delegate, with a key that is kept in ``keys``: the one it stood with before, if any.

    Whoever stands in the second half of an epoch for the first time is electable an epoch later. Raises the ledger's
    refusals.
    """
    known = engine.view().state.candidate_of(member.member_id)
    delegate = new_id() if known is None else known.delegate
    key = keys.find(delegate)
    fresh = key is None
    if key is None:
        key = SigningKey.generate()
        keys.keep(delegate, key)  # before it stands: a seat without its key would miss every turn
    try:
        submit(engine, Stand.of(delegate, key, member.member_id), member, time=clock())
    except (Refused, TransactionInvalid) as refusal:
        if fresh:
            keys.forget(delegate)
        waited = engine.view().state.candidate_of(member.member_id)
        if isinstance(refusal, DelegateDiffers) and waited and keys.find(waited.delegate):
            return waited  # asked before, it waited for a quorum until now
        raise
    return _candidate(engine, member)


def stand_down(engine: Engine, member: MemberSecrets, clock: Clock) -> Candidate:
    """End ``member``'s candidacy; a seat is kept until the epoch ends. Raises the ledger's refusals."""
    submit(engine, StandDown(), member, time=clock())
    return _candidate(engine, member)


def vote(engine: Engine, voter: MemberSecrets, delegate: str, clock: Clock) -> Receipt:
    """``voter`` supports ``delegate`` until it votes again, once an epoch. Raises the ledger's refusals."""
    return submit(engine, VoteForDelegate(delegate), voter, time=clock())


def report(engine: Engine, evidence: Evidence, reporter: MemberSecrets | Delegate, clock: Clock) -> Receipt:
    """Submit ``evidence`` as a member or as a delegate that stands. Raises the ledger's refusals."""
    if isinstance(reporter, MemberSecrets):
        return submit(engine, evidence, reporter, time=clock())
    return engine.submit(reporter.signed(evidence, ledger=engine.genesis.digest, time=clock()))


def reporting_delegate(engine: Engine, keys: DelegateKeys, evidence: Evidence) -> Delegate:
    """A delegate of this home that may report: known to the ledger, and not the accused. Raises ``NotPermitted``."""
    state = engine.view().state
    accused = evidence.votes[0].delegate if evidence.header is None else evidence.header.proposer
    for delegate in keys.delegates():
        if delegate.delegate != accused and state.candidate(delegate.delegate) is not None:
            return delegate
    raise NotPermitted("this home runs no delegate that could report this; name a member with --as")


def contradictions(copy: Reader, source: BlockSource) -> Iterator[Evidence]:
    """What convicts the delegates who signed another block of ``source`` at a height that ``copy`` has.

    Of the first height where the two differ, in one round; nothing when the signers or rounds differ, too. Raises as
    ``Reader.blocks`` and as ``BlockSource.blocks``; the ledger judges the votes.
    """
    for ours, theirs in zip(copy.blocks(), source.blocks(), strict=False):
        if ours.header.digest != theirs.header.digest:
            votes = {vote.delegate: vote for vote in ours.certificate.votes if vote.round == theirs.header.round}
            for other in theirs.certificate.votes:
                if other.delegate in votes:
                    yield Evidence.double_sign(votes[other.delegate], other)
            return


def _candidate(engine: Engine, member: MemberSecrets) -> Candidate:
    candidate = engine.view().state.candidate_of(member.member_id)
    if candidate is None:
        raise AssertionError
    return candidate
