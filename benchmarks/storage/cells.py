"""Timing: one load on one server, every system in turn, first fetching what it stored, then storing anew."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.servers.running import Running
from benchmarks.storage.entrants import SECURITY_BITS, Entrant, Entrants
from benchmarks.storage.payload import Load, Payload, expansion, require_all
from benchmarks.storage.server_side import stored_bytes
from benchmarks.storage.systems import COMMAND, COMMAND_CONNECTIONS, LIBRARY, STORE
from benchmarks.timing import Subject, interleave, nothing
from cloud.open import open_store

_NO_OPTION = f"always moves {COMMAND_CONNECTIONS} at once, or as many as the store allows; it has no option for that"


def measure_cell(entrants: Entrants, running: Running, load: Load, repeats: int) -> None:
    """Hand in a series for each system and direction, and how they compare; also how many bytes the server holds."""
    area = f"{load.files}-{load.file_bytes}-{load.connections}"
    with entrants.started(running, load.connections, area, command=True) as (folder, found):
        cell = _Cell(entrants, load, Payload(folder / "payload", load), folder)
        stored = [cell.contender("first upload", each, each.system.upload, cell.payload.folder) for each in found]
        for contender in stored:
            contender.warm_up()
        present = _left(stored)
        if entrants.peers and load.connections == COMMAND_CONNECTIONS:
            _tell_expansion(entrants, present, load)
        elif entrants.peers:
            entrants.bench.absent(f"{entrants.backend}, {load}: {COMMAND}", _NO_OPTION)
        settings = {"backend": entrants.backend, "bytes": load.file_bytes, "files": load.files,
                    "concurrency": load.connections, "store_allows": _allowed(running)}  # fmt: skip
        expected = cell.payload.digests()
        cell.payload.renew()
        for direction, made in (("download", partial(cell.download, expected=expected)), ("upload", cell.upload)):
            contenders = [made(entrant) for entrant in present]
            if contenders:
                interleave(contenders, repeats, loops=1)
            present = _left(contenders)
            _hand_in(entrants, contenders, {**settings, "direction": direction})


@dataclass
class _Contender(Subject):
    """Transfers of one system. When one fails a row says so, the rest are passed over, and its times are not told."""

    entrants: Entrants = field(kw_only=True)
    entrant: Entrant = field(kw_only=True)
    doing: str = field(kw_only=True)
    track_peak: bool = False
    """A command or peer holds its memory elsewhere, and store and library hold little beside the benchmark's own."""
    is_warm: bool = False
    """Whether its system did the same before, so that it need not be warmed up."""
    failed: bool = False

    def warm_up(self) -> None:
        """See ``Subject.warm_up``."""
        if not self.is_warm:
            self._excused(super().warm_up)

    def sample(self) -> None:
        """See ``Subject.sample``."""
        self._excused(super().sample)

    def _excused(self, step: Callable[[], None]) -> None:
        if not self.failed:
            self.failed = True
            with self.entrants.excusing(self.entrant, self.doing):
                step()
                self.failed = False


def _left(contenders: Sequence[_Contender]) -> list[Entrant]:
    return [each.entrant for each in contenders if not each.failed]


@dataclass(frozen=True)
class _Cell:
    """One load on one server."""

    entrants: Entrants
    load: Load
    payload: Payload
    folder: Path

    def contender(
        self,
        direction: str,
        entrant: Entrant,
        transfer: Callable[[Path], None],
        folder: Path,
        *,
        tidy: Callable[[], None] = nothing,
        is_warm: bool = False,
    ) -> _Contender:
        """What takes the time is ``transfer`` of ``folder``."""
        doing = f"{direction}, {self.load}"
        return _Contender(
            self.entrants.label(doing, entrant.name),
            partial(transfer, folder),
            self.load.total_bytes,
            "bytes",
            tidy,
            entrants=self.entrants,
            entrant=entrant,
            doing=doing,
            is_warm=is_warm,
        )

    def download(self, entrant: Entrant, expected: Mapping[str, bytes]) -> _Contender:
        """What comes back is compared with what was stored, outside of the time."""
        out = self.folder / f"out of {entrant.name}"

        def compare() -> None:
            require_all(out, expected, entrant.name)
            shutil.rmtree(out)

        return self.contender("download", entrant, entrant.system.download, out, tidy=compare)

    def upload(self, entrant: Entrant) -> _Contender:
        """Always of other files; the first upload was the warming up."""
        payload, system = self.payload, entrant.system
        return self.contender("upload", entrant, system.upload, payload.folder, tidy=payload.renew, is_warm=True)


def _tell_expansion(entrants: Entrants, present: Sequence[Entrant], load: Load) -> None:
    for entrant in present:
        if entrant.name not in {STORE, COMMAND}:
            entrants.bench.figure(
                f"{entrants.backend}, {load.size}: expansion in the store, {entrant.name}",
                expansion(stored_bytes(entrant.at), load),
                "%",
                backend=entrants.backend,
                system=entrant.name,
                version=entrant.version,
                bytes=load.file_bytes,
                files=load.files,
            )


def _allowed(running: Running) -> int:
    store = open_store(running.url)
    store.close()
    return store.properties.max_connections


def _hand_in(entrants: Entrants, contenders: Sequence[_Contender], settings: Mapping[str, object]) -> None:
    """What those gave that did not fail."""
    found = {each.entrant.name: each for each in contenders if not each.failed}
    for name, each in found.items():
        bits = None if name == STORE else SECURITY_BITS
        entrants.bench.series(each, security_bits=bits, **settings, system=name, version=each.entrant.version)
    peers = [name for name, each in found.items() if each.entrant.version is not None]
    for of, over in ((LIBRARY, STORE), *((COMMAND, peer) for peer in peers)):
        if of in found and over in found:
            title = entrants.label(found[of].doing, f"{of}, over {over}")
            entrants.bench.compare_series(title, found[of].name, found[over].name)
