"""What can go wrong with a benchmark, each with one sentence for people."""

from scheme.errors import ChartSealError


class BenchmarkError(ChartSealError):
    """Root of the benchmarks' errors."""

    code = "benchmark"


class CaseUnknown(BenchmarkError):
    """A case or profile that does not exist."""

    code = "case-unknown"


class CaseFailed(BenchmarkError):
    """A case whose process ended with an error, or that measured nothing."""

    code = "case-failed"


class ResultInvalid(BenchmarkError):
    """A result file that is not one, or of another version."""

    code = "result-invalid"
