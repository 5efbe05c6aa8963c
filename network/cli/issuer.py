"""The command issuer serve: a tag issuer at work, at its own operator's."""

from __future__ import annotations

import click

from clinic.cli.session import Session, command
from clinic.errors import NotPermitted
from matching.issuer import DEFAULT_MAX_ELEMENTS_PER_EPOCH


@click.group()
def issuer() -> None:
    """A tag issuer, one of two that matching takes."""


@issuer.command()
@click.option("--listen", default="0.0.0.0:8447", show_default=True, metavar="HOST:PORT", help="Where to listen.")
@click.option("--url", required=True, metavar="URL", help="Where others reach it: https://HOST:PORT.")
@click.option(
    "--quota", type=click.IntRange(16, 1_000_000), default=DEFAULT_MAX_ELEMENTS_PER_EPOCH, show_default=True,
    help="Elements of one patient in an epoch of 90 days.",
)  # fmt: skip
@command(password=False)
def serve(session: Session, listen: str, url: str, quota: int) -> None:
    """Serve the tag issuer of this home.

    Its home was made with `chartseal join --role issuer`. It publishes a key for each epoch on the hospital's ledger
    and evaluates blinded symptoms for patients, who need another operator's answer too. Stop it with SIGTERM.
    """
    from network.issuer.process import serve_issuer  # noqa: PLC0415 (a server's libraries take a second to load)
    from network.member_home import MemberHome  # noqa: PLC0415
    from network.server.process import Listen  # noqa: PLC0415

    home = session.home
    if not isinstance(home, MemberHome):
        raise NotPermitted("this is a hospital's home; an issuer has one of its own, made with `chartseal join`")
    serve_issuer(
        home,
        Listen.parse(listen),
        url,
        max_elements_per_epoch=quota,
        on_ready=lambda: session.tell({"url": url}, f"Tag issuer {home.config.member} serves {url}."),
    )
