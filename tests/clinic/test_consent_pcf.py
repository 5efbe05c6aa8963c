"""The 23 consents of IHE Privacy Consent on FHIR: who may read which record, and what really sealed blocks give.

The expected decisions are a table here, checked against the profile's own text; what ChartSeal decides is read through
keys, ledger and proxies. Nothing is ever permitted that a consent denies; what is denied though permitted stands in the
table by name, with its reason in docs/consent.md.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from clinic.errors import GrantInactive
from clinic.home import Home
from clinic.intake import bundle_drafts
from clinic.keystore import MemberSecrets
from clinic.requests import refuse
from ledger.bodies import Grant
from scheme import keyfile
from tests import needs
from tests.clinic import consent_pcf as pcf
from tests.clinic.consent_pcf import EXISTING, FACTS, LATER, Asks, Fact
from tests.clinic.consent_table import (
    COLLEAGUE,
    COMPLETE,
    END_OF_2022,
    EVERYBODY,
    PRACTITIONER,
    PROJECT,
    RESEARCH,
    TABLE,
    Give,
    Outcome,
    Row,
)
from tests.clinic.scene import (
    HILLCREST,
    READER,
    RIVERSIDE,
    SECOND,
    FakeClock,
    Scene,
    Template,
    build_template,
    copy_home,
)

CONSENTED = 1_655_114_400
"""2022-06-13T10:00:00Z, the day of the consents."""
READ = 1_677_664_800
"""2023-03-01T10:00:00Z: when the records are asked for, after later ones were sealed."""

MEMBERS = {
    "ex-practitioner": READER,
    "ex-colleague": SECOND,
    "ex-university": RIVERSIDE,
    "ex-org-researcher": HILLCREST,
}
"""Who plays whom. A member has one purpose here: within one member ChartSeal cannot tell purposes apart (see below)."""
ROWS = pytest.mark.parametrize("consent_id", TABLE)


# The table says what the profile says


def test_every_consent_of_the_profile_has_a_row() -> None:
    assert set(TABLE) == set(pcf.consents(needs.data("consent_ihe_pcf")))
    assert len(TABLE) == 23


@ROWS
def test_the_table_decides_as_the_consent_itself(consent_id: str) -> None:
    consent = pcf.consents(needs.data("consent_ihe_pcf"))[consent_id]
    day = datetime.datetime.fromtimestamp(READ, datetime.UTC).date().isoformat()
    for asks in EVERYBODY:
        permitted = {fact.name for fact in FACTS.values() if consent.permits(asks, fact, day=day)}
        assert permitted == set(TABLE[consent_id].permits.get(asks, ())), asks


def test_the_notes_print_the_same_rules_as_the_consents_have() -> None:
    """What is left for the records once purpose and person are known, as the profile's authors worked it out."""
    folder = needs.data("consent_ihe_pcf")
    compared = 0
    for consent_id, consent in pcf.consents(folder).items():
        noted = pcf.noted_residual(folder, consent_id)
        if noted is None:
            continue
        # A token presupposes the permit, so the notes leave out a root that permits everything.
        first = [pcf.Provision(permit=False)] if consent.root.narrows else []
        derived = [rule for rule in consent.residual(PRACTITIONER)[1:] if rule.narrows]
        assert [*first, *(pcf.Provision(rule.permit, period=rule.period, data=rule.data, labels=rule.labels)
                          for rule in derived)] == noted, consent_id  # fmt: skip
        compared += 1
    assert compared == 13


def test_the_records_are_those_of_the_profile() -> None:
    found = pcf.records(needs.data("consent_ihe_pcf"))
    ours = {fact.name: fact for fact in pcf.FROM_PCF}
    assert found.keys() == ours.keys()
    for name, fact in found.items():
        mine = ours[name]
        assert (fact.labels, fact.date, fact.author, fact.visit) == (mine.labels, mine.date, mine.author, mine.visit)
        assert name == "ex-encounter" or fact.code == mine.code
        assert name in ("ex-encounter", "ex-alcoholUse") or fact.category == mine.category


def test_the_infants_consent_is_by_the_mother_and_all_others_by_the_patient() -> None:
    performers = {name: each.performer for name, each in pcf.consents(needs.data("consent_ihe_pcf")).items()}
    assert performers.pop("ex-consent-basic-treat-infant") == "ex-mother"
    assert set(performers.values()) == {"ex-patient"}


@ROWS
def test_the_outcome_is_exact_only_when_nothing_is_denied_needlessly(consent_id: str) -> None:
    row = TABLE[consent_id]
    assert (row.outcome is Outcome.EXACT) == (not any(row.denies.values()))
    assert all(set(denied) <= set(row.permits[asks]) for asks, denied in row.denies.items())


def test_the_document_tells_the_same_outcomes() -> None:
    text = (Path(__file__).parents[2] / "docs" / "consent.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `(ex-[a-z-]+)` \| [^|]+ \| ([a-z -]+?) \|", text, flags=re.MULTILINE))
    assert told == {consent_id: row.outcome.value for consent_id, row in TABLE.items()}


# What ChartSeal decides


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A home of the day of the consents in which the existing records are sealed."""
    clock = FakeClock(CONSENTED)
    template = build_template(tmp_path_factory.mktemp("pcf") / "home", clock)
    home = Home(template.folder, clock=clock, profile=keyfile.TEST)
    with home.site() as site:
        seal(Scene(home, site, clock, template.members, None), EXISTING)  # type: ignore[arg-type]  # on disk
    return template


@pytest.fixture
def scene(sealed: Template, tmp_path: Path) -> Iterator[Scene]:
    with opened(sealed, tmp_path) as copied:
        yield copied


@contextlib.contextmanager
def opened(sealed: Template, folder: Path) -> Iterator[Scene]:
    clock = FakeClock(CONSENTED)
    copied = copy_home(sealed, folder)
    store = sealed.folder.with_name(f"{sealed.folder.name}-store")
    shutil.copytree(store, folder / "store", dirs_exist_ok=True)
    home = Home(copied, clock=clock, profile=keyfile.TEST)
    with home.site() as site:
        yield Scene(home, site, clock, sealed.members, None)  # type: ignore[arg-type]  # the store is on disk


def seal(scene: Scene, facts: tuple[Fact, ...]) -> None:
    scene.seal(*bundle_drafts(pcf.bundle(facts)))


def contents(payload: bytes) -> set[str]:
    """Names of the records in a block."""
    text, found, at = payload.decode(), set(), 0
    while at < len(text):
        resource, at = json.JSONDecoder().raw_decode(text, at)
        found.add(resource["id"])
    return found


def give(scene: Scene, row: Row) -> None:
    """Everybody asks with a purpose; the patient grants what the row says and refuses the rest."""
    own = {locator: contents(payload) for locator, payload in scene.own().items()}
    for asks in (PRACTITIONER, COLLEAGUE, RESEARCH, PROJECT):
        granted = [each for each in row.gives if asks in each.to]
        for each in granted:
            blocks = tuple(
                locator
                for locator, names in own.items()
                if each.chosen is not None and all(each.chosen(FACTS[name]) for name in names)
            )
            request = scene.ask(each.access, by=member(scene, asks), purpose=asks.purpose)
            scene.approve(request, blocks=blocks, until=each.until)
        if not granted:
            refuse(scene.site, scene.patient, scene.ask(by=member(scene, asks), purpose=asks.purpose))


def member(scene: Scene, asks: Asks) -> MemberSecrets:
    return scene.members[MEMBERS[asks.person]]


def readable(scene: Scene, asks: Asks) -> set[str]:
    """What the member really reads, through the proxies."""
    try:
        read = scene.read(member(scene, asks))
    except GrantInactive:
        return set()
    found = [contents(payload) for payload in read.values()]
    return set().union(*found)


@ROWS
def test_chartseal_decides_as_the_row_says_and_never_permits_more(scene: Scene, consent_id: str) -> None:
    row = TABLE[consent_id]
    give(scene, row)
    scene.clock.now = READ
    seal(scene, LATER)
    for asks in EVERYBODY:
        permitted = set(row.permits.get(asks, ()))
        read = readable(scene, asks)
        assert not read - permitted, f"{asks} reads what the consent denies"
        assert permitted - read == set(row.denies.get(asks, ())), asks


def test_the_expired_consent_was_the_basic_one_up_to_its_last_second(scene: Scene) -> None:
    row = TABLE["ex-consent-expired-treat"]
    give(scene, row)
    consent = pcf.consents(needs.data("consent_ihe_pcf"))["ex-consent-expired-treat"]
    assert consent.last_day == "2022-12-31"
    existing = {fact.name for fact in EXISTING}
    for now, expected in ((END_OF_2022 - 1, existing), (END_OF_2022, set())):
        scene.clock.now = now
        day = datetime.datetime.fromtimestamp(now, datetime.UTC).date().isoformat()
        assert {fact.name for fact in EXISTING if consent.permits(PRACTITIONER, fact, day=day)} == expected
        assert readable(scene, PRACTITIONER) == expected


def test_a_consent_to_everybody_reaches_those_whom_the_patient_names(scene: Scene) -> None:
    """PCF permits every treating person of the community; a grant has one delegatee, and keys are made for it."""
    give(scene, Row({}, (Give((PRACTITIONER,)),)))
    assert readable(scene, PRACTITIONER)
    assert readable(scene, COLLEAGUE) == set()


def test_a_purpose_is_declared_and_not_enforced_within_one_member(scene: Scene) -> None:
    """Who reads for treatment is refused for research, and still holds what treatment gave: docs/consent.md says so."""
    give(scene, COMPLETE)
    reader = member(scene, PRACTITIONER)
    refuse(scene.site, scene.patient, scene.ask(by=reader, purpose="HRESCH"), reason="not for research")
    assert readable(scene, PRACTITIONER) == {fact.name for fact in EXISTING}
    grants = [each.transaction.body for each in scene.site.engine.entries(0)]
    assert not [each for each in grants if isinstance(each, Grant) and "purpose" in each.to_json()]
