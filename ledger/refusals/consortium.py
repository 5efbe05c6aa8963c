"""Refusals about hospitals' heads and the security index."""

from ledger.refusals.refused import Refused


class NotNotary(Refused):
    """Only a member enrolled as notary may do this."""

    code = "not-notary"


class NotDoctor(Refused):
    """Only a member enrolled as doctor may do this."""

    code = "not-doctor"


class ExternalMoved(Refused):
    """Not built on the child ledger's last external hash: another notary anchored first."""

    code = "external-moved"


class ExternalWrong(Refused):
    """The external hash is not the one over the internal and the previous external hash."""

    code = "external-wrong"


class ChildHeadOld(Refused):
    """The child ledger's head does not lie above the one anchored last."""

    code = "child-head-old"


class ChildForked(Refused):
    """The child ledger shows another block than was anchored at the same height."""

    code = "child-forked"


class ChildForeign(Refused):
    """The child ledger belongs to another hospital."""

    code = "child-foreign"


class TagIndexed(Refused):
    """The tag is in the security index already."""

    code = "tag-indexed"


class TagUnknown(Refused):
    """The tag is not in the security index."""

    code = "tag-unknown"


class TagForeign(Refused):
    """Another notary entered the tag."""

    code = "tag-foreign"


class AskTaken(Refused):
    """The id of the ask was used before."""

    code = "ask-taken"


class AskUnknown(Refused):
    """There is no such ask."""

    code = "ask-unknown"


class AskAnswered(Refused):
    """The ask was answered already."""

    code = "ask-answered"
