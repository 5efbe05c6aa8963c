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


class ReportUnavailable(BenchmarkError):
    """A package that reports and data frames need is not installed."""

    code = "report-unavailable"


class OutputUnwritable(BenchmarkError):
    """A file or folder for results that cannot be written."""

    code = "output-unwritable"


class ServerUnavailable(BenchmarkError):
    """A server that cannot be had: it is not installed, or did not come up."""

    code = "server-unavailable"


class ServerMissing(ServerUnavailable):
    """A server's program or module that is not installed; ``feature`` is what needs it: s3, sftp, ftp."""

    code = "server-missing"

    def __init__(self, sentence: str, feature: str) -> None:
        super().__init__(sentence)
        self.feature = feature


class PublishedInvalid(BenchmarkError):
    """A file of what others published that cannot be used."""

    code = "published-invalid"


class PricesInvalid(BenchmarkError):
    """A price table that cannot be used."""

    code = "prices-invalid"
