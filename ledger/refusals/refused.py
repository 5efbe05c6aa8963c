"""Root of the refusals: a well-formed transaction that the rules do not admit in this state."""

from ledger.errors import LedgerError


class Refused(LedgerError):
    """Root of the refusals: a well-formed transaction that the rules do not admit in this state."""

    code = "refused"
