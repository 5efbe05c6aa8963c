"""Commands about stores: check, repair, copy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import click

from clinic.cli.session import Reported, Session, command
from clinic.cli.tables import add_row, count, plain_table
from cloud import maintenance
from cloud.backends.host_key import HostKey
from cloud.errors import HashMismatch
from cloud.open import Opening, open_store
from cloud.store import Store
from scheme.block import Block
from scheme.errors import SchemeError


class StoreUnsound(Reported):
    """A store lacks blocks or holds damaged ones."""

    code = "store-unsound"


@click.group()
def store() -> None:
    """Check, repair and copy the stores that hold the blocks."""


def _verify(locator: str, source: BinaryIO) -> None:
    try:
        Block.open(source, locator).check_members()
    except SchemeError as error:
        raise HashMismatch(f"block {locator[:16]} is damaged ({error})") from None


@contextmanager
def _mirrors(session: Session) -> Iterator[list[Store]]:
    config = session.hospital_home.config
    opening = Opening(host_keys=tuple(HostKey.from_line(line) for line in config.host_keys))
    mirrors = [open_store(url, opening) for url in config.stores]
    try:
        yield mirrors
    finally:
        for mirror in mirrors:
            mirror.close()


def _anchored(session: Session) -> list[str]:
    with session.hospital_home.site() as site:
        state = site.state()
        return [block.locator for member in state.members() for block in state.blocks(patient=member.member)]


@store.command()
@command(password=False)
def check(session: Session) -> None:
    """Read every block back from every store.

    Each is compared with the ledger. Changes nothing.
    """
    expected = _anchored(session)
    table = plain_table("STORE", "SOUND", "MISSING", "DAMAGED", "UNREACHABLE", "NOT ANCHORED")
    stores = []
    with _mirrors(session) as mirrors:
        for mirror in mirrors:
            report = maintenance.check(mirror, expected, _verify)
            orphans = sum(1 for _ in maintenance.orphans(mirror, set(expected)))
            missing, damaged = [item.locator for item in report.missing], [item.locator for item in report.damaged]
            unread = [item.locator for item in report.unreachable]
            numbers = (report.blocks, len(missing), len(damaged), len(unread), orphans)
            add_row(table, mirror.url, *(f"{number:,}" for number in numbers))
            stores.append(
                {
                    "store": mirror.url,
                    "sound": report.sound,
                    "blocks": report.blocks,
                    "missing": missing,
                    "damaged": damaged,
                    "unreachable": unread,
                    "orphans": orphans,
                }
            )
    sound = all(item["sound"] for item in stores)
    session.tell({"sound": sound, "stores": stores}, table=table)
    if not sound:
        raise StoreUnsound("a store lacks blocks or holds damaged ones; run `chartseal store repair`")


@store.command()
@command(password=False)
def repair(session: Session) -> None:
    """Bring every mirror up to date from the others."""
    expected = _anchored(session)
    with _mirrors(session) as mirrors:
        report = maintenance.repair(mirrors, expected, _verify)
    value = {
        "blocks": report.blocks,
        "repaired": len(report.restored),
        "failed": len(report.failed),
        "lost": list(report.lost),
    }
    session.tell(
        value, f"Checked {count(report.blocks, 'block')}, put back {count(len(report.restored), 'copy', 'copies')}."
    )
    if report.failed:
        raise StoreUnsound(
            f"{count(len(report.failed), 'copy', 'copies')} could not be put back; see that every store can be reached"
        )
    if report.lost:
        raise StoreUnsound(
            f"{count(len(report.lost), 'block')} are sound in no store; restore a store from its own backup"
        )


@store.command()
@click.argument("source_url", metavar="FROM")
@click.argument("target_url", metavar="TO")
@command(password=False)
def copy(session: Session, source_url: str, target_url: str) -> None:
    """Copy every block of one store into another.

    Each is checked on the way. A copy that was stopped goes on where it was.
    """
    opening = Opening(host_keys=tuple(HostKey.from_line(line) for line in session.hospital_home.config.host_keys))
    source, target = open_store(source_url, opening), open_store(target_url, opening)
    try:
        report = maintenance.copy(source, target, verify=_verify)
    finally:
        source.close()
        target.close()
    value = {"copied": report.copied, "present": report.present, "bytes": report.bytes, "failed": len(report.failed)}
    session.tell(
        value, f"Copied {count(report.copied, 'block')} to {target.url}; {report.present:,} were there already."
    )
    if report.failed:
        raise StoreUnsound(f"{count(len(report.failed), 'block')} could not be copied; check the store they come from")
