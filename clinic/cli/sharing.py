"""Commands about consent: request, requests, approve, refuse, grants, revoke."""

from __future__ import annotations

import datetime
import sys

import click

from clinic import requests as asking
from clinic.cli.records import CATEGORIES, CATEGORY
from clinic.cli.session import Session, by_prefix, command
from clinic.cli.tables import add_row, count, date_text, plain_table, printable
from clinic.clock import end_of_day
from clinic.errors import GrantUnknown, InputInvalid, RequestUnknown, SelectionInvalid
from clinic.grants import Decision, cut_decades
from clinic.grants import approve as approve_request
from clinic.held_grants import HeldGrant, grants_of
from clinic.keystore import MemberSecrets
from clinic.own_scopes import own_scopes
from clinic.requests import Access, AccessRequest, requests_of
from clinic.revocation import revoke as revoke_grant
from clinic.site import Site
from clinic.withdrawal import find_block
from ledger.bodies import Role
from ledger.records import GrantRecord, RequestStatus
from scheme.scopes import Category

READERS = (Role.DOCTOR.value, Role.PATIENT.value)


@click.command()
@click.option("--doctor", "delegatee", required=True, metavar="NAME", help="Who asks.")
@click.option("--patient", required=True, metavar="NAME", help="Whose records.")
@click.option(
    "--category", "categories", multiple=True, type=CATEGORY, metavar="CATEGORY", help=f"Only these: {CATEGORIES}."
)
@click.option("--since", type=click.IntRange(1900, 2200), metavar="YEAR", help="Only this clinical year and later.")
@click.option("--purpose", default="", help="Why, for the patient's eyes.")
@click.option("--write", is_flag=True, help="Ask to add records too.")
@command()
def request(
    session: Session,
    delegatee: str,
    patient: str,
    categories: tuple[str, ...],
    since: int | None,
    purpose: str,
    write: bool,
) -> None:
    """Ask a patient for access to her records."""
    patient_id = session.home.directory.find(patient, (Role.PATIENT,)).member_id
    actor = session.unlock(delegatee, *READERS)
    access = Access(frozenset(Category(name) for name in categories), since, write)
    with session.site() as site:
        request_id = asking.request_access(site, actor, patient_id, access, purpose=purpose)
    session.tell(
        {"request": request_id, "patient": patient_id, "asked": access.to_json()},
        f"Asked {session.name(patient_id)} for {access}.",
        f"Request {request_id}.",
    )


def _actor(session: Session, patient: str | None, doctor: str | None) -> MemberSecrets:
    if (patient is None) == (doctor is None):
        raise InputInvalid("say who you are: --patient NAME or --doctor NAME")
    return session.unlock(patient, Role.PATIENT) if patient else session.unlock(doctor or "", *READERS)


@click.command()
@click.option("--patient", metavar="NAME", help="Requests to this patient.")
@click.option("--doctor", metavar="NAME", help="Requests by this doctor.")
@command()
def requests(session: Session, patient: str | None, doctor: str | None) -> None:
    """List requests, with what was asked and what became of it."""
    actor = _actor(session, patient, doctor)
    table = plain_table("REQUEST", "FROM", "TO", "ASKS FOR", "PURPOSE", "STATUS")
    listed = []
    with session.site() as site:
        for item in requests_of(site, actor):
            record = item.record
            outcome = record.status.value
            if record.status is RequestStatus.REFUSED:
                reason = asking.refusal_reason(site, actor, record)
                outcome += f": {reason}" if reason else ""
            add_row(
                table, record.request[:12], session.name(record.delegatee), session.name(record.patient),
                str(item.access), item.purpose, outcome,
            )  # fmt: skip
            listed.append(
                {
                    "request": record.request, "patient": record.patient, "delegatee": record.delegatee,
                    "asked": item.access.to_json(), "purpose": item.purpose, "status": outcome, "grant": record.grant,
                }
            )  # fmt: skip
    session.tell({"requests": listed}, table=table, empty="There are no requests.")


def _find_request(session: Session, prefix: str) -> tuple[str, str]:
    """Id and patient of the request; the ledger tells, no keystore is needed."""
    with session.home.site() as site:
        state = site.state()
        found = by_prefix([record.request for record in state.requests()], prefix, "requests")
        record = state.request(found) if found else None
        if record is None:
            raise RequestUnknown(f"there is no request {prefix!r}; see `chartseal requests`")
        return record.request, record.patient


def find_grant(session: Session, prefix: str) -> GrantRecord:
    """The grant whose id begins so; the ledger tells, no keystore is needed. Raises ``GrantUnknown``."""
    with session.home.site() as site:
        state = site.state()
        found = by_prefix([record.grant for record in state.grants()], prefix, "grants")
        record = state.grant(found) if found else None
        if record is None:
            raise GrantUnknown(f"there is no grant {prefix!r}; see `chartseal grants`")
        return record


@click.command()
@click.argument("request_id", metavar="REQUEST")
@click.option(
    "--category", "categories", multiple=True, type=CATEGORY, metavar="CATEGORY", help="Grant these categories instead."
)
@click.option("--since", type=click.IntRange(1900, 2200), metavar="YEAR", help="Grant from this year on instead.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="Last day of the grant.")
@click.option("--blocks", "chosen", metavar="I,J,...", help="Only these blocks: numbers or ids of `chartseal blocks`.")
@click.option("--existing-only", is_flag=True, help="Only what is sealed already, nothing that comes later.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@command()
def approve(
    session: Session,
    request_id: str,
    categories: tuple[str, ...],
    since: int | None,
    until: datetime.datetime | None,
    chosen: str | None,
    existing_only: bool,
    yes: bool,
) -> None:
    """Grant a request: as asked, or less. Without options exactly what was asked is shown and confirmed."""
    found, patient_id = _find_request(session, request_id)
    patient = session.unlock(patient_id, Role.PATIENT)
    with session.site() as site:
        item = asking.read_request(site, patient, asking.open_request(site.state(), patient, found))
        asked = item.access
        access = Access(
            frozenset(Category(name) for name in categories) or asked.categories,
            asked.since if since is None else since,
            asked.write,
        )
        blocks = _chosen_blocks(site, patient, chosen)
        ends = end_of_day(until.date()) if until else None
        if ends is not None and ends <= site.clock():
            raise SelectionInvalid("the last day of the grant is over already; name a later --until")
        decision = Decision(access, ends, blocks, existing_only)
        _confirm(session, site, patient, item, decision, yes=yes)
        grant_id = approve_request(site, patient, item, decision)
    session.tell(
        {"grant": grant_id, "request": found, "granted": access.to_json(), "until": ends, "blocks": list(blocks)},
        f"Granted {session.name(item.record.delegatee)}: {in_words(decision)}.",
        f"Grant {grant_id}; end it with `chartseal revoke {grant_id[:12]}`.",
    )


def _chosen_blocks(site: Site, patient: MemberSecrets, chosen: str | None) -> tuple[str, ...]:
    if not chosen:
        return ()
    state = site.state()
    own = state.blocks(patient=patient.member_id)
    locators = []
    for word in (part.strip() for part in chosen.split(",")):
        if word.isdecimal() and len(word) < 8:
            if not 1 <= int(word) <= len(own):
                raise SelectionInvalid(f"there is no block number {word}; see `chartseal blocks`")
            locators.append(own[int(word) - 1].locator)
        else:
            locators.append(find_block(state, word).locator)
    return tuple(dict.fromkeys(locators))


def in_words(decision: Decision) -> str:
    """What a decision gives and until when, for the one who decides."""
    what = count(len(decision.blocks), "selected block") if decision.blocks else str(decision.access)
    if decision.existing_only and not decision.blocks:
        what += ", only what is sealed already"
    return f"{what}; {'until ' + date_text(decision.until) if decision.until else 'until revoked'}"


def _confirm(
    session: Session, site: Site, patient: MemberSecrets, item: AccessRequest, decision: Decision, *, yes: bool
) -> None:
    reader = session.name(item.record.delegatee)
    if not (session.as_json and yes):
        purpose = f" Purpose: {printable(item.purpose)}." if item.purpose else ""
        click.echo(f"{reader} asks for {item.access}.{purpose}", err=True)
        click.echo(f"You grant: {in_words(decision)}.", err=True)
        cut = cut_decades(own_scopes(site, site.state(), patient), decision.access)
        if cut and not decision.blocks:
            spans = ", ".join(str(years) for years in cut)
            click.echo(
                f"Left out: {spans}, since only a part of it was asked for; --since {cut[0].first} includes it.",
                err=True,
            )
    if not yes and not answers_yes("Grant this"):
        raise SelectionInvalid("nothing was granted; answer y, or decide beforehand with --yes")


def answers_yes(question: str) -> bool:
    """Ask for a decision on standard error; anything but a yes, and no answer at all, is a no."""
    terminal = sys.stdin.isatty()
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        if terminal:
            raise
        return False
    finally:
        if not terminal:
            click.echo(err=True)


@click.command()
@click.argument("request_id", metavar="REQUEST")
@click.option("--reason", default="", help="Why, for the one who asked.")
@command()
def refuse(session: Session, request_id: str, reason: str) -> None:
    """Refuse a request."""
    found, patient_id = _find_request(session, request_id)
    patient = session.unlock(patient_id, Role.PATIENT)
    with session.site() as site:
        asking.refuse(site, patient, found, reason=reason)
    session.tell({"request": found, "status": "refused"}, f"Refused request {found[:12]}.")


@click.command()
@click.option("--patient", metavar="NAME", help="Grants by this patient.")
@click.option("--doctor", metavar="NAME", help="Grants to this doctor.")
@command()
def grants(session: Session, patient: str | None, doctor: str | None) -> None:
    """List grants: to whom, of what, until when."""
    actor = _actor(session, patient, doctor)
    table = plain_table("GRANT", "BY", "TO", "COVERS", "UNTIL", "STATUS")
    listed = []
    with session.site() as site:
        for held in grants_of(site, actor):
            record = held.record
            status = _grant_status(held, site.clock())
            covers = count(len(held.selection.blocks), "selected block") if held.selection else str(held.access)
            add_row(
                table, record.grant[:12], session.name(record.patient), session.name(record.delegatee), covers,
                date_text(record.until), status,
            )  # fmt: skip
            listed.append(
                {
                    "grant": record.grant, "patient": record.patient, "delegatee": record.delegatee, "covers": covers,
                    "granted": held.access.to_json(), "until": record.until, "write": record.write, "status": status,
                    "blocks": sorted(held.selection.blocks) if held.selection else [],
                }
            )  # fmt: skip
    session.tell({"grants": listed}, table=table, empty="There are no grants.")


def _grant_status(held: HeldGrant, now: int) -> str:
    if held.record.revoked_at is not None:
        return "revoked"
    if held.record.awaiting:
        return "offered"
    return "active" if held.record.active(now) else "expired"


@click.command()
@click.argument("grant_id", metavar="GRANT")
@command()
def revoke(session: Session, grant_id: str) -> None:
    """End a grant. What was read stays read; what is sealed from now on stays closed, whatever the reader kept."""
    granted = find_grant(session, grant_id)
    found = granted.grant
    patient = session.unlock(granted.patient, Role.PATIENT)
    with session.site() as site:
        done = revoke_grant(site, patient, found)
    rekeyed = len(done.rekeyed)
    others = f" {count(rekeyed, 'other grant')} got new keys." if rekeyed else ""
    left_out = [
        {"grant": other.grant, "delegatee": other.delegatee, "why": why} for other, why in done.left_out.items()
    ]
    session.tell(
        {"grant": found, "status": "revoked", "rekeyed": rekeyed, "left_out": left_out},
        f"Revoked grant {found[:12]}.{others}",
        *(
            f"Grant {other.grant[:12]} to {session.name(other.delegatee)} got no new keys, so that what is sealed to "
            f"these categories from now on stays closed to it; give it again. The reason: {why}."
            for other, why in done.left_out.items()
        ),
    )
