"""Refusals about key cards, scopes, chains and blocks."""

from ledger.refusals.refused import Refused


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
