"""What a case is handed: sizes, and where its results go as soon as they are there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks import memory
from benchmarks.results import Absent, Comparison, Figure, Line, Profile, Published, Series
from benchmarks.timing import Subject


@dataclass(frozen=True)
class Sizes:
    """How much is measured: ``smoke`` shows in seconds that everything runs, its numbers say nothing; ``paper`` is for
    a paper's tables; ``full`` is larger, for narrow intervals and a machine of one's own over night.
    """

    name: str
    repeats: int
    file_bytes: int
    histories: int
    visits: int
    """Visits of the history that is read; each makes four blocks of ten records."""
    batches: int
    """Transactions of 4,096 anchored headers in one sample."""
    commits: int
    """Durable transactions of one caller in one sample."""
    entries: int
    """Singly signed entries verified in one sample."""
    ledgers: tuple[int, ...]
    """Entries of the ledgers that are grown to see what memory they take."""
    followed: int
    """Replicas follow ledgers of at most so many entries."""


PROFILES: Mapping[str, Sizes] = {
    sizes.name: sizes
    for sizes in (
        Sizes(
            "smoke",
            repeats=2,
            file_bytes=4 << 20,
            histories=1,
            visits=5,
            batches=1,
            commits=10,
            entries=2000,
            ledgers=(2000, 3000),
            followed=3000,
        ),
        Sizes(
            "paper",
            repeats=9,
            file_bytes=256 << 20,
            histories=40,
            visits=250,
            batches=4,
            commits=200,
            entries=20_000,
            ledgers=(10_000, 100_000),
            followed=100_000,
        ),
        Sizes(
            "full",
            repeats=21,
            file_bytes=1 << 30,
            histories=200,
            visits=1000,
            batches=8,
            commits=1000,
            entries=100_000,
            ledgers=(10_000, 100_000, 1_000_000, 3_000_000),
            followed=1_000_000,
        ),
    )
}


@dataclass(frozen=True)
class Bench:
    """One case's run."""

    case: str
    sizes: Sizes
    provenance: Mapping[str, Any]
    emit: Callable[[Line], None]

    def series(self, subject: Subject, *, security_bits: int | None = None, **settings: Any) -> None:
        """Hand in the samples of ``subject``, also those that it did not take itself."""
        self.emit(
            Series(
                case=self.case,
                name=subject.name,
                unit=subject.unit,
                amount=subject.amount,
                seconds=tuple(subject.seconds),
                cpu_seconds=tuple(subject.cpu_seconds),
                security_bits=security_bits,
                peak_memory_bytes=subject.peak_bytes,
                settings=settings | {"loops": subject.loops},
                provenance=self.provenance,
            )
        )

    def compare(self, title: str, of: Subject, over: Subject | None, *, at_least: float | None = None) -> None:
        """State a ratio of rates (or, without ``over``, a rate), and its goal."""
        self.compare_series(title, of.name, over.name if over else None, at_least=at_least)

    def compare_series(self, title: str, of: str, over: str | None, *, at_least: float | None = None) -> None:
        """As ``compare``, by the names of series that were handed in."""
        self.emit(Comparison(self.case, title, of, over, at_least, self.provenance))

    def absent(self, name: str, reason: str) -> None:
        """Say what was not measured, and why."""
        self.emit(Absent(self.case, name, reason, self.provenance))

    def figure(self, name: str, value: float, unit: str, **settings: Any) -> None:
        """Hand in something counted."""
        self.emit(Figure(self.case, name, value, unit, settings, self.provenance))

    def memory(self, name: str, held_bytes: int | None, **settings: Any) -> None:
        """Hand in how much memory something took, or that nothing tells."""
        if held_bytes is None:
            self.absent(name, memory.UNKNOWN)
        else:
            self.figure(name, held_bytes / 2**20, "MiB", **settings)

    def published(
        self,
        system: str,
        figure: str,
        faults: str,
        *,
        source: str = "",
        venue: str = "",
        year: int | None = None,
        hardware: str = "",
        security_bits: int | None = None,
        read_at: str = "",
    ) -> None:
        """Hand in what others published; what follows ``faults`` as far as they say so."""
        self.emit(
            Published(
                case=self.case,
                system=system,
                figure=figure,
                faults=faults,
                provenance=self.provenance,
                source=source,
                venue=venue,
                year=year,
                hardware=hardware,
                security_bits=security_bits,
                read_at=read_at,
            )
        )

    def profile(self, name: str, seconds: float, functions: list[tuple[str, int, float, float]]) -> None:
        """Hand in where the time of one run went."""
        self.emit(Profile(self.case, name, seconds, tuple(functions), self.provenance))
