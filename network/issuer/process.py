"""A tag issuer as a process: its home, a ledger that follows the hospital's, its seed of the epoch, its server.

The key of each epoch is published as soon as the hospital's server can be reached; seeds of earlier epochs are erased.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from clinic.match_epoch import epoch_at
from clinic.match_issuer import IssuerService
from ledger.bodies import Role
from ledger.errors import LedgerUnavailable
from matching.issuer import DEFAULT_MAX_ELEMENTS_PER_EPOCH
from network.issuer.app import IssuerServices, create_app
from network.keeping_up import CatchUp, MemberServer, member_server
from network.member_home import MemberHome
from network.server.limits import Limits
from network.server.metrics import Metrics
from network.server.process import Listen

FOLDER = "issuer"
"""Of a home: where seed and counts are."""


def serve_issuer(
    home: MemberHome,
    listen: Listen,
    url: str,
    *,
    max_elements_per_epoch: int = DEFAULT_MAX_ELEMENTS_PER_EPOCH,
    limits: Limits | None = None,
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve the issuer of ``home`` at the public ``url`` until the process is told to stop.

    Raises as ``member_server``, ``QuotaUnavailable``.
    """
    limits = limits or Limits()
    with (
        member_server(home, Role.ISSUER, listen, url) as server,
        closing(
            IssuerService(
                home.secrets(), home.folder / FOLDER, server.site, max_elements_per_epoch=max_elements_per_epoch
            )
        ) as issuer,
    ):
        metrics = Metrics({"ledger_height": ("Height of the newest ledger block known.", lambda: server.ledger.height)})
        services = IssuerServices(
            issuer,
            CatchUp(server.ledger),
            server.ledger.genesis.digest,
            server.identity.ca_pem,
            server.require_fresh,
            _healthy(server, issuer),
        )
        app = create_app(services, server.admitting, limits, metrics)
        server.run(app, limits, lambda: issuer.begin(epoch_at(home.clock())), on_ready)


def _healthy(server: MemberServer, issuer: IssuerService) -> Callable[[], None]:
    def check() -> None:
        server.require_fresh()
        if not issuer.has_published(epoch_at(server.home.clock())):
            raise LedgerUnavailable("the issuer's key of this epoch is not on the ledger yet; try again in a moment")

    return check
