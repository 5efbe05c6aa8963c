"""Small made-up results of every case that has a figure of its own, and names full of the marks of every form."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from benchmarks.results import Absent, Comparison, Figure, Line, Profile, Published, Series
from tests.benchmarks import lines

SHARED = "one of 50 readers at once"
"""Name of a series without CPU time."""
HOSTILE = r"<script>alert(1)</script> & 100 % $x_1^2$ #1 {a} ~b \end{tabular} | `c` [d](e) *f* <img src=x onerror=y>"


def every_case() -> list[Line]:
    """Ratios, missing and published rows stand in ``made-up``."""
    return [*_made_up(), *_matching(), *_leakage(), *_ledger(), *_phases(), *_schemes(), *_storage(), *_network()]


def hostile() -> list[Line]:
    """A case, a series, a ratio, a reason and a publication with every special sign in their names."""
    where = lines.PROVENANCE | {"cpu": HOSTILE, "python": HOSTILE}
    one, other = f"{HOSTILE} one", f"{HOSTILE} other"
    return [
        Series(HOSTILE, one, "operations", 1, (1.0, 2.0), (1.0, 2.0), 80, provenance=where),
        Series(HOSTILE, other, "operations", 1, (2.0, 4.0), (2.0, 4.0), 128, provenance=where),
        Comparison(HOSTILE, HOSTILE, one, other, 1.5, where),
        Absent(HOSTILE, HOSTILE, HOSTILE, where),
        Figure(HOSTILE, HOSTILE, 3, HOSTILE, {HOSTILE: HOSTILE}, where),
        Published(HOSTILE, HOSTILE, HOSTILE, HOSTILE, where, source=HOSTILE),
        Profile(HOSTILE, HOSTILE, 1.0, ((HOSTILE, 1, 0.5, 1.0),), where),
        *(_hostile_settings(line) for line in (*_phases(), *_schemes(), *_storage(), *_network(), *_leakage())),
    ]


def _hostile_settings(line: Line) -> Line:
    """Words in settings, but for those that figures and tables choose by."""
    if not isinstance(line, Series | Figure):
        return line
    kept = {"of", "attack", "links"} | ({"direction"} if line.settings.get("direction") == "sent" else set())
    settings = {
        name: f"../{HOSTILE} {value}" if isinstance(value, str) and name not in kept else value
        for name, value in line.settings.items()
    }
    return dataclasses.replace(line, name=f"{HOSTILE} {line.name}", settings=settings)


def _series(case: str, name: str, seconds: float, unit: str = "operations", bits: int = 128, **settings: Any) -> Series:
    samples = (seconds, 1.1 * seconds, 0.9 * seconds)
    return Series(case, name, unit, 1, samples, samples, bits, settings=settings, provenance=lines.PROVENANCE)


def _figure(case: str, name: str, value: float, unit: str, **settings: Any) -> Figure:
    return Figure(case, name, value, unit, settings, lines.PROVENANCE)


def _made_up() -> Iterator[Line]:
    yield lines.series("fast", (1.0, 1.0, 1.25))
    yield lines.series("slow", (4.0, 4.0, 5.0))
    yield lines.comparison("fast over slow", "fast", "slow", 2.0)
    yield lines.comparison("slow blocks a second", "slow", None, 300)
    yield _series("made-up", "an operation on an old curve", 0.5, bits=80)
    yield lines.absent()
    yield lines.figure()
    yield lines.published()
    yield lines.profile()


def _matching() -> Iterator[Line]:
    for patients in (1_000, 1_000_000):
        yield _series("matching", f"search, {patients}", patients / 1e8, "searches", patients=patients, closure="near")
        for symptoms, seconds in ((1, patients**2 / 2000), (10, patients / 10)):
            yield _figure("matching", f"extrapolated, {patients}, {symptoms}", seconds, "s", patients=patients,
                          symptoms=symptoms, extrapolated=True)  # fmt: skip
        yield _series("matching", f"openmined-psi, {patients}", patients / 5000, "items", items=patients)


def _leakage() -> Iterator[Line]:
    for closure, defence, leaked in (("exact", "none", 10.0), ("near", "none", 5.0), ("near", "5 decoys", 0.0)):
        settings = {"closure": closure, "defence": defence, "source": "made up", "patients": 1200}
        name = f"{closure}, {defence}"
        yield _figure("leakage", f"{name}: top-10", 70.0 + leaked, "%", **settings, of="top-10")
        for attack, share in (("frequency", leaked / 2), ("co-occurrence", leaked), ("dictionary of 1 x 256", 54.0)):
            for of in ("tags", "symptoms"):
                yield _figure("leakage", f"{name}: {attack}, {of}", share, "%", **settings, of=of, attack=attack,
                              knowledge="annotations")  # fmt: skip


def _ledger() -> Iterator[Line]:
    for delegates in (4, 21):
        yield _series(
            "ledger", f"one caller, {delegates}", delegates / 1000, "transactions", delegates=delegates, loops=1
        )
        for handovers in (0, 10):
            settings = {"delegates": delegates, "handovers": handovers}
            yield _series("ledger", f"proof, {settings}", (1 + handovers) * delegates / 1e4, **settings)
            yield _figure("ledger", f"size, {settings}", (1 + handovers) * delegates * 300, "bytes", **settings)
    for entries in (10_000, 100_000):
        yield _series("ledger", f"verify, {entries}", 2e-4, "entries", entries=entries, step="verify")
        yield _series("ledger", f"floor, {entries}", 1e-4, "entries", entries=entries, step="verify", bare=True)
        yield _figure("ledger", f"peak, {entries}", 80, "MiB", entries=entries, step="verify")


def _phases() -> Iterator[Line]:
    for records in (10, 1000):
        for phase, role, seconds in (
            ("block", "doctor", 0.003),
            ("block", "hospital", 0.001),
            ("setup", "patient", 0.2),
        ):
            settings = {"records": records, "phase": phase, "role": role}
            yield _series("phases", f"{settings}", seconds * records, **settings)
            for direction in ("sent", "received"):
                yield _figure("phases", f"{settings}, {direction}", 512 * records, "bytes", **settings,
                              direction=direction)  # fmt: skip


def _schemes() -> Iterator[Line]:
    for scheme, group, bits in (("umbral", "secp256k1", 128), ("AFGH 2006", "SS512", 80)):
        for phase, seconds in (("encapsulate", 0.001), ("open", 0.003)):
            settings = {"scheme": scheme, "group": group, "phase": phase}
            name = f"{scheme} on {group}: {phase}"
            line = _series("schemes", name, seconds, bits=bits, **settings)
            yield dataclasses.replace(line, cpu_seconds=[0.8 * each for each in line.cpu_seconds])
            yield _figure("schemes", f"{name}, pairing", 2, "operations", operation="pairing", **settings)
            yield _figure("schemes", f"{name}, predicted", 0.9 * seconds, "seconds", predicted=True, **settings)
            yield _figure("schemes", f"{name}, ratio", 1.11, "ratio", low=1.0, high=1.2, reason="10 % is Python's own",
                          **settings)  # fmt: skip


def _storage() -> Iterator[Line]:
    for system, factor in (("chartseal library", 1.0), ("restic", 2.0)):
        for direction in ("upload", "download"):
            for size, at_once in ((4096, 1), (1 << 20, 1), (1 << 20, 8)):
                settings = {"backend": "folder", "direction": direction, "bytes": size, "concurrency": at_once}
                name = f"folder, {direction}, {size}, {at_once}: {system}"
                yield _series("storage", name, factor * (0.001 + size / 1e8), "bytes", **settings, system=system)


def _network() -> Iterator[Line]:
    for readers, blocks in ((1, 10), (1, 1000), (50, 10)):
        for latency_ms in (0, 100):
            settings = {"readers": readers, "blocks": blocks, "latency_ms": latency_ms, "links": "the reader's"}
            yield _series("network", f"{settings}", 0.1 * readers + latency_ms / 100, **settings)
    settings = {"readers": 1, "blocks": 1000, "latency_ms": 100, "links": "all"}
    yield _series("network", f"{settings}", 3.0, **settings)
    for blocks in (10, 1000):
        for server, trips in (("the hospital", 6), ("a proxy", 2)):
            yield _figure("network", f"{blocks}: {server}", trips, "round trips", blocks=blocks, server=server,
                          latency_ms=20)  # fmt: skip
    yield dataclasses.replace(_series("network", SHARED, 4.0, at_once=50), cpu_seconds=())
