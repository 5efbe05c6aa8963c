"""Counting on the wire: bytes each way, requests, and the bill of a story."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bulk_history import BLOCKS_A_VISIT, RECORDS_A_BLOCK, bundle
from benchmarks.servers.forwarder import in_front_of
from benchmarks.servers.running import Running
from benchmarks.storage.entrants import Entrant, Entrants
from benchmarks.storage.payload import Load, Payload, expansion
from benchmarks.storage.prices import Measured, Provider, Story, bill, providers
from benchmarks.storage.server_side import stored_bytes
from benchmarks.storage.systems import COMMAND_CONNECTIONS, STORE
from benchmarks.storage.wire import Wire

_RECORDS_A_VISIT = BLOCKS_A_VISIT * RECORDS_A_BLOCK


def measure_traffic(entrants: Entrants, running: Running, load: Load) -> None:
    """Bytes on the wire, beyond those in clear; all headers and the transport's encryption are in it."""
    with (
        in_front_of(running, Wire) as (reached, wire),
        entrants.started(reached, load.connections, "traffic") as (folder, found),
    ):
        payload = Payload(folder / "payload", load)
        for entrant in found:
            with entrants.excusing(entrant, f"traffic of {load.size}"):
                before = wire.traffic
                entrant.system.upload(payload.folder)
                stored = wire.traffic
                entrant.system.download(folder / f"out of {entrant.name}")
                sent, got = (stored - before).bytes_up, (wire.traffic - stored).bytes_down
                for direction, counted in (("upload", sent), ("download", got)):
                    entrants.bench.figure(
                        f"{entrants.backend}, {direction}, {load.size}: expansion on the wire, {entrant.name}",
                        expansion(counted, load),
                        "%",
                        backend=entrants.backend,
                        direction=direction,
                        system=entrant.name,
                        version=entrant.version,
                        bytes=load.file_bytes,
                        files=load.files,
                    )


def measure_bill(entrants: Entrants, running: Running, visits: int, scan_bytes: int) -> None:
    """Requests and bytes of ``visits`` visits, stored one by one and fetched at once; what a story of them costs."""
    kind = _Visits(visits, scan_bytes)
    with (
        in_front_of(running, Wire) as (reached, wire),
        entrants.started(reached, COMMAND_CONNECTIONS, "bill") as (folder, found),
    ):
        for entrant in found:
            if entrant.name == STORE:
                continue
            place = folder / f"visits of {entrant.name}"
            place.mkdir()
            with entrants.excusing(entrant, f"bill of {kind}"):
                measured = _treated(entrant, wire, place, kind)
                _tell_requests(entrants, entrant, measured, kind)
                for prices in providers():
                    _tell_bill(entrants, entrant, measured, kind, prices)


@dataclass(frozen=True)
class _Visits:
    """Visits of forty FHIR records each and, unless ``scan_bytes`` is 0, an incompressible scan."""

    number: int
    scan_bytes: int

    def __str__(self) -> str:
        return f"records and a scan of {self.scan_bytes >> 20} MiB" if self.scan_bytes else "records"

    def write(self, place: Path) -> Iterator[int]:
        """Add one visit's files to ``place`` after the other; yields their bytes."""
        entries = json.loads(bundle(self.number))["entry"]
        for visit in range(self.number):
            part = entries[visit * _RECORDS_A_VISIT : (visit + 1) * _RECORDS_A_VISIT]
            data = json.dumps({"resourceType": "Bundle", "type": "collection", "entry": part}).encode()
            (place / f"visit-{visit}.json").write_bytes(data)
            if self.scan_bytes:
                (place / f"scan-{visit}.bin").write_bytes(random.Random(visit).randbytes(self.scan_bytes))
            yield len(data) + self.scan_bytes


def _treated(entrant: Entrant, wire: Wire, place: Path, kind: _Visits) -> Measured:
    before = wire.traffic
    plain = 0
    for size in kind.write(place):
        entrant.system.upload(place)
        plain += size
    stored = wire.traffic
    entrant.system.download(place.with_name(f"out of {entrant.name}"))
    return Measured(kind.number, plain, stored - before, wire.traffic - stored, stored_bytes(entrant.at))


def _tell_requests(entrants: Entrants, entrant: Entrant, measured: Measured, kind: _Visits) -> None:
    for what, counted, unit in (
        ("storing: PUT, POST, LIST", measured.storing.writes, "requests a visit"),
        ("storing: GET, HEAD", measured.storing.reads, "requests a visit"),
        ("fetching: LIST", measured.fetching.writes, "requests a visit"),
        ("fetching: GET, HEAD", measured.fetching.reads, "requests a visit"),
        ("fetching", measured.fetching.bytes_down, "bytes a visit"),
        ("stored", measured.stored_bytes, "bytes a visit"),
    ):
        entrants.bench.figure(
            f"visits of {kind}, {what}, {entrant.name}",
            counted / measured.visits,
            unit,
            backend=entrants.backend,
            system=entrant.name,
            version=entrant.version,
            visits=measured.visits,
            plain_bytes=measured.plain_bytes,
        )


def _tell_bill(entrants: Entrants, entrant: Entrant, measured: Measured, kind: _Visits, prices: Provider) -> None:
    story = Story()
    found = bill(measured, story, prices)
    for part, usd in (
        ("requests", found.requests),
        ("storage", found.storage),
        ("egress", found.egress),
        ("in all", found.total),
    ):
        entrants.bench.figure(
            f"{story}, {kind}, {prices.name} ({prices.read_on}): {part}, {entrant.name}",
            usd,
            "USD a year",
            system=entrant.name,
            version=entrant.version,
            part=part,
            visits=str(kind),
            provider=prices.name,
            page=prices.page,
            prices_read_at=prices.read_at,
            prices_read_on=prices.read_on.isoformat(),
            **vars(story),
        )
