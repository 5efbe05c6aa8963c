"""What every command has: its home, its way of printing, and where passwords come from."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from clinic.cli.passwords import PASSWORD_VARIABLE, ask_password, read_password
from clinic.cli.tables import rendered
from clinic.errors import NameAmbiguous, NotPermitted
from clinic.home import Home, open_home
from clinic.home_folder import HomeFolder, HomeOptions
from clinic.keystore import MemberSecrets
from clinic.site import Site, silent
from scheme import keyfile
from scheme.errors import ChartSealError

HOME_VARIABLE = "CHARTSEAL_HOME"
PASSWORD_PROFILE = keyfile.INTERACTIVE
"""How slow passwords are made; tests put a cheap one here, whose keystores the command refuses."""
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Session:
    """One run of one command."""

    folder: Path
    as_json: bool
    password_file: Path | None
    new_password_file: Path | None
    server: str | None = None
    """Where a member's server is now, if not where the home was made."""

    @property
    def profile(self) -> keyfile.Argon2Profile:
        """How slow passwords are made."""
        return PASSWORD_PROFILE

    @property
    def options(self) -> HomeOptions:
        """How this command opens homes."""
        return HomeOptions(profile=self.profile, server=self.server, password=self.password, notice=_notice)

    @functools.cached_property
    def home(self) -> HomeFolder:
        """The home folder, a hospital's or a member's. Raises ``HomeInvalid`` when it is neither."""
        home = open_home(self.folder, self.options)
        home.genesis  # noqa: B018 (refuses what is not a home, before a name is looked up in it)
        return home

    @property
    def hospital_home(self) -> Home:
        """The home folder, where it must be a hospital's own. Raises ``NotPermitted`` in a member's."""
        if not isinstance(self.home, Home):
            raise NotPermitted("this is no hospital's home but a member's; run this at the hospital's own home")
        return self.home

    @functools.cached_property
    def _names(self) -> dict[str, str]:
        return {person.member_id: person.name for person in self.home.directory.people()}

    @contextmanager
    def site(self) -> Iterator[Site]:
        """The home's collaborators, with a progress bar on a terminal."""
        terminal = Console(stderr=True)
        if self.as_json or not terminal.is_terminal:
            with self.home.site(silent) as site:
                yield site
            return
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        bar = Progress(*columns, console=terminal, transient=True)
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int) -> None:
            bar.start()
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total)
            bar.update(tasks[stage], completed=done, total=total)

        try:
            with self.home.site(report) as site:
                yield site
        finally:
            bar.stop()

    def password(self, whose: str) -> str:
        """The password of the actor: from ``--password-file``, the environment, or a prompt."""
        if self.password_file is not None:
            return read_password(self.password_file)
        if PASSWORD_VARIABLE in os.environ:
            return os.environ[PASSWORD_VARIABLE]
        return ask_password(f"Password of {whose}")

    def new_password(self, whose: str) -> str:
        """A password that is set now: from ``--new-password-file``, or as ``password`` has it."""
        if self.new_password_file is not None:
            return read_password(self.new_password_file)
        if self.password_file is not None or PASSWORD_VARIABLE in os.environ:
            return self.password(whose)
        return ask_password(f"New password for {whose}", confirm=True)

    def new_members_password(self, whose: str, authority: str) -> str:
        """From ``--new-password-file``, a prompt on a terminal, or failing both the same as the authority's."""
        if self.new_password_file is not None:
            return read_password(self.new_password_file)
        return ask_password(f"New password for {whose}", confirm=True) if sys.stdin.isatty() else authority

    def unlock(self, name: str, *roles: str) -> MemberSecrets:
        """The actor's secrets; nobody else's keystore is touched."""
        person = self.home.directory.find(name, roles)
        self.home.require_keys(person)
        return self.home.unlock(person.member_id, self.password(f"{person.role} {person.name}"), roles)

    def name(self, member_id: str) -> str:
        """What this home calls a member."""
        return self._names.get(member_id, member_id[:12])

    def tell(self, value: dict[str, Any], *sentences: str, table: Table | None = None, empty: str = "") -> None:
        """One JSON object for programs, or sentences and a table (``empty`` when it has no rows) for people."""
        if self.as_json:
            click.echo(json.dumps(value, ensure_ascii=False))
            return
        for sentence in sentences:
            click.echo(sentence)
        if table is not None:
            click.echo(rendered(table) if table.row_count else empty)


def _notice(sentence: str) -> None:
    click.echo(f"note: {sentence}", err=True)


class Reported(ChartSealError):
    """Root of what a command finds wrong after it told all it found: no second JSON object is printed."""

    code = "reported"


def command(*, password: bool = True, new_password: bool = False) -> Callable[[F], F]:
    """The options that every command takes; the command gets a ``Session`` first.

    ``password`` is whether it needs one; one that does not takes ``--password-file`` all the same, and ignores it.
    """

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def run(*arguments: Any, **options: Any) -> Any:
            defaults = click.get_current_context().find_root().params
            home = options.pop("home_folder") or defaults.get("home_folder") or Path.home() / ".chartseal"
            session = Session(
                Path(home),
                bool(options.pop("as_json") or defaults.get("as_json")),
                options.pop("password_file"),
                options.pop("new_password_file", None),
                defaults.get("server"),
            )
            return function(session, *arguments, **options)

        wrapped: Any = run
        if new_password:
            wrapped = click.option(
                "--new-password-file", metavar="FILE", type=click.Path(path_type=Path),
                help="File with the new password.",
            )(wrapped)  # fmt: skip
        for option in (
            click.option(
                "--password-file", metavar="FILE", type=click.Path(path_type=Path), hidden=not password,
                help=f"File with the password; else ${PASSWORD_VARIABLE}, else a prompt.",
            ),
            click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
            click.option(
                "--home", "home_folder", metavar="DIR", type=click.Path(path_type=Path),
                help=f"The home folder (default: ${HOME_VARIABLE}, else ~/.chartseal).",
            ),
        ):  # fmt: skip
            wrapped = option(wrapped)
        return cast(F, wrapped)

    return decorate


def by_prefix(candidates: Sequence[str], prefix: str, what: str) -> str | None:
    """The one id that begins with ``prefix`` (4 digits or more), or ``None``. Raises ``NameAmbiguous``."""
    found = sorted({each for each in candidates if each == prefix or (len(prefix) >= 4 and each.startswith(prefix))})
    if len(found) > 1:
        raise NameAmbiguous(f"{prefix!r} fits several {what}: {', '.join(each[:12] for each in found)}")
    return found[0] if found else None
