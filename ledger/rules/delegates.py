"""Rules of Stand, StandDown and VoteForDelegate (hospitals, doctors), CommitSeed and RevealSeed (seated delegates)."""

from dataclasses import replace

from ledger.bodies import CommitSeed, RevealSeed, Stand, StandDown, VoteForDelegate
from ledger.delegates import current_epoch, seat_of
from ledger.election import organisation_of
from ledger.records import Candidate, DelegateVote, SeedShare
from ledger.refusals import (
    CandidateNotStanding,
    CandidateUnknown,
    DelegateDiffers,
    DelegateTaken,
    KeyInUse,
    KeyProofInvalid,
    NotSeated,
    NotStanding,
    SeedCommitted,
    SeedEpochWrong,
    SeedMismatch,
    SeedNotCommitted,
    SeedPhaseWrong,
    SeedRevealed,
    StandsAlready,
    VoteTwice,
    WrongRole,
)
from ledger.reputation import FIRST_REPUTATION, of_organisation
from ledger.rules.membership import active_member
from ledger.rules.rule import Change, Place, rule_for
from ledger.seed import commitment, committing
from ledger.tables import Tables


@rule_for(Stand)
def stand(tables: Tables, body: Stand, place: Place) -> Change:
    """By a hospital or doctor, under one delegate id for ever; the organisation's reputation is taken over.

    Who stands for the first time in the second half of an epoch is electable an epoch later: with secrets revealed, a
    delegate id could be chosen to fit the seed.
    """
    organisation = _organisation(tables, place)
    if not body.proven(place.signer):
        raise KeyProofInvalid("the delegate's own key did not agree to stand; make the proof again with that key")
    known = tables.candidate_of.get(place.signer)
    candidate = None if known is None else tables.candidates.get(known)
    _fresh_key(tables, body)
    if candidate is None:
        candidate = _newcomer(tables, body, organisation, place)
    elif candidate.delegate != body.delegate:
        raise DelegateDiffers("the member stood under another delegate id before; stand under that one")
    elif candidate.standing and candidate.key == body.key:
        raise StandsAlready("the member stands already, with this key")
    candidate = replace(candidate, key=body.key, standing=True)
    return [
        tables.candidates.put(candidate, body.delegate),
        tables.candidate_of.put(body.delegate, place.signer),
        tables.candidates_of.put(body.delegate, organisation, body.delegate),
        tables.verifying_keys.put(body.delegate, body.key.hex()),
    ]


@rule_for(StandDown)
def stand_down(tables: Tables, _body: StandDown, place: Place) -> Change:
    """By the member that stands; a founder stands as long as the ledger does."""
    known = tables.candidate_of.get(place.signer)
    candidate = None if known is None else tables.candidates.get(known)
    if candidate is None or not candidate.standing:
        raise NotStanding("the signer does not stand for delegate")
    return [tables.candidates.put(replace(candidate, standing=False), candidate.delegate)]


@rule_for(VoteForDelegate)
def vote_for_delegate(tables: Tables, body: VoteForDelegate, place: Place) -> Change:
    """By a hospital or doctor, once an epoch; takes the place of its vote before and counts at the epoch's end."""
    _organisation(tables, place)
    candidate = tables.candidates.get(body.candidate)
    if candidate is None:
        raise CandidateUnknown("nobody ever stood under that delegate id; list the delegates and vote for one")
    if not candidate.standing:
        raise CandidateNotStanding("the candidate has stood down; vote for another")
    last = tables.votes.get(place.signer)
    if last is not None and last.epoch == place.epoch:
        raise VoteTwice("the signer has voted in this epoch already; vote again in the next")
    return [tables.votes.put(DelegateVote(place.signer, body.candidate, place.epoch), place.signer)]


@rule_for(CommitSeed)
def commit_seed(tables: Tables, body: CommitSeed, place: Place) -> Change:
    """By a seated delegate, once, in the first half of the epoch."""
    _in_phase(tables, body.epoch, place, committed=True)
    if tables.seed_shares.get(place.epoch, place.signer) is not None:
        raise SeedCommitted("the delegate has committed to a secret in this epoch already; reveal that one")
    share = SeedShare(place.signer, body.commitment, None)
    return [tables.seed_shares.put(share, place.epoch, place.signer)]


@rule_for(RevealSeed)
def reveal_seed(tables: Tables, body: RevealSeed, place: Place) -> Change:
    """By a seated delegate, once, in the second half of the epoch: exactly what it committed to."""
    _in_phase(tables, body.epoch, place, committed=False)
    share = tables.seed_shares.get(place.epoch, place.signer)
    if share is None:
        raise SeedNotCommitted("the delegate committed to no secret in this epoch; there is nothing to reveal")
    if share.secret is not None:
        raise SeedRevealed("the delegate has revealed its secret already")
    if commitment(tables.genesis.digest, place.epoch, place.signer, body.secret) != share.commitment:
        raise SeedMismatch("the secret is not the one committed to; reveal that one before the epoch ends")
    return [tables.seed_shares.put(replace(share, secret=body.secret), place.epoch, place.signer)]


def _organisation(tables: Tables, place: Place) -> str:
    if place.signer in tables.members:
        organisation = organisation_of(active_member(tables, place.signer, "signer"))
        if organisation is not None:
            return organisation
    raise WrongRole("only hospitals and doctors stand and vote for delegates")


def _fresh_key(tables: Tables, body: Stand) -> None:
    owner = tables.verifying_keys.get(body.key.hex())
    if owner not in {None, body.delegate} or body.key == tables.genesis.verifying:
        raise KeyInUse("the delegate's key belongs to a member or another delegate; generate a fresh one")


def _newcomer(tables: Tables, body: Stand, organisation: str, place: Place) -> Candidate:
    taken = body.delegate in tables.candidates or body.delegate in tables.members
    if taken or body.delegate == tables.genesis.authority:
        raise DelegateTaken("the delegate id belongs to somebody else; choose another at random")
    others = of_organisation(tables, organisation)
    return Candidate(
        delegate=body.delegate,
        member=place.signer,
        organisation=organisation,
        key=body.key,
        reputation=others[0].reputation if others else FIRST_REPUTATION,
        standing=True,
        position=place.position,
        electable_from=place.epoch + (1 if committing(tables.genesis, place.height) else 2),
        fault_epoch=others[0].fault_epoch if others else None,
    )


def _in_phase(tables: Tables, epoch: int, place: Place, *, committed: bool) -> None:
    if seat_of(current_epoch(tables, place.height), place.signer) is None:
        raise NotSeated("the signer is no delegate of this epoch")
    if epoch != place.epoch:
        raise SeedEpochWrong("the transaction is for another epoch than the one that runs; make it again for this one")
    if committing(tables.genesis, place.height) is not committed:
        raise SeedPhaseWrong("secrets are committed in the first half of an epoch and revealed in the second")
