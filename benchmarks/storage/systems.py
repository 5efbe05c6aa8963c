"""What is measured against a store: the store alone, ChartSeal as a library, and ChartSeal's command.

The library seals in this process, which has started and unlocked its keys before; it stands for a server at work. The
command is what a person at a terminal waits for: each run starts Python, stretches the password with Argon2id, opens
the ledger and connects anew; the peers do the same. Both write an outbox first and anchor on the ledger at the end.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Protocol

from benchmarks.errors import CaseFailed
from benchmarks.scene import PROXIES, THRESHOLD, Scene
from benchmarks.servers.running import Running
from clinic import durable
from clinic.delivery import UPLOAD_THREADS
from clinic.export import export
from clinic.fetching import FETCH_THREADS
from clinic.home import Home
from clinic.intake import drafts_of
from clinic.own_blocks import open_own
from clinic.sealing import seal_records
from cloud.open import Opening, open_store
from ledger.bodies import Role
from scheme import canonical

STORE, LIBRARY, COMMAND = "store alone", "chartseal library", "chartseal command"
COMMAND_CONNECTIONS = max(UPLOAD_THREADS, FETCH_THREADS)
"""``chartseal seal`` and ``open`` use as many, or fewer where the store allows fewer; there is no option for it."""
_PASSWORD = "benchmark"  # noqa: S105 - protects nothing
TIMEOUT_S = 600
"""Of one run of a program."""
_numbers = count(1)


class System(Protocol):
    """Stores what is new in a folder, and fetches all that it stored."""

    name: str

    def upload(self, folder: Path) -> None:
        """Seal and store the files of ``folder`` that it does not know yet."""

    def download(self, out: Path) -> None:
        """Fetch and open everything it stored into ``out``, a folder that does not exist yet."""

    def close(self) -> None:
        """Let go of connections."""


class News:
    """Tells which files of a folder were not seen before."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def of(self, folder: Path) -> list[Path]:
        """New files, by name."""
        found = sorted(path for path in folder.iterdir() if path.name not in self._seen)
        self._seen.update(path.name for path in found)
        return found


class StoreAlone:
    """Puts and gets of the files as they are: nothing is sealed."""

    name = STORE

    def __init__(self, at: Running, connections: int) -> None:
        self._store = open_store(at.url, Opening(max_connections=connections))
        self._threads = connections
        self._news = News()
        self._locators: dict[str, str] = {}

    def upload(self, folder: Path) -> None:
        """See ``System.upload``."""
        with ThreadPoolExecutor(self._threads) as pool:
            self._locators |= dict(pool.map(self._put, self._news.of(folder)))

    def _put(self, path: Path) -> tuple[str, str]:
        locator = secrets.token_hex(32)
        with path.open("rb") as source:
            self._store.put(locator, source)
        return path.name, locator

    def download(self, out: Path) -> None:
        """See ``System.download``."""
        out.mkdir()

        def get(name: str) -> None:
            with (out / name).open("wb") as sink:
                self._store.get(self._locators[name], sink)

        with ThreadPoolExecutor(self._threads) as pool:
            for _ in pool.map(get, self._locators):
                pass

    def close(self) -> None:
        """See ``System.close``."""
        self._store.close()


class Library:
    """Sealing and opening in this process, for a patient of its own."""

    name = LIBRARY

    def __init__(self, cast: Scene, at: Running, connections: int) -> None:
        self._cast = cast
        self._patient = cast.enrol_patient(f"patient {next(_numbers)}")
        self._store = open_store(at.url, Opening(max_connections=connections))
        self._site = replace(cast.site, store=self._store)
        self._news = News()

    def upload(self, folder: Path) -> None:
        """See ``System.upload``."""
        seal_records(
            self._site,
            self._cast.home.outbox,
            [draft for path in self._news.of(folder) for draft in drafts_of(path)],
            patient_id=self._patient.member_id,
            author=self._cast.author,
            hospital_id=self._cast.hospital.member_id,
        )

    def download(self, out: Path) -> None:
        """See ``System.download``."""
        blocks = self._site.state().blocks(patient=self._patient.member_id)
        export(open_own(self._site, self._patient, blocks), out)

    def close(self) -> None:
        """See ``System.close``."""
        self._store.close()


class CommandHome:
    """A home for the command, with passwords stretched as in use."""

    def __init__(self, folder: Path) -> None:
        self._home = Home.create(
            folder, stores=[f"file://{folder}-store"], password=_PASSWORD, proxies=PROXIES, threshold=THRESHOLD
        )
        self._enrol(Role.HOSPITAL, "Riverside", None)
        self._enrol(Role.DOCTOR, "Dr. Okafor", "Riverside")

    def move_to(self, at: Running) -> None:
        """From now on the home's store is ``at``."""
        config = replace(self._home.config, stores=(at.url,))
        durable.write(self._home.folder / "config.json", canonical.dumps(config.to_json()))

    def enrol_patient(self) -> str:
        """Name of a new patient."""
        name = f"patient {next(_numbers)}"
        self._enrol(Role.PATIENT, name, "Riverside")
        return name

    def _enrol(self, role: Role, name: str, hospital: str | None) -> None:
        with self._home.site() as site:
            authority = self._home.authority(_PASSWORD)
            self._home.enrol(site, authority, role, name, hospital=hospital, password=_PASSWORD)

    def run(self, at: Running, *arguments: str | Path) -> None:
        """Run ``chartseal`` with ``arguments`` in this home. Raises ``CaseFailed``."""
        program = (sys.executable, "-c", "from clinic.cli.main import main; main()", "--home", self._home.folder)
        run((*program, *arguments), {**at.env, "CHARTSEAL_PASSWORD": _PASSWORD}, what="chartseal")


class Command:
    """``chartseal seal`` and ``chartseal open``, each in a process of its own, for a patient of its own."""

    name = COMMAND

    def __init__(self, home: CommandHome, at: Running) -> None:
        home.move_to(at)
        self._home, self._at = home, at
        self._patient = home.enrol_patient()
        self._news = News()

    def upload(self, folder: Path) -> None:
        """See ``System.upload``."""
        files = self._news.of(folder)
        self._home.run(self._at, "seal", "--author", "Dr. Okafor", "--patient", self._patient, *files)

    def download(self, out: Path) -> None:
        """See ``System.download``."""
        self._home.run(self._at, "open", "--patient", self._patient, "--out", out)

    def close(self) -> None:
        """See ``System.close``; each run closed what it had opened."""


def run(
    command: Sequence[str | Path], env: Mapping[str, str], *, folder: Path | None = None, what: str | None = None
) -> str:
    """Run a program to its end and return what it said. Raises ``CaseFailed`` with the end of its complaint, or when it
    takes longer than ``TIMEOUT_S``.

    Settings of this machine for AWS are not handed on: they are for another server.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    name = what or Path(command[0]).name
    try:
        done = subprocess.run(
            command,
            env={**own, **env},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CaseFailed(f"{name} did not end within {TIMEOUT_S} s and was stopped") from None
    if done.returncode:
        told = " ".join(done.stderr.split())[-300:]
        raise CaseFailed(f"{name} ended with status {done.returncode}: {told}")
    return done.stdout


@contextmanager
def credentials(at: Running) -> Iterator[None]:
    """Meanwhile this process finds the credentials of ``at`` in its environment."""
    before = dict(os.environ)
    os.environ.update(at.env)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
