"""Who takes part on a server: the store alone, the library, the command, and the peers that are installed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bench import Bench
from benchmarks.errors import CaseFailed
from benchmarks.scene import Scene
from benchmarks.servers.running import Running
from benchmarks.servers.starters import within
from benchmarks.storage.peers import PEERS, Peer
from benchmarks.storage.server_side import clear
from benchmarks.storage.systems import COMMAND_CONNECTIONS, Command, CommandHome, Library, StoreAlone, System
from scheme.errors import ChartSealError

SECURITY_BITS = 128


@dataclass(frozen=True)
class Entrant:
    """A system that was started at a place of its own; ``version`` is a peer's."""

    system: System
    at: Running
    version: str | None = None

    @property
    def name(self) -> str:
        """Of the system."""
        return self.system.name


@dataclass(frozen=True)
class Entrants:
    """Starts systems for one server, called ``backend``, with those of ``peers`` that can be had.

    A system that fails is a row that says so and no number, and the others go on; ``faults`` gets what failed of ours.
    """

    bench: Bench
    cast: Scene
    home: CommandHome
    backend: str
    peers: Sequence[Peer]
    faults: list[str]

    def beside_peers(self, running: Running) -> Entrants:
        """With every peer; those that cannot be had are told as absent."""
        lacking = {peer.name: peer.lacks(running) for peer in PEERS}
        for name, reason in lacking.items():
            if reason is not None:
                self.bench.absent(f"{self.backend}: {name}", reason)
        return replace(self, peers=[peer for peer in PEERS if lacking[peer.name] is None])

    @contextmanager
    def started(
        self, running: Running, connections: int, name: str, *, command: bool = False
    ) -> Iterator[tuple[Path, list[Entrant]]]:
        """A folder here, and the systems, each in an empty place on the server, all in an area ``name`` of it.

        The command stores and sends what the library does: it is there where time counts. All is removed at the end.
        """
        area = within(running, name)
        entrants: list[Entrant] = []
        with TemporaryDirectory(dir=self.cast.folder) as scratch, ExitStack() as at_the_end:
            folder = Path(scratch)
            at_the_end.callback(clear, area)
            for entrant in self._start(area, connections, folder, command=command):
                at_the_end.callback(entrant.system.close)
                entrants.append(entrant)
            yield folder, entrants

    def _start(self, area: Running, connections: int, folder: Path, *, command: bool) -> Iterator[Entrant]:
        at = within(area, "store")
        yield Entrant(StoreAlone(at, connections), at)
        at = within(area, "library")
        yield Entrant(Library(self.cast, at, connections), at)
        if command and self.peers and connections == COMMAND_CONNECTIONS:
            at = within(area, "command")
            yield Entrant(Command(self.home, at), at)
        for number, peer in enumerate(self.peers):
            scratch = folder / f"peer-{number}"
            scratch.mkdir()
            at = within(area, f"peer-{number}")
            try:
                yield Entrant(peer.start(at, connections, scratch), at, peer.version())
            except CaseFailed as failure:
                self.bench.absent(f"{self.backend}, {connections} at once: {peer.name}", str(failure))

    @contextmanager
    def excusing(self, entrant: Entrant, doing: str) -> Iterator[None]:
        """What fails within is told as absent; ``faults`` gets it too if it is ours."""
        try:
            yield
        except (ChartSealError, OSError) as failure:
            name = self.label(doing, entrant.name)
            self.bench.absent(name, str(failure))
            if entrant.version is None:
                self.faults.append(name)

    def label(self, doing: str, system: str) -> str:
        """Name of a result."""
        return f"{self.backend}, {doing}: {system}"
