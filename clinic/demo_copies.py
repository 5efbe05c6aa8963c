"""The demo's copies: an audit file checked offline, a replica that follows, a head anchored by a notary."""

from __future__ import annotations

from pathlib import Path

from clinic import consortium, family, ledger_copies
from clinic.audit_file import AuditReport, export_audit, verify_audit
from clinic.consortium_home import ConsortiumHome
from clinic.demo_ledger import LedgerDemo
from clinic.errors import ClinicError, GrantInactive
from clinic.grants import Decision
from clinic.history import plan
from clinic.keystore import MemberSecrets
from clinic.requests import Access
from ledger.bodies import Release, Role
from ledger.engines.replica import Replica
from ledger.errors import ForkOffered, LedgerError
from ledger.export import ExportFile
from ledger.finality import LightClient
from ledger.genesis import Genesis
from ledger.notary import Notary, anchor_positions, check_anchored
from scheme.keyfile import Argon2Profile
from scheme.scopes import Category


class CopiesDemo:
    """Plays after ``LedgerDemo``, and adds its checks to the same outcome."""

    def __init__(self, demo: LedgerDemo, scratch: Path, profile: Argon2Profile) -> None:
        self._demo = demo
        self._engine = demo.engine
        self._scratch = scratch
        self._profile = profile

    def play(self, patient: MemberSecrets) -> None:
        """Family link, audit file, replica, notary."""
        self._family_link(patient)
        self._audit_file(patient)
        self._replica()
        self._notary()

    def _family_link(self, parent: MemberSecrets) -> None:
        """A child reads what runs in the family, from her acceptance until she ends it."""
        demo, site, cast = self._demo, self._demo.site, self._demo.cast
        person = cast.home.enrol(
            site, cast.authority, Role.PATIENT, "a child", hospital="Riverside", password=cast.password
        )
        child = cast.home.keystore.unlock(person.member_id, cast.password)
        decision = Decision(Access(frozenset({Category.IMMUNISATION})))
        link = family.invite(site, parent, child.member_id, decision)
        demo.check("a child reads nothing before she accepts", self._readable(parent, child) == 0)
        family.accept(site, child, link)
        readable = self._readable(parent, child)
        demo.check("a child reads what her parent offered", readable > 0)
        family.end(site, child, link)
        demo.check("an ended family link opens nothing", self._readable(parent, child) == 0)
        demo.say(f"A family link: the child may read {readable} blocks of immunisations, until she ends it.")

    def _readable(self, patient: MemberSecrets, reader: MemberSecrets) -> int:
        try:
            return plan(self._demo.site, reader, patient.member_id).readable
        except GrantInactive:
            return 0

    def _audit_file(self, patient: MemberSecrets) -> None:
        demo, genesis = self._demo, self._engine.genesis.digest
        data = export_audit(self._engine, patient.member_id)
        report = verify_audit(data, genesis)
        about = self._engine.view().state.entries_about(patient.member_id)
        releases = len(self._engine.view().state.releases(patient.member_id))
        demo.check("the audit file holds every entry about the patient", report.positions == about)
        demo.check("it holds every reading", report.counts[Release.type] == releases > 0)
        altered = data.replace(report.rows[-1].signer.encode(), report.patient[::-1].encode(), 1)
        demo.check("an altered audit file is refused", altered != data and self._refused(altered, genesis))
        demo.check("under another genesis it is refused", self._refused(data, "00" * 32))
        name = demo.cast.home.directory.name_of(patient.member_id)
        demo.say(f"Audit file of {name}: {_told(report, len(data))}, checked offline from the genesis digest.")

    def _refused(self, data: bytes, genesis: str) -> bool:
        try:
            verify_audit(data, genesis)
        except (ClinicError, LedgerError):
            return True
        return False

    def _replica(self) -> None:
        demo, engine = self._demo, self._engine
        exported, copy = self._scratch / "export.jsonl", self._scratch / "replica.sqlite"
        blocks = ledger_copies.export(engine, exported)
        first = ledger_copies.follow(ExportFile(exported), copy, engine.genesis)
        demo.check("a replica takes every block", first.taken == blocks == first.view.height)
        demo.work()
        news = ledger_copies.follow(engine, copy, engine.genesis)
        here = engine.view()
        demo.check("then it takes the news only", (news.taken, news.view.block) == (1, here.block))
        with ledger_copies.opened_copy(str(copy), genesis=engine.genesis.digest) as replica:
            verified = replica.verify()
            demo.check("its state is the ledger's", verified.state_root == engine.verify().state_root)
            demo.check("an older copy is refused as a fork", _fork(replica, exported))
        demo.say(
            f"A replica verifies {first.taken} blocks of an export and {news.taken} of the ledger; a fork is refused."
        )

    def _notary(self) -> None:
        """Riverside's ledger is anchored in a consortium's, and an outsider checks it by the two genesis alone."""
        demo, cast = self._demo, self._demo.cast
        home = ConsortiumHome.create(
            self._scratch / "consortium", password=cast.password, clock=cast.home.clock, profile=self._profile
        )
        authority, secrets = home.authority(cast.password), home.notary()
        ledger = self._engine.genesis.digest
        with home.opened() as opened:
            consortium.join(opened, authority, cast.hospital)
            notary = Notary(secrets.member_id, secrets.signing)
            notary.anchor(self._engine, ledger, cast.hospital.member_id, opened.engine, opened.clock)
            proof = opened.engine.prove(anchor_positions(opened.state(), ledger))
            genesis: Genesis = opened.engine.genesis
        tip = self._engine.tip()
        anchored = tip and check_anchored(tip.header, proof.verify(LightClient(genesis)))
        demo.check("the newest head is anchored in the consortium", anchored is not None)
        if anchored:
            demo.say(f"A notary anchors block {anchored.height}; external hash {anchored.external[:16]}.")


def _told(report: AuditReport, size: int) -> str:
    return f"{len(report.rows)} entries, readings among them {report.counts[Release.type]}, {size:,} bytes"


def _fork(replica: Replica, older: Path) -> bool:
    try:
        replica.follow(ExportFile(older))
    except ForkOffered:
        return True
    return False
