"""What storage costs: uploads and downloads, sealed, beside peers; bytes stored and sent; the bill.

Every server runs on loopback, so times are those of software without a network's latency. Files are incompressible, the
visits of the bill are FHIR records.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bench import Bench
from benchmarks.errors import ServerMissing
from benchmarks.scene import Scene, scene
from benchmarks.servers.apart import apart
from benchmarks.servers.running import BEHIND_PROXY, Running
from benchmarks.storage.cells import measure_cell
from benchmarks.storage.counts import measure_bill, measure_traffic
from benchmarks.storage.entrants import Entrants
from benchmarks.storage.payload import Load
from benchmarks.storage.systems import COMMAND_CONNECTIONS, CommandHome, credentials

BILLED = "s3-seaweedfs"
"""The server on which requests are counted for the bill."""
_KIB, _MIB = 1 << 10, 1 << 20
_AT_ONCE = COMMAND_CONNECTIONS


@dataclass(frozen=True)
class Grid:
    """What is measured where. ``beside_peers`` gets every load, the other backends ``brief`` and no peers.

    Large loads are repeated ``large_repeats`` times, the others ``repeats`` times. ``counted``: the load whose bytes on
    the wire are counted. ``visits`` are stored and fetched for the bill, of each kind: with a scan of so many bytes (0:
    none).
    """

    repeats: int
    large_repeats: int
    beside_peers: tuple[str, ...]
    others: tuple[str, ...]
    loads: tuple[Load, ...]
    brief: tuple[Load, ...]
    counted: Load
    visits: int
    scan_bytes: tuple[int, ...]


_SMALL = (
    Load(64, 4 * _KIB, 1),
    Load(64, 4 * _KIB, _AT_ONCE),
    Load(16, _MIB, _AT_ONCE),
    Load(1, 16 * _MIB, _AT_ONCE),
)
GRIDS: Mapping[str, Grid] = {
    "smoke": Grid(
        repeats=2,
        large_repeats=2,
        beside_peers=(BILLED,),
        others=("folder", "sftp-openssh", "ftps-vsftpd"),
        loads=(Load(4, 4 * _KIB, _AT_ONCE),),
        brief=(Load(4, 4 * _KIB, _AT_ONCE),),
        counted=Load(4, 4 * _KIB, _AT_ONCE),
        visits=1,
        scan_bytes=(0,),
    ),
    "paper": Grid(
        repeats=3,
        large_repeats=2,
        beside_peers=(BILLED, "sftp-openssh"),
        others=("folder", "s3-moto", "ftps-vsftpd", "ftp-vsftpd", "ftps-pyftpdlib"),
        loads=(*_SMALL, Load(1, 256 * _MIB, _AT_ONCE)),
        brief=_SMALL,
        counted=Load(64, 4 * _KIB, _AT_ONCE),
        visits=4,
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
        brief=tuple(
            Load(files, size, at_once)
            for files, size in ((256, 4 * _KIB), (64, _MIB), (1, 256 * _MIB))
            for at_once in (1, 8)
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
    with scene() as cast:
        home = CommandHome(cast.folder / "command")
        for backend in (*grid.beside_peers, *grid.others):
            try:
                _on(bench, grid, cast, home, backend)
            except ServerMissing as missing:
                bench.absent(backend, str(missing))


def _on(bench: Bench, grid: Grid, cast: Scene, home: CommandHome, backend: str) -> None:
    loads = grid.loads if backend in grid.beside_peers else grid.brief
    with _server(cast, backend) as running:
        if backend in grid.beside_peers:
            entrants = Entrants.on(bench, cast, home, backend, running)
        else:
            entrants = Entrants(bench, cast, home, backend, ())
        for load in loads:
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
    for load in loads:
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
