"""Commands about records: seal, withdraw, open, blocks, verify, generate."""

from __future__ import annotations

import datetime
import time
from pathlib import Path

import click

from clinic import durable
from clinic.cli.session import Reported, Session, command
from clinic.cli.tables import add_row, count, plain_table
from clinic.delivery import finish_outbox
from clinic.errors import NotPermitted
from clinic.export import export, prepare_folder
from clinic.fhir.generate import write_histories
from clinic.intake import drafts_of
from clinic.own_blocks import open_own
from clinic.own_scopes import own_scopes
from clinic.sealing import seal_records
from clinic.verification import verify_patient
from clinic.withdrawal import find_block
from clinic.withdrawal import withdraw as withdraw_block
from ledger.bodies import Role
from scheme.errors import ChartSealError
from scheme.scopes import Category

CATEGORY = click.Choice([category.value for category in Category])
CATEGORIES = ", ".join(category.value for category in Category)


@click.command()
@click.option(
    "--author", "--doctor", "author", required=True, metavar="NAME", help="Who writes: a doctor, or the patient."
)
@click.option("--patient", required=True, metavar="NAME", help="Whose records they are.")
@click.option("--category", type=CATEGORY, metavar="CATEGORY", help=f"Of files that are no FHIR bundle: {CATEGORIES}.")
@click.option("--amends", metavar="BLOCK", help="The block that these records correct.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@command()
def seal(
    session: Session, author: str, patient: str, category: str | None, amends: str | None, files: tuple[Path, ...]
) -> None:
    """Seal files, upload them, anchor them on the ledger.

    A FHIR R4 bundle is split by visit and by what its records are about; any other FILE is one record. What an earlier
    run left in the outbox goes first; what keeps it is told, and keeps nothing of this run.
    """
    started = time.monotonic()
    earlier: list[ChartSealError] = []

    def tell(error: ChartSealError) -> None:
        earlier.append(error)
        session.options.notice(f"what an earlier run left in the outbox is not anchored: {error}")

    patient_id = session.home.directory.find(patient, (Role.PATIENT,)).member_id
    writer = session.unlock(author, Role.DOCTOR, Role.PATIENT)
    with session.site() as site:
        state = site.state()
        amended = find_block(state, amends) if amends else None
        if amended is not None and amended.patient != patient_id:
            raise NotPermitted("the block to amend belongs to another patient")
        locator = amended.locator if amended else None
        chosen = Category(category) if category else None
        drafts = [draft for path in files for draft in drafts_of(path, category=chosen, amends=locator)]
        member = state.member(writer.member_id)
        hospital_id = member.hospitals[0] if member else ""
        sealed = seal_records(
            site, session.home.outbox, drafts, patient_id=patient_id, author=writer, hospital_id=hospital_id,
            earlier_failed=tell,
        )  # fmt: skip
    blocks = [locator for part in sealed for locator in part.blocks]
    stored = sum(part.stored_bytes for part in sealed)
    records = sum(part.records for part in sealed)
    value = {
        "chain": sealed[0].chain, "block": blocks, "blocks": len(blocks), "records": records, "bytes": stored,
        "chapters": sum(len(part.chapters) for part in sealed), "seconds": round(time.monotonic() - started, 3),
        "earlier": {"code": earlier[0].code, "message": str(earlier[0])} if earlier else None,
    }  # fmt: skip
    session.tell(
        value,
        f"Sealed {count(records, 'record')} in {count(len(blocks), 'block')}, {count(stored, 'byte')} stored.",
        f"Chain {sealed[0].chain}, newest block {blocks[-1]}.",
    )


@click.command()
@command(password=False)
def outbox(session: Session) -> None:
    """Finish what an interrupted `seal` left in the outbox.

    Has the hospital link it, uploads and anchors it. Takes no password.
    """
    with session.site() as site:
        finished = finish_outbox(site, session.home.outbox)
    session.tell(
        {"batches": finished}, f"Finished {count(finished, 'batch', 'batches')}." if finished else "Nothing waits."
    )


@click.command()
@click.argument("block")
@click.option("--author", required=True, metavar="NAME", help="Who wrote the block.")
@click.option("--reason", default="", help="Why, for the patient alone.")
@command()
def withdraw(session: Session, block: str, author: str, reason: str) -> None:
    """Withdraw a block, so that readers skip it.

    Its place in the chain and a signed tombstone stay.
    """
    writer = session.unlock(author, Role.DOCTOR, Role.PATIENT)
    with session.site() as site:
        withdrawn = withdraw_block(site, writer, block, reason=reason)
    session.tell({"block": withdrawn.locator}, f"Withdrew block {withdrawn.locator}.")


@click.command("open")
@click.option("--patient", required=True, metavar="NAME", help="Whose records, with her own keys.")
@click.option("--out", required=True, metavar="DIR", type=click.Path(path_type=Path), help="A new folder to write to.")
@command()
def open_records(session: Session, patient: str, out: Path) -> None:
    """Open a patient's own records, without any proxy.

    All of them, by her RSA key: FHIR resources go into OUT/bundle.json, the rest into OUT/files.
    """
    started = time.monotonic()
    owner = session.unlock(patient, Role.PATIENT)
    prepare_folder(out)
    with session.site() as site:
        blocks = site.state().blocks(patient=owner.member_id)
        kept = [block for block in blocks if block.withdrawn is None]
        report = export(open_own(site, owner, kept), out)
    value = vars(report) | {"denied": 0, "withdrawn": len(blocks) - len(kept), "seconds": _since(started)}
    session.tell(
        value,
        f"Opened {count(report.records, 'record')} from {count(report.blocks, 'block')} into {out}: "
        f"{count(report.resources, 'FHIR resource')}, {count(report.files, 'file')}.",
    )


@click.command()
@click.option("--patient", required=True, metavar="NAME", help="Whose blocks.")
@command()
def blocks(session: Session, patient: str) -> None:
    """List a patient's blocks, with what they are about.

    Only she can tell, so it takes her password.
    """
    owner = session.unlock(patient, Role.PATIENT)
    table = plain_table("#", "BLOCK", "ABOUT", "AUTHOR", "DAY", "BYTES", "STATUS")
    listed = []
    with session.site() as site:
        state = site.state()
        lines = own_scopes(site, state, owner)
        for number, block in enumerate(state.blocks(patient=owner.member_id), start=1):
            about = str(lines[block.scope].scope) if block.scope in lines else "?"
            day = datetime.datetime.fromtimestamp(block.time, datetime.UTC).strftime("%Y-%m-%d")
            status = "anchored" if block.withdrawn is None else "withdrawn"
            author = session.name(block.author)
            add_row(table, str(number), block.locator[:12], about, author, day, f"{block.size:,}", status)
            listed.append(
                {
                    "number": number, "block": block.locator, "chain": block.chain, "index": block.index,
                    "about": about,
                    "author": block.author, "day": day, "bytes": block.size, "withdrawn": block.withdrawn is not None,
                }
            )  # fmt: skip
    session.tell({"blocks": listed}, table=table, empty="There are no blocks yet.")


@click.command()
@click.option("--patient", metavar="NAME", help="Only this patient's chains.")
@command(password=False)
def verify(session: Session, patient: str | None) -> None:
    """Verify the ledger, and every chain against the store.

    From the genesis on: every signature and link, and every block that is anchored. Takes no password.
    """
    table = plain_table("PATIENT", "CHAIN", "HOSPITAL", "BLOCKS", "BYTES", "RESULT")
    chains = []
    sound = True
    session.home.require_access()
    with session.site() as site:
        ledger = site.engine.verify()
        people = [session.home.directory.find(patient, (Role.PATIENT,)).member_id] if patient else [
            member.member for member in site.state().members() if member.role is Role.PATIENT
        ]  # fmt: skip
        for patient_id in people:
            for report in verify_patient(site, patient_id):
                sound = sound and report.problem is None
                add_row(
                    table, session.name(patient_id), report.chain[:12], session.name(report.hospital),
                    str(report.blocks), f"{report.stored_bytes:,}", report.problem or "sound",
                )  # fmt: skip
                chains.append(vars(report) | {"patient": patient_id})
    value = {"sound": sound, "entries": ledger.entries, "head": ledger.head, "chains": chains}
    verdict = "Everything is sound." if sound else "Something is wrong: see RESULT."
    session.tell(
        value,
        f"Ledger: {count(ledger.entries, 'entry', 'entries')}, every signature and link holds. {verdict}",
        table=table,
        empty="There are no chains yet.",
    )
    if not sound:
        raise VerificationFailed(
            "a chain is not sound; see which above: the hospital mends its store with `chartseal store repair`"
        )


class VerificationFailed(Reported):
    """``verify`` found a chain that is not sound."""

    code = "verification-failed"


@click.command()
@click.option("--patients", type=click.IntRange(1, 100_000), required=True, help="How many histories.")
@click.option("--seed", type=int, required=True, help="The same seed gives the same histories.")
@click.option("--out", required=True, metavar="DIR", type=click.Path(path_type=Path), help="A new folder to write to.")
@command(password=False)
def generate(session: Session, patients: int, seed: int, out: Path) -> None:
    """Write made-up FHIR R4 histories, one bundle a patient.

    They are plausible; no real person is in them.
    """
    prepare_folder(out)
    with durable.full_disk_told():
        written = write_histories(out, patients, seed, datetime.datetime.now(datetime.UTC).date())
    session.tell(
        {"out": str(out), "files": [path.name for path in written]},
        f"Wrote {count(len(written), 'history', 'histories')} to {out}.",
    )


def _since(started: float) -> float:
    return round(time.monotonic() - started, 3)
