"""Refusals about the keys of tag issuers."""

from ledger.refusals.refused import Refused


class NotIssuer(Refused):
    """Only a member enrolled as tag issuer may do this."""

    code = "not-issuer"


class IssuerKeyTaken(Refused):
    """The issuer has a key for the epoch already."""

    code = "issuer-key-taken"


class IssuerKeyInUse(Refused):
    """The key was published before: for another epoch, or by another issuer."""

    code = "issuer-key-in-use"
