"""Commands about matching: match optin, find, list, accept, decline, shared, optout, evaluate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from clinic import match_talk, matching
from clinic.cli.passwords import read_password
from clinic.cli.session import Session, by_prefix, command
from clinic.cli.tables import add_row, count, date_text, plain_table
from clinic.keystore import MemberSecrets
from clinic.match_epoch import days_left
from clinic.match_errors import MatchUnknown
from clinic.match_service import MatchPlace
from clinic.match_state import open_book
from clinic.match_symptoms import from_records as read_conditions
from clinic.match_symptoms import gather
from clinic.matching import Desk, Listed
from ledger.bodies import Role
from matching.accuracy_evaluate import evaluate as measure
from matching.binding import BindingRule
from matching.closure import Closure
from matching.errors import NotBothAccepted, OptedInAlready, TooLittleShared
from matching.vocabulary import Vocabulary

PATIENT = click.option("--patient", required=True, metavar="NAME", help="Who does this.")
MATCH = click.argument("match_id", metavar="MATCH")
CLOSURES = click.Choice([closure.value for closure in Closure])
_EXISTING = click.Path(path_type=Path, exists=True, dir_okay=False)
_STATUS = {"open": "open", "waiting": "you accepted", "paired": "both accepted", "closed": "closed"}


def place_of(session: Session) -> MatchPlace:
    """Where matching is kept in the home: what patients keep, and in a hospital's home the services."""
    return MatchPlace.of(session.home.folder, session.home.directory)


@contextmanager
def at_desk(session: Session, name: str) -> Iterator[Desk]:
    """The patient of that name at work, with her password."""
    patient = session.unlock(name, Role.PATIENT)
    with (
        session.site() as site,
        open_book(place_of(session).patients, patient) as book,
        session.home.matching(site) as services,
    ):
        yield Desk(site, services, patient, book)


def find_match(desk: Desk, prefix: str) -> str:
    """The id of this patient's match that begins with ``prefix``. Raises ``MatchUnknown``, ``NameAmbiguous``."""
    found = by_prefix(matching.candidates(desk), prefix.lower(), "matches")
    if found is None:
        raise MatchUnknown("this patient has no match of that id; see `chartseal match list`")
    return found


def rule() -> BindingRule:
    """What counts for a session, by the bundled vocabulary."""
    return BindingRule.of(Vocabulary.default())


@click.group()
def match() -> None:
    """Find patients with the same symptoms, and agree to talk.

    Symptoms stay hidden from other patients, from each issuer and the relay. From a home of your own, two operators run
    the issuers. In a hospital's home one runs both, so that who runs it could name your symptoms.
    """


@match.command()
@PATIENT
@click.option("--symptom", "named", multiple=True, metavar="ID", help="A term, such as HP:0001250; more than once.")
@click.option("--from-records", is_flag=True, help="Also the coded conditions in your sealed records.")
@click.option("--from-phenopacket", "phenopacket", metavar="FILE", type=_EXISTING, help="Also what a file lists.")
@click.option("--from-mme", "matchmaker", metavar="FILE", type=_EXISTING, help="The same, of Matchmaker Exchange.")
@click.option("--closure", type=CLOSURES, default=Closure.NEAR.value, show_default=True, help="Broader terms to add.")
@click.option("--change", is_flag=True, help="Put these in the place of the earlier; open matches end.")
@click.option(
    "--authority-password-file", metavar="FILE", type=click.Path(path_type=Path),
    help="In a hospital's home: the authority's, who certifies a pseudonym once an epoch (default: asked as yours).",
)  # fmt: skip
@command()
def optin(
    session: Session,
    patient: str,
    named: tuple[str, ...],
    from_records: bool,
    phenopacket: Path | None,
    matchmaker: Path | None,
    closure: str,
    change: bool,
    authority_password_file: Path | None,
) -> None:
    """Take part with your symptoms, under a pseudonym, as blind tags.

    Find terms with `chartseal symptoms search`. An opt-in lasts to the end of an epoch, which has 90 days.
    """
    chosen = Closure(closure)
    vocabulary = Vocabulary.default()
    with at_desk(session, patient) as desk:
        if desk.book.state.opted_in and not matching.needs_certificate(desk) and not change:
            raise OptedInAlready("this patient opted in already; use --change for other symptoms, or opt out first")
        records = read_conditions(desk.site, desk.patient, vocabulary) if from_records else []
        symptoms = gather(vocabulary, named, records=records, phenopacket=phenopacket, matchmaker=matchmaker)
        if chosen.warning:
            click.echo(chosen.warning, err=True)
        if matching.needs_certificate(desk):
            register = desk.services.registrar(lambda: _authority(session, authority_password_file))
            matching.take_pseudonym(desk, register)
        tags = matching.opt_in(desk, vocabulary, symptoms, chosen, change=change)
        left, epoch = days_left(desk.site.clock()), desk.services.epoch
    table = plain_table("ID", "TERM")
    listed = _labelled(vocabulary, sorted(symptoms.observed))
    for each in listed:
        add_row(table, each["id"], each["label"])
    session.tell(
        {
            "patient": desk.patient.member_id, "epoch": epoch, "closure": chosen.value, "tags": tags,
            "symptoms": listed, "days_left": left, "warning": chosen.warning,
        },
        f"Opted in with {count(len(listed), 'symptom')} as {count(tags, 'tag')}, for {count(left, 'day')}.",
        "Look for others with `chartseal match find`.",
        table=table,
    )  # fmt: skip


@match.command()
@PATIENT
@command()
def optout(session: Session, patient: str) -> None:
    """Leave: the index erases your tags and your pseudonym.

    Until the epoch ends it keeps a hash with how often you changed your mind, or the limit on that would not hold.
    Matches that are no session end; sessions go on.
    """
    with at_desk(session, patient) as desk:
        matching.opt_out(desk)
    session.tell({"patient": desk.patient.member_id, "opted_in": False}, "Opted out; the index has forgotten you.")


@match.command()
@PATIENT
@click.option("--top", type=click.IntRange(1, 20), default=5, show_default=True, help="At most so many.")
@click.option("--min-score", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Only these, or better.")
@command()
def find(session: Session, patient: str, top: int, min_score: float) -> None:
    """Look for the patients most like you, best first.

    Scores stay hidden until both accept. No good match is an answer, too.
    """
    with at_desk(session, patient) as desk:
        found = matching.find(desk, top=top, least=min_score)
    _tell_matches(session, found, "No good match; others may opt in later.")


@match.command("list")
@PATIENT
@command()
def list_matches(session: Session, patient: str) -> None:
    """List your matches, those that others found too."""
    with at_desk(session, patient) as desk:
        found = matching.matches(desk)
    _tell_matches(session, found, "No matches; look for some with `chartseal match find`.")


@match.command()
@MATCH
@PATIENT
@click.option("--single", is_flag=True, help="Agree to a session on one shared symptom, which is weaker.")
@command()
def accept(session: Session, match_id: str, patient: str, single: bool) -> None:
    """Accept a match; nothing is exchanged before the other does."""
    with at_desk(session, patient) as desk:
        match_id = find_match(desk, match_id)
        matching.accept(desk, match_id, rule(), single=single)
        both = _begin(desk, match_id)
    session.tell(
        {"match": match_id, "status": "paired" if both else "waiting"},
        "Both accepted; see `chartseal match shared`." if both else "Accepted; the other has not, or not yet.",
    )


@match.command()
@MATCH
@PATIENT
@command()
def decline(session: Session, match_id: str, patient: str) -> None:
    """Decline a match for good; the other never learns of it."""
    with at_desk(session, patient) as desk:
        match_id = find_match(desk, match_id)
        matching.decline(desk, match_id)
    session.tell({"match": match_id, "status": "closed"}, "Declined.")


@match.command()
@MATCH
@PATIENT
@command()
def shared(session: Session, match_id: str, patient: str) -> None:
    """Show which symptoms both of a match have, and how alike you are.

    Of the other's symptoms nothing else is known.
    """
    with at_desk(session, patient) as desk:
        match_id = find_match(desk, match_id)
        meeting = matching.shared(desk, match_id)
        _begin(desk, match_id)
    listed = _labelled(Vocabulary.default(), meeting.terms)
    table = plain_table("ID", "TERM")
    for each in listed:
        add_row(table, each["id"], each["label"])
    state = meeting.session.state.value if meeting.session else None
    session.tell(
        {"match": match_id, "score": meeting.score, "shared": listed, "session": state},
        f"You share {count(len(listed), 'term')}; likeness {meeting.score or 0:.3f} of 1.",
        "Write with `chartseal session send`." if state else "That is too little for a session.",
        table=table,
    )


@match.command("evaluate")
@click.argument("cases", type=_EXISTING)
@click.argument("queries", type=_EXISTING)
@click.option("--closure", type=CLOSURES, default=Closure.NEAR.value, show_default=True, help="Broader terms to add.")
@command(password=False)
def evaluate(session: Session, cases: Path, queries: Path, closure: str) -> None:
    """Measure how well matching works, blind and plain.

    CASES and QUERIES are tables (TSV, or TSV.GZ) of labelled patients. A match is right when disease is the same and
    the publication another; ties count against.
    """
    found = measure(cases, queries, Closure(closure))
    table = plain_table("METHOD", "TOP 1", "TOP 5", "TOP 10", "MRR", "MS/QUERY")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, each in found.items():
        shares = (each.top1, each.top5, each.top10, each.mrr)
        add_row(table, name, *(f"{share:.3f}" for share in shares), f"{each.ms_per_query:.1f}")
    session.tell({"closure": closure} | {name: each.as_json() for name, each in found.items()}, table=table)


def _authority(session: Session, password_file: Path | None) -> MemberSecrets:
    whose = "the authority, which certifies a pseudonym"
    return session.home.authority(read_password(password_file) if password_file else session.password(whose))


def _begin(desk: Desk, match_id: str) -> bool:
    """Start the session, or take it further, if both accepted; whether they did. Too little shared is no error here."""
    try:
        match_talk.advance(desk, match_id, rule)
    except NotBothAccepted:
        return False
    except TooLittleShared:
        pass
    return True


def _tell_matches(session: Session, found: list[Listed], empty: str) -> None:
    table = plain_table("MATCH", "STATUS", "UNTIL", "SESSION")
    for each in found:
        add_row(
            table, each.match_id[:12], _STATUS[each.status],
            date_text(each.expires_at) if each.expires_at else "-", each.session or "-",
        )  # fmt: skip
    listed = [
        {"match": each.match_id, "status": each.status, "until": each.expires_at, "session": each.session}
        for each in found
    ]
    session.tell({"matches": listed}, table=table, empty=empty)


def _labelled(vocabulary: Vocabulary, terms: Iterable[str]) -> list[dict[str, Any]]:
    found = ((term, vocabulary.term(term)) for term in terms)
    return [{"id": term, "label": known.label if known else "not in the vocabulary"} for term, known in found]
