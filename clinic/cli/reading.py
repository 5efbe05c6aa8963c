"""The command history: reading what a patient granted."""

from __future__ import annotations

import time
from pathlib import Path

import click

from clinic.cli.session import Session, command
from clinic.cli.sharing import READERS
from clinic.cli.tables import add_row, count, plain_table
from clinic.errors import InputInvalid
from clinic.export import ExportReport, export, prepare_folder
from clinic.history import plan, read_history
from ledger.bodies import Role


@click.command()
@click.option("--doctor", "delegatee", required=True, metavar="NAME", help="Who reads.")
@click.option("--patient", required=True, metavar="NAME", help="Whose history.")
@click.option("--out", metavar="DIR", type=click.Path(path_type=Path), help="A new folder to write to.")
@click.option("--list", "only_list", is_flag=True, help="Show what can be read; releases nothing.")
@command()
def history(session: Session, delegatee: str, patient: str, out: Path | None, only_list: bool) -> None:
    """Read what a patient granted, through the proxies.

    FHIR resources go into OUT/bundle.json, the rest into OUT/files.
    """
    if out is None and not only_list:
        raise InputInvalid("say where to write with --out DIR, or --list to see what can be read")
    started = time.monotonic()
    patient_id = session.home.directory.find(patient, (Role.PATIENT,)).member_id
    reader = session.unlock(delegatee, *READERS)
    report = ExportReport()
    table = plain_table("BLOCK", "ABOUT", "AUTHOR", "GRANT", "BYTES")
    with session.site() as site:
        reading = plan(site, reader, patient_id)
        if out is not None and not only_list:
            report = export(read_history(site, reader, reading), prepare_folder(out))
        else:
            report.blocks, report.chapters = reading.readable, reading.chapters
            for grant_id, blocks in reading.by_grant.items():
                meanings = reading.grants[grant_id].meanings
                for block in blocks:
                    about = meanings.get(block.scope, "selected")
                    add_row(
                        table, block.locator[:12], about, session.name(block.author), grant_id[:12], f"{block.size:,}"
                    )
    value = vars(report) | {
        "denied": len(reading.denied), "withdrawn": reading.withdrawn, "seconds": round(time.monotonic() - started, 3),
    }  # fmt: skip
    closed = f"{count(len(reading.denied), 'block')} not granted" + (
        f", {count(reading.withdrawn, 'block')} withdrawn" if reading.withdrawn else ""
    )
    if only_list:
        session.tell(value, f"{count(reading.readable, 'block')} can be read; {closed}.", table=table)
        return
    session.tell(
        value,
        f"Read {count(report.records, 'record')} from {count(report.blocks, 'block')} into {out}: "
        f"{count(report.resources, 'FHIR resource')}, {count(report.files, 'file')}; {closed}.",
    )
