"""Commands about members: member list, show, suspend, reinstate, renew, remove."""

from __future__ import annotations

import datetime
from typing import Any

import click

from clinic import membership
from clinic.cli.session import Session, command
from clinic.cli.sharing import answers_yes
from clinic.cli.tables import add_row, date_text, plain_table
from clinic.enrolment import CERTIFICATE_DAYS
from clinic.errors import InputInvalid
from ledger.bodies import Role


def tell_members(session: Session) -> None:
    """The table of everybody who is enrolled, with what its signature is worth now and its certificate's last day."""
    table = plain_table("ROLE", "NAME (HOSPITAL)", "ID", "STATUS", "UNTIL")
    listed = []
    with session.site() as site:
        now = site.clock()
        for member in site.state().members():
            name = session.name(member.member)
            hospitals = ", ".join(session.name(hospital) for hospital in member.hospitals if hospital != member.member)
            status = membership.status_of(member, now)
            until = date_text(member.not_after + 1)
            called = f"{name} ({hospitals})" if hospitals else name
            add_row(table, member.role.value, called, member.member, status, until)
            listed.append(
                {
                    "member": member.member, "role": member.role.value, "name": name, "status": status,
                    "not_after": member.not_after,
                }
            )  # fmt: skip
    session.tell({"members": listed}, table=table)


@click.group("member")
def member() -> None:
    """List, look up, suspend, renew and remove members."""


@member.command("list")
@command(password=False)
def list_members(session: Session) -> None:
    """List everybody who is enrolled: active, suspended, removed, or until when the certificate was valid.

    UNTIL is the last day of the certificate. `chartseal member show` checks one, and tells the keys.
    """
    tell_members(session)


@member.command()
@click.argument("name", metavar="NAME")
@click.option("--reason", is_flag=True, help="Also why it was suspended: for the member, with its password.")
@command()
def show(session: Session, name: str, reason: bool) -> None:
    """Look up a member's keys, certificate and suspensions.

    The certificate is checked. A fingerprint is 16 bytes of a key's hash: compare it with the one that the member reads
    out. Positions are entries of the ledger.
    """
    person = session.home.directory.find(name)
    secrets = session.unlock(name) if reason else None
    with session.site() as site:
        standing = membership.look_up(site, person.member_id)
        why = None if secrets is None else membership.suspension_reason(site, secrets)
    record = standing.member
    hospitals = [hospital for hospital in record.hospitals if hospital != record.member]
    table = plain_table("", "")
    add_row(table, "member", f"{record.role.value} {person.name}")
    add_row(table, "id", record.member)
    add_row(table, "status", standing.status)
    for hospital in hospitals:
        add_row(table, "hospital", session.name(hospital))
    for purpose, fingerprint in standing.fingerprints.items():
        add_row(table, f"{purpose} key", fingerprint)
    add_row(table, "certificate", standing.serial)
    add_row(table, "valid until", _moment(record.not_after))
    add_row(table, "enrolled", f"entry {record.enrolled_at}")
    for each in record.suspensions:
        add_row(table, "suspended", f"entry {each.since} to {'now' if each.until is None else f'entry {each.until}'}")
    if why is not None:
        add_row(table, "reason", why or "none was given")
    if record.removed_at is not None:
        add_row(table, "removed", f"entry {record.removed_at}")
    value: dict[str, Any] = {
        "member": record.member, "role": record.role.value, "name": person.name, "status": standing.status,
        "hospitals": hospitals, "keys": dict(standing.fingerprints), "serial": standing.serial,
        "not_after": record.not_after, "enrolled_at": record.enrolled_at, "removed_at": record.removed_at,
        "suspensions": [{"since": each.since, "until": each.until} for each in record.suspensions],
    }  # fmt: skip
    session.tell(value if why is None else value | {"reason": why}, table=table)


@member.command()
@click.argument("name", metavar="NAME")
@click.option("--reason", default="", help="Why, for the member alone.")
@command()
def suspend(session: Session, name: str, reason: str) -> None:
    """Suspend a member, until it is reinstated.

    What it signs from now on is refused, what it signed before stays valid. The password is the authority's.
    """
    person = session.home.directory.find(name)
    authority = session.home.authority(session.password("the authority"))
    with session.site() as site:
        membership.suspend(site, authority, person.member_id, reason=reason)
    session.tell(
        {"member": person.member_id, "status": "suspended"},
        f"Suspended {person.role} {person.name}; end it with `chartseal member reinstate`.",
    )


@member.command()
@click.argument("name", metavar="NAME")
@command()
def reinstate(session: Session, name: str) -> None:
    """End a member's suspension. The password is the authority's."""
    person = session.home.directory.find(name)
    authority = session.home.authority(session.password("the authority"))
    with session.site() as site:
        membership.reinstate(site, authority, person.member_id)
    session.tell({"member": person.member_id, "status": "active"}, f"Reinstated {person.role} {person.name}.")


@member.command()
@click.argument("name", metavar="NAME")
@click.option(
    "--days", type=click.IntRange(1, membership.MAX_CERTIFICATE_DAYS), default=CERTIFICATE_DAYS,
    show_default=True, help="How long the new certificate is valid.",
)  # fmt: skip
@command()
def renew(session: Session, name: str, days: int) -> None:
    """Issue a new certificate over a member's keys. The password is the authority's."""
    person = session.home.directory.find(name)
    authority = session.home.authority(session.password("the authority"))
    with session.site() as site:
        renewed = membership.renew(site, authority, person.member_id, days=days)
    session.tell(
        {"member": person.member_id, "not_after": renewed.not_after},
        f"Renewed the certificate of {person.role} {person.name}, until {_moment(renewed.not_after)}.",
    )


@member.command()
@click.argument("name", metavar="NAME")
@click.option("--hospital", metavar="NAME", help="Sign as this hospital, which registered the doctor or patient.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@command()
def remove(session: Session, name: str, hospital: str | None, yes: bool) -> None:
    """Remove a member for good.

    Neither id nor keys are used again; what it signed before stays valid. As the authority, with its password, or with
    --hospital as a hospital for its own doctors and patients: a patient who has another hospital stays a member there.
    """
    home = session.home
    person = home.directory.find(name)
    if hospital is None:
        signer = home.authority(session.password("the authority"))
    else:
        signer = home.hospital(home.directory.find(hospital, (Role.HOSPITAL,)).member_id)
    with session.site() as site:
        elsewhere = hospital is not None and len(membership.look_up(site, person.member_id).member.hospitals) > 1
        what = f"End {person.name}'s relation with {hospital}" if elsewhere else f"Remove {person.name} for good"
        if not yes and not answers_yes(what):
            raise InputInvalid("nobody was removed; answer y, or decide beforehand with --yes")
        gone = membership.remove(site, signer, person.member_id)
    session.tell(
        {"member": person.member_id, "status": "removed" if gone else "active"},
        f"Removed {person.role} {person.name}."
        if gone
        else f"{person.name} is no longer a patient of {session.name(signer.member_id)}, and stays one elsewhere.",
    )


def _moment(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
