"""Refusals: what the state machine says no to; the state is unchanged after each.

One class and one code a rule, so that a program can tell a lost race (``head-moved``) from a mistake.
"""

from ledger.errors import LedgerError


class Refused(LedgerError):
    """Root of the refusals: a well-formed transaction that the rules do not admit in this state."""

    code = "refused"


class SignerUnknown(Refused):
    """The signer was never enrolled."""

    code = "signer-unknown"


class SignerRemoved(Refused):
    """The signer was removed at an earlier position."""

    code = "signer-removed"


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


class MemberUnknown(Refused):
    """A member named in the transaction was never enrolled."""

    code = "member-unknown"


class MemberRemoved(Refused):
    """A member named in the transaction was removed."""

    code = "member-removed"


class MemberExists(Refused):
    """The member is enrolled already."""

    code = "member-exists"


class MemberKeysDiffer(Refused):
    """A patient is enrolled with a further hospital under keys other than her own."""

    code = "member-keys-differ"


class KeyInUse(Refused):
    """The verifying key belongs to another member."""

    code = "key-in-use"


class KeyProofInvalid(Refused):
    """The new member's own key did not sign the keys to be enrolled."""

    code = "key-proof-invalid"


class WrongRole(Refused):
    """A member named in the transaction does not have the role that its place needs."""

    code = "wrong-role"


class CardVersionWrong(Refused):
    """Not the version after the newest key card."""

    code = "card-version-wrong"


class ScopeTaken(Refused):
    """The scope id was used before."""

    code = "scope-taken"


class ScopeUnknown(Refused):
    """No key card ever named the scope."""

    code = "scope-unknown"


class ScopeRetired(Refused):
    """A later key card retired the scope."""

    code = "scope-retired"


class ScopeForeign(Refused):
    """The scope belongs to another patient."""

    code = "scope-foreign"


class HeadMoved(Refused):
    """The chain's head is not the one that the transaction builds on: somebody else anchored first."""

    code = "head-moved"


class IndexWrong(Refused):
    """The first index is not the one after the chain's head."""

    code = "index-wrong"


class ChainForeign(Refused):
    """The chain belongs to another patient or another hospital."""

    code = "chain-foreign"


class ChainExists(Refused):
    """The patient has a chain with this hospital already."""

    code = "chain-exists"


class AuthorNotPermitted(Refused):
    """The author may not write to this patient's record."""

    code = "author-not-permitted"


class AuthorElsewhere(Refused):
    """The author does not belong to the hospital that anchors."""

    code = "author-elsewhere"


class ChapterTaken(Refused):
    """The chapter id was used before."""

    code = "chapter-taken"


class ChapterMixed(Refused):
    """A chapter has one scope; here it has several."""

    code = "chapter-mixed"


class BlockExists(Refused):
    """The block is anchored already."""

    code = "block-exists"


class BlockUnknown(Refused):
    """No such block of this patient is anchored."""

    code = "block-unknown"


class BlockWithdrawn(Refused):
    """The block was withdrawn already."""

    code = "block-withdrawn"


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


class GrantTooWide(Refused):
    """With these the grant would name more than ``MAX_GRANT_SCOPES`` scopes."""

    code = "grant-too-wide"


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
