"""What every home has, whoever's it is: a folder with keystores, an address book and an outbox; and how it is opened.

Only the command and the demo open homes; use cases get what they need handed in.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from clinic.clock import Clock, system_clock
from clinic.delegate_keys import DelegateKeys
from clinic.directory import Directory, Person
from clinic.errors import NotPermitted
from clinic.keystore import FileKeystore, MemberSecrets
from clinic.outbox import Outbox
from clinic.site import Progress, Site, silent
from ledger.engine import Engine
from scheme import keyfile
from scheme.keyfile import Argon2Profile

if TYPE_CHECKING:
    from clinic.match_clients import MatchClients  # what matching loads takes longer than most commands

CONFIG = "config.json"
DIRECTORY = "directory.json"
LEDGER = "ledger.sqlite"
SEEN = "ledger.sqlite.seen"


def no_password(_whose: str) -> str:
    """For a home whose passwords are handed in with each call."""
    raise NotPermitted("this needs the member's keys; unlock them first")


def unheard(_sentence: str) -> None:
    """For a home that nobody watches."""


@dataclass(frozen=True)
class HomeOptions:
    """How a home is opened.

    ``server``: where a member's server is now, if not where the home was made. ``password`` asks for the password of
    whom it is told when keys are needed that nothing unlocked. ``notice`` is told what is no error, but to be known.
    """

    clock: Clock = system_clock
    profile: Argon2Profile = keyfile.INTERACTIVE
    server: str | None = None
    password: Callable[[str], str] = no_password
    notice: Callable[[str], None] = unheard


@dataclass(frozen=True)
class About:
    """What `status` says of a home beside what every home has: as JSON, as rows, and in words.

    ``ledger`` says what the ledger here is, ``proxies`` where the proxies are.
    """

    value: dict[str, Any]
    rows: Sequence[tuple[str, str]]
    ledger: str
    proxies: str


class HomeFolder(ABC):
    """An opened home. What only a hospital's own home has raises ``NotPermitted`` in any other."""

    def __init__(self, folder: Path, *, clock: Clock, profile: Argon2Profile) -> None:
        self.folder = folder
        self.clock = clock
        self.keystore = FileKeystore(folder / "keystores", profile)
        self.directory = Directory(folder / DIRECTORY)
        self.outbox = Outbox(folder / "outbox")

    @property
    @abstractmethod
    def genesis(self) -> str:
        """Digest of the genesis of the home's ledger. Raises ``HomeInvalid`` when the folder is no such home."""

    @property
    @abstractmethod
    def ledger_place(self) -> Path | str:
        """Where the ledger is: a file in the home, or the URL of a PostgreSQL database."""

    @abstractmethod
    def engine(self) -> Engine:
        """The home's ledger; the caller closes it."""

    @abstractmethod
    def site(self, progress: Progress = silent) -> AbstractContextManager[Site]:
        """The home's collaborators, closed at the end."""

    @abstractmethod
    def matching(self, site: Site) -> AbstractContextManager[MatchClients]:
        """Matching's services, for a patient of this home; closed at the end."""

    @abstractmethod
    def about(self, as_of: int) -> About:
        """What kind of home it is; ``as_of`` (unix seconds) is how new its view of the ledger is."""

    @abstractmethod
    def require_keys(self, person: Person) -> None:
        """Return if keys of ``person`` may be here; before a password is asked for. Raises ``NotPermitted``."""

    @abstractmethod
    def require_access(self) -> None:
        """Return once the store can be asked for blocks: a member's is asked with the member's key.

        Raises as ``unlock``.
        """

    def to_rebuild(self) -> bytes | None:
        """What, with the member's keys, makes this home anew on another machine; ``None`` where that takes a backup."""
        return None

    def unlock(self, name: str, password: str, roles: tuple[str, ...] = ()) -> MemberSecrets:
        """One person's secrets, unlocked; nobody else's keystore is touched."""
        return self.keystore.unlock(self.directory.find(name, roles).member_id, password)

    @property
    def delegate_keys(self) -> DelegateKeys:
        """The keys of the delegates that the home runs."""
        return _at_the_hospital("a delegate's key is kept where ledger blocks are made")

    def authority(self, _password: str) -> MemberSecrets:
        """The authority, unlocked."""
        return _at_the_hospital("this takes the authority's key")

    def hospital(self, _member_id: str) -> MemberSecrets:
        """The service keys of a hospital."""
        return _at_the_hospital("this takes the hospital's key")

    def hospitals(self) -> dict[str, MemberSecrets]:
        """All hospitals of the home."""
        return _at_the_hospital("this takes the hospital's key")

    def issuers(self) -> dict[str, MemberSecrets]:
        """All tag issuers of the home."""
        return _at_the_hospital("this takes the tag issuers' keys")


def _at_the_hospital(why: str) -> NoReturn:
    raise NotPermitted(f"{why}; run this at the hospital's own home")
