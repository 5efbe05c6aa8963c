"""What the consortium's commands open: its own home, and the homes of hospitals."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import click

from clinic.cli.session import Session
from clinic.consortium_home import ConsortiumHome
from clinic.home import Home
from ledger.bodies import Role
from ledger.engine import Engine

CHILD = click.option(
    "--child", "child_folder", required=True, metavar="DIR", type=click.Path(path_type=Path),
    help="The hospital's home folder.",
)  # fmt: skip


@dataclass(frozen=True)
class Hospital:
    """A hospital's opened home: its names and its ledger."""

    home: Home
    engine: Engine

    @property
    def ledger(self) -> str:
        """Its genesis digest."""
        return self.engine.genesis.digest

    def patients(self) -> list[str]:
        """Active patients who have a chain."""
        state = self.engine.view().state
        members = (member for member in state.members() if member.role is Role.PATIENT and member.active)
        return [member.member for member in members if state.chains(member.member)]


def consortium_home(session: Session) -> ConsortiumHome:
    """The home that ``--home`` names. Raises ``HomeInvalid``."""
    home = ConsortiumHome(session.folder, profile=session.profile)
    home.config  # noqa: B018 (refuses what is not a consortium's home)
    return home


def child_home(session: Session, folder: Path) -> Home:
    """The home that ``--child`` names. Raises ``HomeInvalid``, ``NotPermitted`` when it is a member's."""
    return replace(session, folder=folder).hospital_home


@contextmanager
def hospital_home(session: Session, folder: Path) -> Iterator[Hospital]:
    """As ``child_home``, with its ledger, which is closed at the end."""
    home = child_home(session, folder)
    engine = home.engine()
    try:
        yield Hospital(home, engine)
    finally:
        engine.close()
