"""Tables from the lines of one run and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from benchmarks.pivots import pivots
from benchmarks.quantities import LOW_SECURITY_BITS, count, number, security, time_scale
from benchmarks.results import Absent, Comparison, Figure, Profile, Published, Series
from benchmarks.runs import Run
from benchmarks.summary import FEWEST, Summary, summarise
from benchmarks.table import Table

INTERVAL = f"95 % interval (n >= {FEWEST})"
"""Head of a column."""
_MEGA = 1e6


def tables(run: Run) -> Iterator[Table]:
    """What was measured, what it is compared with, what was counted, what was not measured, where the time went."""
    series, absent = run.of(Series), run.of(Absent)
    if series or absent:
        yield _measured(series, absent)
    if comparisons := run.of(Comparison):
        yield _compared(comparisons, run)
    side_by_side = pivots(run)
    yield from side_by_side.tables
    if figures := [line for line in run.of(Figure) if id(line) not in side_by_side.shown]:
        yield _counted(figures)
    if absent:
        rows = tuple((line.name, line.reason) for line in absent)
        yield Table("missing", ("not measured", "why, and what to do"), rows, left=2)
    if published := run.of(Published):
        yield _as_published(published)
    for place, line in enumerate(run.of(Profile), 1):
        yield _profiled(f"profile-{place}", line)


def summary(line: Series) -> Summary:
    """Of seconds for one operation, else of rates."""
    return summarise(line.seconds if line.unit == "operations" else line.rates)


def scale(line: Series) -> tuple[float, str]:
    """What the summary's numbers are divided by, and the unit they then have."""
    if line.unit == "operations":
        return time_scale(summary(line).median)
    return (_MEGA, "MB/s") if line.unit == "bytes" else (1, f"{line.unit}/s")


def interval(found: Summary, divisor: float = 1) -> str:
    """The median's, or of how few samples there is none; as ``INTERVAL`` says."""
    if found.low is None or found.high is None:
        return f"\N{EM DASH} (n = {found.count})"
    return f"{number(found.low / divisor)} .. {number(found.high / divisor)}"


def ratios(line: Comparison, run: Run) -> Summary:
    """Of rates over rates, sample by sample, or of rates."""
    rates = run.series[line.of].rates
    over = run.series[line.over].rates if line.over else [1.0] * len(rates)
    return summarise([rate / other for rate, other in zip(rates, over, strict=True)])


def security_of(bits: Iterable[int]) -> str:
    """The security level, or both sides' where they are not the same: levels are never mixed without a word."""
    return " against ".join(map(security, bits))


def is_uneven(bits: Sequence[int]) -> bool:
    """Whether the two sides have different security levels, or one has too low a level."""
    return len(bits) > 1 or any(each < LOW_SECURITY_BITS for each in bits)


def levels(line: Comparison, run: Run) -> list[int]:
    """The sides' different security levels in bits, as far as they have one."""
    sides = [run.series[name].security_bits for name in (line.of, line.over) if name is not None]
    return list(dict.fromkeys(bits for bits in sides if bits is not None))


def _measured(series: Iterable[Series], absent: Iterable[Absent]) -> Table:
    rows = []
    for line in series:
        found = summary(line)
        divisor, unit = scale(line)
        rows.append((
            line.name,
            f"{number(found.median / divisor)} {unit}",
            interval(found, divisor),
            f"{number(found.p5 / divisor)} .. {number(found.p95 / divisor)}",
            str(found.count),
            "" if line.cpu_share is None else f"{line.cpu_share:.2f}",
            security(line.security_bits),
        ))  # fmt: skip
    rows += [(missing.name, "not measured", "", "", "", "", "") for missing in absent]
    columns = ("what was measured", "median", INTERVAL, "5 % .. 95 %", "samples", "CPU", "security")
    return Table("measured", columns, tuple(rows))


def _compared(comparisons: Iterable[Comparison], run: Run) -> Table:
    rows = []
    for line in comparisons:
        found = ratios(line, run)
        unit = "" if line.over else f" {run.series[line.of].unit}/s"
        rows.append((
            line.title,
            f"{number(found.median)}{unit}",
            interval(found),
            f"{number(found.p5)} .. {number(found.p95)}",
            "" if line.at_least is None else f">= {number(line.at_least)}",
            "" if line.at_least is None else "reached" if found.median >= line.at_least else "MISSED",
            security_of(levels(line, run)),
        ))  # fmt: skip
    columns = ("ratio of rates", "median", INTERVAL, "5 % .. 95 %", "goal", "", "security")
    return Table("ratios", columns, tuple(rows))


def _counted(figures: Iterable[Figure]) -> Table:
    rows = tuple((line.name, f"{count(line.value)} {line.unit}") for line in figures)
    return Table("figures", ("figure", "value"), rows)


def _as_published(published: Iterable[Published]) -> Table:
    """Columns that nobody filled are left out."""
    columns = ("as published, not measured here", "figure", "faults that it stands", "source", "venue", "year",
               "hardware", "security", "read at")  # fmt: skip
    rows = [
        (line.system, line.figure, line.faults, line.source, line.venue, str(line.year or ""), line.hardware,
         security(line.security_bits), line.read_at)
        for line in published
    ]  # fmt: skip
    kept = [place for place in range(len(columns)) if any(row[place] for row in rows)]
    narrowed = tuple(tuple(row[place] for place in kept) for row in rows)
    return Table("published", tuple(columns[place] for place in kept), narrowed, left=len(kept))


def _profiled(name: str, line: Profile) -> Table:
    rows = tuple(
        (function, f"{calls:,}", f"{own:.3f}", f"{cumulative:.3f}")
        for function, calls, own, cumulative in line.functions
    )
    title = f"profile: {line.name}, {line.seconds:.2f} s under cProfile"
    return Table(name, (title, "calls", "own s", "with callees s"), rows)
