#!/usr/bin/env python3
"""Plays the demo with everybody on a machine of their own: hospital, proxies, tag issuers, doctors and patients.

    deploy/play.py --local                                   # starts the hospital's and all services' servers here
    deploy/play.py --local --ledger postgresql://... --store s3://...     # the same, on a database and a store that run
    deploy/play.py --operator 'chartseal --home /srv/hospital'     # against servers that run already, of a new hospital

Every person is a home in a folder of its own and uses the command alone; what one hands to another (an invitation, the
line of `contact show`) is copied by this script, as people would by other ways. Only the hospital's commands see the
credentials of database and store. With --local it also stops what the others rely on: a proxy, two, the server by
SIGKILL.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import httpx
from prometheus_client.parser import text_string_to_metric_families

CHARTSEAL = (sys.executable, "-m", "network.cli.main")
LIMITED = ("laboratory", "immunisation", "medication")
SYMPTOMS = ("HP:0001250", "HP:0001251", "HP:0000365")
"""Seizure, ataxia, hearing impairment."""
FEVER, MIGRAINE, JAUNDICE = "HP:0001945", "HP:0002076", "HP:0000952"
READY_S = 60.0
HOSPITALS = ("AWS_", "PG")
"""How the environment's variables begin that only the hospital's commands are given."""


class Failed(Exception):
    """A command ended with an error; its code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"[{code}] {message}")
        self.code = code


def environment(role: str) -> dict[str, str]:
    """What a command of somebody in ``role`` finds in its environment."""
    begins = () if role == "hospital" else HOSPITALS
    return {name: value for name, value in os.environ.items() if not name.startswith(begins)}


def run(command: Sequence[str], *arguments: str, role: str = "hospital") -> dict[str, Any]:
    """What ``chartseal --json`` prints. Raises ``Failed``."""
    done = subprocess.run(  # noqa: S603
        [*command, "--json", *arguments],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment(role), check=False,
    )  # fmt: skip
    lines = done.stdout.strip().splitlines()
    try:
        value: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    except ValueError:
        value = {}
    if done.returncode != 0:
        raise Failed(value.get("error", "?"), value.get("message", done.stderr.strip()))
    return value


@dataclass
class Person:
    """Somebody with a home of their own."""

    name: str
    role: str
    home: Path
    password: Path

    def do(self, *arguments: str) -> dict[str, Any]:
        """Run one of their commands."""
        command = (*CHARTSEAL, "--home", str(self.home))
        return run(command, *arguments, "--password-file", str(self.password), role=self.role)

    def card(self) -> tuple[str, str]:
        """Role and id: what they hand to others."""
        shown = self.do("contact", "show")
        return str(shown["role"]), str(shown["member"])


@dataclass
class Process:
    """A server of ours, in a process of its own; started again as it was."""

    command: tuple[str, ...]
    url: str
    log: Path
    role: str = "hospital"
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603
                self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment(self.role)
            )
        deadline = time.monotonic() + READY_S
        while not answers(self.url):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise click.ClickException(f"{self.url} did not start; see {self.log}")
            time.sleep(0.1)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop, and wait until it is gone."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(timeout=60)
            self.process = None


def ask(url: str) -> httpx.Response:
    """What a server of ours answers whoever asks; whether it is the right one, the homes check."""
    return httpx.get(url, verify=False, timeout=5, trust_env=False)  # noqa: S501


def answers(url: str) -> bool:
    """Whether a server of ours is up."""
    try:
        return ask(f"{url}/healthz").is_success
    except httpx.HTTPError:
        return False


def answered(url: str) -> dict[str, int]:
    """How many requests for blocks a server answered well since it started, by method and route."""
    families = text_string_to_metric_families(ask(f"{url}/metrics").text)
    requests = (sample for family in families for sample in family.samples if sample.name == "chartseal_requests_total")
    return {
        f"{sample.labels['method']} {sample.labels['route']}": int(sample.value)
        for sample in requests
        if sample.labels["route"].startswith("/v1/blocks/") and sample.labels["status"].startswith("2")
    }


@dataclass
class Play:
    """The story and what became of each check."""

    operator: tuple[str, ...]
    folder: Path
    say: Callable[[str], None]
    server: Process | None = None
    store: str = ""
    proxies: list[Process] = field(default_factory=list)
    issuers: list[Process] = field(default_factory=list)
    checks: list[tuple[str, bool]] = field(default_factory=list)

    def check(self, what: str, held: bool) -> None:
        """Note a check."""
        self.checks.append((what, held))
        self.say(f"  {'ok    ' if held else 'FAILED'} {what}")

    def refused(self, what: str, codes: set[str], person: Person, *arguments: str) -> None:
        """Check that a command ends with one of these errors."""
        try:
            person.do(*arguments)
        except Failed as failure:
            self.check(f"{what} ({failure.code})", failure.code in codes)
        else:
            self.check(what, False)

    def join(self, name: str, role: str) -> Person:
        """Invite somebody and have them join from a home of their own."""
        hospital = ("--hospital", "Riverside") if role in {"doctor", "patient"} else ()
        invited = run(self.operator, "invite", role, name, *hospital)
        password = self.folder / f"{name}.password"
        password.write_text(secrets.token_urlsafe(16) + "\n")
        person = Person(name, role, self.folder / name, password)
        joined = person.do("join", str(invited["invitation"]), "--role", role, "--name", name)
        self.check(f"{role} {name} joined with keys made at home", joined["status"] == "admitted")
        return person

    def acquaint(self, people: Sequence[Person]) -> None:
        """Everybody notes everybody's line."""
        cards = {person.name: person.card() for person in people}
        for person in people:
            for other, (role, member) in cards.items():
                if other != person.name:
                    person.do("contact", "add", role, other, member)

    def play(self, bundles: Sequence[Path]) -> None:
        """All of it."""
        author, reader = self.join("okafor", "doctor"), self.join("lindqvist", "doctor")
        first, second = self.join("abernathy", "patient"), self.join("castellanos", "patient")
        self.acquaint((author, reader, first, second))
        for patient, bundle in zip((first, second), bundles, strict=True):
            self.history(author, reader, patient, bundle)
        self.selected(reader, second)
        self.family(first, second)
        if first.do("status")["members"]["issuer"] == 2:
            self.matching(first, second)
        if self.server is not None:
            self.directly(self.server)
            self.proxies_fail(reader, first)
            self.server_fails(author, reader, first)
        self.audit(first)
        for patient in (first, second):
            self.check(f"every chain of {patient.name} verifies", bool(patient.do("verify")["sound"]))

    def history(self, author: Person, reader: Person, patient: Person, bundle: Path) -> None:
        """Seal, ask, approve a part, read it, revoke, seal again, read nothing new."""
        self.say(f"{patient.name}: {bundle.name}")
        resources = resources_of(bundle)
        sealed = author.do("seal", "--author", author.name, "--patient", patient.name, str(bundle))
        self.check(f"sealed {sealed['records']} records in {sealed['blocks']} blocks", sealed["records"] > 0)
        self.refused("nobody reads before she approves", {"grant-inactive"}, reader, *self.reading(reader, patient))
        categories = [word for category in LIMITED for word in ("--category", category)]
        asked = reader.do("request", "--doctor", reader.name, "--patient", patient.name, "--purpose", "second opinion")
        grant = patient.do("approve", str(asked["request"]), *categories, "--since", "2010", "--yes")
        read = reader.do(*self.reading(reader, patient, out := self.folder / f"{patient.name}-limited"))
        found = resources_of(out / "bundle.json") if (out / "bundle.json").exists() else set()
        self.check(f"read {read['resources']} resources, as they were sealed", bool(found) and found <= resources)
        self.check(f"{read['denied']} blocks stay closed", read["denied"] > 0)
        patient.do("open", "--patient", patient.name, "--out", str(out := self.folder / f"{patient.name}-own"))
        self.check("the patient opens everything, alone", resources_of(out / "bundle.json") == resources)
        patient.do("revoke", str(grant["grant"]))
        self.refused("after she revoked nobody reads", {"grant-inactive"}, reader, *self.reading(reader, patient))

    def reading(self, reader: Person, patient: Person, out: Path | None = None) -> tuple[str, ...]:
        """The command by which a history is read."""
        target = out or self.folder / f"out-{secrets.token_hex(4)}"
        return ("history", "--doctor", reader.name, "--patient", patient.name, "--out", str(target))

    def approved(self, reader: Person, patient: Person, *how: str) -> str:
        """A request that the patient grants."""
        asked = reader.do("request", "--doctor", reader.name, "--patient", patient.name)
        return str(patient.do("approve", str(asked["request"]), *how, "--yes")["grant"])

    def selected(self, reader: Person, patient: Person) -> None:
        """Two blocks and no more."""
        self.approved(reader, patient, "--blocks", "1,2")
        read = reader.do(*self.reading(reader, patient))
        self.check("a selection of two blocks opens two blocks", read["blocks"] == 2 and read["denied"] > 0)

    def family(self, parent: Person, child: Person) -> None:
        """A parent's family history, by mutual consent."""
        offered = parent.do(
            "family", "invite", "--parent", parent.name, "--child", child.name, "--category", "laboratory", "--yes"
        )
        reading = self.reading(child, parent)
        self.refused("a family link needs the child's consent too", {"grant-inactive"}, child, *reading)
        child.do("family", "accept", str(offered["grant"]), "--yes")
        self.check("the child reads the parent's laboratory results", child.do(*reading)["blocks"] > 0)

    def matching(self, one: Person, other: Person) -> None:
        """Two patients with the same symptoms find each other and write; a third one gets nowhere."""
        self.say("matching")
        third = self.join("delacroix", "patient")
        for patient, own in ((one, (*SYMPTOMS, FEVER)), (other, (*SYMPTOMS, MIGRAINE)), (third, (JAUNDICE,))):
            words = [word for symptom in own for word in ("--symptom", symptom)]
            opted = patient.do("match", "optin", "--patient", patient.name, *words)
            self.check(f"{patient.name} opts in with {opted['tags']} blind tags", opted["tags"] >= len(own))
        found = one.do("match", "find", "--patient", one.name)["matches"]
        self.check("of two others only who shares symptoms is found", len(found) == 1)
        match = str(found[0]["match"])
        self.acts("match", "accept", one, match)
        self.refused("nothing is shared before both accept", {"not-both-accepted"}, one, *self.about(one, match))
        self.acts("match", "accept", other, match)
        shared = [{term["id"] for term in each.do(*self.about(each, match))["shared"]} for each in (one, other)]
        self.check(
            "both learn what they share, and nothing else",
            shared[0] == shared[1] >= set(SYMPTOMS) and not shared[0] & {FEVER, MIGRAINE},
        )
        for each in (one, other, one):  # whoever begins, both proofs are there after three turns
            self.acts("session", "read", each, match)
        for writer, reader, text in ((one, other, "Since when do you have it?"), (other, one, "For years.")):
            self.acts("session", "send", writer, match, text)
            read = self.acts("session", "read", reader, match)["texts"]
            self.check(f"{reader.name} reads what {writer.name} wrote", [each["text"] for each in read] == [text])
        alone = third.do("match", "find", "--patient", third.name)["matches"]
        self.check("who shares nothing finds nobody", alone == [])
        for words in (("match", "accept", match), ("session", "read", match)):
            what = f"a third patient gets nowhere with `{' '.join(words[:2])}`"
            self.refused(what, {"match-unknown"}, third, *words, "--patient", third.name)

    def about(self, patient: Person, match: str) -> tuple[str, ...]:
        """The command that shows what two share."""
        return ("match", "shared", match, "--patient", patient.name)

    def acts(self, group: str, verb: str, patient: Person, match: str, *words: str) -> dict[str, Any]:
        """One of the commands about a match."""
        return patient.do(group, verb, match, *words, "--patient", patient.name)

    def directly(self, server: Process) -> None:
        """Where the store has presigned URLs, no block went through the server."""
        if urlsplit(self.store).scheme != "s3":
            return
        counts = answered(server.url)
        signed = counts.pop("POST /v1/blocks/presign", 0)
        carried = {route: count for route, count in counts.items() if not route.startswith("HEAD ")}
        self.check(
            f"by {signed} answers with presigned URLs all blocks went straight to and from the store",
            signed > 0 and not carried,
        )

    def proxies_fail(self, reader: Person, patient: Person) -> None:
        """One proxy down changes nothing, two stop all, and then nothing is lost."""
        self.say("proxies stop")
        self.approved(reader, patient)
        self.proxies[0].stop()
        read = reader.do(*self.reading(reader, patient))
        self.check("with one proxy of three down the doctor reads", read["blocks"] > 0)
        self.proxies[1].stop(signal.SIGKILL)
        self.refused("with two down nobody does", {"proxies-insufficient"}, reader, *self.reading(reader, patient))
        for proxy in self.proxies[:2]:
            proxy.start()
        self.check(
            "with all three back everything is as before", reader.do(*self.reading(reader, patient))["blocks"] > 0
        )

    def server_fails(self, author: Person, reader: Person, patient: Person) -> None:
        """The hospital's server is killed: what is sealed meanwhile waits, and what was acknowledged is there."""
        if self.server is None:
            return
        self.say("the server is killed")
        before = reader.do("status")
        self.server.stop(signal.SIGKILL)
        note = self.folder / "note.txt"
        note.write_text("seen without a connection\n")
        sealing = ("seal", "--author", author.name, "--patient", patient.name, "--category", "clinical", str(note))
        self.refused("sealed without a connection, it waits in the outbox", {"outbox-pending"}, author, *sealing)
        self.server.start()
        self.check("it goes out when the server is back", author.do("outbox")["batches"] == 1)
        after = reader.do("status")
        self.check("nothing acknowledged was lost", after["entries"] == before["entries"] + 1)

    def audit(self, patient: Person) -> None:
        """A file that anybody checks offline."""
        self.say("audit")
        file = self.folder / "audit.json"
        patient.do("audit", "export", "--patient", patient.name, str(file))
        genesis = str(patient.do("status")["genesis"])
        nobody = (*CHARTSEAL, "--home", str(self.folder / "nobody"))
        checked = run(nobody, "audit", "verify", str(file), "--genesis", genesis, role="nobody")
        entries = len(checked["entries"])
        self.check(f"{entries} entries about her are proved from the genesis alone", entries > 0)


def resources_of(path: Path) -> set[str]:
    """Each resource of a bundle, as canonical text."""
    entries = json.loads(path.read_text(encoding="utf-8")).get("entry", [])
    return {json.dumps(entry["resource"], sort_keys=True) for entry in entries}


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def start_here(play: Play, ledger: str | None) -> None:
    """Make a hospital with a server, three proxies and two tag issuers, all as processes on loopback."""
    hospital = Person("hospital", "hospital", play.folder / "hospital", play.folder / "hospital.password")
    hospital.password.write_text(secrets.token_urlsafe(16) + "\n")
    kept = () if ledger is None else ("--ledger", ledger)
    hospital.do("init", "--store", play.store, *kept, "--proxies", "0", "--threshold", "2")
    hospital.do("enrol", "hospital", "Riverside")
    play.operator = (*CHARTSEAL, "--home", str(hospital.home))
    listen = f"127.0.0.1:{free_port()}"
    url = f"https://{listen}"
    admits = ("--authority-password-file", str(hospital.password))
    play.server = Process(
        (*play.operator, "serve", "--url", url, "--listen", listen, *admits), url, play.folder / "hospital.log"
    )
    play.server.start()
    for name in ("proxy-a", "proxy-b", "proxy-c"):
        start_service(play, name, "proxy", play.proxies)
    for name in ("issuer-a", "issuer-b"):
        start_service(play, name, "issuer", play.issuers)


def start_service(play: Play, name: str, role: str, among: list[Process]) -> None:
    """A proxy or issuer joins, and is served by a process of its own."""
    person = play.join(name, role)
    listen = f"127.0.0.1:{free_port()}"
    url = f"https://{listen}"
    command = (*CHARTSEAL, "--home", str(person.home), role, "serve", "--listen", listen, "--url", url)
    among.append(Process(command, url, play.folder / f"{name}.log", role))
    among[-1].start()


@click.command()
@click.option("--local", is_flag=True, help="Start the hospital, proxies and issuers here; stop them at the end.")
@click.option("--operator", default="chartseal", show_default=True, help="The operator's command, as in a shell.")
@click.option("--store", metavar="URL", help="With --local: where blocks go (default: a folder).")
@click.option(
    "--ledger", metavar="URL", help="With --local: where the ledger is (default: a file in the hospital's home)."
)
@click.option("--folder", type=click.Path(path_type=Path), help="Where the homes are made (default: a temporary one).")
@click.argument("bundles", nargs=-1, type=click.Path(exists=True, path_type=Path))
def main(
    local: bool,
    operator: str,
    store: str | None,
    ledger: str | None,
    folder: Path | None,
    bundles: tuple[Path, ...],
) -> None:
    """Play the demo; BUNDLES are two FHIR R4 bundles, one for each patient (default: made-up ones)."""
    if not local and (store or ledger):
        raise click.UsageError("--store and --ledger are for --local; servers that run have theirs")
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chartseal-play-") as scratch:
        place = (folder or Path(scratch)).absolute()
        place.mkdir(parents=True, exist_ok=True)
        play = Play(tuple(shlex.split(operator)), place, click.echo)
        try:
            if local:
                play.store = store or f"file://{place}/store"
                start_here(play, ledger)
            play.play(bundles or made_up(place))
        except Failed as failure:
            play.check(f"no command fails unexpectedly: {failure}", False)
        finally:
            for process in (*play.issuers, *play.proxies, *([play.server] if play.server else [])):
                process.stop()
    held = sum(passed for _, passed in play.checks)
    click.echo(f"{held} of {len(play.checks)} checks held, {time.monotonic() - started:.0f} s.")
    sys.exit(0 if play.checks and held == len(play.checks) else 1)


def made_up(place: Path) -> tuple[Path, ...]:
    """Two made-up histories."""
    folder = place / "histories"
    made = run(CHARTSEAL, "generate", "--patients", "2", "--seed", "11", "--out", str(folder))
    return tuple(folder / name for name in made["files"])


if __name__ == "__main__":
    os.umask(0o077)
    main()
