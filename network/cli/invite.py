"""The command invite: one link by which one person joins from elsewhere."""

from __future__ import annotations

import click

from clinic.cli.session import Session, command
from clinic.cli.tables import count
from clinic.clock import rfc3339
from clinic.errors import InputInvalid
from ledger.bodies import OF_A_HOSPITAL, Role
from network.admission import INVITATIONS
from network.invitation import DAYS, MAX_DAYS, Invitation, Invitations, server_url

ROLES = click.Choice([Role.DOCTOR.value, Role.PATIENT.value, Role.PROXY.value, Role.ISSUER.value])


@click.command()
@click.argument("role", type=ROLES)
@click.argument("name", metavar="NAME")
@click.option("--hospital", metavar="NAME", help="The hospital of a doctor or patient; needed when there are several.")
@click.option("--url", metavar="URL", help="The server's. Default: as served the last time.")
@click.option(
    "--days", type=click.IntRange(1, MAX_DAYS), default=DAYS, show_default=True, help="How long the link counts."
)
@command(password=False)
def invite(session: Session, role: str, name: str, hospital: str | None, url: str | None, days: int) -> None:
    """Invite a doctor, a patient, or the operator of a proxy or tag issuer to join from elsewhere.

    Prints a link that counts once. Hand it over by a way that only the invited reads: whoever has it can join in that
    role, and it pins this server, so a forged one leads to another. NAME stays in this home.
    """
    from network.server.app import identity_of, url_of  # noqa: PLC0415 (what serves takes a second to import)

    home, invited_as = session.hospital_home, Role(role)
    public = url_of(home) if url is None else server_url(url)
    ca_sha256 = identity_of(home, public).ca_sha256
    hospital_id = _hospital(session, hospital) if invited_as in OF_A_HOSPITAL else None
    code, offer = Invitations(home.folder / INVITATIONS, home.clock).create(invited_as, name, hospital_id, days=days)
    link = str(Invitation(public, code, home.genesis, ca_sha256))
    session.tell(
        {"invitation": link, "role": role, "name": offer.name, "hospital": hospital_id, "expires": offer.expires},
        link,
        f"For {role} {offer.name}, once, within {count(days, 'day')}: until {rfc3339(offer.expires)}. There, on a "
        "machine of their own:",
        f"  chartseal join --role {role} --name NAME '{public}/#...'",
    )


def _hospital(session: Session, name: str | None) -> str:
    directory = session.home.directory
    if name is not None:
        return directory.find(name, (Role.HOSPITAL.value,)).member_id
    known = [person for person in directory.people() if person.role == Role.HOSPITAL]
    if len(known) != 1:
        raise InputInvalid("this home has several hospitals, or none; name the one with --hospital")
    return known[0].member_id
