"""Commands about hospitals together: a consortium's home, who joins, heads anchored in it; and its security index."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from clinic import consortium as together
from clinic.cli import security_index
from clinic.cli.consortium_homes import CHILD, consortium_home, hospital_home
from clinic.cli.passwords import ask_password, read_password
from clinic.cli.session import Session, command
from clinic.cli.tables import add_row, count, plain_table
from clinic.consortium_home import DELEGATES, Child, ConsortiumHome
from clinic.errors import InputInvalid
from ledger.bodies import Role
from ledger.genesis import MAX_SEATS
from ledger.notary import Notary


@click.group(name="consortium")
def consortium() -> None:
    """Anchor hospitals' ledgers and find patients.

    Hospitals, their doctors and notaries share one more ledger, which holds no patient and no record.
    """


@consortium.command()
@click.option(
    "--delegates", type=click.IntRange(1, MAX_SEATS), default=DELEGATES, show_default=True,
    help="How many founding delegates.",
)  # fmt: skip
@command(new_password=True)
def init(session: Session, delegates: int) -> None:
    """Make a consortium's home: authority, ledger, notary."""
    password = session.new_password("the consortium's authority")
    home = ConsortiumHome.create(session.folder, password=password, delegates=delegates, profile=session.profile)
    config = home.config
    session.tell(
        {"home": str(session.folder), "genesis": config.genesis, "notary": config.notary, "delegates": delegates},
        f"Made a consortium in {session.folder}.",
        f"Ledger {config.genesis[:16]}, {count(delegates, 'delegate')}, notary {config.notary[:12]}.",
        "This home holds the keys of all delegates and of the notary: trust whoever runs it.",
    )


@consortium.command()
@CHILD
@click.option("--hospital", metavar="NAME", help="Which hospital of that home; needed when it has several.")
@click.option("--doctor", "doctors", multiple=True, metavar="NAME", help="A doctor of it who may ask.")
@click.option(
    "--doctor-password-file", metavar="FILE", type=click.Path(path_type=Path), help="File with the doctors' password."
)
@command()
def join(
    session: Session,
    child_folder: Path,
    hospital: str | None,
    doctors: Sequence[str],
    doctor_password_file: Path | None,
) -> None:
    """Let a hospital join, with its ledger and doctors.

    The password is the consortium authority's. The doctors' is read from --doctor-password-file, asked for on a
    terminal, or else the same.
    """
    home = consortium_home(session)
    password = session.password("the consortium's authority")
    authority = home.authority(password)
    joined = []
    with home.opened() as opened, hospital_home(session, child_folder) as child:
        people = [person for person in child.home.directory.people() if person.role == Role.HOSPITAL]
        if hospital is not None or len(people) != 1:
            people = [child.home.directory.find(_named(hospital), (Role.HOSPITAL,))]
        keys = child.home.hospital(people[0].member_id)
        members = [(people[0], keys)]
        for name in doctors:
            person = child.home.directory.find(name, (Role.DOCTOR,))
            own = _doctors_password(person.name, doctor_password_file, password)
            members.append((person, child.home.keystore.unlock(person.member_id, own)))
        for person, member in members:
            if opened.state().member(member.member_id) is None:
                together.join(opened, authority, member, hospital=keys if member is not keys else None)
                home.directory.add(person)
                joined.append(person)
        home.add_child(Child(child.ledger, keys.member_id, people[0].name))
    session.tell(
        {"joined": [{"member": person.member_id, "role": person.role, "name": person.name} for person in joined]},
        *(f"{person.role.capitalize()} {person.name} joined as {person.member_id}." for person in joined),
        *(() if joined else ("Nobody new joined.",)),
    )


def _named(hospital: str | None) -> str:
    if hospital is None:
        raise InputInvalid("that home has several hospitals, or none; name the one with --hospital")
    return hospital


def _doctors_password(name: str, file: Path | None, otherwise: str) -> str:
    if file is not None:
        return read_password(file)
    return ask_password(f"Password of doctor {name}") if sys.stdin.isatty() else otherwise


@consortium.command()
@CHILD
@command(password=False)
def anchor(session: Session, child_folder: Path) -> None:
    """Have the notary anchor a hospital's newest head."""
    home = consortium_home(session)
    secrets = home.notary()
    with home.opened() as opened, hospital_home(session, child_folder) as child:
        known = home.child(child.ledger)
        notary = Notary(secrets.member_id, secrets.signing)
        receipt = notary.anchor(child.engine, known.ledger, known.hospital, opened.engine, opened.clock)
        head = opened.state().child(known.ledger)
    if head is None:
        raise AssertionError
    value = {
        "ledger": head.ledger, "hospital": head.hospital, "height": head.height, "internal": head.internal,
        "external": head.external, "position": receipt.position,
    }  # fmt: skip
    session.tell(
        value,
        f"Anchored {known.name}'s ledger at height {head.height:,}.",
        f"Internal {head.internal[:16]}, external {head.external[:16]}.",
    )


@consortium.command()
@command(password=False)
def status(session: Session) -> None:
    """Show the hospitals and their anchored heads."""
    home = consortium_home(session)
    table = plain_table("HOSPITAL", "LEDGER", "HEIGHT", "EXTERNAL HASH")
    children = []
    with home.opened() as opened:
        view = opened.engine.view()
        for child in home.config.children:
            head = view.state.child(child.ledger)
            cells = ("-", "") if head is None else (f"{head.height:,}", head.external[:16])
            add_row(table, child.name, child.ledger[:16], *cells)
            children.append(
                {
                    "hospital": child.hospital, "name": child.name, "ledger": child.ledger,
                    "height": head and head.height, "internal": head and head.internal,
                    "external": head and head.external,
                }
            )  # fmt: skip
    session.tell(
        {"genesis": home.config.genesis, "height": view.height, "entries": view.position + 1, "children": children},
        f"Ledger {home.config.genesis[:16]}, height {view.height:,}, {count(view.position + 1, 'entry', 'entries')}.",
        table=table,
        empty="No hospital has joined.",
    )


for _command in (
    security_index.index, security_index.find, security_index.ask, security_index.asks, security_index.answer,
):  # fmt: skip
    consortium.add_command(_command)
