"""Timing: one load on one server, every system in turn, first fetching what it stored, then storing anew."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.results import Series
from benchmarks.servers.running import Running
from benchmarks.storage.entrants import SECURITY_BITS, Entrant, Entrants
from benchmarks.storage.payload import Load, Payload, expansion, require_all
from benchmarks.storage.server_side import stored_bytes
from benchmarks.storage.systems import COMMAND, COMMAND_CONNECTIONS, LIBRARY, STORE
from benchmarks.timing import Subject, interleave
from cloud.open import open_store

_NO_OPTION = f"always moves {COMMAND_CONNECTIONS} at once, or as many as the store allows; it has no option for that"


def measure_cell(entrants: Entrants, running: Running, load: Load, repeats: int) -> None:
    """Hand in a series for each system and direction, and how they compare; also how many bytes the server holds."""
    area = f"{load.files}-{load.file_bytes}-{load.connections}"
    with entrants.started(running, load.connections, area, command=True) as (folder, found):
        payload = Payload(folder / "payload", load)
        present = []
        for entrant in found:
            with entrants.excusing(entrant, str(load)):
                entrant.system.upload(payload.folder)
                present.append(entrant)
        if entrants.peers and load.connections == COMMAND_CONNECTIONS:
            _tell_expansion(entrants, present, load)
        elif entrants.peers:
            entrants.bench.absent(f"{entrants.backend}, {load}: {COMMAND}", _NO_OPTION)
        for direction, subjects in (
            ("download", [_download(entrant, payload, folder / "out") for entrant in present]),
            ("upload", [_upload(entrant, payload) for entrant in present]),
        ):
            interleave(subjects, repeats, loops=1)
            settings = {
                "backend": entrants.backend,
                "direction": direction,
                "bytes": load.file_bytes,
                "files": load.files,
                "concurrency": load.connections,
                "store_allows": _allowed(running),
            }
            _hand_in(entrants.bench, load, present, subjects, settings)


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


def _download(entrant: Entrant, payload: Payload, out: Path) -> Subject:
    """What comes back is compared with what was stored, outside of the time."""
    expected = payload.digests()

    def compare() -> None:
        require_all(out, expected, entrant.name)
        shutil.rmtree(out)

    return Subject("download", partial(entrant.system.download, out), tidy=compare)


def _upload(entrant: Entrant, payload: Payload) -> Subject:
    return Subject("upload", partial(entrant.system.upload, payload.folder), tidy=payload.renew)


def _allowed(running: Running) -> int:
    store = open_store(running.url)
    store.close()
    return store.properties.max_connections


def _hand_in(
    bench: Bench,
    load: Load,
    entrants: Sequence[Entrant],
    subjects: Sequence[Subject],
    settings: Mapping[str, object],
) -> None:
    where = f"{settings['backend']}, {settings['direction']}, {load}"
    for entrant, subject in zip(entrants, subjects, strict=True):
        bench.emit(
            Series(
                case=bench.case,
                name=f"{where}: {entrant.name}",
                unit="bytes",
                amount=load.total_bytes,
                seconds=subject.seconds,
                cpu_seconds=subject.cpu_seconds,
                security_bits=None if entrant.name == STORE else SECURITY_BITS,
                settings={**settings, "system": entrant.name, "version": entrant.version},
                provenance=bench.provenance,
            )
        )
    peers = [entrant.name for entrant in entrants if entrant.version is not None]
    pairs = [(LIBRARY, STORE)]
    if any(entrant.name == COMMAND for entrant in entrants):
        pairs += [(COMMAND, peer) for peer in peers]
    for of, over in pairs:
        bench.compare_series(f"{where}: {of}, over {over}", f"{where}: {of}", f"{where}: {over}")
