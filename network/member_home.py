"""A member's home: one person's (or service's) keys, address book, outbox, and verified copy of the hospital's ledger.

Keys never leave it. What goes to the server is ciphertext, opaque ids and signed transactions.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from clinic import durable
from clinic.clock import rfc3339
from clinic.delivery import finish_outbox
from clinic.directory import Person, normal_name
from clinic.enrolment import application_of
from clinic.errors import HomeInvalid, NotPermitted
from clinic.guardians import Recovered
from clinic.home_folder import CONFIG, DIRECTORY, LEDGER, SEEN, About, HomeFolder, HomeOptions
from clinic.hospital import HospitalClient
from clinic.keystore import MemberSecrets
from clinic.letters import FolderMailbox
from clinic.proxy_fault import FaultFolder
from clinic.requests import new_id
from clinic.seen_head import SeenHead
from clinic.site import Progress, Site, silent
from ledger.bodies import Role
from ledger.engines.replica import Replica
from network.client.cards import RemoteKeyCards
from network.client.hospital import RemoteHospital
from network.client.ledger import FollowingLedger, fetch_genesis
from network.client.mailbox import RemoteMailbox
from network.client.proxies import RemoteProxies
from network.client.reports import RemoteReports
from network.client.store import RemoteStore
from network.client.transport import Signer, Transport
from network.endpoint import EndpointBook
from network.invitation import Invitation, server_url
from network.joining import JOINING, Joining, Trust
from network.member_config import LostHome, MemberConfig
from scheme.errors import ChartSealError

if TYPE_CHECKING:
    from clinic.match_clients import MatchClients

CA = "ca.pem"
MEMBER_ROLES = (Role.DOCTOR, Role.PATIENT, Role.PROXY, Role.ISSUER)
"""Who has a home of its own."""
_BEFORE_CONFIG = frozenset({"keystores", "services", CA, DIRECTORY, "directory.lock", JOINING})
"""All that a new home has before its config.json."""


class MemberHome(HomeFolder):
    """An opened home of one member."""

    def __init__(self, folder: Path, options: HomeOptions | None = None) -> None:
        options = options or HomeOptions()
        super().__init__(folder, clock=options.clock, profile=options.profile)
        self._options = options
        self._unlocked: MemberSecrets | None = None
        self._lock = threading.RLock()

    @classmethod
    def create(
        cls,
        folder: Path,
        invitation: Invitation,
        trust: Trust,
        role: Role,
        name: str,
        password: str | None,
        options: HomeOptions | None = None,
    ) -> MemberHome:
        """Make a new home for what ``trust`` pins, with fresh keys; ``config.json`` comes last.

        Keys are sealed by ``password``; a service's (``None``) are protected by the file system alone. What an
        interrupted call left goes: its keys were not sent to anybody. Raises ``HomeInvalid`` when there is something
        else already, ``InputInvalid``.
        """
        name = normal_name(name)
        require_free(folder)
        with durable.full_disk_told():
            folder.mkdir(parents=True, exist_ok=True, mode=durable.PRIVATE_FOLDER)
        home = cls(folder, options)
        try:
            home._fill(invitation, trust, MemberSecrets.generate(new_id(), role.value), name, password)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return home

    def _fill(
        self, invitation: Invitation, trust: Trust, secrets: MemberSecrets, name: str, password: str | None
    ) -> None:
        role = Role(secrets.role)
        config = MemberConfig(invitation.url, trust.genesis, trust.hospital, secrets.member_id, role, trust.threshold)
        if password is None:
            durable.write(self._service_path(secrets.member_id), secrets.to_secret_bytes())
        else:
            self.keystore.store(secrets, password)
        durable.write(self.folder / CA, trust.ca.encode("ascii"))
        self.directory.add(Person(secrets.member_id, role.value, name))
        self.directory.add(Person(trust.hospital, Role.HOSPITAL.value, str(urlsplit(invitation.url).hostname)))
        self.joining.begin(invitation.code, application_of(secrets))
        durable.write(self.folder / CONFIG, bytes(config))
        self._unlocked = secrets

    def to_rebuild(self) -> bytes:
        """As ``HomeFolder.to_rebuild``: what is pinned, with the server's present URL, and the address book."""
        pinned = LostHome(
            replace(self.config, server=self.server),
            durable.read(self.folder / CA).decode("ascii", "replace"),
            tuple(self.directory.people()),
        )
        return bytes(pinned)

    @classmethod
    def rebuild(
        cls, folder: Path, recovered: Recovered, name: str, password: str, options: HomeOptions | None = None
    ) -> MemberHome:
        """Make a lost home anew from what guardians brought back, and check the own entry of the ledger with it.

        Nothing stays of a call that fails; after one that was killed the next command checks. Raises ``HomeInvalid``,
        ``ServerUnreachable``, ``ServerNotPinned``, ``EnrolmentDiffers``.
        """
        name, lost = normal_name(name), LostHome.from_bytes(recovered.home or b"")
        require_free(folder)
        with durable.full_disk_told():
            folder.mkdir(parents=True, exist_ok=True, mode=durable.PRIVATE_FOLDER)
        home = cls(folder, options)
        try:
            home._refill(lost, recovered.secrets, name, password)
            with home.site():
                pass
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return home

    def _refill(self, lost: LostHome, secrets: MemberSecrets, name: str, password: str) -> None:
        if secrets.member_id != lost.config.member:
            raise HomeInvalid("the recovered keys are not those of the lost home's member; use none of them")
        self.keystore.store(secrets, password)
        durable.write(self.folder / CA, lost.ca.encode("ascii"))
        self.directory.add(Person(secrets.member_id, secrets.role, name))
        for person in lost.people:
            if person.member_id != secrets.member_id:
                self.directory.add(person)
        self.joining.begin(None, application_of(secrets))
        server = lost.config.server if self._options.server is None else server_url(self._options.server)
        durable.write(self.folder / CONFIG, bytes(replace(lost.config, server=server)))
        self._unlocked = secrets

    @property
    def config(self) -> MemberConfig:
        """The home's configuration. Raises ``HomeInvalid``."""
        path = self.folder / CONFIG
        if not path.is_file():
            raise HomeInvalid(f"{self.folder} is no member's home; make one with `chartseal join`")
        return MemberConfig.from_bytes(durable.read(path))

    @property
    def genesis(self) -> str:
        """As ``HomeFolder.genesis``."""
        return self.config.genesis

    @property
    def ledger_place(self) -> Path:
        """As ``HomeFolder.ledger_place``: the copy in the home."""
        return self.folder / LEDGER

    @property
    def joining(self) -> Joining:
        """What is left to do of joining."""
        return Joining(self.folder)

    @property
    def me(self) -> Person:
        """Whose home it is."""
        config = self.config
        return Person(config.member, config.role.value, self.directory.name_of(config.member))

    # Keys

    def require_keys(self, person: Person) -> None:
        """As ``HomeFolder.require_keys``: one member's are here."""
        me = self.me
        if person.member_id != me.member_id:
            raise NotPermitted(
                f"this is the home of {me.role} {me.name}; {person.role} {person.name}'s keys are elsewhere"
            )

    def require_access(self) -> None:
        """As ``HomeFolder.require_access``."""
        self.secrets()

    def unlock(self, name: str, password: str, roles: tuple[str, ...] = ()) -> MemberSecrets:
        """As ``HomeFolder.unlock``; requests are signed with what was unlocked."""
        person = self.directory.find(name, roles)
        self.require_keys(person)
        with self._lock:
            self._unlocked = self.keystore.unlock(person.member_id, password)
            return self._unlocked

    def secrets(self) -> MemberSecrets:
        """The member's secrets: those unlocked, a service's as they lie there, or by asking for the password."""
        with self._lock:
            if self._unlocked is None:
                me = self.me
                path = self._service_path(me.member_id)
                if path.exists():
                    self._unlocked = MemberSecrets.from_secret_bytes(durable.read(path))
                else:
                    password = self._options.password(f"{me.role} {me.name}")
                    self._unlocked = self.keystore.unlock(me.member_id, password)
            return self._unlocked

    def _service_path(self, member_id: str) -> Path:
        return self.folder / "services" / f"{member_id}.json"

    # The server

    @property
    def server(self) -> str:
        """Where the member's server is: as it was said now, else where the home was made."""
        return self.config.server if self._options.server is None else server_url(self._options.server)

    def engine(self) -> FollowingLedger:
        """The ledger; the caller closes it, and with it what leads to the server. Raises ``ServerNotPinned``."""
        transport = self._transport()
        try:
            return FollowingLedger(
                self._copy(transport),
                transport,
                SeenHead(self.folder / SEEN),
                self.clock,
                evidence=self.folder / "evidence",
                notice=self._tell_age,
            )
        except BaseException:
            transport.close()
            raise

    @contextmanager
    def site(self, progress: Progress = silent) -> Iterator[Site]:
        """As ``HomeFolder.site``; what is left of joining is done first. Raises ``NotAdmitted``."""
        with ExitStack() as opened:
            ledger = opened.enter_context(closing(self.engine()))
            transport = ledger.transport
            proxies = RemoteProxies(ledger, EndpointBook(self.folder / "endpoints"), self._signer, self.clock)
            site = Site(
                opened.enter_context(closing(RemoteStore(transport))),
                ledger,
                RemoteMailbox(transport, FolderMailbox(self.folder / "letters")),
                cards := RemoteKeyCards(transport, self.folder / "cards", self.config.member),
                opened.enter_context(closing(proxies)),
                self.clock,
                self.config.threshold,
                progress,
                RemoteReports(transport, FaultFolder(self.folder / "evidence")),
            )
            if self.joining.pending:
                self.joining.finish(site, ledger, self.secrets)
            site = replace(site, hospitals=self._hospitals(ledger))
            self._finish_outbox(site, ledger)
            yield site
            if self._unlocked is not None and ledger.reached:
                cards.refresh(ledger.view().state, now=self.clock())

    @contextmanager
    def matching(self, site: Site) -> Iterator[MatchClients]:
        """As ``HomeFolder.matching``: each at its operator's."""
        if not isinstance(site.engine, FollowingLedger):
            raise NotPermitted("a member's home asks the services of its own hospital")
        from network.client.matching import RemoteMatching  # noqa: PLC0415 (loads more than most commands need)

        nobody = self._transport(signed=False)
        book = EndpointBook(self.folder / "endpoints")
        with closing(RemoteMatching(site.engine, nobody, book, self._signer, self.clock)) as matching:
            yield matching

    def about(self, as_of: int) -> About:
        """As ``HomeFolder.about``."""
        config, me = self.config, self.me
        value = {
            "server": self.server, "member": me.member_id, "role": me.role, "name": me.name,
            "hospital": config.hospital, "as_of": as_of,
        }  # fmt: skip
        rows = [("member", f"{me.role} {me.name}, {me.member_id}"), ("server", self.server)]
        rows.append(("hospital", self.directory.name_of(config.hospital)))
        seen = f"as of {rfc3339(as_of)}" if as_of else "of which nothing was seen yet"
        return About(value, rows, f"a verified copy, {seen}", ", each at its operator's")

    def _hospitals(self, ledger: FollowingLedger) -> dict[str, HospitalClient]:
        """Those that the member belongs to."""
        member = ledger.view().state.member(self.config.member)
        hospitals = () if member is None else member.hospitals
        return {hospital: RemoteHospital(ledger.transport, ledger, hospital) for hospital in hospitals}

    def _finish_outbox(self, site: Site, ledger: FollowingLedger) -> None:
        """What was sealed without the server goes out with the next command for which keys were unlocked."""
        if self._unlocked is None or not ledger.reached or not self.outbox.committed():
            return
        try:
            finished = finish_outbox(site, self.outbox)
        except ChartSealError as error:
            self._options.notice(f"what waits in the outbox did not go out: {error}")
        else:
            self._options.notice(f"what waited in the outbox is anchored now (batches: {finished})")

    @property
    def _signer(self) -> Signer:
        return Signer(self.config.member, lambda: self.secrets().signing)

    def _transport(self, *, signed: bool = True) -> Transport:
        ca_pem = durable.read(self.folder / CA).decode("ascii", "replace")
        moved = "try again, or say where it is now with --server URL"
        return Transport(self.server, ca_pem, self.clock, self._signer if signed else None, way_out=moved)

    def _copy(self, transport: Transport) -> Replica:
        genesis = self.config.genesis
        if self.ledger_place.exists():
            return Replica.open(self.ledger_place, genesis_digest=genesis, clock=self.clock)
        return Replica.create(self.ledger_place, fetch_genesis(transport, genesis), clock=self.clock)

    def _tell_age(self, as_of: int) -> None:
        seen = f"the ledger as of {rfc3339(as_of)}" if as_of else "a ledger of which nothing was seen yet"
        self._options.notice(f"the server cannot be reached; this is from {seen}")


def require_free(folder: Path) -> None:
    """Return if a new home can be made in ``folder``, from which an interrupted attempt is removed.

    Raises ``HomeInvalid``.
    """
    if folder.is_dir() and {path.name for path in folder.iterdir()} <= _BEFORE_CONFIG:
        shutil.rmtree(folder)
    if folder.exists():
        raise HomeInvalid(f"{folder.name} is not empty; name a new folder, or use the home that is there")
