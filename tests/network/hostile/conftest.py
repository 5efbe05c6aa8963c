"""A hospital's server and a proxy's, in this process: apps that are called without a socket."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from clinic.proxy import ProxyService
from ledger.engine import Engine
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
    """A proxy's ledger that is the hospital's own."""

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


@pytest.fixture
def served(template: Template, tmp_path: Path) -> Iterator[Served]:
    """A fresh home with everybody of the scene enrolled, being served."""
    with serving(template, tmp_path, UNLIMITED) as opened:
        yield opened


@pytest.fixture
def proxy(served: Served) -> Served:
    """The first proxy of that home, being served."""
    return proxy_of(served)


@pytest.fixture(params=["hospital", "proxy"])
def server(request: pytest.FixtureRequest, served: Served) -> Served:
    """Each of the two in turn."""
    return served if request.param == "hospital" else proxy_of(served)
