"""Matching's services in one home: two issuers, the authority's register, index and relay, each with files of its own.

They are all one operator's here, as the proxies are: what is said of two issuers that do not work together holds only
when each runs elsewhere. Files below ``HOME/matching``: ``services.json``, ``register``, ``issuers/ID/`` (member keys,
this epoch's seed, counts), ``index.sqlite``, ``pairings.sqlite``, ``relay.sqlite``, and ``patients/`` with what
patients keep (``clinic.match_state``).
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from clinic import durable, enrolment
from clinic.directory import Directory, Person
from clinic.errors import HomeInvalid
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
from scheme import canonical
from scheme.keys import VerifyingKey

_CONFIG = "services.json"
_REGISTER = "register"
_ISSUERS = "issuers"
ISSUERS = 2


@dataclass(frozen=True)
class MatchPlace:
    """Where matching is kept in a home."""

    folder: Path
    directory: Directory
    max_elements_per_epoch: int = DEFAULT_MAX_ELEMENTS_PER_EPOCH

    @classmethod
    def of(cls, home: Path, directory: Directory) -> MatchPlace:
        """In the home folder ``home``."""
        return cls(home / "matching", directory)

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
        with self._locked(), ExitStack() as opened:
            yield MatchServices(self, site, opened)

    def issuer_folder(self, member_id: str) -> Path:
        """The folder of an issuer."""
        return self.folder / _ISSUERS / member_id

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with durable.full_disk_told():
            for folder in (self.folder, self.folder / _ISSUERS):
                folder.mkdir(exist_ok=True, mode=durable.PRIVATE_FOLDER)
            lock = (self.folder / "services.lock").open("w")
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


class MatchServices:
    """What a patient's side works with. Times and members are the site's."""

    def __init__(self, place: MatchPlace, site: Site, opened: ExitStack) -> None:
        self._place, self._site, self._opened = place, site, opened
        self.epoch = epoch_at(site.clock())

    def set_up(self, authority: MemberSecrets) -> None:
        """Enrol two issuers, if there are none; what was begun is taken up. Raises the ledger's refusals."""
        place, site = self._place, self._site
        if not place.is_set_up:
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
        return PseudonymRegister(self._place.folder / _REGISTER, authority)

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
            service = IssuerService(folder, self._site, epoch=self.epoch, max_elements_per_epoch=limit)
            self._opened.callback(service.close)
            found[issuer] = service
        return found

    @cached_property
    def index(self) -> IndexService:
        """The index of this epoch."""
        self._place.issuers()  # refuses where nobody opted in yet, before a file is made
        index = IndexService(self._place.folder, epoch=self.epoch, certified=self.certified, clock=self._site.clock)
        self._opened.callback(index.close)
        return index

    @cached_property
    def relay(self) -> SqliteRelay:
        """Where messages wait."""
        relay = SqliteRelay(self._place.folder / "relay.sqlite", now=self._site.clock)
        self._opened.callback(relay.shut)
        return relay
