"""Commands about sessions of matched patients: session send, read, end, block, report."""

from __future__ import annotations

import click

from clinic import match_talk
from clinic.cli.match import MATCH, PATIENT, at_desk, find_match, place_of, rule
from clinic.cli.session import Session, command
from clinic.cli.tables import add_row, count, plain_table
from clinic.match_talk import Read
from matching.report import Reason

_NAMED = 10
"""So many missing messages are told by their numbers."""


@click.group("session")
def session_group() -> None:
    """Talk with a matched patient, end to end encrypted.

    It begins once both accepted and proved what they share. Then each knows the other by a pseudonym.
    """


@session_group.command()
@MATCH
@PATIENT
@click.argument("text")
@command()
def send(session: Session, match_id: str, patient: str, text: str) -> None:
    """Send TEXT to the other of a match.

    Until the other has proved the shared symptoms, it waits here, and goes out with your next `chartseal session`
    command.
    """
    with at_desk(session, patient) as desk:
        match_id = find_match(desk, match_id)
        sent = match_talk.send(desk, match_id, text, rule)
    done = not sent.waiting and not sent.undelivered
    said = "Sent." if done else "Kept: it goes out with a later `chartseal session` command of yours."
    session.tell(_json(match_id, sent) | {"sent": done}, *_notes(said, sent))


@session_group.command()
@MATCH
@PATIENT
@click.option("--all", "everything", is_flag=True, help="Also what was read before.")
@command()
def read(session: Session, match_id: str, patient: str, everything: bool) -> None:
    """Read what the other of a match wrote."""
    with at_desk(session, patient) as desk:
        match_id = find_match(desk, match_id)
        found = match_talk.read(desk, match_id, rule, everything=everything)
    table = plain_table("#", "TEXT")
    for number, text in found.texts:
        add_row(table, str(number), text)
    texts = [{"number": number, "text": text} for number, text in found.texts]
    session.tell(_json(match_id, found) | {"texts": texts}, *_notes("", found), table=table, empty="Nothing new.")


@session_group.command()
@MATCH
@PATIENT
@command()
def end(session: Session, match_id: str, patient: str) -> None:
    """End a session, and tell the other.

    The texts are deleted here.
    """
    with at_desk(session, patient) as desk:
        match_id = find_match(desk, match_id)
        match_talk.end(desk, match_id)
    session.tell({"match": match_id, "session": "ended"}, "Ended; the texts are deleted here.")


@session_group.command()
@MATCH
@PATIENT
@command()
def block(session: Session, match_id: str, patient: str) -> None:
    """End a session without a word to the other.

    The texts are deleted here, and the mailbox at the relay.
    """
    with at_desk(session, patient) as desk:
        match_id = find_match(desk, match_id)
        match_talk.block(desk, match_id)
    session.tell({"match": match_id, "session": "blocked"}, "Blocked; nothing of the other arrives any more.")


@session_group.command()
@MATCH
@PATIENT
@click.option("--reason", type=click.Choice([reason.value for reason in Reason]), required=True, help="Why.")
@command()
def report(session: Session, match_id: str, patient: str, reason: str) -> None:
    """Report the other of a session to the authority.

    It proves that both accepted this match; it holds no text and no symptom.
    """
    with at_desk(session, patient) as desk:
        match_id = find_match(desk, match_id)
        name = match_talk.report(desk, match_id, Reason(reason))
    kept = place_of(session).reports / name
    session.tell(
        {"match": match_id, "report": str(kept) if kept.exists() else name},
        f"Reported to the authority: matching/reports/{name} in the hospital's home.",
    )


def _json(match_id: str, read: Read) -> dict[str, object]:
    return {
        "match": match_id, "session": read.state, "missing": list(read.missing), "unconfirmed": read.unconfirmed,
        "dropped": read.dropped, "undelivered": read.undelivered, "waiting": read.waiting, "warning": read.warning,
    }  # fmt: skip


def _notes(first: str, read: Read) -> list[str]:
    notes = [first] if first else []
    if read.warning:
        notes.append(read.warning)
    if read.missing:
        numbers = ", ".join(map(str, read.missing[:_NAMED])) + (", ..." if len(read.missing) > _NAMED else "")
        notes.append(
            f"{count(len(read.missing), 'message')} of the other's did not arrive (number {numbers}): the relay lost "
            "or holds what is missing."
        )
    if read.dropped:
        notes.append(f"{count(len(read.dropped), 'message')} dropped: {', '.join(sorted(set(read.dropped)))}.")
    if read.undelivered:
        notes.append(
            f"{count(read.undelivered, 'message')} not taken by the relay: the other's mailbox is closed or full."
        )
    if read.unconfirmed > read.undelivered and not first:
        notes.append(
            f"{count(read.unconfirmed, 'message')} of yours not confirmed: the other has not read or answered since, "
            "or the relay lost what you sent."
        )
    if read.waiting and not first:
        notes.append(f"{count(read.waiting, 'text')} of yours wait for the other's proof.")
    if read.state in ("waiting", "proving") and not first:
        notes.append("The other has not proved the shared symptoms yet.")
    if read.state == "ended":
        notes.append("The session is ended.")
    return notes
