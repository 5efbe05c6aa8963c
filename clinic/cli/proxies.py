"""Commands about proxies: proxy list, faults, check."""

from __future__ import annotations

from pathlib import Path

import click

from clinic import durable
from clinic.cli.session import Session, command
from clinic.cli.tables import add_row, plain_table
from clinic.errors import FaultInvalid, FaultUnfounded, InputInvalid
from clinic.membership import status_of
from clinic.proxy_fault import FaultFolder, ProxyFault
from ledger.bodies import Role


@click.group()
def proxy() -> None:
    """The proxies, and what shows that one of them lied."""


@proxy.command("list")
@command(password=False)
def list_proxies(session: Session) -> None:
    """List the proxies of the ledger."""
    table = plain_table("PROXY", "NAME", "STATUS")
    listed = []
    with session.site() as site:
        now = site.clock()
        for member in site.state().members():
            if member.role is Role.PROXY:
                status = status_of(member, now)
                add_row(table, member.member, session.name(member.member), status)
                listed.append({"proxy": member.member, "status": status, "known": member.member in site.proxies})
    session.tell({"proxies": listed}, table=table, empty="There are no proxies yet.")


@proxy.command()
@command(password=False)
def faults(session: Session) -> None:
    """List the evidence against proxies that this home came upon while reading.

    Each file can be handed to anybody who has the ledger, to be checked with `chartseal proxy check`. Of one that shows
    nothing it is said why.
    """
    table = plain_table("EVIDENCE", "WHAT IT SHOWS")
    listed: list[dict[str, str | None]] = []
    with session.site() as site:
        state = site.state()
        for path in FaultFolder(session.folder / "evidence").files():
            try:
                fault = ProxyFault.from_bytes(durable.read(path))
                told, proxy_id, error = fault.check(state), fault.statement.proxy, None
            except (FaultInvalid, FaultUnfounded) as found:
                told, proxy_id, error = f"nothing: {found}", None, found.code
            add_row(table, path.name, told)
            listed.append({"file": str(path), "proxy": proxy_id, "told": told, "error": error})
    session.tell({"faults": listed}, table=table, empty="Nothing speaks against a proxy.")


@proxy.command()
@click.argument("file", type=click.Path(path_type=Path))
@command(password=False)
def check(session: Session, file: Path) -> None:
    """Check evidence against a proxy with this home's ledger.

    It takes no secret: the proxy's signature and the keys on the ledger are enough.
    """
    if not file.is_file():
        raise InputInvalid(f"{file.name} is not a file; name the evidence to check")
    fault = ProxyFault.from_bytes(durable.read(file))
    with session.site() as site:
        told = fault.check(site.state())
    session.tell({"proxy": fault.statement.proxy, "told": told}, f"It holds: {told}.")
