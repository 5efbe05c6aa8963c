"""Errors of ``clinic``: one root, stable codes, sentences that say what to do."""

from scheme.errors import ChartSealError


class ClinicError(ChartSealError):
    """Root of the errors of ``clinic``."""

    code = "clinic"


class HomeInvalid(ClinicError):
    """A home folder that is not there, not a home, already one, or damaged."""

    code = "home-invalid"


class HomeBusy(ClinicError):
    """Another process works on the same thing in this home."""

    code = "home-busy"


class NameUnknown(ClinicError):
    """No member of that name or id."""

    code = "name-unknown"


class NameAmbiguous(ClinicError):
    """Several members fit a name or id prefix."""

    code = "name-ambiguous"


class NotPermitted(ClinicError):
    """The actor's role, hospital or grants do not cover this."""

    code = "not-permitted"


class RequestUnknown(ClinicError):
    """No request of that id, or not one the actor may answer."""

    code = "request-unknown"


class GrantUnknown(ClinicError):
    """No grant of that id, or not one of the actor's."""

    code = "grant-unknown"


class GrantInactive(ClinicError):
    """A grant that has ended, was revoked, or covers nothing of what was asked."""

    code = "grant-inactive"


class BlockUnknown(ClinicError):
    """No block of that id, or not one of the patient's."""

    code = "block-unknown"


class SelectionInvalid(ClinicError):
    """A choice of categories, years or blocks that cannot be granted or asked for."""

    code = "selection-invalid"


class LetterInvalid(ClinicError):
    """A letter (request, grant, refusal) that is missing, not its sender's, or not the one on the ledger."""

    code = "letter-invalid"


class ProxyRefused(ClinicError):
    """A proxy declined: no release, grant ended, foreign chapter, or its view of the ledger is too old."""

    code = "proxy-refused"


class ProxiesInsufficient(ClinicError):
    """Fewer proxies than the threshold answered with a sound fragment."""

    code = "proxies-insufficient"


class FaultInvalid(ClinicError):
    """A file that is no evidence against a proxy."""

    code = "fault-invalid"


class FaultUnfounded(ClinicError):
    """Evidence that shows nothing of the proxy that it names, or of another ledger."""

    code = "fault-unfounded"


class InputInvalid(ClinicError):
    """A file or folder handed in that cannot be sealed, or an output that cannot be written."""

    code = "input-invalid"


class HospitalUnreachable(ClinicError):
    """The hospital's server does not answer; what was sealed waits."""

    code = "hospital-unreachable"


class LinkInvalid(ClinicError):
    """What a hospital gave as its links is not what it was asked for: place, headers or signatures."""

    code = "link-invalid"


class OutboxPending(ClinicError):
    """A batch that was sealed but cannot be finished as it is."""

    code = "outbox-pending"


class SealRefused(ClinicError):
    """The ledger no longer takes what was sealed; the records have to be sealed again."""

    code = "seal-refused"


class DiskFull(ClinicError):
    """No space is left in the home folder or the output folder."""

    code = "disk-full"


class AuditFileInvalid(ClinicError):
    """A file that is no audit file, or whose entries are proved but not what the file says they are."""

    code = "audit-file-invalid"


class AuditIncomplete(ClinicError):
    """An audit file that leaves out entries: its own refer to them, or the patient knows of them."""

    code = "audit-incomplete"


class LedgerRolledBack(ClinicError):
    """The ledger went back behind the newest block that this home saw, or has another in its place."""

    code = "ledger-rolled-back"
