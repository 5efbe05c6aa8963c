"""What a network between the roles costs: a doctor's read by latency and by length of the history, and many at once.

A hospital's server and three proxies run as processes of their own on loopback; a small TCP proxy in front of them adds
latency to each round trip of the reader. Her read is all that a command does once her keys are unlocked: it opens her
home, follows the ledger, asks for the release, fetches, has capsules re-encrypted, and writes the history out. Every
block is in a chapter of its own, as visits leave them: the most that proxies can be asked for. All is on one machine,
so with many readers at once it is also their own work that fills its cores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks.bench import Bench
from benchmarks.latency import Latency
from benchmarks.network_readers import readers
from benchmarks.network_scene import HOSPITAL, Outs, Served, grant_all, read, seal_history
from benchmarks.scene import PROXIES, THRESHOLD, Scene, scene
from benchmarks.timing import Subject, interleave, nothing
from clinic.home_folder import HomeFolder
from clinic.keystore import MemberSecrets
from ledger.bodies import Role
from network.member_home import MemberHome

SECURITY_BITS = 128
_AROUND = {"proxies": PROXIES, "threshold": THRESHOLD, "store": "folder"}
_HERS, _ALL = "the reader's", "all"
"""Which links are slowed down."""


@dataclass(frozen=True)
class Extent:
    """Histories of so many ``blocks`` are read at added ``latencies_ms``, ``repeats`` times; ``readers`` at once read
    one of ``shared_blocks``, ``rounds`` times.
    """

    blocks: tuple[int, ...]
    latencies_ms: tuple[int, ...]
    repeats: int
    readers: int
    shared_blocks: int
    rounds: int


EXTENTS: Mapping[str, Extent] = {
    "smoke": Extent((4, 8), (0, 20), repeats=2, readers=2, shared_blocks=4, rounds=2),
    "paper": Extent((10, 100, 1000), (0, 20, 100), repeats=6, readers=50, shared_blocks=10, rounds=3),
    "full": Extent((10, 100, 1000, 4000), (0, 20, 100), repeats=11, readers=50, shared_blocks=100, rounds=11),
}
"""By profile."""


def measure(bench: Bench) -> None:
    """A doctor's read over a network: by latency, its round trips by blocks, beside one home; many readers at once."""
    extent = EXTENTS[bench.sizes.name]
    with scene() as one_home, scene(proxies=0) as cast:
        served = Served(cast)
        reader = served.join(Role.DOCTOR, "the reader")
        crowd = [served.join(Role.DOCTOR, f"reader {number}") for number in range(1, extent.readers + 1)]
        patients = {blocks: _patient(served, blocks) for blocks in sorted({*extent.blocks, extent.shared_blocks})}
        with served.serving() as latency:
            for blocks in extent.blocks:
                _grant(patients[blocks], [reader])
                alone = _Alone(bench, latency, reader, patients[blocks].config.member, blocks, Outs(cast.folder))
                alone.timed(extent, one_home if blocks == max(extent.blocks) else None)
                alone.counted(next(filter(None, extent.latencies_ms)))
            _grant(patients[extent.shared_blocks], crowd)
            _at_once(bench, extent, cast, latency, crowd, patients[extent.shared_blocks].config.member)


def _patient(served: Served, blocks: int) -> MemberHome:
    patient = served.join(Role.PATIENT, f"a patient with {blocks} blocks")
    seal_history(served.cast, patient.secrets(), blocks)
    return patient


def _grant(patient: MemberHome, doctors: Sequence[MemberHome]) -> None:
    with patient.site() as site:
        for doctor in doctors:
            grant_all(site, patient.secrets(), doctor.secrets())


@dataclass(frozen=True)
class _Alone:
    """One doctor reads one history."""

    bench: Bench
    latency: Latency
    reader: MemberHome
    patient_id: str
    blocks: int
    outs: Outs

    def timed(self, extent: Extent, one_home: Scene | None) -> None:
        """By latency; with ``one_home`` also when the proxies are as far away, and with everybody in that home."""
        subjects = {ms: self._subject(ms) for ms in extent.latencies_ms}
        every, here = [], []
        if one_home is not None:
            every.append(self._subject(max(extent.latencies_ms), everywhere=True))
            here.append(self._in_one_home(one_home))
        interleave([*subjects.values(), *every, *here], extent.repeats)
        for ms, subject in subjects.items():
            self._hand_in(subject, readers=1, latency_ms=ms, links=_HERS)
        for subject in every:
            self._hand_in(subject, readers=1, latency_ms=max(extent.latencies_ms), links=_ALL)
        for subject in here:
            self._hand_in(subject, readers=1)
            for ms, remote in subjects.items():
                self.bench.compare(f"over the network, {ms} ms, over one home", remote, subject)

    def counted(self, latency_ms: int) -> None:
        """What goes over the wire in one read; its letters were fetched by an earlier one."""
        self.latency.be(latency_ms)
        self.latency.counted()
        self._read(self.reader, self.reader.secrets(), self.patient_id)
        found = dict(self.latency.counted())
        self.outs.remove()
        hospital, slowest = found.pop(HOSPITAL), max(each.round_trips for each in found.values())
        every = sum(found.values(), hospital)
        settings = {"blocks": self.blocks, "latency_ms": latency_ms}
        for server, value in (
            ("the hospital", hospital.round_trips),
            ("a proxy", slowest),
            ("one after another", hospital.round_trips + slowest),
        ):
            self._figure(f"round trips, {server}", value, "round trips", **settings, server=server)
        self._figure("connections", every.connections, "connections", **settings)
        self._figure("bytes sent", every.bytes_up, "bytes", **settings, direction="sent")
        self._figure("bytes received", every.bytes_down, "bytes", **settings, direction="received")

    def _subject(self, latency_ms: int, *, everywhere: bool = False) -> Subject:
        def run() -> None:
            self.latency.be(latency_ms, everywhere=everywhere)
            self._read(self.reader, self.reader.secrets(), self.patient_id)

        where = " on every link" if everywhere else ""
        return Subject(f"{self.blocks:,} blocks, {latency_ms} ms{where}", run, tidy=self.outs.remove)

    def _in_one_home(self, cast: Scene) -> Subject:
        patient = cast.enrol_patient("the patient")
        seal_history(cast, patient, self.blocks)
        grant_all(cast.site, patient, cast.reader)
        run = partial(self._read, cast.home, cast.reader, patient.member_id)
        return Subject(f"{self.blocks:,} blocks, everybody in one home", run, tidy=self.outs.remove)

    def _read(self, home: HomeFolder, reader: MemberSecrets, patient_id: str) -> None:
        read(home, reader, patient_id, self.blocks, next(self.outs))

    def _hand_in(self, subject: Subject, **settings: object) -> None:
        self.bench.series(
            subject, security_bits=SECURITY_BITS, blocks=self.blocks, chapters=self.blocks, **settings, **_AROUND
        )

    def _figure(self, what: str, value: float, unit: str, **settings: object) -> None:
        self.bench.figure(f"{self.blocks:,} blocks: {what}", value, unit, **settings)


def _at_once(
    bench: Bench, extent: Extent, cast: Scene, latency: Latency, crowd: Sequence[MemberHome], patient_id: str
) -> None:
    """Everybody of ``crowd`` reads the same patient's history at the same time, on the same servers.

    Readers share processes, so CPU time is only all of theirs together.
    """
    blocks, count = extent.shared_blocks, len(crowd)
    named = f"{count} readers at once, {blocks:,} blocks"
    together = {ms: Subject(f"{named}, {ms} ms", nothing, count, "reads") for ms in extent.latencies_ms}
    each = {ms: Subject(f"one of {named}, {ms} ms", nothing) for ms in extent.latencies_ms}
    with readers([home.folder for home in crowd], patient_id, blocks, cast.folder) as processes:
        processes.read()
        for _ in range(extent.rounds):
            for ms in extent.latencies_ms:
                latency.be(ms)
                found = processes.read()
                together[ms].seconds.append(found.seconds)
                together[ms].cpu_seconds.append(found.cpu_seconds)
                each[ms].seconds.extend(found.each)
    settings = {"blocks": blocks, "chapters": blocks, "links": _HERS, **_AROUND}
    for ms in extent.latencies_ms:
        bench.series(together[ms], security_bits=SECURITY_BITS, readers=count, latency_ms=ms, **settings)
        bench.series(each[ms], security_bits=SECURITY_BITS, at_once=count, latency_ms=ms, **settings)
