"""Matching's services in one home: two issuers, the authority's register, index and relay, each with files of its own.

They are all one operator's here, as the proxies are: what is said of two issuers that do not work together holds only
when each runs elsewhere. Files below ``HOME/matching``: ``services.json``, ``register``, ``issuers/ID/`` (member keys,
this epoch's seed, counts), ``index.sqlite`` (or a PostgreSQL database elsewhere), ``pairings.sqlite``,
``relay.sqlite``, and ``patients/`` with what patients keep (``clinic.match_state``).
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

from clinic import durable, enrolment
from clinic.clock import Clock
from clinic.directory import Directory, Person
from clinic.errors import HomeBusy, HomeInvalid, NotPermitted
from clinic.home_config import EMBEDDED
from clinic.keystore import MemberSecrets
from clinic.match_authority import PseudonymRegister
from clinic.match_epoch import epoch_at, pseudonym_check
from clinic.match_errors import MatchingNotSetUp
from clinic.match_index import IndexService
from clinic.match_issuer import IssuerService
from clinic.requests import new_id
from clinic.site import Site
from ledger.bodies import Role
from matching.issuer import DEFAULT_MAX_ELEMENTS_PER_EPOCH
from matching.offer import KeyCheck
from matching.relay import SqliteRelay
from matching.report import Report
from scheme import canonical
from scheme.keys import VerifyingKey

_CONFIG = "services.json"
_REGISTER = "register"
_INDEX = "index.sqlite"
_RELAY = "relay.sqlite"
_ISSUERS = "issuers"
ISSUERS = 2
_LOOK_S = 0.02


@dataclass(frozen=True)
class MatchPlace:
    """Where matching is kept in a home."""

    folder: Path
    directory: Directory
    index_url: str = EMBEDDED
    """``EMBEDDED``, or where the index is in PostgreSQL."""
    max_elements_per_epoch: int = DEFAULT_MAX_ELEMENTS_PER_EPOCH

    @classmethod
    def of(cls, home: Path, directory: Directory, index_url: str = EMBEDDED) -> MatchPlace:
        """In the home folder ``home``; ``index_url`` as its configuration has it."""
        return cls(home / "matching", directory, index_url)

    @property
    def patients(self) -> Path:
        """The folder of what patients keep."""
        return self.folder / "patients"

    @property
    def reports(self) -> Path:
        """The folder of reports to the authority."""
        return self.folder / "reports"

    def issuers(self) -> tuple[str, ...]:
        """Member ids of the issuers. Raises ``MatchingNotSetUp``, ``HomeInvalid``."""
        path = self.folder / _CONFIG
        if not path.exists():
            raise MatchingNotSetUp("nobody opted in yet in this home; begin with `chartseal match optin`")
        found = canonical.loads(durable.read(path), what=_CONFIG).get("issuers")
        if not isinstance(found, list) or len(found) != ISSUERS or not all(isinstance(each, str) for each in found):
            raise HomeInvalid(f"matching/{_CONFIG} does not name two issuers; restore it from a backup")
        return tuple(found)

    @property
    def is_set_up(self) -> bool:
        """Whether there are issuers."""
        return (self.folder / _CONFIG).exists()

    @contextmanager
    def services(self, site: Site) -> Iterator[MatchServices]:
        """The services, each opened when it is first needed; other processes of this home wait meanwhile."""
        with self.locked(), ExitStack() as opened:
            yield MatchServices(self, site, opened)

    def issuer_folder(self, member_id: str) -> Path:
        """The folder of an issuer."""
        return self.folder / _ISSUERS / member_id

    def register(self, authority: MemberSecrets, site: Site) -> PseudonymRegister:
        """The authority's register of pseudonyms."""
        return PseudonymRegister(self.folder / _REGISTER, authority, site)

    def index(self, *, epoch: int, certified: KeyCheck, clock: Clock) -> IndexService:
        """The index of ``epoch``, this process's alone while it is open. Raises as ``IndexStore.open``."""
        at = self.folder / _INDEX if self.index_url == EMBEDDED else self.index_url
        return IndexService(at, self.folder / "pairings.sqlite", epoch=epoch, certified=certified, clock=clock)

    def relay(self, site: Site) -> SqliteRelay:
        """The relay; several processes may have it open. Raises ``RelayUnavailable``."""
        self._make()
        return SqliteRelay(self.folder / _RELAY, now=site.clock)

    def keep(self, report: Report) -> str:
        """Keep a report to the authority, durably, in place of one by the same patient on the same match; its name."""
        name = f"{report.offer.match_id.hex()}-{report.reporter.key.key_id}.json"
        durable.write(self.reports / name, bytes(report))
        return name

    @contextmanager
    def locked(self, wait_s: float | None = None) -> Iterator[None]:
        """Hold what one process at a time may have open; raises ``HomeBusy`` after ``wait_s``, if that is given."""
        self._make()
        with (self.folder / "services.lock").open("w") as lock:
            if wait_s is None:
                fcntl.flock(lock, fcntl.LOCK_EX)
            else:
                _lock_within(lock, wait_s)
            yield

    def _make(self) -> None:
        with durable.full_disk_told():
            for folder in (self.folder, self.folder / _ISSUERS):
                folder.mkdir(exist_ok=True, mode=durable.PRIVATE_FOLDER)


def _lock_within(lock: IO[str], wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise HomeBusy("a command of this home works with the matching services; try again") from None
            time.sleep(_LOOK_S)
        else:
            return


class MatchServices:
    """``MatchClients`` of a home in which all services run. Times and members are the site's."""

    def __init__(self, place: MatchPlace, site: Site, opened: ExitStack) -> None:
        self._place, self._site, self._opened = place, site, opened
        self.epoch = epoch_at(site.clock())

    def set_up(self, authority: MemberSecrets) -> None:
        """Enrol two issuers, if there are none; what was begun is taken up.

        Raises ``NotPermitted`` when there are issuers elsewhere, the ledger's refusals.
        """
        place, site = self._place, self._site
        if not place.is_set_up:
            _require_no_others(site)
            ids = [new_id() for _ in range(ISSUERS)]
            for issuer in ids:
                IssuerService.create(place.issuer_folder(issuer), issuer)
            durable.write(place.folder / _CONFIG, canonical.dumps({"type": "chartseal/services", "issuers": ids}))
        known = {person.member_id for person in place.directory.people()}
        for number, issuer in enumerate(place.issuers(), start=1):
            if site.state().member(issuer) is None:
                secrets = IssuerService.create(place.issuer_folder(issuer), issuer)
                enrolment.enrol_with_keys(site, authority, secrets)
            if issuer not in known:
                place.directory.add(Person(issuer, Role.ISSUER.value, f"issuer {number}"))

    def register(self, authority: MemberSecrets) -> PseudonymRegister:
        """The authority's register of pseudonyms."""
        return self._place.register(authority, self._site)

    def registrar(self, authority: Callable[[], MemberSecrets]) -> PseudonymRegister:
        """As ``MatchClients.registrar``; the first time it enrols the issuers. Raises as ``set_up``."""
        secrets = authority()
        self.set_up(secrets)
        return self.register(secrets)

    @cached_property
    def certified(self) -> KeyCheck:
        """The check of pseudonyms' certificates."""
        return pseudonym_check(VerifyingKey(self._site.state().genesis.verifying), self._site.clock)

    @cached_property
    def issuers(self) -> Mapping[str, IssuerService]:
        """Both issuers by member id, serving this epoch; their keys are on the ledger."""
        found: dict[str, IssuerService] = {}
        for issuer in self._place.issuers():
            folder = self._place.issuer_folder(issuer)
            limit = self._place.max_elements_per_epoch
            service = IssuerService(IssuerService.keys(folder), folder, self._site, max_elements_per_epoch=limit)
            self._opened.callback(service.close)
            service.begin(self.epoch)
            found[issuer] = service
        return found

    @cached_property
    def index(self) -> IndexService:
        """The index of this epoch."""
        self._place.issuers()  # refuses where nobody opted in yet, before a file is made
        index = self._place.index(epoch=self.epoch, certified=self.certified, clock=self._site.clock)
        self._opened.callback(index.close)
        return index

    @cached_property
    def relay(self) -> SqliteRelay:
        """Where messages wait."""
        relay = self._place.relay(self._site)
        self._opened.callback(relay.shut)
        return relay

    def report(self, report: Report) -> str:
        """As ``MatchClients.report``."""
        return self._place.keep(report)


def _require_no_others(site: Site) -> None:
    if any(member.role is Role.ISSUER and member.active for member in site.state().members()):
        raise NotPermitted("tag issuers at other operators' are enrolled; patients opt in from homes of their own")
