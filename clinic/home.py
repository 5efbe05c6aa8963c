"""A hospital's home: one folder with ledger, keystores and the services' keys; and opening a home of any kind."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clinic import durable, enrolment
from clinic.cards import FolderKeyCards
from clinic.clock import Clock, system_clock
from clinic.delegate_keys import DelegateKeys
from clinic.directory import Person, normal_name
from clinic.errors import HomeInvalid, InputInvalid, NotPermitted
from clinic.guardians import Recovered
from clinic.home_config import EMBEDDED, HOSPITAL_CONFIG, Config
from clinic.home_folder import CONFIG, DIRECTORY, LEDGER, SEEN, About, HomeFolder, HomeOptions
from clinic.hospital import OwnHospitals
from clinic.keystore import FileKeystore, MemberSecrets
from clinic.ledger_url import require_no_password
from clinic.letters import FolderMailbox
from clinic.proxy import ProxyService
from clinic.proxy_fault import FaultFolder
from clinic.requests import new_id
from clinic.seen_head import RememberingEngine, SeenHead
from clinic.site import Progress, Site, silent
from cloud.backends.host_key import HostKey
from cloud.open import Opening, open_stores
from ledger.bodies import Role
from ledger.engines.embedded import EmbeddedEngine
from ledger.genesis import EPOCH_BLOCKS, MAX_SEATS, Founder
from scheme import canonical, keyfile
from scheme.keyfile import Argon2Profile

if TYPE_CHECKING:
    from clinic.match_clients import MatchClients

AUTHORITY = "authority"
SERVICES = frozenset({Role.HOSPITAL, Role.PROXY, Role.ISSUER})
"""Roles at work with nobody there to type a password: their keys are protected by the file system alone."""
DELEGATES = 4
"""Default number of founding delegates: the fewest that go on when one is down."""
MAX_PROXIES = 16
_NO_BLOCK = "00" * 32
"""Asked for at ``init``, to learn at once whether the stores can be reached."""


@dataclass(frozen=True)
class Founding:
    """How a new ledger starts: who signs its first blocks, and how many blocks an epoch has."""

    founders: Sequence[Founder]
    epoch_blocks: int


class Home(HomeFolder):
    """An opened home of a hospital, with all that one on a single machine needs."""

    def __init__(
        self, folder: Path, *, clock: Clock = system_clock, profile: Argon2Profile = keyfile.INTERACTIVE
    ) -> None:
        super().__init__(folder, clock=clock, profile=profile)
        self._services = FileKeystore(folder / "services", profile)

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        stores: Sequence[str],
        password: str,
        proxies: int,
        threshold: int,
        ledger: str = EMBEDDED,
        match_index: str = EMBEDDED,
        delegates: int = DELEGATES,
        epoch_blocks: int = EPOCH_BLOCKS,
        host_keys: Sequence[HostKey] = (),
        clock: Clock = system_clock,
        profile: Argon2Profile = keyfile.INTERACTIVE,
    ) -> Home:
        """Make a new home: authority, genesis with founding delegates, proxies (0 when others run them elsewhere).

        ``ledger`` and ``match_index`` are ``EMBEDDED`` for a file in the home, or the URL of a PostgreSQL database.
        Raises ``HomeInvalid`` when there is something already, and what stores and databases raise.
        """
        if not 0 <= proxies <= MAX_PROXIES or not 1 <= threshold <= (proxies or MAX_PROXIES):
            raise InputInvalid(
                f"the threshold is at least 1 and at most the number of proxies, and those are at most {MAX_PROXIES}"
            )
        if not 1 <= delegates <= MAX_SEATS:
            raise InputInvalid(f"a ledger starts with 1 to {MAX_SEATS} founding delegates")
        for database in (ledger, match_index):
            require_no_password(database)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise HomeInvalid(f"{folder.name} is not empty; name a new folder, or use the home that is there")
        store = open_stores(stores, Opening(host_keys=tuple(host_keys)))
        store.exists(_NO_BLOCK)
        store.close()
        if match_index != EMBEDDED:
            _require_index(match_index)
        with durable.full_disk_told():
            folder.mkdir(parents=True, exist_ok=True, mode=durable.PRIVATE_FOLDER)
        home = cls(folder, clock=clock, profile=profile)
        try:
            founding = Founding(home.delegate_keys.found(delegates), epoch_blocks)
            home._fill(stores, password, proxies, threshold, host_keys, ledger, match_index, founding)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return home

    def _fill(
        self,
        stores: Sequence[str],
        password: str,
        proxies: int,
        threshold: int,
        host_keys: Sequence[HostKey],
        ledger: str,
        match_index: str,
        founding: Founding,
    ) -> None:
        authority = MemberSecrets.generate(new_id(), AUTHORITY)
        genesis = enrolment.new_genesis(authority, self.clock, founding.founders, founding.epoch_blocks)
        self._services.store(authority, password)
        services = [MemberSecrets.generate(new_id(), Role.PROXY.value) for _ in range(proxies)]
        config = Config(
            tuple(stores),
            tuple(key.to_line() for key in host_keys),
            ledger,
            genesis.digest,
            authority.member_id,
            tuple(service.member_id for service in services),
            threshold,
            match_index=match_index,
        )
        EmbeddedEngine.create(self._ledger_place(ledger), genesis, clock=self.clock).close()
        self.directory.begin()
        for number, service in enumerate(services, start=1):
            self._store_service(service)
            self.directory.add(Person(service.member_id, service.role, f"proxy {number}"))
        durable.write(self.folder / CONFIG, canonical.dumps(config.to_json()))
        with self.site() as site:
            for service in services:
                enrolment.enrol_with_keys(site, authority, service)

    @property
    def config(self) -> Config:
        """The home's configuration. Raises ``HomeInvalid``."""
        path = self.folder / CONFIG
        if not path.is_file():
            raise _no_home(self.folder)
        if not (self.folder / DIRECTORY).is_file():
            raise HomeInvalid(f"{DIRECTORY}, with everybody's names, is missing; restore it from a backup")
        return Config.from_json(canonical.loads(durable.read(path), what="config.json"))

    @property
    def genesis(self) -> str:
        """As ``HomeFolder.genesis``."""
        return self.config.genesis

    @property
    def delegate_keys(self) -> DelegateKeys:
        """As ``HomeFolder.delegate_keys``."""
        return DelegateKeys(self.folder / "delegates")

    def engine(self) -> EmbeddedEngine:
        """The home's ledger, with the home's delegates seated; the caller closes it.

        Raises ``LedgerRolledBack`` when it went back since a command saw it, and as ``EmbeddedEngine.open``.
        """
        config = self.config
        place = self._ledger_place(config.ledger)
        engine = RememberingEngine.open(place, genesis_digest=config.genesis, clock=self.clock)
        try:
            engine.watch(SeenHead(self.folder / SEEN))
            engine.seat(self.delegate_keys.delegates())
        except BaseException:
            engine.close()
            raise
        return engine

    @property
    def ledger_place(self) -> Path | str:
        """Where the ledger is: a file in the home, or the URL of a PostgreSQL database."""
        return self._ledger_place(self.config.ledger)

    def _ledger_place(self, ledger: str) -> Path | str:
        return self.folder / LEDGER if ledger == EMBEDDED else ledger

    @contextmanager
    def site(self, progress: Progress = silent) -> Iterator[Site]:
        """The home's collaborators, closed at the end."""
        config = self.config
        opening = Opening(host_keys=tuple(HostKey.from_line(line) for line in config.host_keys))
        engine = self.engine()
        store = open_stores(config.stores, opening)
        try:
            proxies = {
                member_id: ProxyService(
                    self._service(member_id),
                    self.folder / "proxies" / member_id,
                    engine,
                    self.clock,
                    max_staleness_s=config.max_staleness_s,
                )
                for member_id in config.proxies
            }
            mailbox, cards = FolderMailbox(self.folder / "mailbox"), FolderKeyCards(self.folder / "cards")
            report = FaultFolder(self.folder / "evidence")
            hospitals = OwnHospitals(self.hospitals, engine, self.clock)
            yield Site(
                store, engine, mailbox, cards, proxies, self.clock, config.threshold, progress, report, hospitals
            )
        finally:
            store.close()
            engine.close()

    def matching(self, site: Site) -> AbstractContextManager[MatchClients]:
        """As ``HomeFolder.matching``: all in this home."""
        from clinic.match_service import MatchPlace  # noqa: PLC0415 (loads more than most commands need)

        return MatchPlace.of(self.folder, self.directory, self.config.match_index).services(site)

    def about(self, _as_of: int) -> About:
        """As ``HomeFolder.about``."""
        config = self.config
        value = {"stores": list(config.stores), "ledger": config.ledger, "match_index": config.match_index}
        rows = [("" if number else "stores", store) for number, store in enumerate(config.stores)]
        here = ", all in this home: no threshold security" if config.proxies else ", each at its operator's"
        return About(value, rows, config.ledger, here)

    # Members and services

    def require_keys(self, person: Person) -> None:
        """As ``HomeFolder.require_keys``: anybody's may be here."""

    def require_access(self) -> None:
        """As ``HomeFolder.require_access``: the store is the home's own."""

    def authority(self, password: str) -> MemberSecrets:
        """The authority, unlocked. Raises ``WrongPassword``."""
        return self._services.unlock(self.config.authority, password)

    def hospital(self, member_id: str) -> MemberSecrets:
        """The service keys of a hospital of this home. Raises ``NotPermitted``."""
        if not self._service_path(member_id).exists():
            raise NotPermitted("this home holds no keys of that hospital; seal at the hospital's own home")
        return self._service(member_id)

    def hospitals(self) -> dict[str, MemberSecrets]:
        """All hospitals of this home."""
        return self._services_of(Role.HOSPITAL)

    def issuers(self) -> dict[str, MemberSecrets]:
        """All tag issuers of this home: member id to service keys."""
        return self._services_of(Role.ISSUER)

    def _services_of(self, role: Role) -> dict[str, MemberSecrets]:
        people = self.directory.people()
        return {person.member_id: self._service(person.member_id) for person in people if person.role == role}

    def enrol(
        self, site: Site, authority: MemberSecrets, role: Role, name: str, *, hospital: str | None, password: str
    ) -> Person:
        """Enrol a member and keep its keys here; a patient who is enrolled already is added to another hospital.

        Keys of a hospital or tag issuer are service keys (``SERVICES``); ``password`` seals everybody else's. A tag
        issuer may be enrolled for the ``hospital`` that runs it. Raises ``InputInvalid`` when the name is taken.
        """
        name = normal_name(name)
        hospital_id = self.directory.find(hospital, (Role.HOSPITAL,)).member_id if hospital else None
        hospital_keys = self.hospital(hospital_id) if hospital_id else None
        for person in self.directory.people():
            if person.role == role and person.name.casefold() == name.casefold():
                known = site.state().member(person.member_id)
                if role is not Role.PATIENT or hospital_id is None or (known and hospital_id in known.hospitals):
                    raise InputInvalid(
                        f"a {role} called {name!r} is enrolled already; add something to tell them apart"
                    )
                secrets = self.keystore.unlock(person.member_id, password)
                enrolment.enrol_with_keys(site, authority, secrets, hospital_keys)
                return person
        secrets = MemberSecrets.generate(new_id(), role.value)
        if role in SERVICES:
            self._store_service(secrets)
        else:
            self.keystore.store(secrets, password)
        enrolment.enrol_with_keys(site, authority, secrets, hospital_keys)
        person = Person(secrets.member_id, role.value, name)
        self.directory.add(person)
        return person

    def _service_path(self, member_id: str) -> Path:
        return self.folder / "services" / f"{member_id}.json"

    def _service(self, member_id: str) -> MemberSecrets:
        return MemberSecrets.from_secret_bytes(durable.read(self._service_path(member_id)))

    def _store_service(self, secrets: MemberSecrets) -> None:
        durable.write(self._service_path(secrets.member_id), secrets.to_secret_bytes())


def _open_hospital(folder: Path, options: HomeOptions) -> Home:
    if options.server is not None:
        raise InputInvalid(
            "--server (or $CHARTSEAL_SERVER) says where a member's server is, and this is a hospital's own home; leave "
            "it out, or `join` with a new home first"
        )
    return Home(folder, clock=options.clock, profile=options.profile)


KINDS: dict[str, Callable[[Path, HomeOptions], HomeFolder]] = {HOSPITAL_CONFIG: _open_hospital}
"""What opens a home whose config.json is of that type; ``network`` adds its own."""


REBUILDERS: dict[str, Callable[[Path, Recovered, str, str, HomeOptions], HomeFolder]] = {}
"""What makes a home anew from ``HomeFolder.to_rebuild`` of that type; ``network`` adds its own."""


def rebuild_home(folder: Path, recovered: Recovered, name: str, password: str, options: HomeOptions) -> HomeFolder:
    """A lost home in a new ``folder``, with its owner's recovered keys under ``password``; she is called ``name``.

    Raises ``HomeInvalid`` when the keys were in a hospital's home, or something is in ``folder`` already.
    """
    if recovered.home is None:
        raise HomeInvalid("these keys were kept in a hospital's home; restore that from its backup, and the keys in it")
    builder = REBUILDERS.get(str(canonical.loads(recovered.home, what="the lost home").get("type")))
    if builder is None:
        raise HomeInvalid("the lost home was of a kind that this version does not know; upgrade, then restore")
    return builder(folder, recovered, name, password, options)


def open_home(folder: Path, options: HomeOptions | None = None) -> HomeFolder:
    """The home in ``folder``, of the kind that its config.json says. Raises ``HomeInvalid``."""
    path, options = folder / CONFIG, options or HomeOptions()
    if not path.is_file():
        raise _no_home(folder) if options.server is None else _not_joined(folder)
    opener = KINDS.get(str(canonical.loads(durable.read(path), what=CONFIG).get("type")))
    if opener is None:
        raise HomeInvalid(f"{CONFIG} is of a kind that this version does not know; upgrade, or restore it")
    return opener(folder, options)


def _require_index(url: str) -> None:
    """Learn at ``init`` whether the database for the match index can be used. Raises ``IndexUnavailable``."""
    from matching.index_store import IndexStore  # noqa: PLC0415 (loads more than most commands need)

    IndexStore.open(url).close()


def _no_home(folder: Path) -> HomeInvalid:
    return HomeInvalid(
        f"{folder} is not a ChartSeal home; make one with `chartseal init`, or as a member with `chartseal join`"
    )


def _not_joined(folder: Path) -> HomeInvalid:
    return HomeInvalid(f"{folder} is no member's home yet; make one with `chartseal join` and an invitation")
