"""Commands about a member's address book: contact show, contact add."""

from __future__ import annotations

import re

import click

from clinic.certified import certified_member
from clinic.cli.session import Session, command
from clinic.directory import Person, normal_name
from clinic.errors import InputInvalid, NotPermitted
from clinic.membership import status_of
from ledger.bodies import Role
from network.member_home import MemberHome
from network.wire import ID_PATTERN

ROLES = click.Choice([role.value for role in Role])


@click.group()
def contact() -> None:
    """Whom this home knows by name.

    Names are kept here and sent to no server: people tell each other their line of `contact show`, by another way.
    """


@contact.command()
@click.argument("name", metavar="[NAME]", required=False)
@command(password=False)
def show(session: Session, name: str | None) -> None:
    """Print your line to hand over, or a contact's."""
    home = session.home
    if name is not None:
        person = home.directory.find(name)
    elif isinstance(home, MemberHome):
        person = home.me
    else:
        raise InputInvalid("a hospital's home has many members; name one")
    session.tell(
        {"role": person.role, "name": person.name, "member": person.member_id},
        f"{person.role} {_quoted(person.name)} {person.member_id}",
    )


@contact.command()
@click.argument("role", type=ROLES)
@click.argument("name", metavar="NAME")
@click.argument("member_id", metavar="ID")
@command(password=False)
def add(session: Session, role: str, name: str, member_id: str) -> None:
    """Note the name of a member, as its line of `contact show` says.

    The ledger has to have an active member of that id and role. Whether it is the person of that name, only whoever
    handed over the line can tell.
    """
    name = normal_name(name)
    if not re.fullmatch(ID_PATTERN, member_id):
        raise InputInvalid("a member's id has 32 hexadecimal digits, in lower case")
    home = session.home
    with session.site() as site:
        member = certified_member(site.state(), member_id)
        status = status_of(member, site.clock())
    if member.role != role:
        raise NotPermitted(f"that member is a {member.role.value} on the ledger, not a {role}")
    if status != "active":
        raise NotPermitted(f"that {role} is no active member: {status}")
    for person in home.directory.people():
        if person.member_id == member_id:
            raise InputInvalid(f"that {role} is known here already, as {person.name}")
        if person.role == role and person.name.casefold() == name.casefold():
            raise InputInvalid(f"another {role} is called {name!r} here; add something to tell them apart")
    home.directory.add(Person(member_id, role, name))
    session.tell(
        {"role": role, "name": name, "member": member_id}, f"Added {role} {name}, an active member of the ledger."
    )


def _quoted(name: str) -> str:
    """As a shell takes it in one word."""
    return f'"{name}"' if re.search(r"[^\\w.-]", name) else name
