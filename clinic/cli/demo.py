"""The command ``demo``: the main job from end to end, with a table of what was checked."""

from __future__ import annotations

import functools
import secrets
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import click

from clinic.cli.session import Reported, Session, command
from clinic.cli.tables import add_row, count, plain_table
from clinic.demo import Outcome, cast_of, play
from clinic.demo_copies import CopiesDemo
from clinic.demo_histories import histories
from clinic.demo_ledger import EPOCH_BLOCKS, LedgerDemo
from clinic.demo_matching import MatchingDemo
from clinic.home import Home
from cloud.open import host_key
from cloud.url import parse_url
from ledger.bodies import Role


class DemoFailed(Reported):
    """A check of the demo did not hold."""

    code = "demo-failed"


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--store", "stores", multiple=True, metavar="URL", help="Where blocks go (default: a temporary folder).")
@command(password=False)
def demo(session: Session, paths: tuple[Path, ...], stores: tuple[str, ...]) -> None:
    """Play the whole story for each patient and check every step.

    PATH: FHIR R4 bundles, folders or zips of them; none: made-up histories. For each patient: enrol, seal, upload,
    request, approve limited access, read, check that the rest stays closed, revoke, seal again, check that the new
    stays closed, verify chains and store. Meanwhile the ledger elects delegates; then one is down, too few are there,
    one signs twice; a family link, an audit file checked offline, a replica, a notary's anchor. At last two patients
    are matched and write to each other; a third gets nowhere. The home is temporary and removed at the end.
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chartseal-demo-") as scratch:
        urls = stores or (f"file://{scratch}/store",)
        keys = [host_key(url) for url in urls if parse_url(url).scheme == "sftp"]
        password = secrets.token_urlsafe(16)
        home = Home.create(
            Path(scratch) / "home",
            stores=urls,
            password=password,
            proxies=3,
            threshold=2,
            epoch_blocks=EPOCH_BLOCKS,
            host_keys=keys,
            profile=session.profile,
        )
        outcomes: list[Outcome] = []
        say = functools.partial(_say, session)
        with home.site() as site:
            say(f"Store: {', '.join(urls)}. Ledger: embedded. Proxies: 2 of 3 needed.")
            cast = cast_of(home, site, password)
            ledger = LedgerDemo(site, cast, say)
            ledger.found()
            for name, bundle in histories(paths):
                outcomes.append(play(site, cast, name, bundle))
                _say_outcome(session, outcomes[-1])
            if outcomes:
                with ledger.timed():
                    patient = home.unlock(outcomes[0].patient, password, (Role.PATIENT,))
                    ledger.play(patient)
                    CopiesDemo(ledger, Path(scratch), session.profile).play(patient)
                    MatchingDemo(ledger).play()
                _say_outcome(session, ledger.outcome)
            verified = site.engine.verify()
    _report(session, outcomes, ledger.outcome, verified.entries, time.monotonic() - started)


def _say(session: Session, sentence: str) -> None:
    if not session.as_json:
        click.echo(sentence)


def _say_outcome(session: Session, outcome: Outcome) -> None:
    verdict = "all checks held" if outcome.held else "FAILED: " + "; ".join(outcome.failed)
    _say(session, f"{outcome.patient}: {count(len(outcome.checks), 'check')}, {verdict}, {outcome.seconds:.1f} s")


def _report(session: Session, outcomes: Sequence[Outcome], ledger: Outcome, entries: int, seconds: float) -> None:
    table = plain_table("PATIENT", "RECORDS", "BLOCKS", "READ", "CLOSED", "CHECKS", "SECONDS")
    for column in table.columns[1:]:
        column.justify = "right"
    for outcome in outcomes:
        passed = sum(held for _, held in outcome.checks)
        add_row(
            table, outcome.patient, f"{outcome.resources:,}", f"{outcome.blocks:,}", f"{outcome.read:,}",
            f"{outcome.closed:,}", f"{passed}/{len(outcome.checks)}", f"{outcome.seconds:.1f}",
        )  # fmt: skip
    everything = [*outcomes, ledger]
    held = bool(outcomes) and all(outcome.held for outcome in everything)
    records = sum(outcome.resources for outcome in outcomes)
    value = {
        "held": held, "patients": len(outcomes), "records": records,
        "blocks": sum(outcome.blocks for outcome in outcomes),
        "entries": entries, "seconds": round(seconds, 1),
        "failed": [{"patient": each.patient, "checks": each.failed} for each in everything if not each.held],
        "ledger": {"held": ledger.held, "checks": len(ledger.checks), "seconds": round(ledger.seconds, 1)},
    }  # fmt: skip
    verdict = "Every check held." if held else "A check did NOT hold: see above."
    session.tell(
        value,
        "",
        f"{count(len(outcomes), 'patient')}, {count(records, 'record')}, "
        f"{count(entries, 'ledger entry', 'ledger entries')}, {seconds:.1f} s. {verdict}",
        table=table,
    )
    if not held:
        raise DemoFailed("a check of the demo did not hold")
