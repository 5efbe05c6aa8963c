"""What can go wrong in a pairing group."""

from benchmarks.errors import BenchmarkError


class GroupError(BenchmarkError):
    """Root of the groups' errors."""

    code = "group"


class ElementInvalid(GroupError):
    """Bytes that are no element of the group, of another order, the identity, or of another length."""

    code = "element-invalid"


class ElementsMixed(GroupError):
    """Elements of different groups in one operation."""

    code = "elements-mixed"


class GroupUnavailable(GroupError):
    """A group whose library is not installed."""

    code = "group-unavailable"
