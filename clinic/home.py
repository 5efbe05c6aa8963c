"""A home: one folder with the ledger, the keystores, the services' keys and all that a hospital on one machine needs.

Only the command and the demo open homes; use cases get what they need handed in.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clinic import durable, enrolment
from clinic.cards import FolderKeyCards
from clinic.clock import Clock, system_clock
from clinic.directory import Directory, Person, normal_name
from clinic.errors import HomeInvalid, InputInvalid, NotPermitted
from clinic.keystore import FileKeystore, MemberSecrets
from clinic.letters import FolderMailbox
from clinic.outbox import Outbox
from clinic.proxy import MAX_STALENESS_S, ProxyService
from clinic.requests import new_id
from clinic.site import Progress, Site, silent
from cloud.backends.host_key import HostKey
from cloud.open import Opening, open_stores
from ledger.bodies import Role
from ledger.engines.embedded import EmbeddedEngine
from scheme import canonical, keyfile
from scheme.keyfile import Argon2Profile

AUTHORITY = "authority"
_CONFIG = "config.json"
_DIRECTORY = "directory.json"
_LEDGER = "ledger.sqlite"
_NO_BLOCK = "00" * 32
"""Asked for at ``init``, to learn at once whether the stores can be reached."""


@dataclass(frozen=True)
class Config:
    """What ``init`` decided: stores, pinned SFTP host keys, ledger, proxies (member ids) and threshold."""

    stores: tuple[str, ...]
    host_keys: tuple[str, ...]
    ledger: str
    genesis: str
    authority: str
    proxies: tuple[str, ...]
    threshold: int
    max_staleness_s: int = MAX_STALENESS_S

    def to_json(self) -> dict[str, Any]:
        """As config.json holds it."""
        return {
            "type": "chartseal/config",
            "stores": list(self.stores),
            "host_keys": list(self.host_keys),
            "ledger": self.ledger,
            "genesis": self.genesis,
            "authority": self.authority,
            "proxies": list(self.proxies),
            "threshold": self.threshold,
            "max_staleness_s": self.max_staleness_s,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Config:
        """Inverse of ``to_json``. Raises ``HomeInvalid``."""
        lists = [value.get(name) for name in ("stores", "host_keys", "proxies")]
        sound = (
            all(isinstance(items, list) and all(isinstance(item, str) for item in items) for items in lists)
            and all(isinstance(value.get(name), str) for name in ("ledger", "genesis", "authority"))
            and all(type(value.get(name)) is int for name in ("threshold", "max_staleness_s"))
        )
        if not sound:
            raise HomeInvalid("config.json lacks a setting or has one of the wrong type; restore it from a backup")
        return cls(
            tuple(value["stores"]),
            tuple(value["host_keys"]),
            value["ledger"],
            value["genesis"],
            value["authority"],
            tuple(value["proxies"]),
            value["threshold"],
            value["max_staleness_s"],
        )


class Home:
    """An opened home folder."""

    def __init__(
        self, folder: Path, *, clock: Clock = system_clock, profile: Argon2Profile = keyfile.INTERACTIVE
    ) -> None:
        self.folder = folder
        self.clock = clock
        self.keystore = FileKeystore(folder / "keystores", profile)
        self._services = FileKeystore(folder / "services", profile)
        self.directory = Directory(folder / _DIRECTORY)
        self.outbox = Outbox(folder / "outbox")

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        stores: Sequence[str],
        password: str,
        proxies: int,
        threshold: int,
        host_keys: Sequence[HostKey] = (),
        clock: Clock = system_clock,
        profile: Argon2Profile = keyfile.INTERACTIVE,
    ) -> Home:
        """Make a new home: authority, genesis, proxies. Raises ``HomeInvalid`` when there is something already."""
        if not 1 <= threshold <= proxies <= 16:
            raise InputInvalid(
                "the threshold is at least 1 and at most the number of proxies, and those are at most 16"
            )
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise HomeInvalid(f"{folder.name} is not empty; name a new folder, or use the home that is there")
        store = open_stores(stores, Opening(host_keys=tuple(host_keys)))
        store.exists(_NO_BLOCK)
        store.close()
        with durable.full_disk_told():
            folder.mkdir(parents=True, exist_ok=True, mode=durable.PRIVATE_FOLDER)
        home = cls(folder, clock=clock, profile=profile)
        try:
            home._fill(stores, password, proxies, threshold, host_keys)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return home

    def _fill(
        self, stores: Sequence[str], password: str, proxies: int, threshold: int, host_keys: Sequence[HostKey]
    ) -> None:
        authority = MemberSecrets.generate(new_id(), AUTHORITY)
        genesis = enrolment.new_genesis(authority, self.clock)
        self._services.store(authority, password)
        services = [MemberSecrets.generate(new_id(), Role.PROXY.value) for _ in range(proxies)]
        config = Config(
            tuple(stores),
            tuple(key.to_line() for key in host_keys),
            "embedded",
            genesis.digest,
            authority.member_id,
            tuple(service.member_id for service in services),
            threshold,
        )
        EmbeddedEngine.create(self.folder / _LEDGER, genesis, clock=self.clock).close()
        for number, service in enumerate(services, start=1):
            self._store_service(service)
            self.directory.add(Person(service.member_id, service.role, f"proxy {number}"))
        durable.write(self.folder / _CONFIG, canonical.dumps(config.to_json()))
        with self.site() as site:
            for service in services:
                enrolment.enrol_with_keys(site, authority, service, None)

    @property
    def config(self) -> Config:
        """The home's configuration. Raises ``HomeInvalid``."""
        path = self.folder / _CONFIG
        if not path.is_file():
            raise HomeInvalid(f"{self.folder} is not a ChartSeal home; make one with `chartseal init`")
        if not (self.folder / _DIRECTORY).is_file():
            raise HomeInvalid(f"{_DIRECTORY}, with everybody's names, is missing; restore it from a backup")
        return Config.from_json(canonical.loads(durable.read(path), what="config.json"))

    @contextmanager
    def site(self, progress: Progress = silent) -> Iterator[Site]:
        """The home's collaborators, closed at the end."""
        config = self.config
        opening = Opening(host_keys=tuple(HostKey.from_line(line) for line in config.host_keys))
        engine = EmbeddedEngine.open(self.folder / _LEDGER, genesis_digest=config.genesis, clock=self.clock)
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
            yield Site(store, engine, mailbox, cards, proxies, self.clock, config.threshold, progress)
        finally:
            store.close()
            engine.close()

    # Members and services

    def authority(self, password: str) -> MemberSecrets:
        """The authority, unlocked. Raises ``WrongPassword``."""
        return self._services.unlock(self.config.authority, password)

    def unlock(self, name: str, password: str, roles: tuple[str, ...] = ()) -> MemberSecrets:
        """One person's secrets, unlocked; nobody else's keystore is touched."""
        return self.keystore.unlock(self.directory.find(name, roles).member_id, password)

    def hospital(self, member_id: str) -> MemberSecrets:
        """The service keys of a hospital of this home. Raises ``NotPermitted``."""
        if not self._service_path(member_id).exists():
            raise NotPermitted("this home holds no keys of that hospital; seal at the hospital's own home")
        return self._service(member_id)

    def hospitals(self) -> dict[str, MemberSecrets]:
        """All hospitals of this home."""
        return {
            person.member_id: self._service(person.member_id)
            for person in self.directory.people()
            if person.role == Role.HOSPITAL
        }

    def enrol(
        self, site: Site, authority: MemberSecrets, role: Role, name: str, *, hospital: str | None, password: str
    ) -> Person:
        """Enrol a member and keep its keys here; a patient who is enrolled already is added to another hospital.

        A hospital's keys are service keys; ``password`` seals everybody else's. Raises ``InputInvalid`` when the name
        is taken.
        """
        name = normal_name(name)
        hospital_id = self.directory.find(hospital, (Role.HOSPITAL,)).member_id if hospital else None
        for person in self.directory.people():
            if person.role == role and person.name.casefold() == name.casefold():
                known = site.state().member(person.member_id)
                if role is not Role.PATIENT or hospital_id is None or (known and hospital_id in known.hospitals):
                    raise InputInvalid(
                        f"a {role} called {name!r} is enrolled already; add something to tell them apart"
                    )
                enrolment.enrol_with_keys(
                    site, authority, self.keystore.unlock(person.member_id, password), hospital_id
                )
                return person
        secrets = MemberSecrets.generate(new_id(), role.value)
        if role is Role.HOSPITAL:
            self._store_service(secrets)
        else:
            self.keystore.store(secrets, password)
        enrolment.enrol_with_keys(site, authority, secrets, hospital_id)
        person = Person(secrets.member_id, role.value, name)
        self.directory.add(person)
        return person

    def _service_path(self, member_id: str) -> Path:
        return self.folder / "services" / f"{member_id}.json"

    def _service(self, member_id: str) -> MemberSecrets:
        return MemberSecrets.from_secret_bytes(durable.read(self._service_path(member_id)))

    def _store_service(self, secrets: MemberSecrets) -> None:
        durable.write(self._service_path(secrets.member_id), secrets.to_secret_bytes())
