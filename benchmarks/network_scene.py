"""A hospital and its proxies as servers on loopback, each a process of its own, and members with homes of their own.

``chartseal serve`` and ``chartseal proxy serve``, as operators start them; whoever calls one passes the proxy that adds
latency. Members are enrolled at the hospital's home before it is served: joining is not what is measured.
"""

from __future__ import annotations

import secrets
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.bulk_history import BLOCKS_A_VISIT, bundle
from benchmarks.errors import CaseFailed
from benchmarks.latency import Latency, Route, in_front_of
from benchmarks.scene import PROXIES, THRESHOLD, Scene
from benchmarks.servers.running import LOOPBACK, free_ports, port_answers, server_process, wait_until
from clinic.export import export
from clinic.grants import Decision, grant
from clinic.history import plan, read_history
from clinic.home_folder import HomeFolder, HomeOptions
from clinic.intake import bundle_drafts
from clinic.keystore import MemberSecrets
from clinic.requests import Access
from clinic.sealing import seal_records
from clinic.site import Site
from ledger.bodies import Role
from network.invitation import Invitation
from network.joining import Trust
from network.member_home import MemberHome
from network.server.app import identity_of
from scheme import keyfile

PASSWORD = "benchmark"  # noqa: S105 - protects nothing
HOSPITAL = "hospital"
"""Name of the route to the hospital's server."""
_START_S = 120
_CODE_BYTES = 16
_ENVIRONMENT = {"CHARTSEAL_SERVER": ""}


def _routes() -> list[Route]:
    names = [HOSPITAL, *(f"proxy {number}" for number in range(1, PROXIES + 1))]
    ports = iter(free_ports(2 * len(names)))
    return [Route(name, next(ports), next(ports)) for name in names]


@dataclass(frozen=True)
class Served:
    """A hospital's home on its way to being served, and who is a member with a home below ``folder``.

    ``cast`` is a scene without proxies in its home.
    """

    cast: Scene
    routes: Sequence[Route] = field(default_factory=_routes)

    def join(self, role: Role, name: str) -> MemberHome:
        """A new member's home, its keys unlocked; a proxy's are not sealed by the password."""
        home, url = self.cast.home, _url(self.routes[0])
        identity = identity_of(home, url)
        trust = Trust(home.genesis, self.cast.hospital.member_id, identity.ca_pem, THRESHOLD)
        invitation = Invitation(url, secrets.token_bytes(_CODE_BYTES), home.genesis, identity.ca_sha256)
        password = None if role is Role.PROXY else PASSWORD
        member = MemberHome.create(
            self.cast.folder / "members" / name, invitation, trust, role, name, password, member_options()
        )
        self.cast.admit(member.secrets())
        return member

    @contextmanager
    def serving(self) -> Iterator[Latency]:
        """The hospital's server and the proxies, until the end; what comes to them passes what is yielded.

        What the proxies ask the hospital for is not slowed down.
        """
        hospital, *others = self.routes
        with ExitStack() as opened:
            latency = opened.enter_context(in_front_of(self.routes))

            def start(route: Route, home: Path, *command: str) -> int:
                log = self.cast.folder / f"{route.name}.log"
                line = [sys.executable, "-m", "network.cli.main", "--home", str(home), *command]
                line += ["--listen", f"{LOOPBACK}:{route.target}", "--url", _url(route)]
                return opened.enter_context(server_process(line, log, _ENVIRONMENT)).pid

            def is_up(route: Route) -> None:
                log = self.cast.folder / f"{route.name}.log"
                wait_until(lambda: port_answers(LOOPBACK, route.target), _START_S, route.name, log)

            start(hospital, self.cast.home.folder, "serve")
            homes = [self.join(Role.PROXY, route.name).folder for route in others]
            is_up(hospital)
            latency.near([start(route, home, "proxy", "serve") for route, home in zip(others, homes, strict=True)])
            for route in others:
                is_up(route)
            self._wait_for_cards()
            yield latency

    def _wait_for_cards(self) -> None:
        """Proxies publish where they are once they are up."""
        home = self.join(Role.DOCTOR, "who waits")

        def published() -> bool:
            with home.site() as site:
                return len(site.proxies) == PROXIES

        wait_until(published, _START_S, "every proxy's endpoint card")


def _url(route: Route) -> str:
    return f"https://{LOOPBACK}:{route.port}"


def member_options() -> HomeOptions:
    """How members' homes are opened: passwords are stretched with the test profile."""
    return HomeOptions(profile=keyfile.TEST)


def seal_history(cast: Scene, patient: MemberSecrets, blocks: int) -> None:
    """Seal so many blocks of ten records, visit by visit as they come: each block is in a chapter of its own."""
    drafts = bundle_drafts(bundle(-(-blocks // BLOCKS_A_VISIT)))[:blocks]
    for start in range(0, blocks, BLOCKS_A_VISIT):
        seal_records(
            cast.site,
            cast.home.outbox,
            drafts[start : start + BLOCKS_A_VISIT],
            patient_id=patient.member_id,
            author=cast.author,
            hospital_id=cast.hospital.member_id,
        )


def grant_all(site: Site, patient: MemberSecrets, reader: MemberSecrets) -> None:
    """Let ``reader`` read everything that ``patient`` has."""
    grant(site, patient, reader.member_id, Decision(Access(frozenset(), None)), request_id=None)


def read(home: HomeFolder, reader: MemberSecrets, patient_id: str, blocks: int, out: Path) -> None:
    """A doctor's whole read: her home is opened, the history read and written to ``out``, a new folder.

    Raises ``CaseFailed`` when it is another number of blocks, and what reading raises.
    """
    with home.site() as site:
        report = export(read_history(site, reader, plan(site, reader, patient_id)), out)
    if report.blocks != blocks:
        raise CaseFailed(f"a reader got {report.blocks} blocks of a history of {blocks}")


class Outs:
    """New folders below ``folder`` for what is read, and their removal."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0

    def __next__(self) -> Path:
        self._number += 1
        return self._folder / f"out-{self._number}"

    def remove(self) -> None:
        """All of them."""
        for path in self._folder.glob("out-*"):
            shutil.rmtree(path)
