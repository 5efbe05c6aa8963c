"""The command ``chartseal``, with homes of members and what serves them."""

from __future__ import annotations

import copy

import click

from clinic import home
from clinic.cli.main import COMMANDS, run
from clinic.cli.main import cli as clinic_cli
from network.member_config import LOST_HOME, MEMBER_CONFIG
from network.member_home import MemberHome

SERVER_VARIABLE = "CHARTSEAL_SERVER"


home.KINDS[MEMBER_CONFIG] = MemberHome
home.REBUILDERS[LOST_HOME] = MemberHome.rebuild

cli = copy.copy(clinic_cli)
cli.params = [
    *clinic_cli.params,
    click.Option(
        ("--server",), envvar=SERVER_VARIABLE, metavar="URL",
        help=f"Where a member's server is now, if its address changed (default: ${SERVER_VARIABLE}, else as joined).",
    ),
]  # fmt: skip
cli.places = COMMANDS | {
    "serve": "network.cli.serve:serve",
    "invite": "network.cli.invite:invite",
    "admit": "network.cli.admit:admit",
    "join": "network.cli.join:join",
    "contact": "network.cli.contact:contact",
    "issuer": "network.cli.issuer:issuer",
    "proxy": "network.cli.proxy:proxy",
}


def main() -> None:
    """Run the command."""
    run(cli)


if __name__ == "__main__":
    main()
