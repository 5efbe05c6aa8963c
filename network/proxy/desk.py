"""Who may ask a proxy for what: between the signed request and ``clinic.proxy.ProxyService``.

Fragments arrive before their grant is on the ledger, so at first nobody can tell whose they are. Each patient may have
some grants waiting; what no grant followed within an hour is deleted.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

from clinic import durable
from clinic.certified import current_member
from clinic.clock import Clock
from clinic.errors import HomeInvalid, ProxyRefused
from clinic.proxy import ProxyService
from clinic.proxy_answer import ProxyAnswer
from ledger.bodies import Role
from ledger.engine import Reader
from ledger.records import GrantRecord
from ledger.state import State
from network.errors import NotYours, TooManyRequests
from network.proxy.messages import AskMessage

MAX_WAITING = 64
"""Most grants of one patient whose fragments wait for the ledger."""
MAX_WAIT_S = 3600
MAX_PARTS = 256
"""Most deposits of one grant: the first, and one each time another grant of a category in it is revoked."""


class ProxyDesk:
    """A proxy's service with its authorisation; ``folder`` holds ``fragments/`` and ``waiting/``."""

    def __init__(self, service: ProxyService, member_id: str, folder: Path, engine: Reader, clock: Clock) -> None:
        self._service = service
        self._member_id = member_id
        self._fragments = folder / "fragments"
        self._waiting = folder / "waiting"
        self._engine = engine
        self._clock = clock
        self._lock = threading.Lock()

    def deposit(self, signer: str, grant_id: str, part: str, sealed: bytes) -> None:
        """Take fragments from a patient in office: of a grant of hers, or of one that is not on the ledger yet.

        Raises ``ProxyRefused``, ``NotYours``, ``TooManyRequests`` when too many of hers wait, ``NotPermitted``,
        ``CertificateInvalid``.
        """
        if part != grant_id and not part.startswith(f"{grant_id}."):
            raise ProxyRefused("a deposit is named by its grant; send it under that name")
        state = self._engine.view().state
        if current_member(state, signer, now=self._clock()).role is not Role.PATIENT:
            raise NotYours("only a patient gives key fragments away")
        grant = state.grant(grant_id)
        with self._lock:
            if grant is None:
                self._wait(signer, grant_id)
            else:
                self._require_wanted(grant, signer)
            if sum(1 for _ in (self._fragments / grant_id).glob("*")) >= MAX_PARTS:
                raise ProxyRefused("this proxy holds as many parts of the grant as it takes; make a new grant")
            self._service.deposit(grant_id, part, sealed)

    def forget(self, signer: str, grant_id: str) -> None:
        """Delete fragments: of a grant that is over, for one of its parties, or that wait for one, for who gave them.

        Raises ``NotYours``, ``ProxyRefused``.
        """
        marker = self._waiting / signer / grant_id
        with self._lock:
            if not marker.exists():
                grant = self._grant(self._engine.view().state, grant_id)
                if signer not in {grant.patient, grant.delegatee}:
                    raise NotYours("the grant is other people's")
            self._service.forget(grant_id)
            marker.unlink(missing_ok=True)

    def reencrypt(self, signer: str, message: AskMessage) -> ProxyAnswer:
        """Re-encrypt for the delegatee whose release it is. Raises ``NotYours``, ``ProxyRefused``."""
        state = self._engine.view().state
        release = state.release(message.release)
        if release is None:
            raise ProxyRefused("the release is not on this proxy's ledger; submit it first")
        if self._grant(state, release.grant).delegatee != signer:
            raise NotYours("the release is another delegatee's")
        return self._service.reencrypt(message.release, message.asks)

    def sweep(self) -> None:
        """Let go of what waits no longer: its grant came, or did not come within an hour.

        The fragments stay only for a grant that stands and names this proxy.
        """
        state, now = self._engine.view().state, self._clock()
        with self._lock:
            for marker in self._markers():
                grant = state.grant(marker.name)
                if grant is None and not _is_due(marker, now):
                    continue
                if grant is None or not self._is_for_this(grant):
                    shutil.rmtree(self._fragments / marker.name, ignore_errors=True)
                marker.unlink(missing_ok=True)

    def _require_wanted(self, grant: GrantRecord, signer: str) -> None:
        if grant.patient != signer:
            raise NotYours("the grant is another patient's")
        if not self._is_for_this(grant):
            raise ProxyRefused("the grant is over, or does not name this proxy; nothing of it is kept here")

    def _is_for_this(self, grant: GrantRecord) -> bool:
        return self._member_id in grant.proxies and grant.stands(self._clock())

    def _wait(self, signer: str, grant_id: str) -> None:
        marker = self._waiting / signer / grant_id
        if marker.exists():
            return
        if any(other.name == grant_id for other in self._markers()):
            raise NotYours("the grant is another patient's")
        if sum(1 for _ in marker.parent.glob("*")) >= MAX_WAITING:
            raise TooManyRequests("too many grants of this patient wait for the ledger; submit those first", 60.0)
        durable.write(marker, str(self._clock()).encode())

    def _markers(self) -> Iterator[Path]:
        yield from self._waiting.glob("*/*")

    @staticmethod
    def _grant(state: State, grant_id: str) -> GrantRecord:
        grant = state.grant(grant_id)
        if grant is None:
            raise ProxyRefused("the grant is not on this proxy's ledger; submit it first")
        return grant


def _is_due(marker: Path, now: int) -> bool:
    """Whether a grant waited long enough; a marker that is damaged tells no time, and waits no longer."""
    try:
        return now - int(durable.read(marker)) > MAX_WAIT_S
    except (ValueError, HomeInvalid):
        return True
