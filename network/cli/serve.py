"""The command serve: the hospital's server, until it is told to stop."""

from __future__ import annotations

from pathlib import Path

import click

from clinic.cli.passwords import read_password
from clinic.cli.session import Session, command

LISTEN = "0.0.0.0:8443"  # a server that members elsewhere reach


@click.command()
@click.option("--url", metavar="URL", help="How members reach it: https://HOST:PORT. Default: as served the last time.")
@click.option("--listen", default=LISTEN, show_default=True, metavar="HOST:PORT", help="Where it takes connections.")
@click.option(
    "--authority-password-file", metavar="FILE", type=click.Path(path_type=Path),
    help="Admit at once whoever joins, and certify pseudonyms. The authority's key is then in the server's memory.",
)  # fmt: skip
@command(password=False)
def serve(session: Session, url: str | None, listen: str, authority_password_file: Path | None) -> None:
    """Serve this hospital's home to its members elsewhere.

    Ledger, store, letters, key cards and invitations, over TLS by a certificate authority of its own, which invitations
    pin; for matching also register, index and relay. Without --authority-password-file whoever joins waits for
    `chartseal admit`, and nobody gets a pseudonym. SIGTERM stops it when running requests are done. Its log goes to
    standard error, one JSON object a line, with nobody's name.
    """
    from network.server.app import serve_home, url_of  # noqa: PLC0415 (what serves takes a second to import)
    from network.server.process import Listen  # noqa: PLC0415

    home = session.hospital_home
    authority = None
    if authority_password_file is not None:
        authority = home.authority(read_password(authority_password_file))
    public = url or url_of(home)

    def tell(address: str) -> None:
        admits = "admitting whoever is invited" if authority else "whoever joins waits for `chartseal admit`"
        session.tell({"url": public, "listening": address}, f"Serving {public} on {address}; {admits}.")

    serve_home(home, public, Listen.parse(listen), authority=authority, on_ready=tell)
