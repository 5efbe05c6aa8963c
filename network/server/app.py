"""The hospital's server: the ASGI app, and the process that serves a home with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI

from clinic import durable
from clinic.errors import InputInvalid
from clinic.home import Home
from clinic.keystore import MemberSecrets
from network.admission import APPLICATIONS, INVITATIONS
from network.invitation import server_url
from network.server import blocks, cards, endpoints, hospital, joining, ledger, letters, matching, relay, reports
from network.server.authentication import Admitting
from network.server.base import base_app
from network.server.limits import Limits
from network.server.metrics import Metrics
from network.server.process import Listen, Started, serve
from network.server.services import SERVER, HospitalServices, opened
from network.tls import ServerIdentity

_URL = "url"


def create_app(services: HospitalServices, admitting: Admitting) -> FastAPI:
    """Everything that a hospital's server answers; ``admitting`` says by what requests are admitted."""
    engine, folder = services.site.engine, services.home.folder
    metrics = Metrics(
        {
            "ledger_height": ("Height of the newest ledger block.", lambda: engine.view().height),
            "ledger_position": ("Position of the newest entry.", lambda: engine.view().position),
            "applications_waiting": ("Applications to join that wait.", lambda: _files_in(folder / APPLICATIONS)),
            "invitations": ("Invitations, used and ended ones too.", lambda: _files_in(folder / INVITATIONS)),
        }
    )
    app = base_app(
        "ChartSeal hospital", admitting=admitting, limits=services.limits, metrics=metrics, healthy=engine.view
    )
    app.state.services = services
    for part in (ledger, blocks, letters, cards, hospital, joining, endpoints, reports, matching, relay):
        app.include_router(part.router)
    return app


def _files_in(folder: Path) -> int:
    return sum(1 for _ in folder.glob("*.json"))


def serve_home(
    home: Home,
    url: str,
    listen: Listen,
    *,
    authority: MemberSecrets | None = None,
    limits: Limits | None = None,
    on_ready: Callable[[str], None] = lambda _address: None,
) -> None:
    """Serve ``home`` under its public ``url`` until the process is told to stop.

    ``authority`` (its secrets, in memory as long as this runs) admits at once whoever joins. ``on_ready`` is told the
    address once connections are taken. Raises ``InvitationInvalid`` on a URL that is none, ``InputInvalid`` when
    the address is taken, and as ``Home.site``.
    """
    url, limits = server_url(url), limits or Limits()
    folder = home.folder / SERVER
    identity = identity_of(home, url)
    started = Started(folder / "newest-request", home.clock)
    bound = listen.bind()
    try:
        with opened(home, identity.ca_pem, authority=authority, limits=limits) as services:
            durable.write(folder / _URL, url.encode())
            admitting = Admitting(
                services.site.state, home.clock, urlsplit(url).netloc, started.moment, started.remember
            )
            app = create_app(services, admitting)
            started.wait_until_past()
            serve(app, bound, identity, limits, on_ready=lambda: on_ready("{}:{}".format(*bound.getsockname()[:2])))
    finally:
        bound.close()


def identity_of(home: Home, url: str) -> ServerIdentity:
    """The TLS identity with which ``home`` is served under ``url``; invitations pin its CA."""
    return ServerIdentity.load_or_create(home.folder / SERVER / "tls", str(urlsplit(url).hostname), clock=home.clock)


def url_of(home: Home) -> str:
    """The URL under which ``home`` was served last. Raises ``InputInvalid`` when it never was."""
    path = home.folder / SERVER / _URL
    if not path.is_file():
        raise InputInvalid("this home was never served; start `chartseal serve` first, or name its URL")
    return durable.read(path).decode()
