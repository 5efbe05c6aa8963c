"""Commands of the security index: index, find, ask, asks, answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import click

from clinic import consortium as together
from clinic.cli.consortium_homes import CHILD, child_home, consortium_home, hospital_home
from clinic.cli.session import Session, by_prefix, command
from clinic.cli.tables import add_row, count, plain_table, printable
from clinic.consortium import Consortium, OpenedAsk, Whereabouts
from clinic.consortium_home import ConsortiumHome
from clinic.errors import InputInvalid, RequestUnknown
from ledger.bodies import Role

_PSEUDONYM = re.compile("[0-9a-f]{32}")


@click.command()
@click.option(
    "--child", "child_folders", multiple=True, required=True, metavar="DIR", type=click.Path(path_type=Path),
    help="A hospital's home folder; enter several at once, so that nobody can tell whose patients they are.",
)  # fmt: skip
@click.option("--patient", "patients", multiple=True, metavar="NAME", help="Only these, of one hospital.")
@click.option("--remove", is_flag=True, help="Take them out instead.")
@command(password=False)
def index(session: Session, child_folders: Sequence[Path], patients: Sequence[str], remove: bool) -> None:
    """Enter hospitals' patients in the security index.

    All active patients with records, unless --patient names them.
    """
    if patients and len(child_folders) > 1:
        raise InputInvalid("name patients of one hospital at a time")
    home = consortium_home(session)
    pseudonyms: list[str] = []
    with home.opened() as opened:
        for folder in child_folders:
            with hospital_home(session, folder) as child:
                home.child(child.ledger)
                named = [child.home.directory.find(name, (Role.PATIENT,)).member_id for name in patients]
                pseudonyms += named or child.patients()
        change = together.unindex if remove else together.index
        changed = change(opened, home.notary(), pseudonyms)
    done = "Took out" if remove else "Entered"
    session.tell({"changed": changed, "removed": remove}, f"{done} {count(changed, 'patient')}.")


@click.command()
@click.argument("pseudonym")
@command(password=False)
def find(session: Session, pseudonym: str) -> None:
    """Tell whether a pseudonym has records somewhere."""
    with consortium_home(session).opened() as opened:
        found = together.find(opened, _pseudonym(pseudonym))
    sentence = "has records somewhere in the consortium" if found else "is not in the security index"
    session.tell({"found": found}, f"That pseudonym {sentence}.")


@click.command()
@CHILD
@click.option("--doctor", required=True, metavar="NAME", help="Who asks.")
@click.option("--purpose", default="", help="Why, for the patient's eyes.")
@click.argument("pseudonym")
@command()
def ask(session: Session, child_folder: Path, doctor: str, purpose: str, pseudonym: str) -> None:
    """Ask which hospital has the patient's records."""
    home, child = consortium_home(session), child_home(session, child_folder)
    person = child.directory.find(doctor, (Role.DOCTOR,))
    actor = child.keystore.unlock(person.member_id, session.password(f"doctor {person.name}"))
    with home.opened() as opened:
        ask_id = together.ask(opened, actor, _pseudonym(pseudonym), purpose=purpose)
    session.tell({"ask": ask_id}, f"Asked. Ask {ask_id}.")


@click.command()
@CHILD
@click.option("--doctor", metavar="NAME", help="Asks by this doctor, with the answers.")
@command()
def asks(session: Session, child_folder: Path, doctor: str | None) -> None:
    """List asks about a hospital's patients, or by one of its doctors."""
    home = consortium_home(session)
    listed: list[dict[str, object]] = []
    table = plain_table("ASK", "DOCTOR", "PATIENT", "PURPOSE", "STATUS")
    with home.opened() as opened, hospital_home(session, child_folder) as child:
        if doctor is not None:
            person = child.home.directory.find(doctor, (Role.DOCTOR,))
            reader = child.home.keystore.unlock(person.member_id, session.password(f"doctor {person.name}"))
            records = list(opened.state().asks_by(reader.member_id))
        else:
            reader = home.notary()
            records = together.asks_about(opened, child.patients())
        for record in records:
            item = together.open_ask(opened, reader, record)
            status = "open" if record.answer is None else "answered"
            where = together.read_answer(opened, reader, record) if doctor and record.answer is not None else None
            if doctor and status == "answered":
                status = "declined" if where is None else f"turn to {where.name}"
            who, patient = home.directory.name_of(record.doctor), child.home.directory.name_of(item.pseudonym)
            add_row(table, record.ask[:12], who, patient, item.purpose, status)
            listed.append(
                {
                    "ask": record.ask, "doctor": record.doctor, "pseudonym": item.pseudonym, "purpose": item.purpose,
                    "status": status, "hospital": where and where.hospital, "ledger": where and where.ledger,
                }
            )  # fmt: skip
    session.tell({"asks": listed}, table=table, empty="There are no asks.")


@click.command()
@CHILD
@click.option("--patient", required=True, metavar="NAME", help="The patient, who decides with her password.")
@click.option("--decline", is_flag=True, help="Tell the doctor nothing but that she declined.")
@click.option("--yes", is_flag=True, help="Agree without being asked again.")
@click.argument("ask_id", metavar="ASK")
@command()
def answer(session: Session, child_folder: Path, patient: str, decline: bool, yes: bool, ask_id: str) -> None:
    """Have a patient decide, and the notary answer."""
    home = consortium_home(session)
    notary = home.notary()
    with home.opened() as opened, hospital_home(session, child_folder) as child:
        known = home.child(child.ledger)
        person = child.home.directory.find(patient, (Role.PATIENT,))
        asked = _find(opened, home, person.member_id, ask_id)
        secrets = child.home.keystore.unlock(person.member_id, session.password(f"patient {person.name}"))
        if not decline and not yes:
            who = home.directory.name_of(asked.record.doctor)
            click.echo(f"{printable(who)} asks where you have records. {printable(asked.purpose)}", err=True)
            decline = not click.confirm(f"Name {printable(known.name)}", err=True)
        together.decide(opened, secrets, asked.record, agreed=not decline)
        where = Whereabouts(known.hospital, known.name, known.ledger)
        agreed = together.answer(opened, notary, asked.record, where, child.engine.view().state)
    told = f"The doctor is told to turn to {known.name}." if agreed else "The doctor is told that the patient declined."
    session.tell({"ask": asked.record.ask, "agreed": agreed}, told)


def _find(opened: Consortium, home: ConsortiumHome, patient: str, prefix: str) -> OpenedAsk:
    records = {record.ask: record for record in together.asks_about(opened, [patient])}
    found = by_prefix(list(records), prefix, "asks")
    if found is None:
        raise RequestUnknown("there is no such ask about this patient; see `chartseal consortium asks`")
    return together.open_ask(opened, home.notary(), records[found])


def _pseudonym(text: str) -> str:
    if not _PSEUDONYM.fullmatch(text):
        raise InputInvalid("a pseudonym has 32 hexadecimal digits; the patient's hospital prints it with `members`")
    return text
