"""Matching's services at the hospital: the authority's register, the index, and the relay, in files of the home.

The index's files are one process's alone, so the server holds them for seconds at a time and then lets go: commands
of the same home that use them wait no longer. Who asks index and relay is nobody to this server but a pseudonym.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from clinic.clock import Clock
from clinic.keystore import MemberSecrets
from clinic.match_authority import PseudonymRequest
from clinic.match_epoch import epoch_at, pseudonym_check
from clinic.match_index import IndexService, MatchQuery, OpenMatch
from clinic.match_service import MatchPlace
from clinic.site import Site
from matching.answer import Acceptance, Decline
from matching.errors import IndexDamaged, IndexUnavailable
from matching.index import Limits as IndexLimits
from matching.index_request import IndexRequest
from matching.pair import Contact
from matching.relay import SqliteRelay
from matching.report import Report
from network.errors import Busy, RegisterClosed, TooManyRequests
from network.server.limits import Limits, TokenBuckets
from scheme.keys import VerifyingKey

HOLD_S = 5.0
"""How long the index stays open once it is opened."""
WAIT_S = 10.0
"""How long a request waits for it."""
MAX_REPORTS = 64
"""Of one pseudonym."""


class MatchDesk:
    """The three services of one home. Several threads may ask."""

    def __init__(self, place: MatchPlace, site: Site, authority: MemberSecrets | None, limits: Limits) -> None:
        self._place = place
        self._site = site
        self._authority = authority
        self._key = VerifyingKey(site.engine.genesis.verifying)
        self._certified = pseudonym_check(self._key, site.clock)
        self._index = _HeldIndex(place, self._key, site.clock)
        self._of_pseudonyms = TokenBuckets(limits.pseudonym_per_s, limits.pseudonym_burst)
        self._relay: SqliteRelay | None = None
        self._lock = threading.Lock()

    def certify(self, request: PseudonymRequest) -> bytes:
        """As ``PseudonymRegister.certify``. Raises ``RegisterClosed`` without the authority's key."""
        if self._authority is None:
            raise RegisterClosed(
                "this server certifies no pseudonyms, since it was started without the authority's key; ask the "
                "hospital to serve with --authority-password-file"
            )
        return self._place.register(self._authority, self._site).certify(request)

    def submit(self, request: IndexRequest) -> None:
        """As ``IndexService.submit``. Raises ``TooManyRequests``, ``Busy``."""
        self._limit(request.verify(self._epoch, self._certified))
        with self._index.opened() as index:
            index.submit(request)

    def find(self, request: IndexRequest, *, top: int, least: float) -> list[OpenMatch]:
        """As ``IndexService.find``. Raises as ``submit``."""
        self._limit(request.verify(self._epoch, self._certified))
        with self._index.opened() as index:
            return index.find(request, top=top, least=least)

    def matches(self, query: MatchQuery) -> list[OpenMatch]:
        """As ``IndexService.matches``. Raises as ``submit``."""
        self._limit(self._asking(query))
        with self._index.opened() as index:
            return index.matches(query)

    def contact(self, query: MatchQuery, match_id: bytes) -> tuple[Contact, float]:
        """As ``IndexService.contact``. Raises as ``submit``."""
        self._limit(self._asking(query))
        with self._index.opened() as index:
            return index.contact(query, match_id)

    def accept(self, match_id: bytes, acceptance: Acceptance) -> None:
        """As ``IndexService.accept``. Raises ``Busy``."""
        with self._index.opened() as index:
            index.accept(match_id, acceptance)

    def decline(self, match_id: bytes, decline: Decline) -> None:
        """As ``IndexService.decline``. Raises ``Busy``."""
        with self._index.opened() as index:
            index.decline(match_id, decline)

    def report(self, report: Report) -> str:
        """Keep a report for the authority, once it holds; returns its file's name.

        It may be about a match of an earlier epoch: certificates have to hold as of when the offer was made. Raises
        as ``Report.verify``, ``TooManyRequests``.
        """
        made = min(self._site.clock(), report.offer.expires_at - IndexLimits.offer_s)
        verified = report.verify(pseudonym_check(self._key, lambda: made))
        self._limit(verified.reporter)
        if sum(1 for _ in self._place.reports.glob(f"*-{verified.reporter.key_id}.json")) >= MAX_REPORTS:
            raise TooManyRequests("this pseudonym reported as often as it may; wait for the next epoch", 3600.0)
        return self._place.keep(report)

    @property
    def relay(self) -> SqliteRelay:
        """The relay, open from its first use on. Raises ``RelayUnavailable``."""
        with self._lock:
            if self._relay is None:
                self._relay = self._place.relay(self._site)
            return self._relay

    def close(self) -> None:
        """Let go of all files."""
        self._index.let_go()
        with self._lock:
            if self._relay is not None:
                self._relay.shut()

    @property
    def _epoch(self) -> int:
        return epoch_at(self._site.clock())

    def _asking(self, query: MatchQuery) -> VerifyingKey:
        return query.verify(self._epoch, self._site.clock(), self._certified)

    def _limit(self, pseudonym: VerifyingKey) -> None:
        wait_s = self._of_pseudonyms.take(pseudonym.key_id)
        if wait_s > 0:
            raise TooManyRequests("too many requests; wait as long as Retry-After says", wait_s)


class _HeldIndex:
    """The index of the present epoch, open for ``HOLD_S`` after a request opened it."""

    def __init__(self, place: MatchPlace, authority: VerifyingKey, clock: Clock) -> None:
        self._place = place
        self._certified = pseudonym_check(authority, clock)
        self._clock = clock
        self._lock = threading.Lock()
        self._held: tuple[int, IndexService, ExitStack] | None = None

    @contextmanager
    def opened(self) -> Iterator[IndexService]:
        """The index, for one thread at a time. Raises ``Busy``, ``HomeBusy``, as ``IndexService``."""
        if not self._lock.acquire(timeout=WAIT_S):
            raise Busy("many ask the match index at once; try again in a moment")
        try:
            yield self._of_now()
        except (IndexUnavailable, IndexDamaged):
            self._close()
            raise
        finally:
            self._lock.release()

    def let_go(self) -> None:
        """Close it, if it is open."""
        with self._lock:
            self._close()

    def _of_now(self) -> IndexService:
        epoch = epoch_at(self._clock())
        if self._held is not None and self._held[0] == epoch:
            return self._held[1]
        self._close()
        with ExitStack() as opened:
            opened.enter_context(self._place.locked(WAIT_S))
            index = self._place.index(epoch=epoch, certified=self._certified, clock=self._clock)
            opened.callback(index.close)
            timer = threading.Timer(HOLD_S, self.let_go)
            timer.daemon = True
            opened.callback(timer.cancel)
            timer.start()
            self._held = (epoch, index, opened.pop_all())
        return index

    def _close(self) -> None:
        if self._held is not None:
            held, self._held = self._held, None
            held[2].close()
