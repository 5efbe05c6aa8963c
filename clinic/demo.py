"""The main job, played for real: seal, store, ask, approve, read, revoke, seal again, verify; every step is checked.

Nothing is simulated: a home on disk, the embedded ledger, three proxies, and the store that is named.
"""

from __future__ import annotations

import datetime
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clinic import revocation
from clinic.cards import current_card
from clinic.errors import GrantInactive, InputInvalid, ProxyRefused
from clinic.export import export
from clinic.fetching import fetch
from clinic.fhir.bundle import parse_bundle
from clinic.fhir.split import RecordGroup, split
from clinic.grants import Decision, approve
from clinic.history import plan, read_history
from clinic.home import Home
from clinic.intake import bundle_drafts
from clinic.keystore import MemberSecrets
from clinic.opened import OpenedBlock
from clinic.own_blocks import open_own
from clinic.proxy_answer import Ask
from clinic.requests import Access, read_request, request_access
from clinic.sealing import Sealed, seal_records
from clinic.site import Site
from clinic.verification import verify_patient
from ledger.bodies import Release, Role
from ledger.refusals import Refused
from scheme.chapter import BlockKey, ChapterKey
from scheme.errors import SchemeError
from scheme.scopes import Category

_LIMITED = frozenset({Category.LABORATORY, Category.IMMUNISATION, Category.MEDICATION})
_SINCE = 2010


@dataclass
class Outcome:
    """What became of one patient's story: counts, and each check with whether it held."""

    patient: str
    resources: int = 0
    blocks: int = 0
    read: int = 0
    closed: int = 0
    seconds: float = 0.0
    checks: list[tuple[str, bool]] = field(default_factory=list)

    @property
    def held(self) -> bool:
        """Whether every check held."""
        return bool(self.checks) and all(passed for _, passed in self.checks)

    @property
    def failed(self) -> list[str]:
        """What did not hold."""
        return [name for name, passed in self.checks if not passed]


@dataclass(frozen=True)
class Cast:
    """Who plays: the hospital and the doctor who writes, the doctor who asks."""

    home: Home
    authority: MemberSecrets
    hospital: MemberSecrets
    author: MemberSecrets
    reader: MemberSecrets
    password: str


def cast_of(home: Home, site: Site, password: str) -> Cast:
    """Enrol a hospital with the doctor who writes, and another with the doctor who asks."""
    authority = home.authority(password)
    home.enrol(site, authority, Role.HOSPITAL, "Riverside", hospital=None, password=password)
    home.enrol(site, authority, Role.HOSPITAL, "Hillcrest", hospital=None, password=password)
    home.enrol(site, authority, Role.DOCTOR, "Dr. Okafor", hospital="Riverside", password=password)
    home.enrol(site, authority, Role.DOCTOR, "Dr. Lindqvist", hospital="Hillcrest", password=password)
    return Cast(
        home,
        authority,
        home.hospital(home.directory.find("Riverside").member_id),
        home.unlock("Dr. Okafor", password),
        home.unlock("Dr. Lindqvist", password),
        password,
    )


def play(site: Site, cast: Cast, name: str, bundle: bytes) -> Outcome:
    """One patient's story, from enrolment to the last verification."""
    started = time.monotonic()
    outcome = Outcome(name)
    story = _Story(site, cast, name, bundle, outcome)
    story.play()
    outcome.seconds = time.monotonic() - started
    return outcome


class _Story:
    def __init__(self, site: Site, cast: Cast, name: str, bundle: bytes, outcome: Outcome) -> None:
        self._site = site
        self._cast = cast
        self._name = name
        self._bundle = bundle
        self._groups = split(parse_bundle(bundle))
        self._outcome = outcome

    def play(self) -> None:
        patient = self._enrol()
        sealed = self._seal(patient, self._bundle)
        self._outcome.blocks = len(sealed.blocks)
        self._outcome.resources = sum(len(group.records) for group in self._groups)
        self._check("every block is in the store", all(self._site.store.exists(block) for block in sealed.blocks))
        self._refused("nothing can be read before a grant", GrantInactive, lambda: self._plan(patient))
        access = self._access()
        grant_id = self._ask_and_approve(patient, access)
        kept = self._read_what_was_granted(patient, access)
        self._try_what_was_not_granted(patient, grant_id)
        self._patient_opens_everything(patient)
        revocation.revoke(self._site, patient, grant_id)
        self._refused("after the revocation nothing can be read", GrantInactive, lambda: self._plan(patient))
        renewed = self._seal(patient, follow_up(min(access.categories)))
        self._what_was_kept_opens_nothing_new(grant_id, renewed, kept)
        reports = verify_patient(self._site, patient.member_id)
        self._check("chains and store verify", bool(reports) and all(report.problem is None for report in reports))

    def _check(self, name: str, held: bool) -> None:
        self._outcome.checks.append((name, held))

    def _refused(self, name: str, error: type[Exception], attempt: Callable[[], object]) -> None:
        try:
            attempt()
        except error:
            self._check(name, True)
        else:
            self._check(name, False)

    def _enrol(self) -> MemberSecrets:
        cast = self._cast
        person = cast.home.enrol(
            self._site, cast.authority, Role.PATIENT, self._name, hospital="Riverside", password=cast.password
        )
        return cast.home.keystore.unlock(person.member_id, cast.password)

    def _seal(self, patient: MemberSecrets, bundle: bytes) -> Sealed:
        cast = self._cast
        return seal_records(
            self._site,
            cast.home.outbox,
            bundle_drafts(bundle),
            patient_id=patient.member_id,
            author=cast.author,
            hospital_id=cast.hospital.member_id,
        )[0]

    def _plan(self, patient: MemberSecrets) -> object:
        return plan(self._site, self._cast.reader, patient.member_id)

    def _access(self) -> Access:
        """Some categories of the last years; all years when the history is older than that."""
        recent = any(group.category in _LIMITED and (group.year or 0) >= _SINCE for group in self._groups)
        return Access(_LIMITED, _SINCE if recent else None)

    def _ask_and_approve(self, patient: MemberSecrets, access: Access) -> str:
        site, reader = self._site, self._cast.reader
        request_id = request_access(site, reader, patient.member_id, access, purpose="second opinion")
        record = site.state().request(request_id)
        if record is None:
            raise InputInvalid("the request is not on the ledger")
        request = read_request(site, patient, record)
        self._check("the patient sees what was asked", request.access == access and request.purpose == "second opinion")
        return approve(site, patient, request, Decision(request.access))

    def _granted(self, patient: MemberSecrets, access: Access) -> list[RecordGroup]:
        """The groups whose scope, by the patient's card, lies in what was granted."""
        card = current_card(self._site.cards, self._site.state(), patient.member_id)
        this_year = datetime.datetime.now(datetime.UTC).year

        def covered(group: RecordGroup) -> bool:
            span = card.scope_for(group.category, this_year if group.year is None else group.year).scope.years
            return group.category in access.categories and (access.since is None or span.first >= access.since)

        return [group for group in self._groups if covered(group)]

    def _read_what_was_granted(self, patient: MemberSecrets, access: Access) -> list[tuple[OpenedBlock, BlockKey]]:
        kept: list[tuple[OpenedBlock, BlockKey]] = []
        reading = plan(self._site, self._cast.reader, patient.member_id)

        def keeping() -> Iterator[OpenedBlock]:
            for opened in read_history(self._site, self._cast.reader, reading):
                kept.append((opened, opened.key))
                yield opened

        expected = {record.data for group in self._granted(patient, access) for record in group.records}
        everything = {record.data for group in self._groups for record in group.records}
        with tempfile.TemporaryDirectory() as scratch:
            report = export(keeping(), Path(scratch) / "out")
            text = (Path(scratch) / "out" / "bundle.json").read_bytes()
        found = {entry.raw for entry in parse_bundle(text).entries}
        self._outcome.read, self._outcome.closed = report.resources, len(everything - found)
        self._check("the reader reads exactly what was granted", found == expected)
        self._check("the bundle is one FHIR bundle", json.loads(text)["resourceType"] == "Bundle")
        self._check("the rest stays closed", not found & (everything - expected))
        return kept

    def _try_what_was_not_granted(self, patient: MemberSecrets, grant_id: str) -> None:
        """A reader who asks for a chapter outside of her grant gets it neither on the ledger nor from a proxy."""
        site, reader = self._site, self._cast.reader
        reading = plan(site, reader, patient.member_id)
        if not reading.denied:
            return
        denied = reading.denied[0]
        release = Release("00" * 16, grant_id, patient.member_id, (denied.chapter,))
        self._refused(
            "the ledger refuses a release outside of the grant", Refused, lambda: site.submit(release, reader)
        )
        header = fetch(site, site.state(), denied).block.header
        ask = Ask(header.chapter.context, header.chapter.capsule)
        own = site.state().releases(patient.member_id)
        if own:
            proxy = next(iter(site.proxies.values()))
            attempt = lambda: proxy.reencrypt(own[-1].release, [ask])  # noqa: E731
            self._refused("a proxy refuses a chapter outside of the release", ProxyRefused, attempt)

    def _patient_opens_everything(self, patient: MemberSecrets) -> None:
        blocks = self._site.state().blocks(patient=patient.member_id)
        with tempfile.TemporaryDirectory() as scratch:
            export(open_own(self._site, patient, blocks), Path(scratch) / "out")
            text = (Path(scratch) / "out" / "bundle.json").read_bytes()
        found = {(entry.full_url, entry.raw) for entry in parse_bundle(text).entries}
        expected = {(record.full_url, record.data) for group in self._groups for record in group.records}
        self._check("the patient reads everything, byte for byte", found == expected)

    def _what_was_kept_opens_nothing_new(
        self, grant_id: str, renewed: Sealed, kept: Sequence[tuple[OpenedBlock, BlockKey]]
    ) -> None:
        site = self._site
        state = site.state()
        block = state.block(renewed.blocks[0])
        if block is None:
            raise InputInvalid("the follow-up is not on the ledger")
        fetched = fetch(site, state, block)
        header = fetched.block.header
        opened = False
        for _, key in kept:
            for candidate in (key, ChapterKey(key.to_secret_bytes()).block_key(header.nonce)):
                try:
                    fetched.block.open_manifest(candidate, lambda _author: self._cast.author.signing.verifying_key)
                    opened = True
                except SchemeError:
                    continue
        self._check("keys that the reader kept open nothing new", not opened)
        ask = Ask(header.chapter.context, header.chapter.capsule)
        refused = 0
        for proxy in site.proxies.values():
            for release in [release for release in state.releases(block.patient) if release.grant == grant_id]:
                try:
                    proxy.reencrypt(release.release, [ask])
                except ProxyRefused:
                    refused += 1
        releases = sum(release.grant == grant_id for release in state.releases(block.patient))
        self._check("no proxy re-encrypts for a revoked grant", refused == releases * len(site.proxies))
        fetched.close()


def follow_up(category: Category, name: str = "follow-up") -> bytes:
    """A small bundle with one more record, of a category that the reader used to be granted; ``name`` is its id."""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    kinds: dict[Category, dict[str, object]] = {
        Category.IMMUNISATION: {"resourceType": "Immunization", "status": "completed", "occurrenceDateTime": now},
    }
    resource = kinds.get(category, {"resourceType": "MedicationRequest", "status": "active", "authoredOn": now})
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource | {"id": name}}]}
    return json.dumps(bundle).encode()
