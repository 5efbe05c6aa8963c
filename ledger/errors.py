"""Errors of ``ledger`` apart from refusals by rule, which stand in ``ledger.refusals``."""

from scheme.errors import ChartSealError


class LedgerError(ChartSealError):
    """Root of the errors of ``ledger``."""

    code = "ledger"


class TransactionInvalid(LedgerError):
    """Bytes that are no transaction of this ledger whatever its state is: form, limits, signature."""

    code = "transaction-invalid"


class TransactionTooLarge(TransactionInvalid):
    """More bytes than ``MAX_TRANSACTION_BYTES``."""

    code = "transaction-too-large"


class TransactionNotCanonical(TransactionInvalid):
    """Not canonical JSON (RFC 8785), or a key stands twice."""

    code = "transaction-not-canonical"


class FieldInvalid(TransactionInvalid):
    """A field is missing, unknown, of the wrong kind or over its limit."""

    code = "field-invalid"


class UnknownType(TransactionInvalid):
    """A transaction type that this version does not know."""

    code = "unknown-type"


class UnknownVersion(TransactionInvalid):
    """A known type in a version that this software does not know."""

    code = "unknown-version"


class OtherLedger(TransactionInvalid):
    """Signed for a ledger with another genesis."""

    code = "other-ledger"


class TransactionSignatureInvalid(TransactionInvalid):
    """The signature is not by the key of the member named as signer."""

    code = "transaction-signature-invalid"


class EntryMisplaced(LedgerError):
    """An entry that does not follow the newest one: position, previous digest or time."""

    code = "entry-misplaced"


class GenesisInvalid(LedgerError):
    """Bytes that are no genesis, or not the one that was expected."""

    code = "genesis-invalid"


class LedgerDamaged(LedgerError):
    """What is stored is not what was written: flipped, cut, reordered, rolled back or edited."""

    code = "ledger-damaged"


class LedgerExists(LedgerError):
    """There is a ledger already where one was to be created."""

    code = "ledger-exists"


class LedgerUnavailable(LedgerError):
    """The ledger cannot be opened, read or written: missing file, rights, failing disk."""

    code = "ledger-unavailable"


class LedgerFull(LedgerError):
    """No room left to write; nothing was added."""

    code = "ledger-full"


class LedgerBusy(LedgerError):
    """Another process kept the ledger longer than ``busy_timeout_s``; nothing was added."""

    code = "ledger-busy"


class LedgerClosed(LedgerError):
    """The engine was closed."""

    code = "ledger-closed"


class ClockBehind(LedgerError):
    """The engine's clock is more than the permitted skew behind the newest entry; nothing was added."""

    code = "clock-behind"
