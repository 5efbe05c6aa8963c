"""Commands about delegates: ledger delegates, stand, vote, evidence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from clinic import delegation, durable
from clinic.cli.copies import REPLICA, delegate_names, opened_reader
from clinic.cli.session import Session, by_prefix, command
from clinic.cli.tables import add_row, count, plain_table
from clinic.delegation import Electorate
from clinic.errors import InputInvalid, NameUnknown
from clinic.keystore import MemberSecrets
from ledger.bodies import Evidence, Role
from ledger.engine import Engine
from ledger.errors import FieldInvalid
from ledger.records import Candidate
from ledger.refusals import EvidenceKnown
from ledger.reputation import REPUTATION_FLOOR
from ledger.state import State
from ledger.transactions import MAX_TRANSACTION_BYTES
from scheme import canonical
from scheme.errors import EncodingInvalid

VOTERS = (Role.HOSPITAL.value, Role.DOCTOR.value)


@click.command()
@REPLICA
@command(password=False)
def delegates(session: Session, replica: str | None) -> None:
    """List who takes turns, who else stands, and how votes stand.

    Seats and weights change when an epoch ends. SUPPORT is the weight of the votes that the next election counts now;
    WEIGHT is a seat's, of its reputation when it was elected. Seats that nobody wins go to founders.
    """
    with opened_reader(session, replica) as reader:
        now = delegation.electorate(reader)
        names = delegate_names(session, reader.genesis, reader.view().state)
    table = plain_table("TURN", "NAME", "DELEGATE", "WEIGHT", "SUPPORT", "REPUTATION", "STANDING")
    turns = {delegate: turn for turn, delegate in enumerate(now.seats, start=1)}
    ordered = sorted(now.candidates, key=lambda each: (turns.get(each.delegate, len(turns) + 1), -_support(now, each)))
    listed = []
    for each in ordered:
        seat = now.seats.get(each.delegate)
        turn = str(turns[each.delegate]) if seat else "-"
        marked = f"{turn}*" if each.delegate == now.next_turn.delegate else turn
        standing = _standing(now, each)
        support = now.support.get(each.delegate)
        add_row(
            table, marked, names[each.delegate], each.delegate[:12], str(seat.weight) if seat else "-",
            "-" if support is None else f"{support:,}", str(each.reputation), standing,
        )  # fmt: skip
        listed.append(
            {
                "delegate": each.delegate, "name": names[each.delegate], "member": each.member,
                "organisation": each.organisation, "turn": turns.get(each.delegate), "weight": seat and seat.weight,
                "support": support, "reputation": each.reputation, "standing": each.standing,
                "electable_from": each.electable_from,
                "faults": sum(fault.accused == each.delegate for fault in now.misconduct),
            }
        )  # fmt: skip
    faults = f" {count(len(now.misconduct), 'fault')} so far: `chartseal ledger evidence`." if now.misconduct else ""
    session.tell(
        {"epoch": now.epoch.number, "height": now.height, "next_turn": now.next_turn.delegate, "delegates": listed},
        f"Epoch {now.epoch.number}, block {now.height:,}; * has the next turn.{faults}",
        table=table,
    )


def _support(now: Electorate, candidate: Candidate) -> int:
    return now.support.get(candidate.delegate, 0)


def _standing(now: Electorate, candidate: Candidate) -> str:
    if not candidate.standing:
        return "stood down"
    if candidate.reputation < REPUTATION_FLOOR:
        return f"not electable: reputation below {REPUTATION_FLOOR}"
    if candidate.electable_from > now.epoch.number + 1:
        return f"from epoch {candidate.electable_from}"
    return "yes" if candidate.delegate in now.support else "not electable: not an active member"


@click.command()
@click.argument("name", metavar="NAME")
@click.option("--down", is_flag=True, help="Stand no more; a seat is kept until the epoch ends.")
@command()
def stand(session: Session, name: str, down: bool) -> None:
    """Let a hospital or doctor stand for delegate.

    This home keeps the delegate's key and votes on ledger blocks with it. Whoever stands in the second half of an epoch
    can be elected an epoch later. A doctor's password is asked for; a hospital has none.
    """
    member = _member(session, name)
    home = session.home
    with _engine(session) as engine:
        if down:
            candidate = delegation.stand_down(engine, member, home.clock)
        else:
            candidate = delegation.stand(engine, home.delegate_keys, member, home.clock)
        now = delegation.electorate(engine)
    called = session.name(member.member_id)
    first = max(candidate.electable_from, now.epoch.number + 1)
    seated = " Its seat ends with this epoch." if candidate.delegate in now.seats else ""
    session.tell(
        {
            "member": member.member_id, "delegate": candidate.delegate, "standing": candidate.standing,
            "electable_from": first, "reputation": candidate.reputation,
        },
        f"{called} stands no more.{seated}"
        if down
        else f"{called} stands as delegate {candidate.delegate[:12]}, electable from epoch {first} on.",
    )  # fmt: skip


@click.command()
@click.argument("voter", metavar="VOTER")
@click.argument("candidate", metavar="CANDIDATE")
@command()
def vote(session: Session, voter: str, candidate: str) -> None:
    """Vote, as a hospital or doctor, for a delegate.

    CANDIDATE: the name of a member that stands, or the beginning of a delegate id. The vote stands until the voter
    votes again, once an epoch at most. A hospital's vote weighs as much as all of its doctors' can together.
    """
    member = _member(session, voter)
    with _engine(session) as engine:
        chosen = _candidate(session, engine.view().state, candidate)
        delegation.vote(engine, member, chosen, session.home.clock)
        view = engine.view()
        epoch = view.state.epoch(view.height + 1).number
        called = delegate_names(session, engine.genesis, view.state)[chosen]
    session.tell(
        {"voter": member.member_id, "candidate": chosen, "epoch": epoch},
        f"{session.name(member.member_id)} votes for {called}; it counts when epoch {epoch} ends.",
    )


def _candidate(session: Session, state: State, name: str) -> str:
    known = {each.delegate: each for each in state.candidates()}
    try:
        person = session.home.directory.find(name, VOTERS)
    except NameUnknown:
        found = by_prefix(list(known), name.lower(), "delegates")
    else:
        found = next((each.delegate for each in known.values() if each.member == person.member_id), None)
    if found is None:
        raise NameUnknown(f"nobody called {name!r} ever stood for delegate; see `chartseal ledger delegates`")
    return found


@click.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--as", "reporter", metavar="NAME", help="The hospital or doctor who reports; else a delegate of this home."
)
@REPLICA
@command()
def evidence(session: Session, file: Path | None, reporter: str | None, replica: str | None) -> None:
    """Report a delegate, or list what was punished.

    FILE: a line of canonical JSON for each evidence, as `ledger follow --evidence` writes it: two votes of one delegate
    that contradict each other, or a header with the votes of more than two thirds against it. Without FILE, lists
    faults. They cost reputation; below the floor the seat is lost when the epoch ends.
    """
    if file is None:
        _list_faults(session, replica)
        return
    if replica is not None:
        raise InputInvalid("evidence is submitted to the home's ledger; leave --replica out")
    accusations = _read_evidence(file)
    who = None if reporter is None else _member(session, reporter)
    home = session.home
    with _engine(session) as engine:
        faults, known = [], []
        for body in accusations:
            by = who or delegation.reporting_delegate(engine, home.delegate_keys, body)
            try:
                receipt = delegation.report(engine, body, by, home.clock)
            except EvidenceKnown as refusal:
                known.append(refusal)
            else:
                faults += [each for each in engine.view().state.misconduct() if each.position == receipt.position]
        if not faults:
            raise known[0]
        now = {each.delegate: each for each in engine.view().state.candidates()}
        names = delegate_names(session, engine.genesis, engine.view().state)
    punished = [
        {
            "accused": each.accused, "kind": each.kind, "height": each.height,
            "reputation": now[each.accused].reputation,
        }
        for each in faults
    ]  # fmt: skip
    session.tell(
        {"punished": punished},
        *(
            f"{names[each.accused]} is punished for {each.kind} at block {each.height:,}; its reputation is "
            f"{now[each.accused].reputation} now."
            for each in faults
        ),
    )


def _list_faults(session: Session, replica: str | None) -> None:
    with opened_reader(session, replica) as reader:
        state = reader.view().state
        names = delegate_names(session, reader.genesis, state)
        faults = state.misconduct()
    table = plain_table("HEIGHT", "ROUND", "NAME", "DELEGATE", "FAULT", "REPORTED BY")
    for each in faults:
        by = "the ledger itself" if each.reporter is None else names.get(each.reporter) or session.name(each.reporter)
        add_row(table, f"{each.height:,}", str(each.round), names[each.accused], each.accused[:12], each.kind, by)
    listed = [
        {
            "accused": each.accused, "kind": each.kind, "height": each.height, "round": each.round,
            "reporter": each.reporter, "position": each.position,
        }
        for each in faults
    ]  # fmt: skip
    session.tell({"faults": listed}, table=table, empty="No delegate was punished.")


def _read_evidence(file: Path) -> list[Evidence]:
    if not file.is_file():
        raise InputInvalid(f"there is no file {file.name}; name one with an evidence in it")
    with durable.full_disk_told(), file.open("rb") as opened:
        data = opened.read(MAX_TRANSACTION_BYTES)
    try:
        lines = data.removesuffix(b"\n").split(b"\n")
        return [Evidence.from_json(canonical.loads(line, what=file.name)) for line in lines]
    except (EncodingInvalid, FieldInvalid) as error:
        raise InputInvalid(f"{file.name} holds no evidence: {error}") from None


def _member(session: Session, name: str) -> MemberSecrets:
    """A hospital with its service keys, a doctor by password."""
    person = session.home.directory.find(name, VOTERS)
    if person.role == Role.HOSPITAL:
        return session.home.hospital(person.member_id)
    return session.unlock(person.member_id, *VOTERS)


@contextmanager
def _engine(session: Session) -> Iterator[Engine]:
    engine = session.home.engine()
    try:
        yield engine
    finally:
        engine.close()
