"""What the consortium's commands open: its own home, and the homes of hospitals."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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


@contextmanager
def hospital_home(session: Session, folder: Path) -> Iterator[Hospital]:
    """The home that ``--child`` names, its ledger closed at the end."""
    home = Home(folder, profile=session.profile)
    engine = home.engine()
    try:
        yield Hospital(home, engine)
    finally:
        engine.close()
