"""Matching with everybody elsewhere: a hospital and two issuers as processes, patients with homes of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from benchmarks.servers.running import wait_until
from clinic import match_talk, matching
from clinic.errors import NotPermitted
from clinic.match_epoch import epoch_at
from clinic.match_errors import MatchUnknown
from clinic.match_state import open_book
from clinic.match_symptoms import gather
from clinic.matching import Desk
from ledger.bodies import Role
from matching.binding import BindingRule
from matching.closure import Closure
from matching.errors import NotBothAccepted, QuotaExceeded
from matching.pair import PairingState
from matching.report import Reason, Report
from matching.vocabulary import Vocabulary
from network import tls, wire
from network.errors import ServerUnreachable
from network.issuer.process import serve_issuer
from network.member_home import MemberHome
from network.server.process import Listen
from tests.network.hospital import Hospital
from tests.network.running import START_S, Serving, join, options

SEIZURE, ATAXIA, HEARING, FEVER, ITCH = "HP:0001250", "HP:0001251", "HP:0000365", "HP:0001945", "HP:0000989"
QUOTA = "40"


@dataclass
class World:
    """The hospital, both issuers by name, and where homes are."""

    hospital: Hospital
    folder: Path
    issuers: dict[str, Serving] = field(default_factory=dict)
    vocabulary: Vocabulary = field(default_factory=Vocabulary.default)

    def __post_init__(self) -> None:
        self.rule = BindingRule.of(self.vocabulary)

    def home(self, name: str) -> MemberHome:
        return MemberHome(self.folder / name, options(None))

    @contextmanager
    def desk(self, name: str) -> Iterator[Desk]:
        """As a command of that patient has it."""
        home = self.home(name)
        patient = home.secrets()
        books = home.folder / "matching" / "patients"
        with home.site() as site, open_book(books, patient) as book, home.matching(site) as services:
            yield Desk(site, services, patient, book)

    def opt_in(self, name: str, *terms: str, change: bool = False) -> None:
        with self.desk(name) as desk:
            if matching.needs_certificate(desk):
                matching.take_pseudonym(desk, desk.services.registrar(_nobodys))
            matching.opt_in(desk, self.vocabulary, gather(self.vocabulary, terms), Closure.NEAR, change=change)

    def read(self, name: str, match_id: str) -> match_talk.Read:
        with self.desk(name) as desk:
            return match_talk.read(desk, match_id, lambda: self.rule)

    def send(self, name: str, match_id: str, text: str) -> match_talk.Read:
        with self.desk(name) as desk:
            return match_talk.send(desk, match_id, text, lambda: self.rule)

    def wait_for_issuers(self) -> None:
        """Return when the hospital passes on where both are, and the ledger has their keys."""
        home = self.hospital.home

        def told() -> bool:
            with home.site() as site:
                keys = site.state().issuer_keys(epoch_at(home.clock()))
            return len(keys) == 2 and len(list(home.folder.glob("server/endpoints/*.json"))) == 2

        wait_until(told, START_S, "the issuers")


def _nobodys() -> None:
    raise AssertionError("the authority's key is elsewhere")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("matching")
    hospital = Hospital.create(folder / "hospital")
    world = World(hospital, folder)
    with ExitStack() as running:
        hospital.serve()
        running.callback(hospital.stop)
        for name in ("issuer-a", "issuer-b"):
            join(hospital, folder / name, Role.ISSUER, name)
            world.issuers[name] = Serving.of(folder / name, ["issuer", "serve", "--quota", QUOTA])
            running.callback(world.issuers[name].close)
            world.issuers[name].begin()
        for name in ("ada", "brita", "carla"):
            join(hospital, folder / name, Role.PATIENT, name)
        for issuer in world.issuers.values():
            issuer.ready()
        world.wait_for_issuers()
        yield world


def test_patients_are_matched_write_and_are_reported(world: World) -> None:
    world.opt_in("ada", SEIZURE, ATAXIA, FEVER)
    world.opt_in("brita", SEIZURE, ATAXIA, HEARING)
    world.opt_in("carla", ITCH)
    with world.desk("carla") as desk:
        assert matching.find(desk, top=5, least=0.0) == []
    with world.desk("ada") as desk:
        (found,) = matching.find(desk, top=5, least=0.0)
        match_id = found.match_id
        matching.accept(desk, match_id, world.rule)
        with pytest.raises(NotBothAccepted):
            matching.shared(desk, match_id)
    with world.desk("brita") as desk:
        assert [(each.match_id, each.status) for each in matching.matches(desk)] == [(match_id, PairingState.OPEN)]
        matching.accept(desk, match_id, world.rule)
    with world.desk("carla") as desk:
        with pytest.raises(MatchUnknown):
            matching.accept(desk, match_id, world.rule)
        with pytest.raises(MatchUnknown):
            desk.services.index.contact(desk.query(), bytes.fromhex(match_id))
    for name in ("ada", "brita"):
        with world.desk(name) as desk:
            terms = set(matching.shared(desk, match_id).terms)
            assert {SEIZURE, ATAXIA} <= terms
            assert not terms & {FEVER, HEARING}
    for name in ("ada", "brita", "ada"):  # whoever begins, both proofs are there then
        world.read(name, match_id)
    world.send("ada", match_id, "Since when?")
    assert [text for _, text in world.read("brita", match_id).texts] == ["Since when?"]
    world.send("brita", match_id, "buy my elixir")
    assert [text for _, text in world.read("ada", match_id).texts] == ["buy my elixir"]
    with world.desk("ada") as desk:
        name = match_talk.report(desk, match_id, Reason.ADVERTISING)
        data = (world.hospital.folder / "matching" / "reports" / name).read_bytes()
        verified = Report.from_bytes(data).verify(desk.services.certified)
    home = world.hospital.home
    with home.site() as site, home.matching(site) as services:  # the operator's command, beside the server
        register = services.register(home.authority((world.folder / "authority").read_text()))  # type: ignore[attr-defined]
        assert register.member_of(verified.epoch, verified.reported) == world.home("brita").config.member
    with world.desk("ada") as desk:
        matching.opt_out(desk)
        assert not desk.book.state.opted_in


def test_an_issuers_counters_and_health_tell_its_operator_enough_and_of_nobody(world: World) -> None:
    name = "elin"
    join(world.hospital, world.folder / name, Role.PATIENT, name)
    world.opt_in(name, SEIZURE)
    issuer = world.issuers["issuer-a"]
    context = tls.ssl_context((issuer.home / "server/tls/ca.pem").read_text())
    with httpx.Client(verify=context, trust_env=False, base_url=issuer.url) as client:
        assert client.get(wire.HEALTH).json() == {"status": "ok"}
        text = client.get(wire.METRICS).text
    with world.home(name).site() as site:
        members, height = [record.member for record in site.state().members()], site.engine.view().height
    assert f'chartseal_requests_total{{method="POST",route="{wire.EVALUATE}",status="200"}} ' in text
    assert f'chartseal_request_seconds_count{{route="{wire.EVALUATE}"}} ' in text
    assert f"chartseal_ledger_height {float(height)}\n" in text
    assert world.home(name).config.member in members
    assert not [member for member in members if member in text]
    assert "HP:" not in text


def test_an_issuers_quota_and_absence_stop_a_patient_and_nothing_is_submitted(world: World) -> None:
    name = "dora"
    join(world.hospital, world.folder / name, Role.PATIENT, name)
    issuer = world.issuers[max(world.issuers, key=lambda each: world.home(each).config.member)]  # the one asked last
    assert issuer.stop() == 0
    with pytest.raises(ServerUnreachable):
        world.opt_in(name, SEIZURE)
    with world.desk(name) as desk:
        assert not desk.book.state.opted_in
    issuer.start()
    world.wait_for_issuers()
    world.opt_in(name, SEIZURE)  # its seed is that of before, or the ledger's key would not fit
    with pytest.raises(QuotaExceeded):
        world.opt_in(name, ATAXIA, change=True)  # the first issuer counted what the stopped one never answered


def test_only_an_issuers_home_is_served_as_one(world: World) -> None:
    with pytest.raises(NotPermitted, match="no issuer's home"):
        serve_issuer(world.home("ada"), Listen("127.0.0.1", 0), "https://127.0.0.1:8447")


def test_each_operator_has_its_own_seed_and_the_hospital_none(world: World) -> None:
    seeds = [path.read_bytes() for name in world.issuers for path in (world.folder / name).rglob("seed-*")]
    assert len(seeds) == len(set(seeds)) == 2
    assert list(world.hospital.folder.rglob("seed-*")) == []
    kept = [path.read_bytes() for path in world.hospital.folder.rglob("*") if path.is_file()]
    assert not any(seed in data for seed in seeds for data in kept)
