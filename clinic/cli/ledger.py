"""Commands about the ledger as a whole: ledger status, verify, export, follow; delegates stand in ``delegates``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from clinic import ledger_copies as copies
from clinic.cli import delegates
from clinic.cli.copies import REPLICA, delegate_names, opened_reader, require_genesis
from clinic.cli.session import Session, command
from clinic.cli.sharing import answers_yes
from clinic.cli.tables import add_row, count, plain_table
from clinic.clock import rfc3339
from clinic.delegation import electorate
from clinic.errors import InputInvalid
from ledger.engines.embedded import EmbeddedEngine
from ledger.engines.replica import BlockSource
from ledger.errors import ForkOffered
from ledger.finality import FinalHeader
from ledger.records import Epoch
from ledger.seats import quorum


@click.group(name="ledger")
def ledger() -> None:
    """Delegates, blocks, and copies of the ledger.

    Hospitals and doctors vote for delegates. A ledger block is final once delegates with more than two thirds of the
    weight have signed it. Whoever has a copy can verify all of it from the genesis.
    """


@ledger.command()
@REPLICA
@command(password=False)
def status(session: Session, replica: str | None) -> None:
    """Show the newest block, who signed it, whose turn is next.

    Takes no password.
    """
    with opened_reader(session, replica) as reader:
        view, tip, now = reader.view(), reader.tip(), electorate(reader)
        signed_by = view.state.epoch(tip.header.height) if tip else None
        names = delegate_names(session, reader.genesis, view.state)
        pending = reader.pending() if isinstance(reader, EmbeddedEngine) else None
        genesis = reader.genesis
    place = replica or str(session.home.ledger_place)
    last = now.epoch.first_height + genesis.epoch_blocks - 1
    table = plain_table("", "")
    add_row(table, "kept in", place)
    add_row(table, "genesis", genesis.digest)
    add_row(table, "height", f"{count(view.height, 'block')}, {count(view.position + 1, 'entry', 'entries')}")
    add_row(table, "epoch", f"{now.epoch.number}: blocks {now.epoch.first_height:,} to {last:,}")
    add_row(table, "next turn", f"block {view.height + 1:,} by {names[now.next_turn.delegate]}")
    if tip and signed_by:
        _tell_tip(table, tip, signed_by, names)
    if pending:
        waits = f"block {pending.header.height:,} with {count(len(pending.transactions), 'transaction')}"
        add_row(table, "waiting", f"{waits} has {count(len(pending.votes), 'vote')}: too few; nothing is lost")
    value = {
        "kept_in": place, "genesis": genesis.digest, "created": genesis.created, "height": view.height,
        "entries": view.position + 1, "head": view.head,
        "epoch": {"number": now.epoch.number, "first": now.epoch.first_height, "last": last},
        "next_turn": now.next_turn.delegate, "seats": [seat.delegate for seat in now.epoch.seats],
        "newest": tip and signed_by and _newest(tip, signed_by),
        "waiting": pending and {"height": pending.header.height, "transactions": len(pending.transactions)},
    }  # fmt: skip
    session.tell(value, table=table)


def _tell_tip(table: Any, tip: FinalHeader, epoch: Epoch, names: dict[str, str]) -> None:
    header = tip.header
    signed = {vote.delegate for vote in tip.certificate.votes}
    weights = [seat.weight for seat in epoch.seats if seat.delegate in signed]
    proposed = f"by {names[header.proposer]}" + (f" in round {header.round}" if header.round else "")
    add_row(table, "newest", f"block {header.height:,} {proposed}, {rfc3339(header.time)}")
    add_row(table, "", header.digest)
    total = sum(seat.weight for seat in epoch.seats)
    add_row(table, "certificate", f"weight {sum(weights)} of {total} signed, {quorum(epoch.seats)} needed")
    for seat in epoch.seats:
        verdict = "signed" if seat.delegate in signed else "did not sign"
        add_row(table, "", f"{names[seat.delegate]}: {verdict}, weight {seat.weight}")


def _newest(tip: FinalHeader, epoch: Epoch) -> dict[str, Any]:
    signed = {vote.delegate for vote in tip.certificate.votes}
    return {
        "height": tip.header.height, "round": tip.header.round, "digest": tip.header.digest, "time": tip.header.time,
        "proposer": tip.header.proposer, "entries_root": tip.header.entries_root, "state_root": tip.header.state_root,
        "signed": {seat.delegate: seat.weight for seat in epoch.seats if seat.delegate in signed},
        "missing": {seat.delegate: seat.weight for seat in epoch.seats if seat.delegate not in signed},
        "quorum": quorum(epoch.seats),
    }  # fmt: skip


@ledger.command()
@REPLICA
@command(password=False)
def verify(session: Session, replica: str | None) -> None:
    """Verify the whole ledger again, from its genesis.

    Every block's link, certificate and roots, every entry's signature and rule, and the state that is stored.
    `chartseal verify` checks the records in the store as well. Takes no password.
    """
    with opened_reader(session, replica) as reader:
        done = reader.verify()
        genesis = reader.genesis
    epochs = (done.height - 1) // genesis.epoch_blocks + 1 if done.height else 0
    table = plain_table("", "")
    pinned = "the one that this home was made with" if replica is None else "compare it with the one you were given"
    add_row(table, "genesis", f"{genesis.digest}, {pinned}")
    add_row(table, count(done.height, "block"), "each follows the one before, and more than two thirds signed it")
    add_row(table, count(epochs, "epoch"), "delegates, weights and turns are those that the votes and faults lead to")
    add_row(
        table,
        count(done.entries, "entry", "entries"),
        "each is signed by its member, as the rules allow, in the Merkle tree",
    )
    add_row(table, "state", f"what the entries add up to, root {done.state_root[:16]}")
    if replica is None:
        add_row(table, "not older", "it has the newest block that this home saw")
    value = {
        "sound": True, "genesis": genesis.digest, "height": done.height, "entries": done.entries, "head": done.head,
        "state_root": done.state_root, "epochs": epochs,
    }  # fmt: skip
    session.tell(value, "The ledger is sound.", table=table)


@ledger.command()
@click.argument("file", type=click.Path(path_type=Path))
@REPLICA
@command(password=False)
def export(session: Session, file: Path, replica: str | None) -> None:
    """Write all blocks to a new file, to be followed elsewhere.

    Nothing in it is secret: ids, digests and signatures, no names. Takes no password.
    """
    with opened_reader(session, replica) as reader:
        blocks = copies.export(reader, file)
        genesis = reader.genesis.digest
    session.tell(
        {"file": str(file), "blocks": blocks, "bytes": file.stat().st_size, "genesis": genesis},
        f"Wrote {count(blocks, 'block')}, {count(file.stat().st_size, 'byte')}, to {file}.",
        f"Genesis {genesis}: tell it to whoever follows, by another way than the file.",
    )


@ledger.command()
@click.argument("source")
@click.option(
    "--into", "target", required=True, metavar="FILE", type=click.Path(path_type=Path),
    help="Your copy; it is made the first time.",
)  # fmt: skip
@click.option("--genesis", metavar="DIGEST", help="The genesis that the ledger must have, as you were told it.")
@click.option(
    "--evidence", "accusation", metavar="FILE", type=click.Path(path_type=Path),
    help="A new file for the evidence, if the source is a fork that delegates signed.",
)  # fmt: skip
@command(password=False)
def follow(session: Session, source: str, target: Path, genesis: str | None, accusation: Path | None) -> None:
    """Verify what is new in a ledger and add it to your copy.

    SOURCE: an export, another home, a ledger's file, or postgresql://HOST/DATABASE. Nothing that it says is believed
    unverified. A source that goes back or contradicts the copy is refused, and the copy stays. Needs no home and no
    password.
    """
    with copies.opened_source(source) as opened:
        first = not target.exists()
        _pin(session, opened, genesis, first=first)
        try:
            done = copies.follow(opened, target, opened.genesis)
        except ForkOffered:
            if accusation is not None:
                found = copies.accuse(target, opened, accusation)
                told = f"in {accusation}, for `chartseal ledger evidence`" if found else "against any delegate"
                click.echo(f"{count(found, 'piece')} of evidence {told}.", err=True)
            raise
    session.tell(
        {
            "into": str(target), "genesis": done.genesis.digest, "created": done.created, "taken": done.taken,
            "height": done.view.height, "entries": done.view.position + 1, "header": done.view.block,
        },
        f"{'Made a copy in' if done.created else 'Added to'} {target}: {count(done.taken, 'new block')}, verified.",
        f"It stands at block {done.view.height:,}, {count(done.view.position + 1, 'entry', 'entries')}.",
    )  # fmt: skip


def _pin(session: Session, source: BlockSource, expected: str | None, *, first: bool) -> None:
    """The source has the expected genesis; without one, a first copy needs a yes on a terminal, or gets a warning."""
    digest = source.genesis.digest
    if expected is not None:
        require_genesis(source.genesis, expected)
    elif first:
        click.echo(f"Nobody said which genesis is the right one; the source's is {digest}.", err=True)
        if not sys.stdin.isatty() or session.as_json:
            click.echo("warning: compare it with the one that the ledger's authority tells you.", err=True)
        elif not answers_yes("Did the ledger's authority tell you the same"):
            raise InputInvalid(
                "nothing was copied; ask the authority for the genesis digest, and give it with --genesis"
            )


for _command in (delegates.delegates, delegates.stand, delegates.vote, delegates.evidence):
    ledger.add_command(_command)
