"""A consortium's home: one folder with its ledger, the keys of authority, notary and delegates, and the mailbox.

Hospitals and doctors keep their keys in their own homes; they join with them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from clinic import consortium, durable, enrolment
from clinic.clock import Clock, system_clock
from clinic.consortium import Consortium
from clinic.delegate_keys import DelegateKeys
from clinic.directory import Directory
from clinic.errors import HomeInvalid, InputInvalid, NameUnknown
from clinic.home_folder import LEDGER, SEEN
from clinic.keystore import FileKeystore, MemberSecrets
from clinic.letters import FolderMailbox
from clinic.requests import new_id
from clinic.seen_head import RememberingEngine, SeenHead
from ledger.bodies import Role
from ledger.engines.embedded import EmbeddedEngine
from ledger.genesis import MAX_SEATS
from scheme import canonical, keyfile
from scheme.keyfile import Argon2Profile

DELEGATES = 4
"""Default of how many founding delegates: one may be down or dishonest."""
CONSORTIUM = "consortium.json"
"""Settings of a consortium's home; the file tells that a folder is one."""


@dataclass(frozen=True)
class Child:
    """A hospital's ledger (genesis digest, pinned) with the hospital's member id and name."""

    ledger: str
    hospital: str
    name: str


@dataclass(frozen=True)
class ConsortiumConfig:
    """What ``init`` and ``join`` decided: genesis digest, member ids of authority and notary, child ledgers."""

    genesis: str
    authority: str
    notary: str
    children: tuple[Child, ...] = ()

    def __bytes__(self) -> bytes:
        return canonical.dumps({"type": "chartseal/consortium", **asdict(self)})

    @classmethod
    def from_bytes(cls, data: bytes) -> ConsortiumConfig:
        """Inverse of ``bytes``. Raises ``HomeInvalid``."""
        value = canonical.loads(data, what=CONSORTIUM)
        try:
            children = tuple(Child(each["ledger"], each["hospital"], each["name"]) for each in value["children"])
            return cls(str(value["genesis"]), str(value["authority"]), str(value["notary"]), children)
        except (KeyError, TypeError):
            raise HomeInvalid(f"{CONSORTIUM} lacks a setting; restore it from a backup") from None


class ConsortiumHome:
    """An opened consortium home."""

    def __init__(
        self, folder: Path, *, clock: Clock = system_clock, profile: Argon2Profile = keyfile.INTERACTIVE
    ) -> None:
        self.folder = folder
        self.clock = clock
        self._services = FileKeystore(folder / "services", profile)
        self.directory = Directory(folder / "directory.json")
        self._delegate_keys = DelegateKeys(folder / "delegates")

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        password: str,
        delegates: int = DELEGATES,
        clock: Clock = system_clock,
        profile: Argon2Profile = keyfile.INTERACTIVE,
    ) -> ConsortiumHome:
        """Make a new home: authority (sealed by ``password``), genesis, founding delegates, one notary.

        Raises ``HomeInvalid`` when there is something already, ``InputInvalid``.
        """
        if not 1 <= delegates <= MAX_SEATS:
            raise InputInvalid(f"a consortium has 1 to {MAX_SEATS} founding delegates")
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise HomeInvalid(f"{folder.name} is not empty; name a new folder, or use the home that is there")
        with durable.full_disk_told():
            folder.mkdir(parents=True, exist_ok=True, mode=durable.PRIVATE_FOLDER)
        home = cls(folder, clock=clock, profile=profile)
        try:
            home._fill(password, delegates)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return home

    def _fill(self, password: str, delegates: int) -> None:
        authority = MemberSecrets.generate(new_id(), "authority")
        notary = MemberSecrets.generate(new_id(), Role.NOTARY.value)
        genesis = enrolment.new_genesis(authority, self.clock, self._delegate_keys.found(delegates))
        self._services.store(authority, password)
        durable.write(self._notary_path(notary.member_id), notary.to_secret_bytes())
        EmbeddedEngine.create(self.folder / LEDGER, genesis, clock=self.clock).close()
        self._store(ConsortiumConfig(genesis.digest, authority.member_id, notary.member_id))
        with self.opened() as opened:
            consortium.join(opened, authority, notary)

    @property
    def config(self) -> ConsortiumConfig:
        """The home's configuration. Raises ``HomeInvalid``."""
        path = self.folder / CONSORTIUM
        if not path.is_file():
            raise HomeInvalid(f"{self.folder} is not a consortium's home; make one with `chartseal consortium init`")
        return ConsortiumConfig.from_bytes(durable.read(path))

    @contextmanager
    def opened(self) -> Iterator[Consortium]:
        """Ledger with its delegates, mailbox and clock; closed at the end."""
        config = self.config
        engine = RememberingEngine.open(self.folder / LEDGER, genesis_digest=config.genesis, clock=self.clock)
        try:
            engine.watch(SeenHead(self.folder / SEEN))
            engine.seat(self._delegate_keys.delegates())
            yield Consortium(engine, FolderMailbox(self.folder / "mailbox"), self.clock)
        finally:
            engine.close()

    def authority(self, password: str) -> MemberSecrets:
        """The authority, unlocked. Raises ``WrongPassword``."""
        return self._services.unlock(self.config.authority, password)

    def notary(self) -> MemberSecrets:
        """The notary, whose keys serve without a password. Raises ``HomeInvalid``."""
        return MemberSecrets.from_secret_bytes(durable.read(self._notary_path(self.config.notary)))

    def add_child(self, child: Child) -> None:
        """Pin a hospital's ledger; it stays with the hospital that it was first added for."""
        config = self.config
        if all(child.ledger != known.ledger for known in config.children):
            self._store(replace(config, children=(*config.children, child)))

    def child(self, ledger: str) -> Child:
        """The child with that genesis digest. Raises ``NameUnknown``."""
        for child in self.config.children:
            if child.ledger == ledger:
                return child
        raise NameUnknown("that hospital's ledger has not joined; let it join with `chartseal consortium join`")

    def _store(self, config: ConsortiumConfig) -> None:
        durable.write(self.folder / CONSORTIUM, bytes(config))

    def _notary_path(self, member_id: str) -> Path:
        return self.folder / "services" / f"{member_id}.json"
