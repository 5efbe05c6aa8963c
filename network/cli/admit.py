"""The command admit: the authority enrols those who applied to join."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from clinic.cli.session import Reported, Session, by_prefix, command
from clinic.cli.tables import add_row, count, plain_table
from clinic.errors import InputInvalid
from ledger.refusals import Refused
from network.admission import Admission, Waiting


class NotAllAdmitted(Reported):
    """The ledger refused some of those who were to be admitted."""

    code = "not-all-admitted"


@click.command()
@click.argument("members", metavar="[ID]...", nargs=-1)
@click.option("--all", "everybody", is_flag=True, help="Admit everybody who waits.")
@click.option("--turn-away", is_flag=True, help="Forget these applications instead.")
@command()
def admit(session: Session, members: tuple[str, ...], everybody: bool, turn_away: bool) -> None:
    """Admit those who joined by an invitation and wait, or list them.

    ID: the beginning of a member's id; without any, and without --all, the waiting are listed. Compare the id with the
    one that `chartseal join` told the person. The password is the authority's.
    """
    home = session.hospital_home
    admission = Admission(home)
    waiting = admission.waiting()
    if not members and not everybody:
        _list(session, waiting)
        return
    chosen = waiting if everybody else [_find(waiting, prefix) for prefix in members]
    if turn_away:
        for each in chosen:
            admission.turn_away(each)
        _tell(session, chosen, "turned away", "Turned away")
        return
    authority = home.authority(session.password("the authority"))
    admitted, refused = [], []
    with session.site() as site:
        for each in chosen:
            try:
                admission.admit(site, authority, each)
                admitted.append(each)
            except Refused as error:
                refused.append((each, error))
    _tell(session, admitted, "admitted", "Admitted", refused)
    if refused:
        raise NotAllAdmitted(
            f"the ledger refused {count(len(refused), 'application')}, which {'wait' if len(refused) > 1 else 'waits'} "
            "as before; have them join anew, and turn these away with --turn-away"
        )


def _list(session: Session, waiting: list[Waiting]) -> None:
    table = plain_table("ROLE", "NAME", "ID", "HOSPITAL")
    listed = []
    for each in waiting:
        application = each.application
        hospital = session.name(each.hospital) if each.hospital else ""
        add_row(table, application.role.value, each.name, application.member_id, hospital)
        listed.append(_json(each) | {"hospital": each.hospital})
    session.tell({"waiting": listed}, table=table, empty="Nobody waits.")


def _tell(
    session: Session, done: list[Waiting], status: str, verb: str, refused: Sequence[tuple[Waiting, Refused]] = ()
) -> None:
    listed = [_json(each) | {"status": status} for each in done]
    listed += [_json(each) | {"status": "refused", "error": error.code} for each, error in refused]
    session.tell(
        {"members": listed},
        *(f"{verb} {_called(each)}." for each in done),
        *(f"Not admitted: {_called(each)}: {error}." for each, error in refused),
        *(() if listed else ("Nobody waits.",)),
    )


def _called(waiting: Waiting) -> str:
    return f"{waiting.application.role} {waiting.name}, {waiting.application.member_id}"


def _json(waiting: Waiting) -> dict[str, Any]:
    application = waiting.application
    return {"member": application.member_id, "role": application.role.value, "name": waiting.name}


def _find(waiting: list[Waiting], prefix: str) -> Waiting:
    known = {each.application.member_id: each for each in waiting}
    found = by_prefix(list(known), prefix, "applications")
    if found is None:
        raise InputInvalid(f"nobody of id {prefix!r} waits; see `chartseal admit`")
    return known[found]
