"""The command join: a home for one member, by an invitation."""

from __future__ import annotations

import shutil

import click

from clinic.cli.session import Session, command
from clinic.errors import HomeInvalid, InputInvalid
from clinic.home import SERVICES
from clinic.home_folder import CONFIG, HomeOptions
from ledger.bodies import Role
from network.errors import InvitationInvalid, NotAdmitted
from network.invitation import Invitation
from network.joining import Trust, pin
from network.member_home import MEMBER_ROLES, MemberHome, require_free


@click.command()
@click.argument("invitation", metavar="INVITATION")
@click.option("--name", required=True, metavar="NAME", help="What you are called in this home; sent to nobody.")
@click.option(
    "--role", type=click.Choice([role.value for role in MEMBER_ROLES]), required=True, help="What you are invited as."
)
@command(new_password=True)
def join(session: Session, invitation: str, name: str, role: str) -> None:
    """Join a hospital from your own machine.

    INVITATION: the link that `chartseal invite` printed at the hospital, whole. It pins the hospital's server and
    ledger. Your keys are made here, sealed by a new password, and stay here; a proxy's or issuer's have none.
    While the hospital has to admit you, run the same again, or any other command, later.
    """
    invited = Invitation.parse(invitation)
    known = (session.folder / CONFIG).exists()
    home = _resumed(session, invited, role) if known else _made(session, invited, name, Role(role))
    me = home.me
    value = {"home": str(session.folder), "member": me.member_id, "role": me.role, "name": me.name}
    try:
        with home.site():
            pass
    except NotAdmitted:
        session.tell(
            value | {"status": "waiting"},
            f"Your keys are made, and the hospital has your application as {me.role} {me.member_id}.",
            "Its authority has to admit you; when it has, go on with any command, such as `chartseal status`.",
        )
        return
    except InvitationInvalid:
        if not known:
            shutil.rmtree(session.folder, ignore_errors=True)  # of keys that nobody will ever know
        raise
    session.tell(
        value | {"status": "admitted"},
        f"Joined as {me.role} {me.name}, {me.member_id}; the ledger has the keys made here.",
        "Hand the line of `chartseal contact show` to those who are to find you.",
    )


def _made(session: Session, invited: Invitation, name: str, role: Role) -> MemberHome:
    require_free(session.folder)
    trust = pin(invited)
    _tell_pinned(session, invited, trust)
    password = None if role in SERVICES else session.new_password(f"{role} {name}")
    options = HomeOptions(profile=session.profile)
    return MemberHome.create(session.folder, invited, trust, role, name, password, options)


def _resumed(session: Session, invited: Invitation, role: str) -> MemberHome:
    """A home whose joining was interrupted, or waits, with the invitation that counts now."""
    home = session.home
    if not isinstance(home, MemberHome):
        raise HomeInvalid(f"{session.folder.name} is a hospital's home; join with a new folder in --home")
    if not home.joining.pending:
        raise InputInvalid(f"this home has joined already, as {home.me.role} {home.me.name}")
    if (invited.genesis, role) != (home.genesis, home.me.role):
        raise InvitationInvalid("that invitation is for another ledger or role than this home is being made for")
    home.joining.begin(invited.code, home.joining.load()[1])
    return home


def _tell_pinned(session: Session, invited: Invitation, trust: Trust) -> None:
    if not session.as_json:
        click.echo(
            f"Server {invited.url}, certificate authority {invited.ca_sha256[:16]}: as in the invitation.", err=True
        )
        click.echo(
            f"Ledger {trust.genesis[:16]}, as in the invitation; {trust.threshold} proxies needed to read.", err=True
        )
