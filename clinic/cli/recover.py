"""Commands for a lost keystore: recover split, share, restore."""

from __future__ import annotations

from pathlib import Path

import click

from clinic import durable, guardians
from clinic.cli.session import Session, command
from clinic.cli.tables import count
from clinic.errors import InputInvalid
from clinic.guardians import HandedShare, RecoveryFolder
from clinic.home import rebuild_home
from clinic.home_folder import CONFIG
from ledger.bodies import Role
from scheme.errors import ChartSealError


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
    """Split the recovery of a patient's keystore among guardians.

    Guardians with homes of their own get their shares by the hospital's server, sealed.
    """
    home = session.home
    people = [home.directory.find(name, (Role.DOCTOR, Role.PATIENT)) for name in names]
    owner = session.unlock(patient, Role.PATIENT)
    member_ids = [person.member_id for person in people]
    elsewhere = {member_id for member_id in member_ids if not home.keystore.path(member_id).exists()}
    with session.site() as site:
        guardians.split(
            site, _folder(session), owner, member_ids, threshold, home=home.to_rebuild(), elsewhere=elsewhere
        )
    sent = f"Sent to those with homes of their own: {len(elsewhere)}." if elsewhere else ""
    session.tell(
        {"member": owner.member_id, "guardians": member_ids, "threshold": threshold, "sent": sorted(elsewhere)},
        f"{count(len(people), 'guardian')} hold a share each; any {threshold} bring the keystore back.",
        *filter(None, [sent]),
        "Each gets hers out with `chartseal recover share --guardian NAME --patient NAME --out FILE`.",
    )


@recover.command()
@click.option("--guardian", required=True, metavar="NAME", help="Who hands out her share.")
@click.option("--patient", required=True, metavar="NAME", help="Whose keystore was lost.")
@click.option(
    "--out", required=True, metavar="FILE", type=click.Path(path_type=Path), help="A new file for it; it is secret."
)
@command()
def share(session: Session, guardian: str, patient: str, out: Path) -> None:
    """A guardian opens the share she holds, to hand it to the patient.

    The first line of the file is the share, short enough to be copied by hand; the second is for a new machine, when
    the patient's home is lost too. Shares of earlier splits follow, if she has any.
    """
    if out.exists():
        raise InputInvalid(f"{out.name} exists; name a new file")
    owner = session.home.directory.find(patient, (Role.PATIENT,))
    holder, store = session.unlock(guardian), _folder(session)
    with session.site() as site:
        try:
            guardians.take_in(site, store, holder, owner.member_id)
        except ChartSealError as error:  # what was taken in is here, whatever the mailbox does
            session.options.notice(f"not every letter of {owner.name} could be taken in: {error}")
    handed = guardians.hand_over(store, holder, owner.member_id)
    durable.write(out, b"".join(each.to_secret_bytes() for each in handed))
    session.tell(
        {"member": owner.member_id, "file": str(out)},
        f"Wrote the share of {owner.name} to {out}; hand it over in person.",
    )


@recover.command()
@click.option("--patient", required=True, metavar="NAME", help="Whose keys were lost; in a new home, its owner's name.")
@click.option(
    "--share", "files", multiple=True, required=True, metavar="FILE", type=click.Path(path_type=Path),
    help="A guardian's share; several.",
)  # fmt: skip
@command(new_password=True)
def restore(session: Session, patient: str, files: tuple[Path, ...]) -> None:
    """Bring a patient's keys back from enough shares, under a new password.

    With a home whose keystore was lost or whose password was forgotten, that gets a new keystore. With a new folder in
    --home, on a new machine, her home is made anew: the same keys, hospital and address book as when she split.
    """
    handed = [each for path in files for each in HandedShare.from_secret_bytes(durable.read(path))]
    if (session.folder / CONFIG).exists():
        _restore_keystore(session, patient, handed)
    else:
        _rebuild(session, patient, handed)


def _restore_keystore(session: Session, patient: str, handed: list[HandedShare]) -> None:
    home = session.home
    owner = home.directory.find(patient, (Role.PATIENT,))
    home.require_keys(owner)
    secrets = guardians.recovered(handed, _folder(session).bundles(owner.member_id)).secrets
    if secrets.member_id != owner.member_id:
        raise InputInvalid(f"these shares bring back another member's keys than those of {owner.name}")
    home.keystore.store(secrets, session.new_password(f"patient {owner.name}"))
    session.tell(
        {"member": owner.member_id, "home": str(home.folder)},
        f"The keystore of {owner.name} is back, under the new password.",
    )


def _rebuild(session: Session, patient: str, handed: list[HandedShare]) -> None:
    found = guardians.recovered(handed)
    password = session.new_password(f"patient {patient}")
    home = rebuild_home(session.folder, found, patient, password, session.options)
    session.tell(
        {"member": found.secrets.member_id, "home": str(home.folder)},
        f"The home of {patient} is back in {home.folder}, with the same keys, under the new password.",
        "It has whom she knew when she split, and nothing that waited in the lost home's outbox.",
    )
