"""Errors of matching in a home; no symptom, tag or key ever stands in one."""

from clinic.errors import ClinicError


class MatchUnknown(ClinicError):
    """No match of that id, or not one of this patient's."""

    code = "match-unknown"


class MatchingNotSetUp(ClinicError):
    """Nobody opted in yet in this home, so that it has no issuers; or a ledger has not two that are served."""

    code = "matching-not-set-up"


class PseudonymIssued(ClinicError):
    """The authority certified another pseudonym of this patient for this epoch."""

    code = "pseudonym-issued"


class MatchRequestInvalid(ClinicError):
    """A request to a matching service that its sender did not sign, or long ago."""

    code = "match-request-invalid"


class MatchStateInvalid(ClinicError):
    """What a patient keeps for matching is damaged, or not hers."""

    code = "match-state-invalid"
