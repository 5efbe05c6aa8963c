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


class HeaderInvalid(LedgerError):
    """Bytes that are no ledger header, or one that does not stand where it is offered."""

    code = "header-invalid"


class VoteInvalid(LedgerError):
    """A vote that is not signed by its delegate's key."""

    code = "vote-invalid"


class CertificateInvalid(LedgerError):
    """A quorum certificate that is none, or that belongs to another header or another set of delegates."""

    code = "certificate-invalid"


class BlockInvalid(LedgerError):
    """A ledger block that does not follow the newest one, or whose header is not the one that fits its entries."""

    code = "block-invalid"


class QuorumMissing(LedgerError):
    """Votes of two thirds of the weight or less: the ledger block is not final."""

    code = "quorum-missing"


class EpochUnknown(LedgerError):
    """No delegates are elected for that height yet."""

    code = "epoch-unknown"


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


class ProofInvalid(LedgerError):
    """A proof that does not show what it says: another path, root, entry or header, or bytes that are no proof."""

    code = "proof-invalid"


class ProofUnavailable(LedgerError):
    """No proof can be made: no such entry, or no tree of that size."""

    code = "proof-unavailable"


class HandoverMissing(ProofInvalid):
    """The set of delegates changed since the last known header, and no handover says to whom."""

    code = "handover-missing"


class ExportInvalid(LedgerError):
    """A file that is no export of a ledger, or was cut short."""

    code = "export-invalid"


class ForkOffered(LedgerError):
    """Another course of the ledger than the one that is known: a restored backup, or delegates who signed both."""

    code = "fork-offered"


class NotAnchored(LedgerError):
    """A header of a hospital's ledger that the consortium does not hold."""

    code = "not-anchored"
