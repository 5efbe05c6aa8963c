"""Commands for a lost keystore: recover split, share, restore."""

from __future__ import annotations

from pathlib import Path

import click

from clinic import durable, guardians
from clinic.cli.session import Session, command
from clinic.cli.tables import count
from clinic.errors import InputInvalid
from clinic.guardians import RecoveryFolder
from clinic.home import Home
from ledger.bodies import Role
from scheme.recovery import Share


@click.group()
def recover() -> None:
    """Bring a lost keystore back with the help of guardians."""


def _folder(session: Session) -> RecoveryFolder:
    return RecoveryFolder(session.folder / "recovery")


@recover.command()
@click.option("--patient", required=True, metavar="NAME", help="Whose keystore is to be recoverable.")
@click.option("--guardian", "names", multiple=True, required=True, metavar="NAME", help="Who gets a share; several.")
@click.option("--threshold", required=True, type=click.IntRange(1, 255), help="How many guardians bring it back.")
@command()
def split(session: Session, patient: str, names: tuple[str, ...], threshold: int) -> None:
    """Split the recovery of a patient's keystore among guardians."""
    people = [session.home.directory.find(name, (Role.DOCTOR, Role.PATIENT)) for name in names]
    owner = session.unlock(patient, Role.PATIENT)
    with session.site() as site:
        guardians.split(site, _folder(session), owner, [person.member_id for person in people], threshold)
    session.tell(
        {"member": owner.member_id, "guardians": [person.member_id for person in people], "threshold": threshold},
        f"{count(len(people), 'guardian')} hold a share each; any {threshold} bring the keystore back.",
        *_to_hand_over(session, owner.member_id),
        "Each gets hers out with `chartseal recover share --guardian NAME --patient NAME --out FILE`.",
    )


def _to_hand_over(session: Session, member_id: str) -> tuple[str, ...]:
    """What is to be done by hand where guardians have homes of their own."""
    if isinstance(session.home, Home):
        return ()
    folder = _folder(session).folder / member_id
    return (
        f"Give each a copy of {folder}, for recovery/ in her own home, and keep one elsewhere; nobody can read it.",
    )


@recover.command()
@click.option("--guardian", required=True, metavar="NAME", help="Who hands out her share.")
@click.option("--patient", required=True, metavar="NAME", help="Whose keystore was lost.")
@click.option(
    "--out", required=True, metavar="FILE", type=click.Path(path_type=Path), help="A new file for it; it is secret."
)
@command()
def share(session: Session, guardian: str, patient: str, out: Path) -> None:
    """A guardian opens the share she holds, to hand it to the patient."""
    if out.exists():
        raise InputInvalid(f"{out.name} exists; name a new file")
    owner = session.home.directory.find(patient, (Role.PATIENT,))
    opened = guardians.release_share(_folder(session), session.unlock(guardian), owner.member_id)
    durable.write(out, (opened.to_secret_text() + "\n").encode())
    session.tell(
        {"member": owner.member_id, "file": str(out)},
        f"Wrote the share of {owner.name} to {out}; hand it over in person.",
    )


@recover.command()
@click.option("--patient", required=True, metavar="NAME", help="Whose keystore was lost.")
@click.option(
    "--share",
    "files",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    help="A guardian's share; several.",
)
@command(new_password=True)
def restore(session: Session, patient: str, files: tuple[Path, ...]) -> None:
    """Make a patient's keystore anew from enough shares.

    It gets a new password.
    """
    owner = session.home.directory.find(patient, (Role.PATIENT,))
    shares = [Share.from_secret_text(durable.read(path).decode("ascii", "replace")) for path in files]
    secrets = guardians.restore(_folder(session), owner.member_id, shares)
    session.home.keystore.store(secrets, session.new_password(f"patient {owner.name}"))
    session.tell({"member": owner.member_id}, f"The keystore of {owner.name} is back, under the new password.")
