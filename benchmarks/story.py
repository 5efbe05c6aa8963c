"""One clinic's whole story with the work of every role counted: from its founding to two patients' first messages.

Nothing is simulated: keys, a folder as store, the embedded ledger with four delegates, three proxies of whom two are
needed, two tag issuers, index and relay. All run in one process, each behind a wrapper of ``benchmarks.roles``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.bulk_history import BLOCKS_A_VISIT, RECORDS_A_BLOCK, bundle
from benchmarks.roles import Account, counted
from benchmarks.scene import PROXIES, THRESHOLD
from benchmarks.story_matching import CountedServices, matched
from clinic import enrolment
from clinic.cards import FolderKeyCards
from clinic.clock import system_clock
from clinic.directory import Directory
from clinic.export import export
from clinic.grants import Decision, approve
from clinic.history import plan, read_history
from clinic.home import DELEGATES
from clinic.hospital import HospitalService
from clinic.intake import bundle_drafts
from clinic.keystore import MemberSecrets
from clinic.letters import FolderMailbox
from clinic.match_service import MatchPlace
from clinic.outbox import BatchWriter, Outbox
from clinic.proxy import ProxyService
from clinic.requests import Access, new_id, read_request, request_access
from clinic.sealing import seal_records
from clinic.site import Site
from cloud.open import open_store
from ledger.bodies import Role
from ledger.delegate import Delegate
from ledger.engines.embedded import EmbeddedEngine
from ledger.genesis import Founder
from scheme.keys import SigningKey

_ENTRIES_A_VISIT = BLOCKS_A_VISIT * RECORDS_A_BLOCK


def visits(records: int) -> list[bytes]:
    """A history of ``records`` records as FHIR bundles, one a visit of at most four blocks with ten records each."""
    value = json.loads(bundle(-(-records // _ENTRIES_A_VISIT)))
    entries = value["entry"][:records]
    return [
        json.dumps(value | {"entry": entries[start : start + _ENTRIES_A_VISIT]}).encode()
        for start in range(0, len(entries), _ENTRIES_A_VISIT)
    ]


@dataclass(frozen=True)
class _Clinic:
    """What there is after the founding."""

    site: Site
    authority: MemberSecrets
    hospital: MemberSecrets
    services: CountedServices


def play(folder: Path, account: Account, history: Sequence[bytes]) -> int:
    """Play in the empty ``folder``: ``history`` is written visit by visit, granted and read at once. Fills ``account``.

    Returns the bytes of the ledger blocks made while it was written: what each replica of the ledger receives.
    """
    with ExitStack() as opened:
        with account.during("setup", "authority"):
            clinic = _founded(folder, account, opened)
        site = clinic.site
        author, patient = (_enrolled(clinic, account, role) for role in (Role.DOCTOR, Role.PATIENT))
        height = site.engine.view().height
        outbox = Outbox(folder / "outbox")
        for visit in history:
            _written(clinic, account, outbox, visit, author, patient)
        made = _ledger_bytes(site, height + 1)
        reader, match = (_enrolled(clinic, account, role, "enrolment") for role in (Role.DOCTOR, Role.PATIENT))
        _shared(site, account, patient, reader, folder / "read")
        matched(site, account, clinic.services, clinic.authority, (patient, match))
    return made


def _founded(folder: Path, account: Account, opened: ExitStack) -> _Clinic:
    authority = account.secrets("authority", MemberSecrets.generate(new_id(), "authority"))
    with account.working("delegate"):
        keys_of = {new_id(): SigningKey.generate() for _ in range(DELEGATES)}
        founders = [Founder(name, key.verifying_key.data) for name, key in keys_of.items()]
    genesis = enrolment.new_genesis(authority, system_clock, founders)
    with account.working("delegate"):
        delegates = [Delegate(name, key) for name, key in keys_of.items()]
        engine = EmbeddedEngine.create(folder / "ledger.sqlite", genesis, delegates=delegates)
    opened.callback(engine.close)
    store = open_store(f"file://{folder}/store")
    opened.callback(store.close)
    mailbox, cards = FolderMailbox(folder / "mailbox"), FolderKeyCards(folder / "cards")
    alone = Site(store, engine, mailbox, cards, {}, system_clock, THRESHOLD)
    bare = counted(alone, account)
    proxies = {}
    for _ in range(PROXIES):
        with account.working("proxy"):
            keys = _with_keys(bare, account, authority, Role.PROXY)
            proxies[keys.member_id] = ProxyService(keys, folder / "proxies" / keys.member_id, bare.engine, system_clock)
    with account.working("hospital"):
        hospital = _with_keys(bare, account, authority, Role.HOSPITAL)
        service = HospitalService(hospital, bare.engine, system_clock)
    site = counted(replace(alone, proxies=proxies, hospitals={hospital.member_id: service}), account)
    place = MatchPlace.of(folder, Directory(folder / "directory.json"))
    services = opened.enter_context(CountedServices.opened(place, site, account))
    with account.working("issuer"):
        services.set_up(authority)
    services.start()
    return _Clinic(site, authority, hospital, services)


def _with_keys(
    site: Site, account: Account, authority: MemberSecrets, role: Role, hospital: MemberSecrets | None = None
) -> MemberSecrets:
    """A new member with keys of its own, admitted by the authority (and registered by ``hospital``)."""
    member = account.secrets(role.value, MemberSecrets.generate(new_id(), role.value))
    account.call("authority", None, enrolment.admit, site, authority, enrolment.application_of(member), hospital)
    if role is Role.PATIENT:
        enrolment.publish_first_card(site, member)
    return member


def _enrolled(clinic: _Clinic, account: Account, role: Role, phase: str = "") -> MemberSecrets:
    with account.during(phase, role.value):
        return _with_keys(clinic.site, account, clinic.authority, role, clinic.hospital)


def _written(
    clinic: _Clinic, account: Account, outbox: Outbox, visit: bytes, author: MemberSecrets, patient: MemberSecrets
) -> None:
    with account.during("record generation", "doctor"):
        drafts = bundle_drafts(visit)
    with account.during("block", "doctor"), account.followed_by(BatchWriter, "commit", "upload", "doctor"):
        seal_records(
            clinic.site,
            outbox,
            drafts,
            patient_id=patient.member_id,
            author=author,
            hospital_id=clinic.hospital.member_id,
        )


def _ledger_bytes(site: Site, start: int) -> int:
    """Headers, certificates and transactions of the ledger blocks from height ``start`` on."""
    return sum(
        len(bytes(block.header))
        + len(bytes(block.certificate))
        + sum(len(bytes(entry.transaction)) for entry in block.entries)
        for block in site.engine.blocks(start)
    )


def _shared(site: Site, account: Account, patient: MemberSecrets, reader: MemberSecrets, folder: Path) -> None:
    with account.during("request", "doctor"):
        request_id = request_access(site, reader, patient.member_id, Access(), purpose="second opinion")
    with account.during("approval", "patient"):
        record = site.state().request(request_id)
        if record is None:
            raise RuntimeError("the request is not on the ledger")
        approve(site, patient, read_request(site, patient, record), Decision(Access()))
    with account.during("reading", "doctor"):
        reading = plan(site, reader, patient.member_id)
        report = export(read_history(site, reader, reading), folder)
    if reading.denied or report.blocks != reading.readable:
        raise RuntimeError(f"{report.blocks} blocks were read, and {len(reading.denied)} were not granted")
