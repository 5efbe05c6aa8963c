"""Refusals of the signature, its time and its signer, of any transaction."""

from ledger.refusals.refused import Refused


class SignerUnknown(Refused):
    """The signer was never enrolled."""

    code = "signer-unknown"


class SignerRemoved(Refused):
    """The signer was removed at an earlier position."""

    code = "signer-removed"


class SignerSuspended(Refused):
    """The signer is suspended by the authority."""

    code = "signer-suspended"


class CertificateExpired(Refused):
    """The signer's certificate has ended; the authority may renew it."""

    code = "certificate-expired"


class WrongSigner(Refused):
    """An active member, but not the one whose signature this transaction needs."""

    code = "wrong-signer"


class NotAuthority(Refused):
    """Only the authority named in the genesis may do this."""

    code = "not-authority"


class Replayed(Refused):
    """A transaction that is in the ledger already."""

    code = "replayed"


class TimeSkewed(Refused):
    """The signer's time is too far from the entry's time, before or after."""

    code = "time-skewed"
