"""What storage costs: uploads and downloads, sealed, beside peers; bytes stored and sent; the bill.

Every server runs on loopback, so times are those of software without a network's latency. Files are incompressible, the
visits of the bill are FHIR records.

Profile ``paper`` measures every backend from 4 KiB to 256 MiB, of these 4 KiB and 1 MiB one at a time and eight at
once, in eight to nine minutes: 256 MiB once, the rest three times. It leaves to ``full``, over night, the sizes between
(64 KiB, 16 and 64 MiB), two and four at once, larger files one at a time, peers on a folder and on FTPS, pyftpdlib's
servers, more files, visits and repeats.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bench import Bench
from benchmarks.errors import CaseFailed, ServerUnavailable
from benchmarks.scene import Scene, scene
from benchmarks.servers.apart import apart
from benchmarks.servers.running import BEHIND_PROXY, Running
from benchmarks.storage.cells import measure_cell
from benchmarks.storage.counts import measure_bill, measure_traffic
from benchmarks.storage.entrants import Entrants
from benchmarks.storage.payload import Load
from benchmarks.storage.systems import COMMAND_CONNECTIONS, CommandHome, credentials
from scheme.errors import ChartSealError

BILLED = "s3-seaweedfs"
"""The server on which requests are counted for the bill."""
_KIB, _MIB = 1 << 10, 1 << 20
_AT_ONCE = COMMAND_CONNECTIONS


@dataclass(frozen=True)
class Grid:
    """What is measured where: every load on every backend, with peers on those of ``beside_peers``.

    Large loads are repeated ``large_repeats`` times, the others ``repeats`` times. ``counted``: the load whose bytes on
    the wire are counted. ``visits`` are stored and fetched for the bill, of each kind: with a scan of so many bytes (0:
    none).
    """

    repeats: int
    large_repeats: int
    beside_peers: tuple[str, ...]
    others: tuple[str, ...]
    loads: tuple[Load, ...]
    counted: Load
    visits: int
    scan_bytes: tuple[int, ...]


GRIDS: Mapping[str, Grid] = {
    "smoke": Grid(
        repeats=2,
        large_repeats=2,
        beside_peers=(BILLED,),
        others=("folder", "sftp-openssh", "ftps-vsftpd"),
        loads=(Load(4, 4 * _KIB, _AT_ONCE),),
        counted=Load(4, 4 * _KIB, _AT_ONCE),
        visits=1,
        scan_bytes=(0,),
    ),
    "paper": Grid(
        repeats=3,
        large_repeats=1,
        beside_peers=(BILLED, "sftp-openssh"),
        others=("folder", "s3-moto", "ftps-vsftpd", "ftp-vsftpd"),
        loads=(
            Load(32, 4 * _KIB, 1),
            Load(32, 4 * _KIB, _AT_ONCE),
            Load(16, _MIB, 1),
            Load(16, _MIB, _AT_ONCE),
            Load(1, 256 * _MIB, _AT_ONCE),
        ),
        counted=Load(32, 4 * _KIB, _AT_ONCE),
        visits=2,
        scan_bytes=(0, 8 * _MIB),
    ),
    "full": Grid(
        repeats=15,
        large_repeats=9,
        beside_peers=(BILLED, "sftp-openssh", "folder", "ftps-vsftpd"),
        others=("s3-moto", "ftp-vsftpd", "ftps-pyftpdlib", "ftp-pyftpdlib"),
        loads=tuple(
            Load(files, size, at_once)
            for files, size in (
                (256, 4 * _KIB),
                (256, 64 * _KIB),
                (64, _MIB),
                (8, 16 * _MIB),
                (4, 64 * _MIB),
                (1, 256 * _MIB),
            )
            for at_once in (1, 2, 4, 8)
        ),
        counted=Load(256, 4 * _KIB, _AT_ONCE),
        visits=40,
        scan_bytes=(0, 8 * _MIB),
    ),
}
"""By profile."""


def measure(bench: Bench) -> None:
    """Uploads and downloads by size and concurrency on every backend, beside peers; bytes stored and sent; the bill."""
    grid = GRIDS[bench.sizes.name]
    faults: list[str] = []
    with scene() as cast:
        home = CommandHome(cast.folder / "command")
        for backend in (*grid.beside_peers, *grid.others):
            try:
                _on(grid, Entrants(bench, cast, home, backend, (), faults))
            except (ChartSealError, OSError) as failure:
                bench.absent(backend, str(failure))
                if not isinstance(failure, ServerUnavailable):
                    faults.append(backend)
    if faults:
        raise CaseFailed(f"of ChartSeal itself failed, while the others went on: {'; '.join(faults)}")


def _on(grid: Grid, entrants: Entrants) -> None:
    """Raises ``ServerUnavailable`` when the server cannot be had, and another error when nothing can go on with it."""
    cast, backend = entrants.cast, entrants.backend
    with _server(cast, backend) as running:
        if backend in grid.beside_peers:
            entrants = entrants.beside_peers(running)
        for load in grid.loads:
            if not load.is_large:
                measure_cell(entrants, running, load, grid.repeats)
        if backend == BILLED:
            for scan_bytes in grid.scan_bytes:
                measure_bill(entrants, running, grid.visits, scan_bytes)
        if running.url.startswith("s3:"):
            measure_traffic(entrants, running, grid.counted)
    if running.ports:
        with _server(cast, backend, listen=BEHIND_PROXY) as hidden:
            measure_traffic(entrants, hidden, grid.counted)
    for load in grid.loads:
        if load.is_large:
            with _server(cast, backend) as fresh:
                measure_cell(entrants, fresh, load, grid.large_repeats)


@contextmanager
def _server(cast: Scene, backend: str, *, listen: str | None = None) -> Iterator[Running]:
    """A server whose files are removed at the end: one that deletes an object need not free the disk at once."""
    with (
        TemporaryDirectory(dir=cast.folder) as folder,
        apart(backend, Path(folder), listen=listen) as running,
        credentials(running),
    ):
        yield running
