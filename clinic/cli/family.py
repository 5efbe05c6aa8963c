"""Commands about family links: family invite, accept, end."""

from __future__ import annotations

import datetime

import click

from clinic import family as links
from clinic.cli.records import CATEGORIES, CATEGORY
from clinic.cli.session import Session, command
from clinic.cli.sharing import answers_yes, find_grant, in_words
from clinic.clock import end_of_day
from clinic.errors import GrantUnknown, SelectionInvalid
from clinic.grants import Decision, cut_decades
from clinic.held_grants import read_grant
from clinic.own_scopes import own_scopes
from clinic.requests import Access
from ledger.bodies import Role
from ledger.records import GrantRecord
from scheme.scopes import Category


@click.group()
def family() -> None:
    """Let a child read what runs in the family.

    The parent invites, the child accepts; then it reads with `chartseal history`, naming itself with --doctor.
    """


@family.command()
@click.option("--parent", required=True, metavar="NAME", help="The patient whose records they are.")
@click.option("--child", required=True, metavar="NAME", help="The patient who is to read.")
@click.option(
    "--category", "categories", multiple=True, type=CATEGORY, metavar="CATEGORY", help=f"Only these: {CATEGORIES}."
)
@click.option("--since", type=click.IntRange(1900, 2200), metavar="YEAR", help="Only this clinical year and later.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="Last day of the link.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@command()
def invite(
    session: Session,
    parent: str,
    child: str,
    categories: tuple[str, ...],
    since: int | None,
    until: datetime.datetime | None,
    yes: bool,
) -> None:
    """Offer a child to read your records, all or some.

    Nothing can be read before the child accepts.
    """
    child_id = session.home.directory.find(child, (Role.PATIENT,)).member_id
    actor = session.unlock(parent, Role.PATIENT)
    access = Access(frozenset(Category(name) for name in categories), since)
    with session.site() as site:
        ends = end_of_day(until.date()) if until else None
        if ends is not None and ends <= site.clock():
            raise SelectionInvalid("the last day of the link is over already; name a later --until")
        decision = Decision(access, ends)
        if not (session.as_json and yes):
            click.echo(f"{session.name(child_id)} is to read: {in_words(decision)}.", err=True)
            for years in cut_decades(own_scopes(site, site.state(), actor), access)[:1]:
                click.echo(f"{years} is left out, being only partly in; --since {years.first} includes it.", err=True)
        if not yes and not answers_yes("Offer this"):
            raise SelectionInvalid("nothing was offered; answer y, or decide beforehand with --yes")
        grant_id = links.invite(site, actor, child_id, decision)
    session.tell(
        {"grant": grant_id, "parent": actor.member_id, "child": child_id, "granted": access.to_json(), "until": ends},
        f"Offered {session.name(child_id)} a family link: {in_words(decision)}.",
        f"It is in force after `chartseal family accept {grant_id[:12]}`; end it with `chartseal revoke`.",
    )


@family.command()
@click.argument("grant_id", metavar="LINK")
@click.option("--yes", is_flag=True, help="Do not ask.")
@command()
def accept(session: Session, grant_id: str, yes: bool) -> None:
    """Accept a parent's offer, as the child."""
    record = _find_link(session, grant_id)
    child = session.unlock(record.delegatee, Role.PATIENT)
    parent = session.name(record.patient)
    with session.site() as site:
        held = read_grant(site, child, record)
        decision = Decision(held.access, record.until)
        if not (session.as_json and yes):
            click.echo(f"{parent} offers you to read: {in_words(decision)}.", err=True)
        if not yes and not answers_yes("Accept this"):
            raise SelectionInvalid("nothing was accepted; answer y, or decide beforehand with --yes")
        links.accept(site, child, record.grant)
    session.tell(
        {"grant": record.grant, "parent": record.patient, "child": record.delegatee, "status": "active"},
        f"Accepted. Read with `chartseal history --doctor {session.name(child.member_id)!r} --patient {parent!r}`.",
    )


@family.command()
@click.argument("grant_id", metavar="LINK")
@command()
def end(session: Session, grant_id: str) -> None:
    """Decline or end a family link, as the child.

    The parent ends it with `chartseal revoke`, which changes keys.
    """
    record = _find_link(session, grant_id)
    child = session.unlock(record.delegatee, Role.PATIENT)
    with session.site() as site:
        accepted = links.end(site, child, record.grant)
    session.tell(
        {"grant": record.grant, "status": "ended" if accepted else "declined"},
        f"{'Ended' if accepted else 'Declined'} the family link {record.grant[:12]}.",
    )


def _find_link(session: Session, prefix: str) -> GrantRecord:
    record = find_grant(session, prefix)
    if not record.family:
        raise GrantUnknown(f"{prefix!r} is a grant, not a family link; end it with `chartseal revoke`")
    return record
