"""Commands about the home and its members: init, enrol, members, status, backup, restore."""

from __future__ import annotations

from pathlib import Path

import click

from clinic import backup as backups
from clinic.cli.members import tell_members
from clinic.cli.session import Session, command
from clinic.cli.tables import add_row, count, plain_table
from clinic.errors import InputInvalid
from clinic.home import DELEGATES, MAX_PROXIES, Home
from clinic.home_config import EMBEDDED
from cloud.backends.host_key import HostKey
from cloud.open import host_key
from cloud.url import parse_url
from ledger.bodies import Role
from ledger.genesis import EPOCH_BLOCKS
from scheme import keyfile

_PLURALS = {Role.PROXY.value: "proxies", Role.NOTARY.value: "notaries"}


@click.command()
@click.option(
    "--store", "stores", multiple=True, required=True, metavar="URL", help="Where blocks go; several are mirrors."
)
@click.option(
    "--ledger",
    default=EMBEDDED,
    show_default=True,
    metavar="URL",
    help="Where the ledger is: a file in the home, or postgresql://HOST/DATABASE.",
)
@click.option(
    "--match-index", default=EMBEDDED, show_default=True, metavar="URL",
    help="Where the match index is: a file in the home, or postgresql://HOST/DATABASE, not the ledger's.",
)  # fmt: skip
@click.option(
    "--delegates", type=click.IntRange(1, 64), default=DELEGATES, show_default=True, help="How many found the ledger."
)
@click.option(
    "--epoch-blocks",
    type=click.IntRange(4, 1_000_000),
    default=EPOCH_BLOCKS,
    show_default=True,
    help="Ledger blocks from one election of delegates to the next.",
)
@click.option(
    "--proxies", type=click.IntRange(0, MAX_PROXIES), default=3, show_default=True,
    help="How many proxies this home runs itself; 0 when others run theirs and join.",
)  # fmt: skip
@click.option(
    "--threshold", type=click.IntRange(1, MAX_PROXIES), default=2, show_default=True,
    help="How many proxies are needed to read.",
)  # fmt: skip
@click.option("--yes", is_flag=True, help="Pin the host keys shown without asking.")
@command(new_password=True)
def init(
    session: Session,
    stores: tuple[str, ...],
    ledger: str,
    match_index: str,
    delegates: int,
    epoch_blocks: int,
    proxies: int,
    threshold: int,
    yes: bool,
) -> None:
    """Make a home: authority, ledger, proxies, stores.

    Store URLs: file:///FOLDER, s3://BUCKET/PREFIX?endpoint=URL, sftp://USER@HOST/FOLDER, ftps://USER@HOST/FOLDER,
    ftp://USER@HOST/FOLDER. Credentials never stand in a URL.
    """
    pinned: list[HostKey] = []
    for url in stores:
        if parse_url(url).scheme == "sftp":
            key = host_key(url)
            if not session.as_json:
                click.echo(f"{key.host} shows the host key {key.fingerprint}", err=True)
            if not yes and not click.confirm("Is it the server's? Pin it", err=True):
                raise InputInvalid("the host key was not accepted; nothing was made")
            pinned.append(key)
    password = session.new_password("the authority")
    home = Home.create(
        session.folder,
        stores=stores,
        password=password,
        proxies=proxies,
        threshold=threshold,
        ledger=ledger,
        match_index=match_index,
        delegates=delegates,
        epoch_blocks=epoch_blocks,
        host_keys=pinned,
        profile=session.profile,
    )
    config = home.config
    value = {
        "home": str(session.folder), "member": config.authority, "ledger": ledger, "genesis": config.genesis,
        "match_index": match_index, "stores": list(stores), "proxies": proxies, "threshold": threshold,
    }  # fmt: skip
    session.tell(
        value,
        f"Made a home in {session.folder}.",
        f"Ledger {config.genesis[:16]}, {count(proxies, 'proxy', 'proxies')}, {threshold} needed to read.",
        "This home holds all proxies itself: no threshold security against whoever runs it."
        if proxies
        else "Proxies join it from elsewhere: enrol a hospital, run `chartseal serve`, and invite them.",
    )


@click.command()
@click.argument("role", type=click.Choice([Role.HOSPITAL.value, Role.DOCTOR.value, Role.PATIENT.value]))
@click.argument("name", metavar="NAME")
@click.option("--hospital", metavar="NAME", help="The hospital of a doctor or patient.")
@command(new_password=True)
def enrol(session: Session, role: str, name: str, hospital: str | None) -> None:
    """Enrol a hospital, doctor or patient.

    The password is the authority's. A doctor or patient gets one of its own: from --new-password-file, a prompt on a
    terminal, or else the same. A patient who is enrolled already is added to another hospital, with her own password.
    """
    member_role = Role(role)
    if member_role is not Role.HOSPITAL and hospital is None:
        raise InputInvalid(f"a {role} belongs to a hospital; name it with --hospital")
    home = session.hospital_home
    password = session.password("the authority")
    authority = home.authority(password)
    own = "" if member_role is Role.HOSPITAL else session.new_members_password(f"{role} {name}", password)
    known = {person.member_id for person in home.directory.people()}
    with session.site() as site:
        person = home.enrol(site, authority, member_role, name, hospital=hospital, password=own)
    where = f" at {hospital}" if hospital else ""
    if person.member_id in known:
        where += ", who was enrolled already,"
    session.tell(
        {"member": person.member_id, "role": role, "name": person.name},
        f"Enrolled {role} {person.name}{where} as {person.member_id}.",
    )


@click.command()
@command(password=False)
def members(session: Session) -> None:
    """List everybody who is enrolled."""
    tell_members(session)


@click.command()
@command(password=False)
def status(session: Session) -> None:
    """Show stores, ledger, members and what waits in the outbox.

    In a member's home: who it is for, its server, and how old the copy of the ledger is.
    """
    waiting = sum(len(batch.blocks) for batch in session.home.outbox.pending())
    with session.site() as site:
        view = site.engine.view()
        members = [member for member in view.state.members() if member.active]
        blocks = sum(len(view.state.blocks(patient=member.member)) for member in members)
        threshold = site.threshold
    roles = {role.value: sum(member.role is role for member in members) for role in Role}
    proxies = roles[Role.PROXY.value]
    about = session.home.about(view.as_of)
    value = about.value | {
        "home": str(session.folder), "genesis": session.home.genesis, "entries": view.position + 1, "head": view.head,
        "members": roles, "blocks": blocks, "proxies": proxies, "threshold": threshold, "outbox": waiting,
    }  # fmt: skip
    table = plain_table("", "")
    add_row(table, "home", str(session.folder))
    for label, text in about.rows:
        add_row(table, label, text)
    add_row(table, "ledger", f"{about.ledger}, {count(view.position + 1, 'entry', 'entries')}, head {view.head[:16]}")
    people = ", ".join(count(number, role, _PLURALS.get(role)) for role, number in roles.items())
    add_row(table, "members", people)
    add_row(table, "blocks", f"{blocks:,} anchored, {waiting:,} waiting in the outbox")
    add_row(table, "proxies", f"{threshold} of {proxies} needed{about.proxies}" if proxies else "none has joined yet")
    session.tell(value, table=table)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@command()
def backup(session: Session, file: Path) -> None:
    """Write the home into one file sealed by a password.

    All of it but the blocks: those are in the store.
    """
    place = session.home.ledger_place
    password = session.password("the backup")
    size = backups.write_backup(session.folder, file, password, ledger=place, profile=session.profile)
    session.tell(
        {"file": str(file), "bytes": size},
        f"Wrote {count(size, 'byte')} to {file}. Without its password the backup opens nothing; keep both.",
    )


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@command()
def restore(session: Session, file: Path) -> None:
    """Restore a backup into a new home folder."""
    backups.restore_backup(
        file, session.folder, session.password("the backup"), allow_test_profile=session.profile == keyfile.TEST
    )
    session.tell(
        {"home": str(session.folder)}, f"Restored the home in {session.folder}; check it with `chartseal verify`."
    )
