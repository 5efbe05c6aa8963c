"""What can go wrong in a research scheme."""

from benchmarks.errors import BenchmarkError


class SchemeError(BenchmarkError):
    """Root of the research schemes' errors."""

    code = "research-scheme"


class MessageInvalid(SchemeError):
    """Bytes of another length than the scheme's message has."""

    code = "message-invalid"


class CapsuleRefused(SchemeError):
    """A capsule whose own check does not hold, or that is for another key or of another type."""

    code = "capsule-refused"
