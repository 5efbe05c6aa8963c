"""The command proxy serve: a proxy at work, at its own operator's; beside the group's commands of every home."""

from __future__ import annotations

import copy

import click

from clinic.cli import proxies
from clinic.cli.session import Session, command
from clinic.errors import NotPermitted

proxy = copy.copy(proxies.proxy)
proxy.commands = dict(proxies.proxy.commands)


@proxy.command()
@click.option("--listen", default="0.0.0.0:8444", show_default=True, metavar="HOST:PORT", help="Where to listen.")
@click.option("--url", required=True, metavar="URL", help="Where others reach it: https://HOST:PORT.")
@command(password=False)
def serve(session: Session, listen: str, url: str) -> None:
    """Serve the proxy of this home.

    Its home was made with `chartseal join --role proxy`. It follows the hospital's ledger, keeps fragments that
    patients seal to it, and re-encrypts for releases that the ledger shows. Stop it with SIGTERM.
    """
    from network.member_home import MemberHome  # noqa: PLC0415 (a server's libraries take a second to load)
    from network.proxy.process import serve_proxy  # noqa: PLC0415
    from network.server.process import Listen  # noqa: PLC0415

    home = session.home
    if not isinstance(home, MemberHome):
        raise NotPermitted("this is a hospital's home; a proxy has one of its own, made with `chartseal join`")
    serve_proxy(
        home,
        Listen.parse(listen),
        url,
        on_ready=lambda: session.tell({"url": url}, f"Proxy {home.config.member} serves {url}."),
    )
