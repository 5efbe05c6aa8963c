"""The command ``chartseal``."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from pathlib import Path

import click
from click.exceptions import NoArgsIsHelpError

import clinic
from clinic.cli.lazy import LazyGroup
from clinic.cli.session import HOME_VARIABLE, Reported
from scheme.errors import ChartSealError

_USAGE = 2
_FAILED = 1
_INTERRUPTED = 130
_BUG = 70


COMMANDS = {
    "init": "clinic.cli.homes:init",
    "enrol": "clinic.cli.homes:enrol",
    "members": "clinic.cli.homes:members",
    "member": "clinic.cli.members:member",
    "family": "clinic.cli.family:family",
    "status": "clinic.cli.homes:status",
    "seal": "clinic.cli.records:seal",
    "outbox": "clinic.cli.records:outbox",
    "withdraw": "clinic.cli.records:withdraw",
    "request": "clinic.cli.sharing:request",
    "requests": "clinic.cli.sharing:requests",
    "approve": "clinic.cli.sharing:approve",
    "refuse": "clinic.cli.sharing:refuse",
    "grants": "clinic.cli.sharing:grants",
    "revoke": "clinic.cli.sharing:revoke",
    "history": "clinic.cli.reading:history",
    "open": "clinic.cli.records:open_records",
    "blocks": "clinic.cli.records:blocks",
    "audit": "clinic.cli.audit:audit",
    "verify": "clinic.cli.records:verify",
    "store": "clinic.cli.stores:store",
    "recover": "clinic.cli.recover:recover",
    "backup": "clinic.cli.homes:backup",
    "restore": "clinic.cli.homes:restore",
    "generate": "clinic.cli.records:generate",
    "demo": "clinic.cli.demo:demo",
    "ledger": "clinic.cli.ledger:ledger",
    "proxy": "clinic.cli.proxies:proxy",
    "consortium": "clinic.cli.consortium:consortium",
    "symptoms": "clinic.cli.symptoms:symptoms",
    "match": "clinic.cli.match:match",
    "session": "clinic.cli.sessions:session_group",
}
"""Where each command is."""


@click.group(
    cls=LazyGroup,
    places=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(clinic.__version__, prog_name="chartseal")
@click.option(
    "--home",
    "home_folder",
    type=click.Path(path_type=Path),
    envvar=HOME_VARIABLE,
    metavar="DIR",
    help=f"The home folder (default: ${HOME_VARIABLE}, else ~/.chartseal).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def cli(**_defaults: object) -> None:
    """Keep health records sealed in somebody else's cloud, and let the patient decide who reads them."""


def main() -> None:
    """Run the command."""
    run(cli)


def run(commands: click.Group) -> None:
    """Run a command of ``commands``: one clear line on an error, no traceback; exit status 1, or 2 for a wrong call."""
    as_json = "--json" in sys.argv
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        commands.main(standalone_mode=False, prog_name="chartseal")
    except ChartSealError as error:
        _fail(error.code, str(error), _FAILED, as_json=as_json and not isinstance(error, Reported))
    except (click.Abort, KeyboardInterrupt):
        click.echo(err=True)
        _fail("aborted", "stopped; nothing that was acknowledged is lost", _INTERRUPTED, as_json=as_json)
    except NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(_USAGE)
    except click.ClickException as error:
        hint = f" (see `{error.ctx.command_path} --help`)" if isinstance(error, click.UsageError) and error.ctx else ""
        _fail("usage", error.format_message().rstrip(".") + hint, _USAGE, as_json=as_json)
    except OSError as error:
        with contextlib.suppress(OSError):  # what is still buffered would fail again when Python leaves
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        reason = error.strerror or "input/output error"
        _fail("output-failed", f"the output cannot be written: {reason}", _FAILED, as_json=False)
    except Exception as error:
        if os.environ.get("CHARTSEAL_DEBUG"):
            raise
        sentence = f"this is a bug ({type(error).__name__}); set CHARTSEAL_DEBUG=1 and report what it prints"
        _fail("internal", sentence, _BUG, as_json=as_json)


def _fail(code: str, sentence: str, status: int, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"error": code, "message": sentence}, ensure_ascii=False))
    click.echo(f"error [{code}]: {sentence}", err=True)
    sys.exit(status)


if __name__ == "__main__":
    main()
