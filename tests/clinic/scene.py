"""A home with its people, copied for each test from one made once: keys are slow to make, folders quick to copy."""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from clinic import durable
from clinic.fetching import FetchedBlock, fetch
from clinic.grants import Decision, approve
from clinic.history import plan, read_history
from clinic.home import Home
from clinic.keystore import MemberSecrets
from clinic.opened import OpenedBlock
from clinic.outbox import Outbox
from clinic.own_blocks import open_own
from clinic.requests import Access, read_request, request_access
from clinic.sealing import Draft, Sealed, seal_records
from clinic.site import Site
from cloud.simulated import SimulatedStore
from ledger.bodies import Role
from ledger.records import AnchoredBlock
from scheme import canonical, keyfile
from scheme.scopes import Category
from scheme.seal import Part, PayloadSource

START = 1_772_359_200
"""2026-03-01T10:00:00Z: single years on a key card run from 2010 to 2030."""
YEAR = 2026
EVERYTHING = Access()
PASSWORD = "correct horse battery staple"

RIVERSIDE, HILLCREST = "Riverside Infirmary", "Hillcrest Sanatorium"
AUTHOR, READER, SECOND = "Dr. Ngozi Okafor", "Dr. Agneta Lindqvist", "Dr. Mathieu Delacroix"
PATIENT, OTHER = "Wilhelmina Abernathy", "Theodora Castellanos"
PEOPLE = (
    (Role.HOSPITAL, RIVERSIDE, None),
    (Role.HOSPITAL, HILLCREST, None),
    (Role.DOCTOR, AUTHOR, RIVERSIDE),
    (Role.DOCTOR, READER, HILLCREST),
    (Role.DOCTOR, SECOND, HILLCREST),
    (Role.PATIENT, PATIENT, RIVERSIDE),
    (Role.PATIENT, OTHER, RIVERSIDE),
)


@dataclass
class FakeClock:
    """Time that only a test moves; one for everybody, since the ledger refuses clocks that are apart."""

    now: int = START

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: int) -> None:
        self.now += seconds


@dataclass(frozen=True)
class Template:
    """A home to copy, and its people's unlocked secrets by name."""

    folder: Path
    members: Mapping[str, MemberSecrets]


def build_template(folder: Path, clock: Callable[[], int]) -> Template:
    """A home with 2 of 3 proxies and everybody of ``PEOPLE``; all passwords are ``PASSWORD``. About 2 s."""
    store = folder.with_name(f"{folder.name}-store")
    store.mkdir(parents=True)
    home = Home.create(
        folder, stores=[store.as_uri()], password=PASSWORD, proxies=3, threshold=2, clock=clock, profile=keyfile.TEST
    )
    authority = home.authority(PASSWORD)
    members = {"authority": authority}
    with home.site() as site:
        for role, name, hospital in PEOPLE:
            person = home.enrol(site, authority, role, name, hospital=hospital, password=PASSWORD)
            members[name] = home.hospital(person.member_id) if role is Role.HOSPITAL else home.unlock(name, PASSWORD)
    for member_id in home.config.proxies:
        members[home.directory.name_of(member_id)] = home.hospital(member_id)
    return Template(folder, members)


def copy_home(template: Template, folder: Path) -> Path:
    """A copy of the template's home with an empty ``file://`` store of its own beside it; returns the home's folder."""
    home, store = folder / "home", folder / "store"
    shutil.copytree(template.folder, home)
    store.mkdir()
    config = canonical.loads(durable.read(home / "config.json"), what="config.json")
    durable.write(home / "config.json", canonical.dumps(config | {"stores": [store.as_uri()]}))
    return home


def draft(
    category: Category = Category.LABORATORY,
    year: int | None = YEAR,
    text: str | bytes = "potassium 4.10 mmol/l",
    *,
    name: str = "note.txt",
    amends: str | None = None,
) -> Draft:
    """One record to be sealed as a block of its own."""
    data = text.encode() if isinstance(text, str) else text

    @contextlib.contextmanager
    def opened() -> Iterator[Sequence[PayloadSource]]:
        yield [PayloadSource(io.BytesIO(data), [Part(name, "text/plain")])]

    return Draft(category, year, opened, len(data), 1, amends)


def payload(opened: OpenedBlock) -> bytes:
    """All records of an opened block, in order."""
    sink = io.BytesIO()
    for index in range(1, len(opened.manifest.payloads) + 1):
        opened.block.open_payload(opened.key, opened.manifest, index, sink)
    return sink.getvalue()


@dataclass
class Scene:
    """An open home on a store in memory. ``Okafor`` writes at Riverside, the readers work at Hillcrest."""

    home: Home
    site: Site
    clock: FakeClock
    members: Mapping[str, MemberSecrets]
    store: SimulatedStore

    authority = property(lambda self: self.members["authority"])
    riverside = property(lambda self: self.members[RIVERSIDE])
    hillcrest = property(lambda self: self.members[HILLCREST])
    author = property(lambda self: self.members[AUTHOR])
    reader = property(lambda self: self.members[READER])
    second = property(lambda self: self.members[SECOND])
    patient = property(lambda self: self.members[PATIENT])
    other = property(lambda self: self.members[OTHER])

    @property
    def proxies(self) -> list[MemberSecrets]:
        """The proxies' keys, in the order of the configuration."""
        return [self.home.hospital(member_id) for member_id in self.home.config.proxies]

    # The author

    def seal(
        self,
        *drafts: Draft,
        patient: MemberSecrets | None = None,
        author: MemberSecrets | None = None,
        hospital: MemberSecrets | None = None,
        site: Site | None = None,
        outbox: Outbox | None = None,
    ) -> Sealed:
        """Seal, upload and anchor in one ledger transaction."""
        (sealed,) = seal_records(
            site or self.site,
            outbox or self.home.outbox,
            drafts or (draft(),),
            patient_id=(patient or self.patient).member_id,
            author=author or self.author,
            hospital_id=(hospital or self.riverside).member_id,
        )
        return sealed

    # The patient

    def ask(self, access: Access = EVERYTHING, *, by: MemberSecrets | None = None, purpose: str = "") -> str:
        """A request to ``PATIENT``; returns its id."""
        return request_access(self.site, by or self.reader, self.patient.member_id, access, purpose=purpose)

    def approve(self, request_id: str, **decision: Any) -> str:
        """Grant a request as it was asked, or as ``decision`` says; returns the grant's id."""
        record = self.site.state().request(request_id)
        assert record is not None
        request = read_request(self.site, self.patient, record)
        return approve(self.site, self.patient, request, replace(Decision(request.access), **decision))

    def grant(self, access: Access = EVERYTHING, *, to: MemberSecrets | None = None, **decision: Any) -> str:
        """Ask and approve in one; returns the grant's id."""
        return self.approve(self.ask(access, by=to), **decision)

    def own(self, patient: MemberSecrets | None = None) -> dict[str, bytes]:
        """Everything of the patient, by her own keys: locator to records."""
        patient = patient or self.patient
        blocks = self.site.state().blocks(patient=patient.member_id)
        return {opened.anchored.locator: payload(opened) for opened in open_own(self.site, patient, blocks)}

    # The delegatee

    def read(self, reader: MemberSecrets | None = None, *, site: Site | None = None) -> dict[str, bytes]:
        """What the reader may read now, through the proxies: locator to records."""
        site, reader = site or self.site, reader or self.reader
        reading = plan(site, reader, self.patient.member_id)
        return {opened.anchored.locator: payload(opened) for opened in read_history(site, reader, reading)}

    # Everybody

    def anchored(self, locator: str) -> AnchoredBlock:
        """The ledger's record of a block."""
        block = self.site.state().block(locator)
        assert block is not None
        return block

    def fetched(self, locator: str) -> FetchedBlock:
        """A block from the store, checked."""
        return fetch(self.site, self.site.state(), self.anchored(locator))


@contextlib.contextmanager
def open_scene(template: Template, folder: Path) -> Iterator[Scene]:
    """A scene on a fresh copy of the template."""
    clock = FakeClock()
    home = Home(copy_home(template, folder), clock=clock, profile=keyfile.TEST)
    store = SimulatedStore()
    with home.site() as site:
        yield Scene(home, replace(site, store=store), clock, template.members, store)
