"""A proxy as a process: its member's home, a ledger that follows the hospital's, its fragments, its server."""

from __future__ import annotations

from collections.abc import Callable

from clinic.proxy import ProxyService
from ledger.bodies import Role
from network.keeping_up import CatchUp, MemberServer, member_server
from network.member_home import MemberHome
from network.proxy.app import ProxyServices, create_app
from network.proxy.desk import ProxyDesk
from network.server.limits import Limits
from network.server.metrics import Metrics
from network.server.process import Listen


def serve_proxy(
    home: MemberHome,
    listen: Listen,
    url: str,
    *,
    limits: Limits | None = None,
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve the proxy of ``home`` at the public ``url`` until the process is told to stop.

    Raises as ``member_server``.
    """
    limits = limits or Limits()
    with member_server(home, Role.PROXY, listen, url) as server:
        desk = _desk(server)
        metrics = Metrics({"ledger_height": ("Height of the newest ledger block known.", lambda: server.ledger.height)})
        services = ProxyServices(
            desk,
            CatchUp(server.ledger),
            server.ledger.genesis.digest,
            home.config.member,
            server.identity.ca_pem,
            server.require_fresh,
        )
        server.run(create_app(services, server.admitting, limits, metrics), limits, desk.sweep, on_ready)


def _desk(server: MemberServer) -> ProxyDesk:
    home, ledger = server.home, server.ledger
    service = ProxyService(
        home.secrets(), home.folder / "fragments", ledger, home.clock, max_staleness_s=home.config.max_staleness_s
    )
    return ProxyDesk(service, home.config.member, home.folder, ledger, home.clock)
