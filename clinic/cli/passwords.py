"""Where passwords come from when nobody hands them in: a file, a prompt on a terminal, a line that is piped in."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from clinic import durable
from clinic.errors import InputInvalid

PASSWORD_VARIABLE = "CHARTSEAL_PASSWORD"  # noqa: S105 (the variable's name, not a password)


def read_password(path: Path) -> str:
    """The first line of a file. Raises ``InputInvalid`` when there is none."""
    if not path.is_file():
        raise InputInvalid(f"there is no password file {path.name}")
    lines = durable.read(path).decode("utf-8", "replace").splitlines()
    if not lines or not lines[0]:
        raise InputInvalid(f"the password file {path.name} is empty")
    return lines[0]


def ask_password(question: str, *, confirm: bool = False) -> str:
    """Ask on a terminal, without an echo; else take a line of what is piped in. Raises ``InputInvalid``."""
    terminal = sys.stdin.isatty()
    try:
        answer: str = click.prompt(question, hide_input=terminal, confirmation_prompt=confirm and terminal, err=True)
    except click.Abort:
        if terminal:
            raise
        raise InputInvalid(
            f"there is no terminal to ask for a password; use --password-file or ${PASSWORD_VARIABLE}"
        ) from None
    finally:
        if not terminal:
            click.echo(err=True)
    return answer
