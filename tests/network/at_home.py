"""Running the command at members' homes, in this process, as a shell on a machine of each would."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ledger.bodies import Role
from tests.clinic.cli.conftest import Run, Shell


class Inviting(Protocol):
    """A hospital to be joined."""

    def invitation(self, role: Role, name: str) -> str:
        """A link for one to join."""
        ...


@dataclass(frozen=True)
class At:
    """A shell at one home."""

    shell: Shell
    folder: Path

    def run(self, *words: str | Path) -> Run:
        return self.shell.run("--home", self.folder, *words)

    def ok(self, *words: str | Path) -> str:
        return self.shell.ok("--home", self.folder, *words)

    def json(self, *words: str | Path) -> Any:
        return self.shell.json("--home", self.folder, *words)

    def error(self, *words: str | Path) -> str:
        return self.shell.error("--home", self.folder, *words)

    @property
    def line(self) -> list[str]:
        """What `contact show` prints, as words for `contact add`."""
        shown = self.json("contact", "show")
        return [shown["role"], shown["name"], shown["member"]]


def join(hospital: Inviting, at: At, role: Role, name: str) -> Any:
    """What `chartseal join` says at a new home."""
    return at.json("join", hospital.invitation(role, name), "--role", role.value, "--name", name)


def acquaint(*homes: At) -> None:
    """Everybody notes everybody else's name."""
    for at in homes:
        for other in homes:
            if other is not at:
                at.ok("contact", "add", *other.line)
