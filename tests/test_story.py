"""One story, from the first enrolment to the last verification, told role by role."""

import hashlib
import io
import json
from pathlib import Path

import pytest

from clinic import revocation
from clinic.audit import audit_trail
from clinic.errors import GrantInactive, ProxyRefused
from clinic.export import export
from clinic.fhir.bundle import parse_bundle
from clinic.fhir.split import split
from clinic.grants import Decision, approve
from clinic.history import plan, read_history
from clinic.home import Home
from clinic.intake import bundle_drafts
from clinic.membership import look_up
from clinic.own_blocks import open_own
from clinic.proxy_answer import Ask
from clinic.requests import Access, read_request, refuse, request_access, requests_of
from clinic.sealing import seal_records
from clinic.verification import verify_patient
from clinic.withdrawal import withdraw
from ledger.bodies import AnchorBlocks, BlockAnchor, Role
from ledger.refusals import ScopeRetired
from scheme import keyfile
from scheme.block import Block
from scheme.scopes import Category
from tests.clinic import histories
from tests.clinic.scene import FakeClock, draft

PASSWORD = "a password that nobody else knows"


def test_the_story(tmp_path: Path) -> None:
    clock = FakeClock()
    (tmp_path / "cloud").mkdir()
    (history,) = histories.made_up(1)
    groups = split(parse_bundle(history))
    everything = {record.data for group in groups for record in group.records}

    # The authority makes a home: an empty ledger, a store in somebody else's cloud, three proxies, two of them needed.
    home = Home.create(
        tmp_path / "home",
        stores=[(tmp_path / "cloud").as_uri()],
        password=PASSWORD,
        proxies=3,
        threshold=2,
        clock=clock,
        profile=keyfile.TEST,
    )
    authority = home.authority(PASSWORD)
    with home.site() as site:
        # It enrols two hospitals, they their doctors and a patient; each gets a certificate that everybody can check.
        for role, name, hospital in (
            (Role.HOSPITAL, "Riverside", None),
            (Role.HOSPITAL, "Hillcrest", None),
            (Role.DOCTOR, "Dr. Okafor", "Riverside"),
            (Role.DOCTOR, "Dr. Lindqvist", "Hillcrest"),
            (Role.DOCTOR, "Dr. Delacroix", "Hillcrest"),
            (Role.PATIENT, "Wilhelmina", "Riverside"),
        ):
            person = home.enrol(site, authority, role, name, hospital=hospital, password=PASSWORD)
            assert look_up(site, person.member_id).member.role is role
        riverside = home.hospital(home.directory.find("Riverside").member_id)
        okafor, lindqvist, delacroix, wilhelmina = (
            home.unlock(name, PASSWORD) for name in ("Dr. Okafor", "Dr. Lindqvist", "Dr. Delacroix", "Wilhelmina")
        )

        # Doctor (author): seals the history the patient brought; it is split by visit, category and year.
        (sealed,) = seal_records(
            site,
            home.outbox,
            bundle_drafts(history),
            patient_id=wilhelmina.member_id,
            author=okafor,
            hospital_id=riverside.member_id,
        )
        assert len(sealed.blocks) == len(groups)

        # Cloud: holds a zip for each block, named by the SHA-256 of its header, each naming the one before it.
        previous = None
        for locator in sealed.blocks:
            stored = io.BytesIO()
            site.store.get(locator, stored)
            header = Block.open(stored).header
            assert hashlib.sha256(bytes(header)).hexdigest() == locator
            assert previous in {None, header.previous}
            previous = locator
        # It can read nothing in them.
        files = b"".join(path.read_bytes() for path in (tmp_path / "cloud").rglob("*") if path.is_file())
        assert b"resourceType" not in files
        assert b"Wilhelmina" not in files

        # Doctor (delegatee): may read nothing, and asks.
        with pytest.raises(GrantInactive):
            plan(site, lindqvist, wilhelmina.member_id)
        asked = Access(frozenset({Category.LABORATORY, Category.IMMUNISATION, Category.MEDICATION}), since=2010)
        request_id = request_access(site, lindqvist, wilhelmina.member_id, asked, purpose="second opinion")
        too_much = request_access(site, delacroix, wilhelmina.member_id, Access(), purpose="curiosity")

        # Patient: sees who asks for what and why; refuses one, approves the other until the end of the year.
        inbox = {item.record.request: item for item in requests_of(site, wilhelmina)}
        assert [(item.access, item.purpose) for item in inbox.values()] == [
            (asked, "second opinion"),
            (Access(), "curiosity"),
        ]
        refuse(site, wilhelmina, too_much, reason="not my doctor")
        grant_id = approve(site, wilhelmina, inbox[request_id], Decision(asked, until=clock() + 300 * 86_400))

        # Proxy: holds fragments that are sealed to it, and answers for releases that stand on the ledger only.
        for proxy in site.proxies.values():
            with pytest.raises(ProxyRefused):
                proxy.reencrypt("00" * 16, [Ask(header.chapter.context, header.chapter.capsule)])

        # Doctor (delegatee): reads exactly what was granted, byte for byte.
        reading = plan(site, lindqvist, wilhelmina.member_id)
        export(read_history(site, lindqvist, reading), tmp_path / "read")
        read = (tmp_path / "read" / "bundle.json").read_bytes()
        found = {entry.raw for entry in parse_bundle(read).entries}
        granted = {
            record.data
            for group in groups
            if group.category in asked.categories and (group.year or 2026) >= 2010
            for record in group.records
        }
        assert found == granted
        assert 0 < len(found) < len(everything)
        assert json.loads(read)["resourceType"] == "Bundle"
        with pytest.raises(GrantInactive):
            plan(site, delacroix, wilhelmina.member_id)

        # Ledger: the reading is on it, chapter by chapter, before anybody opened anything.
        (release,) = site.state().releases(wilhelmina.member_id)
        assert (release.grant, release.delegatee) == (grant_id, lindqvist.member_id)
        assert len(release.chapters) == reading.chapters

        # Patient: opens everything with her own key and without any proxy, and sees the trail of all that happened.
        blocks = site.state().blocks(patient=wilhelmina.member_id)
        export(open_own(site, wilhelmina, blocks), tmp_path / "own")
        own = parse_bundle((tmp_path / "own" / "bundle.json").read_bytes())
        assert {entry.raw for entry in own.entries} == everything
        events = [entry.event for entry in audit_trail(site, wilhelmina)]
        assert events == [
            *("enrol", "publish-key-card", "anchor-blocks"),
            *("request", "request", "refuse", "grant", "release"),
        ]

        # Patient: grants the other doctor one block, then revokes the first grant. The scopes get a new revision.
        again = request_access(site, delacroix, wilhelmina.member_id, Access(), purpose="one result")
        record = site.state().request(again)
        assert record is not None
        chosen = sealed.blocks[0]
        approve(site, wilhelmina, read_request(site, wilhelmina, record), Decision(Access(), blocks=(chosen,)))
        old_scope = next(block.scope for block in reading.by_grant[grant_id])
        revocation.revoke(site, wilhelmina, grant_id)

        # Doctor (author): seals what is new to the new scopes; the ledger takes no block for the old ones.
        (later,) = seal_records(
            site,
            home.outbox,
            [draft(text="after the revocation")],
            patient_id=wilhelmina.member_id,
            author=okafor,
            hospital_id=riverside.member_id,
        )
        head = site.state().chain_head(later.chain)
        assert head is not None
        stale = AnchorBlocks(
            wilhelmina.member_id,
            riverside.member_id,
            okafor.member_id,
            later.chain,
            head.locator,
            head.index + 1,
            (BlockAnchor("ab" * 32, old_scope, "cd" * 16, 1000),),
        )
        with pytest.raises(ScopeRetired):
            site.submit(stale, riverside)

        # Doctor (delegatee): can read no more; the other one reads the block that was chosen for her, no other.
        with pytest.raises(GrantInactive, match="revoked"):
            plan(site, lindqvist, wilhelmina.member_id)
        reading = plan(site, delacroix, wilhelmina.member_id)
        assert [opened.anchored.locator for opened in read_history(site, delacroix, reading)] == [chosen]

        # Doctor (author): withdraws a block; it stays in its chain, with a tombstone, and readers skip it.
        withdraw(site, okafor, chosen, reason="wrong patient")
        assert plan(site, delacroix, wilhelmina.member_id).readable == 0

        # Everybody: can verify the ledger from its genesis, and every chain against ledger and store, without any key.
        (report,) = verify_patient(site, wilhelmina.member_id)
        assert (report.blocks, report.problem) == (len(sealed.blocks) + len(later.blocks), None)
        assert site.engine.verify().head == site.engine.view().head
