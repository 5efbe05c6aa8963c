"""Every command there is, where it is run, and a shell that notes which ones ended well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click

from network.cli.main import cli
from tests.clinic.cli.conftest import Run, Shell

MEMBERS = {
    "consent": {
        "join", "contact add", "contact show", "seal", "blocks", "open", "request", "requests", "approve", "refuse",
        "grants", "history", "revoke",
    },
    "records": {"seal", "outbox", "withdraw", "open", "verify", "audit show", "audit export", "audit verify"},
    "family": {"family invite", "family accept", "family end"},
    "ledger": {
        "ledger delegates", "ledger evidence", "ledger export", "ledger follow", "ledger status", "ledger verify",
        "ledger vote",
    },
    "people": {"members", "member list", "member show", "status", "proxy list", "proxy faults", "proxy check"},
    "a lost machine": {"recover split", "recover share", "recover restore", "backup", "restore"},
    "matching": {
        "match optin", "match find", "match list", "match accept", "match decline", "match shared", "match optout",
        "session send", "session read", "session end", "session block", "session report",
    },
}  # fmt: skip
"""What works from a doctor's or a patient's home, by the story that runs it against a server."""

OPERATORS = {
    "enrol", "invite", "admit", "member suspend", "member reinstate", "member renew", "member remove", "ledger stand",
    "store check", "store repair", "store copy",
}  # fmt: skip
"""What takes the hospital's own home, beside its server; at a member's it is refused."""

SERVICES = {"serve", "proxy serve", "issuer serve"}
"""What is a process in the home of its own role; at a doctor's or patient's it is refused."""

CONSORTIUM = {
    "consortium init", "consortium join", "consortium anchor", "consortium status", "consortium index",
    "consortium find", "consortium ask", "consortium asks", "consortium answer",
}  # fmt: skip
"""What takes the consortium's home and the hospitals' on one machine; a member's home is neither."""

MACHINES = {"init", "generate", "demo", "symptoms search", "match evaluate"}
"""What asks no server, whatever home is there."""

LISTED = [*(command for story in MEMBERS.values() for command in story), *OPERATORS, *SERVICES, *CONSORTIUM, *MACHINES]


def every_command(group: click.Group = cli, words: tuple[str, ...] = ()) -> Iterator[str]:
    """The words of each command, groups left out."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from every_command(command, (*words, name))
        else:
            yield " ".join((*words, name))


def command_of(arguments: tuple[str | Path, ...]) -> str:
    """Which command ``chartseal ARGUMENTS`` runs, where no value before it is called like a command."""
    command: click.Command = cli
    words = []
    for word in map(str, arguments):
        found = command.get_command(click.Context(command), word) if isinstance(command, click.Group) else None
        if found is not None:
            words.append(word)
            command = found
    return " ".join(words)


@dataclass
class Walk(Shell):
    """A shell whose every command is ``chartseal --server URL COMMAND``, at a home that is named."""

    server: str | None = None
    worked: set[str] = field(default_factory=set)
    """Commands that ended well."""

    def run(self, *arguments: str | Path, stdin: str = "") -> Run:
        """As ``Shell.run``."""
        where = () if self.server is None else ("--server", self.server)
        run = super().run(*where, *arguments, stdin=stdin)
        if run.status == 0:
            self.worked.add(command_of(arguments))
        return run
