"""A hospital's server, a proxy's and an issuer's, in this process: apps that are called without a socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from clinic.match_epoch import epoch_at
from clinic.match_issuer import IssuerService
from clinic.proxy import ProxyService
from ledger.bodies import Role
from ledger.engine import Engine
from matching.issuer import DEFAULT_MAX_ELEMENTS_PER_EPOCH
from network.issuer.app import IssuerServices
from network.issuer.app import create_app as issuer_app
from network.keeping_up import CatchUp
from network.proxy.app import ProxyServices, create_app
from network.proxy.desk import ProxyDesk
from network.server.authentication import Admitting
from network.server.limits import Limits
from network.server.metrics import Metrics
from tests.clinic.scene import Template
from tests.network.server.serving import HOST, Served, serving

UNLIMITED = Limits(
    member_per_s=1e6, member_burst=10**6, public_per_s=1e6, public_burst=10**6,
    join_per_s=1e6, join_burst=10**6, refused_per_s=1e6, refused_burst=10**6,
    matching_per_s=1e6, matching_burst=10**6, mailbox_per_s=1e6, mailbox_burst=10**6,
)  # fmt: skip
"""A hostile client is met here, not held up."""


@dataclass(frozen=True)
class InStep:
    """A proxy's or an issuer's ledger that is the hospital's own."""

    engine: Engine

    @property
    def height(self) -> int:
        return self.engine.view().height

    def follow(self) -> int:
        return 0


def proxy_of(hospital: Served, limits: Limits = UNLIMITED) -> Served:
    """The server of the home's first proxy, with what that proxy holds."""
    home, engine, clock = hospital.home, hospital.services.site.engine, hospital.clock
    keys = home.hospital(home.config.proxies[0])
    folder = home.folder / "desk"
    held = home.folder / "proxies" / keys.member_id
    held.mkdir(parents=True, exist_ok=True)
    folder.mkdir(exist_ok=True)
    (folder / "fragments").symlink_to(held)
    desk = ProxyDesk(ProxyService(keys, held, engine, clock), keys.member_id, folder, engine, clock)
    services = ProxyServices(
        desk, CatchUp(InStep(engine)), engine.genesis.digest, keys.member_id, "the proxy's PEM", engine.view
    )
    admitting = Admitting(hospital.services.site.state, clock, HOST, clock() - 1)
    return replace(hospital, app=create_app(services, admitting, limits, Metrics({})))


@contextmanager
def issuer_of(
    hospital: Served,
    limits: Limits = UNLIMITED,
    *,
    quota: int = DEFAULT_MAX_ELEMENTS_PER_EPOCH,
    fresh: Callable[[], None] = lambda: None,
) -> Iterator[Served]:
    """The server of an issuer that is enrolled for this, with no key of the epoch yet."""
    home, site, clock = hospital.home, hospital.services.site, hospital.clock
    person = home.enrol(site, hospital.members["authority"], Role.ISSUER, "issuer", hospital=None, password="")
    keys = home.issuers()[person.member_id]
    with closing(IssuerService(keys, home.folder / "issuer", site, max_elements_per_epoch=quota)) as service:
        services = IssuerServices(
            service, CatchUp(InStep(site.engine)), site.engine.genesis.digest, "the issuer's PEM", fresh, fresh
        )
        admitting = Admitting(site.state, clock, HOST, clock() - 1)
        yield replace(hospital, app=issuer_app(services, admitting, limits, Metrics({})))


def service_of(issuer: Served) -> IssuerService:
    """What is behind the app of ``issuer_of``."""
    service: IssuerService = issuer.app.state.services.issuer
    return service


@pytest.fixture
def served(template: Template, tmp_path: Path) -> Iterator[Served]:
    """A fresh home with everybody of the scene enrolled, being served."""
    with serving(template, tmp_path, UNLIMITED) as opened:
        yield opened


@pytest.fixture
def proxy(served: Served) -> Served:
    """The first proxy of that home, being served."""
    return proxy_of(served)


@pytest.fixture
def issuer(served: Served) -> Iterator[Served]:
    """An issuer of that home with its key of the epoch, being served."""
    with issuer_of(served) as server:
        service_of(server).begin(epoch_at(server.clock()))
        yield server


@pytest.fixture(params=["hospital", "proxy"])
def server(request: pytest.FixtureRequest) -> Served:
    """Each of the two that keep what members put there, in turn, or the one of the three that a test names."""
    found: Served = request.getfixturevalue("served" if request.param == "hospital" else request.param)
    return found
