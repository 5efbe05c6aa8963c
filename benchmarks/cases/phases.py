"""What each phase of the scheme costs each role, computation and communication, as a patient's history grows."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import memory
from benchmarks.bench import Bench
from benchmarks.bulk_history import RECORDS_A_BLOCK
from benchmarks.roles import DIRECTIONS, REENCRYPTION, Account
from benchmarks.scene import PROXIES, THRESHOLD
from benchmarks.story import play, visits
from benchmarks.timing import Subject, nothing

SECURITY_BITS = 128
PHASES = (
    "setup", "enrolment", "record generation", "block", "upload", "request", "approval", REENCRYPTION, "reading",
    "matching", "session",
)  # fmt: skip
"""In the order of the story, but for enrolment: that of the doctor who asks comes after the history is written."""
ROLES = (
    "authority", "delegate", "hospital", "doctor", "patient", "proxy", "cloud", "issuer", "index", "relay",
)  # fmt: skip
OF_THE_HISTORY = ("record generation", "block", "upload", "reading")
"""Phases whose work is every record of the history."""
SAMPLES: Mapping[str, Mapping[int, int]] = {
    "smoke": {10: 2, 100: 2},
    "paper": {10: 9, 100: 9, 1_000: 7, 10_000: 6, 100_000: 2},
    "full": {10: 21, 100: 21, 1_000: 21, 10_000: 9, 100_000: 5},
}
"""By profile: lengths in records, and how many stories of each; ten records make a block, four blocks a visit. Two of
the longest are too few for an interval, but each takes minutes.
"""


@dataclass
class _Length:
    """The stories with a history of so many records."""

    records: int
    history: Sequence[bytes]
    accounts: list[Account] = field(default_factory=list)
    ledger_bytes: int = 0
    taken_bytes: int | None = None
    """The most that a story took on top of what was resident before it; ``None`` where nothing tells."""

    @property
    def settings(self) -> dict[str, int]:
        return {
            "records": self.records,
            "blocks": self.records // RECORDS_A_BLOCK,
            "visits": len(self.history),
            "proxies": PROXIES,
            "threshold": THRESHOLD,
        }

    def total(self, phase: str) -> list[float]:
        """CPU seconds of all roles, story by story."""
        return [sum(account.computed.get((phase, role), 0.0) for role in ROLES) for account in self.accounts]


def measure(bench: Bench) -> None:
    """Whole stories, from the founding of a clinic to a session, with CPU time and bytes of each role, by length.

    A story writes one patient's history visit by visit, a doctor asks for all of it and reads it. The series of a role
    are CPU seconds (``clock`` is ``cpu``), which add up over roles; the series of a phase are seconds until it is done.
    """
    samples = SAMPLES[bench.sizes.name]
    lengths = [_Length(records, visits(records)) for records in samples]
    _play(_Length(10, visits(10)), Account())  # warm-up: the vocabulary is read, modules are imported
    for turn in range(max(samples.values())):
        for length in lengths:
            if turn < samples[length.records]:
                account = Account()
                length.ledger_bytes = _play(length, account)
                length.accounts.append(account)
                if len(length.accounts) == samples[length.records]:
                    _hand_in(bench, length)
    _growth(bench, lengths[0], lengths[-1])


def _play(length: _Length, account: Account) -> int:
    before = memory.resident_bytes() if memory.restart_peak() else None
    with tempfile.TemporaryDirectory(prefix="chartseal-bench-") as folder:
        ledger_bytes = play(Path(folder), account, length.history)
    peak = memory.peak_bytes()
    if before is not None and peak is not None:
        length.taken_bytes = max(peak - before, length.taken_bytes or 0)
    return ledger_bytes


def _hand_in(bench: Bench, length: _Length) -> None:
    for phase in PHASES:
        name = f"{phase}, {length.records:,} records"
        settings = length.settings | {"phase": phase}
        if phase != REENCRYPTION:  # by three proxies at once, while the doctor waits: its seconds are in the reading
            _whole(bench, length, phase, name, settings)
        for role in ROLES:
            _role(bench, length, phase, role, f"{name}: {role}", settings | {"role": role})
    bench.figure(
        f"ledger, {length.records:,} records: to each replica", length.ledger_bytes, "bytes", **length.settings
    )
    bench.memory(
        f"memory taken, {length.records:,} records: all roles in one process", length.taken_bytes, **length.settings
    )


def _whole(bench: Bench, length: _Length, phase: str, name: str, settings: Mapping[str, object]) -> None:
    subject = Subject(name, nothing)
    if phase in OF_THE_HISTORY:
        subject.amount, subject.unit = length.records, "records"
    subject.seconds = [account.wall_seconds[phase] for account in length.accounts]
    subject.cpu_seconds = length.total(phase)
    bench.series(subject, security_bits=SECURITY_BITS, clock="wall", **settings)
    if phase in OF_THE_HISTORY:
        bench.compare(f"{name}, until done", subject, None)


def _role(bench: Bench, length: _Length, phase: str, role: str, name: str, settings: Mapping[str, object]) -> None:
    if all((phase, role) in account.computed for account in length.accounts):
        subject = Subject(f"{name}, CPU time", nothing)
        subject.cpu_seconds = [account.computed[phase, role] for account in length.accounts]
        subject.seconds = subject.cpu_seconds
        bench.series(subject, security_bits=SECURITY_BITS, clock="cpu", **settings)
    for direction in DIRECTIONS:
        sizes = [account.bytes.get((phase, role, direction), 0) for account in length.accounts]
        if any(sizes):
            bench.figure(f"{name} {direction}", statistics.median(sizes), "bytes", direction=direction, **settings)


def _growth(bench: Bench, shortest: _Length, longest: _Length) -> None:
    """What a phase costs with the longest history, over the shortest: 1 if its length does not matter."""
    for phase in PHASES:
        ratio = statistics.median(longest.total(phase)) / statistics.median(shortest.total(phase))
        name = f"{phase}: CPU time with {longest.records:,} records, over {shortest.records:,}"
        bench.figure(name, ratio, "times", phase=phase, records=longest.records, over=shortest.records)
