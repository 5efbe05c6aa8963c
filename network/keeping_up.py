"""What proxies' and issuers' servers have in common: a member's home, and a ledger that follows the hospital's.

It follows in the background, and at once for a member who has seen more of the ledger, or whom it does not know yet.
The member's endpoint card is published at the hospital's server as soon as that can be reached.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Protocol
from urllib.parse import urlsplit

from fastapi import FastAPI, Header, Request

from clinic.errors import NotPermitted
from clinic.site import Site
from ledger.bodies import Role
from ledger.errors import LedgerUnavailable
from network import wire
from network.client.ledger import FollowingLedger
from network.endpoint import EndpointCard
from network.invitation import server_url
from network.member_home import MemberHome
from network.server.authentication import Admitting, Signed
from network.server.limits import Limits
from network.server.logs import EventLog, places
from network.server.process import Listen, Started, serve
from network.tls import ServerIdentity
from scheme.errors import ChartSealError

FOLLOW_S = 5.0
"""How often the server follows the ledger when nobody asks."""
PAUSE_S = 0.05
"""After following for a client found nothing new; 20 times a second are within the hospital's limit of an address."""
_SERVER = "server"


class Following(Protocol):
    """What of ``FollowingLedger`` a ``CatchUp`` needs."""

    @property
    def height(self) -> int:
        """Of the newest block known here."""

    def follow(self) -> int:
        """Take what is new at the source; returns how many blocks."""


class CatchUp:
    """Brings a ledger to a height that a client has seen. Several threads may ask; they share what one fetches."""

    def __init__(self, ledger: Following) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._began = 0.0
        self._paused_until = 0.0

    def to(self, height: int) -> None:
        """Follow once if the ledger is lower than ``height``; whether it gets there is for the caller to see.

        A client may say any height: at most one request to the ledger's server is under way for all of them, and after
        one that found nothing the next waits ``PAUSE_S``.
        """
        arrived = time.monotonic()
        if self._ledger.height >= height:
            return
        with self._lock:
            if self._ledger.height >= height or self._began > arrived:
                return
            time.sleep(max(0.0, self._paused_until - time.monotonic()))
            self._began, taken = time.monotonic(), 0
            with contextlib.suppress(ChartSealError):  # the server then answers by what it knows, while that is fresh
                taken = self._ledger.follow()
            if not taken:
                self._paused_until = time.monotonic() + PAUSE_S

    def once(self) -> None:
        """Follow once, as ``to`` for a client who has seen one block more."""
        self.to(self._ledger.height + 1)


def caught_up(
    request: Request,
    signer: Signed,  # noqa: ARG001 (a stranger's word about the ledger moves nothing)
    seen: Annotated[int, Header(alias=wire.LEDGER_HEIGHT, ge=0, le=2**53, description="block seen of the ledger")] = 0,
) -> None:
    """The dependency by which what a member did before is known here; the app's state has its ``CatchUp``."""
    _catch_up(request).to(seen)


def _catch_up(request: Request) -> CatchUp:
    found: CatchUp = request.app.state.catch_up
    return found


@dataclass(frozen=True)
class MemberServer:
    """A member's server before it takes requests; ``run`` serves."""

    home: MemberHome
    site: Site
    ledger: FollowingLedger
    identity: ServerIdentity
    admitting: Admitting
    _url: str
    _started: Started
    _bound: socket.socket

    def require_fresh(self) -> None:
        """Return if the ledger here is new enough to judge requests by. Raises ``LedgerUnavailable``."""
        if self.home.clock() - self.ledger.view().as_of > self.home.config.max_staleness_s:
            raise LedgerUnavailable(
                f"the {self.home.config.role}'s view of the ledger is too old; see whether the hospital answers"
            )

    def run(self, app: FastAPI, limits: Limits, chore: Callable[[], None], on_ready: Callable[[], None]) -> None:
        """Serve ``app`` until the process is told to stop; ``chore`` is done each time the ledger was followed."""
        card = EndpointCard.sign(self.home.secrets(), self._url, self.identity.ca_pem, issued=self.home.clock())
        with _keeping_up(self.ledger, chore, card):
            self._started.wait_until_past()
            serve(app, self._bound, self.identity, limits, on_ready=on_ready)


@contextlib.contextmanager
def member_server(home: MemberHome, role: Role, listen: Listen, url: str) -> Iterator[MemberServer]:
    """The server of ``home`` at the public ``url``, closed at the end.

    Raises ``NotPermitted`` for the home of a member of another role, ``InvitationInvalid`` on a URL that is none,
    ``InputInvalid`` when it cannot listen.
    """
    if home.config.role is not role:
        raise NotPermitted(f"this is no {role}'s home; join with an invitation for that role")
    url = server_url(url)
    folder = home.folder / _SERVER
    with contextlib.closing(listen.bind()) as bound, home.site() as site:
        ledger = site.engine
        if not isinstance(ledger, FollowingLedger):
            raise NotPermitted("such a server follows a hospital's ledger; join one first")
        ledger.fresh_s = None  # a request must not wait for a hospital that does not answer
        identity = ServerIdentity.load_or_create(folder / "tls", str(urlsplit(url).hostname), clock=home.clock)
        started = Started(folder / "started", home.clock)
        admitting = Admitting(
            lambda: ledger.view().state,
            home.clock,
            urlsplit(url).netloc,
            started.moment,
            started.remember,
            lambda request: _catch_up(request).once(),
        )
        yield MemberServer(home, site, ledger, identity, admitting, url, started, bound)


@contextlib.contextmanager
def _keeping_up(ledger: FollowingLedger, chore: Callable[[], None], card: EndpointCard) -> Iterator[None]:
    """Follow the ledger, do ``chore``, and publish ``card`` until that is done; in a thread of its own meanwhile."""
    stop, log = threading.Event(), EventLog()

    def run() -> None:
        published = False
        while True:
            try:
                ledger.follow()
                chore()
                if not published:
                    path = wire.ENDPOINT.format(member=card.member)
                    ledger.transport.request("PUT", path, body=bytes(card), headers={"content-type": wire.OCTETS})
                    published = True
            except ChartSealError as error:
                log.tell("behind", level=logging.WARNING, code=error.code)
            except Exception as error:  # noqa: BLE001 (nobody else follows: what went wrong once is tried again)
                log.tell("failed", level=logging.ERROR, **places(error))
            if stop.wait(FOLLOW_S):
                return

    thread = threading.Thread(target=run, name="keeping-up", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=FOLLOW_S)
