"""Refusals about candidates, votes, seeds and evidence."""

from ledger.refusals.refused import Refused


class DelegateTaken(Refused):
    """The delegate id belongs to a member or another delegate."""

    code = "delegate-taken"


class DelegateDiffers(Refused):
    """The member stood under another delegate id before, and keeps it."""

    code = "delegate-differs"


class StandsAlready(Refused):
    """The member stands for delegate already, with the same key."""

    code = "stands-already"


class NotStanding(Refused):
    """The signer does not stand for delegate."""

    code = "not-standing"


class CandidateUnknown(Refused):
    """Nobody ever stood under the delegate id voted for."""

    code = "candidate-unknown"


class CandidateNotStanding(Refused):
    """The candidate voted for has stood down."""

    code = "candidate-not-standing"


class VoteTwice(Refused):
    """The voter has voted in this epoch already."""

    code = "vote-twice"


class NotSeated(Refused):
    """The signer is no delegate of the epoch that runs."""

    code = "not-seated"


class SeedEpochWrong(Refused):
    """A part of the seed for another epoch than the one that runs."""

    code = "seed-epoch-wrong"


class SeedPhaseWrong(Refused):
    """A commitment in the second half of an epoch, or a secret in the first."""

    code = "seed-phase-wrong"


class SeedCommitted(Refused):
    """The delegate has committed to a secret in this epoch already."""

    code = "seed-committed"


class SeedNotCommitted(Refused):
    """The delegate reveals a secret and committed to none in this epoch."""

    code = "seed-not-committed"


class SeedRevealed(Refused):
    """The delegate has revealed its secret already."""

    code = "seed-revealed"


class SeedMismatch(Refused):
    """The secret revealed is not the one committed to."""

    code = "seed-mismatch"


class EvidenceInvalid(Refused):
    """The evidence does not show that the accused broke a rule."""

    code = "evidence-invalid"


class EvidenceKnown(Refused):
    """The accused was punished for that height and round already."""

    code = "evidence-known"
