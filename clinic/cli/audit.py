"""Commands about one patient's entries: audit show, export, verify."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from clinic import durable
from clinic.audit import audit_trail
from clinic.audit_file import MAX_AUDIT_FILE_BYTES, AuditReport, export_audit, require_complete, verify_audit
from clinic.audit_rows import AuditRow
from clinic.cli.copies import REPLICA, has_home, member_names, opened_reader, require_digest
from clinic.cli.session import Session, command
from clinic.cli.tables import add_row, count, plain_table
from clinic.clock import rfc3339
from clinic.errors import InputInvalid
from clinic.requests import ID_SIZE
from ledger.bodies import Role


@click.group()
def audit() -> None:
    """Who asked, what was granted, who read what."""


@audit.command("show")
@click.option("--patient", required=True, metavar="NAME", help="Whose audit trail; takes her password.")
@command()
def audit_show(session: Session, patient: str) -> None:
    """Show every ledger entry about a patient, in words."""
    owner = session.unlock(patient, Role.PATIENT)
    table = plain_table("ENTRY", "TIME", "SIGNED BY", "EVENT", "DETAIL")
    with session.site() as site:
        trail = audit_trail(site, owner, session.name)
        authority = site.engine.genesis.authority
    for entry in trail:
        signer = "the authority" if entry.signer == authority else session.name(entry.signer)
        add_row(table, str(entry.position), _minute(entry.time), signer, entry.event, entry.detail)
    session.tell({"entries": [vars(entry) for entry in trail]}, table=table)


@audit.command("export")
@click.option("--patient", required=True, metavar="NAME", help="Whose entries.")
@click.argument("file", type=click.Path(path_type=Path))
@REPLICA
@command(password=False)
def audit_export(session: Session, patient: str, file: Path, replica: str | None) -> None:
    """Write a patient's entries, with proofs, to a new file.

    Whoever knows the ledger's genesis digest checks it offline with `chartseal audit verify`. It holds every entry
    about her, the same as FHIR R4 AuditEvents and Consents, and ids in place of names. Takes no password. From a
    --replica it needs no home either: then NAME is her id.
    """
    if file.exists():
        raise InputInvalid(f"{file.name} exists; name a new file for the audit")
    if replica is None or has_home(session):
        patient_id = session.home.directory.find(patient, (Role.PATIENT,)).member_id
    else:
        patient_id = _require_id(patient)
    with opened_reader(session, replica) as reader:
        data, genesis = export_audit(reader, patient_id), reader.genesis.digest
    report = verify_audit(data, genesis)
    durable.write(file, data)
    session.tell(
        {
            "file": str(file), "patient": patient_id, "genesis": genesis, "entries": len(report.rows),
            "height": report.height, "bytes": len(data),
        },
        f"Wrote {count(len(report.rows), 'entry', 'entries')} about {member_names(session)(patient_id)}, "
        f"{count(len(data), 'byte')}, to {file}.",
        f"Whoever checks it needs the genesis digest, by another way: {genesis}",
    )  # fmt: skip


@audit.command("verify")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--genesis", metavar="DIGEST", help="The ledger's genesis, as you were told it; else the home's.")
@click.option(
    "--earlier", metavar="FILE", type=click.Path(path_type=Path),
    help="An audit file that you had before: nothing in it may be missing.",
)  # fmt: skip
@REPLICA
@command(password=False)
def audit_verify(session: Session, file: Path, genesis: str | None, earlier: Path | None, replica: str | None) -> None:
    """Check an audit file from the genesis digest alone.

    Every entry is signed by its certified member and stands in a block that more than two thirds of the delegates
    signed. Needs no home, no network and no password; where there is a home, its names are shown. With a --replica of
    your own, it also shows that nothing was left out.
    """
    if genesis is None:
        if not has_home(session):
            raise InputInvalid("say which ledger it must be of with --genesis DIGEST, as the authority tells it")
        genesis = session.home.genesis
    require_digest(genesis)
    known = () if earlier is None else verify_audit(_read(earlier), genesis).positions
    report = verify_audit(_read(file), genesis, known=known)
    if replica is not None:
        with opened_reader(session, replica) as reader:
            require_complete(report, reader)
    _tell(session, report, since=len(known) if earlier else None, complete=replica is not None)


def _tell(session: Session, report: AuditReport, *, since: int | None, complete: bool) -> None:
    name = member_names(session)
    table = plain_table("ENTRY", "TIME", "SIGNED BY", "EVENT", "DETAIL")
    for row in report.rows:
        role = report.roles[row.signer]
        signer = "the authority" if role == "authority" else f"{role} {name(row.signer)}"
        add_row(table, str(row.position), _minute(rfc3339(row.time)), signer, row.event, _detail(row, name))
    value = {
        "sound": True, "patient": report.patient, "genesis": report.ledger, "height": report.height,
        "size": report.size, "time": report.time, "fhir": report.fhir, "complete": complete, "caveat": report.caveat,
        "entries": [vars(row) | {"role": report.roles[row.signer]} for row in report.rows],
    }  # fmt: skip
    fhir = " The FHIR part says the same." if report.fhir else ""
    earlier = "" if since is None else f" None of the earlier file's {count(since, 'entry', 'entries')} is missing."
    session.tell(
        value,
        f"Sound. Patient {name(report.patient)}, ledger {report.ledger[:16]}, as of {_minute(rfc3339(report.time))}.",
        "Shown: each entry is signed by its member, whom the authority certified, and stands in a block that more than "
        f"two thirds of the delegates signed.{fhir}{earlier}",
        "Complete: a replica that verified the whole ledger has no further entry about the patient."
        if complete
        else f"Not shown: whether a signer was suspended then. {report.caveat}",
        table=table,
    )


def _detail(row: AuditRow, name: Callable[[str], str]) -> str:
    parts = [f"for {name(row.delegatee)}"] if row.delegatee else []
    parts += [f"request {row.request[:8]}"] if row.request else []
    parts += [f"grant {row.grant[:8]}"] if row.grant else []
    parts += [count(len(row.scopes), "scope")] if row.scopes else []
    return ", ".join(parts)


def _read(file: Path) -> bytes:
    if not file.is_file():
        raise InputInvalid(f"there is no file {file.name}; name an audit file")
    with durable.full_disk_told(), file.open("rb") as opened:
        return opened.read(MAX_AUDIT_FILE_BYTES + 1)


def _require_id(text: str) -> str:
    if len(text) != 2 * ID_SIZE or set(text) - set("0123456789abcdef"):
        raise InputInvalid(f"without a home a patient is named by her id of {2 * ID_SIZE} hexadecimal digits")
    return text


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")
