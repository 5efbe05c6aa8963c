"""A hospital's server and three proxies as processes on loopback, each behind a forwarder; members' homes beside them.

Homes are made once a session and copied. What others know of a server is the forwarder's address, so a test cuts,
slows or damages what goes to it, and starts and stops the process behind.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.servers.running import LOOPBACK, wait_until
from clinic import durable
from clinic.grants import Decision, approve
from clinic.history import plan, read_history
from clinic.home import SERVICES
from clinic.home_folder import HomeOptions
from clinic.opened import OpenedBlock
from clinic.own_blocks import open_own
from clinic.requests import Access, read_request, request_access
from clinic.sealing import Draft, Sealed, seal_records
from ledger.bodies import Role
from ledger.state import State
from network.invitation import Invitation
from network.joining import pin
from network.member_home import MemberHome
from scheme import canonical, keyfile
from tests.clinic.command import ROOT
from tests.clinic.scene import EVERYTHING, PASSWORD, draft, payload
from tests.network.hospital import Hospital
from tests.servers.cutting_proxy import CuttingProxy

START_S = 90
AUTHOR, READER, PATIENT, OTHER = "okafor", "lindqvist", "abernathy", "castellanos"
PROXIES = ("proxy-a", "proxy-b", "proxy-c")
ROLES = {
    AUTHOR: Role.DOCTOR, READER: Role.DOCTOR, PATIENT: Role.PATIENT, OTHER: Role.PATIENT,
    **dict.fromkeys(PROXIES, Role.PROXY),
}  # fmt: skip
HONEST = "tests.network.weak_chartseal"
NOWHERE = "https://127.0.0.1:9"
"""Where nobody answers."""


@dataclass(frozen=True)
class Homes:
    """Folder with ``hospital/``, ``store/`` and a home for everybody of ``ROLES``; ``ids`` are member ids by name."""

    folder: Path
    ids: Mapping[str, str]

    def copy(self, folder: Path) -> Homes:
        """The same, with everything copied to ``folder``."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        config = folder / "hospital" / "config.json"
        value = canonical.loads(durable.read(config), what="config.json")
        durable.write(config, canonical.dumps(value | {"stores": [(folder / "hospital-store").as_uri()]}))
        return Homes(folder, self.ids)


def build_homes(folder: Path) -> Homes:
    """A hospital whose server is not running, two doctors, two patients and three proxies who joined it."""
    hospital = Hospital.create(folder / "hospital")
    hospital.serve()
    try:
        ids = {name: join(hospital, folder / name, role, name) for name, role in ROLES.items()}
    finally:
        hospital.stop()
    return Homes(folder, ids)


def join(hospital: Hospital, folder: Path, role: Role, name: str) -> str:
    """One more member, with a home in ``folder``; returns the id."""
    home = made(folder, hospital.invitation(role, name), role, name)
    with home.site():
        return home.config.member


def made(folder: Path, link: str, role: Role, name: str, server: str | None = None) -> MemberHome:
    """A home by an invitation, whose application was not sent yet."""
    invitation = Invitation.parse(link)
    password = None if role in SERVICES else PASSWORD
    return MemberHome.create(folder, invitation, pin(invitation), role, name, password, options(server))


def options(server: str | None, notice: Callable[[str], None] = lambda _sentence: None) -> HomeOptions:
    """A member's, with the cheap password profile."""
    return HomeOptions(profile=keyfile.TEST, server=server, password=lambda _whose: PASSWORD, notice=notice)


@dataclass
class Serving:
    """``chartseal ... serve`` in a process of its own, known to others by the URL of ``link``."""

    words: Sequence[str]
    home: Path
    port: int
    link: CuttingProxy
    log: Path
    process: subprocess.Popen[str] | None = None

    @classmethod
    def of(cls, home: Path, words: Sequence[str]) -> Serving:
        """Not started yet."""
        with socket.socket() as free:
            free.bind((LOOPBACK, 0))
            port = free.getsockname()[1]
        return cls(words, home, port, CuttingProxy([0], target=LOOPBACK, to=port), home.with_name(f"{home.name}.log"))

    @property
    def url(self) -> str:
        """How others reach it."""
        return f"https://{LOOPBACK}:{self.link.port}"

    def begin(self, *, server: str | None = None, program: str = HONEST) -> None:
        """Start the process; ``server`` is where a proxy looks for the hospital."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CHARTSEAL_")}
        if server is not None:
            environment["CHARTSEAL_SERVER"] = server
        address = ["--url", self.url, "--listen", f"{LOOPBACK}:{self.port}"]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", program, *self.words, "--home", str(self.home), *address, "--json"],
                cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, text=True,
            )  # fmt: skip

    def ready(self) -> None:
        """Return when it takes connections."""
        assert self.process is not None
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.log.read_text()[-2000:]
        assert json.loads(line).get("url") == self.url, line

    def start(self, **how: str | None) -> None:
        """``begin`` and ``ready``."""
        self.begin(**how)  # type: ignore[arg-type]
        self.ready()

    def stop(self, number: int = signal.SIGTERM) -> int | None:
        """Send a signal and wait for the end; the exit status, ``None`` when it did not run."""
        if self.process is None:
            return None
        process, self.process = self.process, None
        process.send_signal(number)
        status = process.wait(START_S)
        assert process.stdout is not None
        process.stdout.close()
        return status

    def close(self) -> None:
        """Kill the process if it runs; break what leads to it."""
        self.stop(signal.SIGKILL)
        self.link.close()


@dataclass
class Clinic:
    """All of it, running; the members' side is in this process, with homes of their own."""

    homes: Homes
    hospital: Serving
    proxies: dict[str, Serving] = field(default_factory=dict)

    @property
    def links(self) -> list[CuttingProxy]:
        """Everything that a member's requests pass."""
        return [self.hospital.link, *(proxy.link for proxy in self.proxies.values())]

    def start(self) -> None:
        """All four, at the same time; returns when every proxy has said where it is."""
        self.hospital.begin()
        self.hospital.ready()
        for proxy in self.proxies.values():
            proxy.begin(server=self.hospital.url)
        for proxy in self.proxies.values():
            proxy.ready()
        self.wait_for_cards()

    def wait_for_cards(self) -> None:
        """Return when the hospital passes on where each proxy is now."""
        folder = self.hospital.home / "server" / "endpoints"

        def told() -> bool:
            cards = [json.loads(durable.read(path)) for path in folder.glob("*.json")]
            return {card["url"] for card in cards} >= {proxy.url for proxy in self.proxies.values()}

        wait_until(told, START_S, "the proxies' endpoint cards")

    def member(self, name: str, notice: Callable[[str], None] = lambda _sentence: None) -> MemberHome:
        """Somebody's home, opened anew as each command does."""
        return MemberHome(self.homes.folder / name, options(self.hospital.url, notice))

    def invitation(self, role: Role, name: str) -> str:
        """A link for one more to join."""
        return Hospital(self.hospital.home, self.hospital.url).invitation(role, name)

    def ids(self, name: str) -> str:
        """The member id of somebody."""
        return self.homes.ids[name]

    # What members do

    def seal(self, *drafts: Draft, patient: str = PATIENT) -> Sealed:
        """By ``AUTHOR``."""
        home = self.member(AUTHOR)
        secrets = home.secrets()
        with home.site() as site:
            (sealed,) = seal_records(
                site, home.outbox, drafts or (draft(),),
                patient_id=self.ids(patient), author=secrets, hospital_id=home.config.hospital,
            )  # fmt: skip
            return sealed

    def ask(self, access: Access = EVERYTHING, *, patient: str = PATIENT, reader: str = READER) -> str:
        """A request by ``reader``; its id."""
        home = self.member(reader)
        with home.site() as site:
            return request_access(site, home.secrets(), self.ids(patient), access)

    def approve(self, request_id: str, patient: str = PATIENT) -> str:
        """Granted as asked for; the grant's id."""
        home = self.member(patient)
        with home.site() as site:
            record = site.state().request(request_id)
            assert record is not None
            request = read_request(site, home.secrets(), record)
            return approve(site, home.secrets(), request, Decision(request.access))

    def read(self, *, patient: str = PATIENT, reader: str = READER) -> dict[str, bytes]:
        """What ``reader`` may read, through the proxies: locator to records."""
        home = self.member(reader)
        secrets = home.secrets()
        with home.site() as site:
            return _payloads(read_history(site, secrets, plan(site, secrets, self.ids(patient))))

    def own(self, patient: str = PATIENT) -> dict[str, bytes]:
        """What the patient opens alone."""
        home = self.member(patient)
        secrets = home.secrets()
        with home.site() as site:
            return _payloads(open_own(site, secrets, site.state().blocks(patient=self.ids(patient))))

    def state(self, name: str = AUTHOR) -> State:
        """The ledger's, as somebody's home has it now."""
        with self.member(name).site() as site:
            return site.state()


def _payloads(blocks: Iterator[OpenedBlock]) -> dict[str, bytes]:
    return {opened.anchored.locator: payload(opened) for opened in blocks}


@contextmanager
def running(homes: Homes, folder: Path, proxies: Sequence[str] = PROXIES) -> Iterator[Clinic]:
    """A copy of ``homes``, with the hospital's server and ``proxies`` running."""
    copied = homes.copy(folder)
    admits = ["--authority-password-file", str(folder / "authority")]
    clinic = Clinic(copied, Serving.of(folder / "hospital", ["serve", *admits]))
    for name in proxies:
        clinic.proxies[name] = Serving.of(folder / name, ["proxy", "serve"])
    try:
        clinic.start()
        yield clinic
    finally:
        for serving in (clinic.hospital, *clinic.proxies.values()):
            serving.close()
