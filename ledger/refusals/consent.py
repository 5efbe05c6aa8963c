"""Refusals about requests, grants, family links and releases."""

from ledger.refusals.refused import Refused


class OwnRecord(Refused):
    """A patient neither asks for nor grants access to her own record: she has it."""

    code = "own-record"


class RequestTaken(Refused):
    """The request id was used before."""

    code = "request-taken"


class RequestUnknown(Refused):
    """There is no such request."""

    code = "request-unknown"


class RequestForeign(Refused):
    """The request is addressed to another patient or came from another delegatee."""

    code = "request-foreign"


class RequestClosed(Refused):
    """The request was granted or refused already."""

    code = "request-closed"


class GrantTaken(Refused):
    """The grant id was used before."""

    code = "grant-taken"


class GrantUnknown(Refused):
    """There is no such grant."""

    code = "grant-unknown"


class GrantForeign(Refused):
    """The grant is another patient's."""

    code = "grant-foreign"


class GrantRevoked(Refused):
    """The grant was revoked."""

    code = "grant-revoked"


class GrantExpired(Refused):
    """The grant has ended."""

    code = "grant-expired"


class GrantAwaiting(Refused):
    """A family link that the delegatee has not accepted yet."""

    code = "grant-awaiting"


class GrantTooWide(Refused):
    """With these the grant would name more than ``MAX_GRANT_SCOPES`` scopes."""

    code = "grant-too-wide"


class FamilyUnknown(Refused):
    """There is no such family link."""

    code = "family-unknown"


class FamilyAccepted(Refused):
    """The child accepted the family link already."""

    code = "family-accepted"


class EndNotAhead(Refused):
    """The end of a new grant does not lie ahead."""

    code = "end-not-ahead"


class ReleaseTaken(Refused):
    """The release id was used before."""

    code = "release-taken"


class ChapterUnknown(Refused):
    """No such chapter is anchored for this patient."""

    code = "chapter-unknown"


class ChapterNotGranted(Refused):
    """The grant does not cover the chapter."""

    code = "chapter-not-granted"
