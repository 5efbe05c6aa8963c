"""The audit file: what it proves to somebody with the genesis digest alone, and every way to lie with it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinic import audit_file
from clinic.audit_file import AuditReport, export_audit, verify_audit
from clinic.errors import NotPermitted
from clinic.fhir.audit_bundle import audit_bundle
from clinic.revocation import revoke
from ledger.bodies import (
    AnchorBlocks,
    BlockAnchor,
    Enrol,
    Extension,
    FamilyAccept,
    FamilyEnd,
    FamilyInvite,
    Grant,
    MemberKeys,
    OneOff,
    PublishKeyCard,
    Refuse,
    Reinstate,
    Release,
    Remove,
    Renew,
    Request,
    Revoke,
    Role,
    Suspend,
    Withdraw,
)
from ledger.entry import Entry
from ledger.finality import FinalHeader, Handover
from ledger.merkle import leaf_hash
from ledger.proofs import LedgerProof
from ledger.registry import Body
from ledger.state import State
from ledger.transactions import SignedTransaction, sign
from ledger.validate import NextBlock
from scheme import canonical, certificates
from scheme.errors import ChartSealError
from scheme.keys import SigningKey
from tests.ledger.finality import FinalLedger, certified, genesis
from tests.ledger.scene import AUTHORITY, AUTHORITY_KEY, START, digest, ident, signing_key

PAULA, PETRA, SAUL, NORTH, SOUTH = (ident(name) for name in ("paula", "petra", "saul", "north", "south"))
PROXIES = tuple(ident(f"proxy {number}") for number in (1, 2, 3))


def key_of(name: str) -> SigningKey:
    return AUTHORITY_KEY if name == "authority" else signing_key(name)


@dataclass
class RuledLedger(FinalLedger):
    """One entry a block, admitted by the state machine and signed by the delegates that it elects; it can be read."""

    state: State = field(default_factory=lambda: State(genesis()))

    def put(self, transaction: SignedTransaction) -> Entry:
        seats = self.state.epoch(self.state.height + 1).seats
        block = NextBlock(self.state, self.frontier, round=0, time=START + 10 * self.state.height)
        entry = block.add(transaction)
        header = block.close()
        self.state.settle(header.digest, header.time)
        self.entries.append(entry)
        self.nodes[0, entry.position] = leaf_hash(bytes.fromhex(entry.digest))
        self.nodes |= {(level, index): root for level, index, root in block.subtrees}
        self.finals.append(certified(header, seats))
        if header.height % self.genesis.epoch_blocks == 0:
            self.handovers.append(Handover(self.finals[-1], self.state.epoch(header.height + 1).seats))
        return entry

    def sign(self, body: Body, by: str) -> SignedTransaction:
        time = START + 10 * self.state.height
        return sign(body, signer_id=ident(by), key=key_of(by), ledger=self.genesis.digest, time=time)

    def do(self, body: Body, by: str) -> Entry:
        return self.put(self.sign(body, by))

    def enrol(self, name: str, role: Role, hospital: str | None = None, *, by: str = "authority") -> Entry:
        key = signing_key(name)
        keys = MemberKeys(key.verifying_key.data, bytes(32), b"\x02" + bytes(32), b"rsa")
        home = None if hospital is None else ident(hospital)
        return self.do(Enrol(ident(name), role, home, certificate(name, role), keys, keys.prove(ident(name), key)), by)

    # What a Reader has

    def view(self) -> Any:
        return SimpleNamespace(state=self.state)

    def tip(self) -> FinalHeader:
        return self.finals[-1]


def certificate(name: str, role: Role) -> bytes:
    return certificates.issue(
        AUTHORITY_KEY,
        AUTHORITY,
        member_id=ident(name),
        role=role,
        key=signing_key(name).verifying_key,
        now=START,
        days=700,
    )


def a_grant(name: str, **changes: Any) -> Grant:
    grant = Grant(
        grant=ident(name),
        request=None,
        patient=PAULA,
        delegatee=SAUL,
        scopes=(ident("laboratory"),),
        one_off=None,
        until=None,
        write=False,
        threshold=2,
        proxies=PROXIES,
        body_digest=digest(name),
    )
    return replace(grant, **changes)


def anchored(index: int, chapter: str, scope: str, previous: str | None, *, by: str = "dora") -> AnchorBlocks:
    block = BlockAnchor(digest(f"block {index}"), ident(scope), ident(chapter), 1000)
    return AnchorBlocks(PAULA, NORTH, ident(by), ident("chain"), previous, index, (block,))


def told() -> RuledLedger:
    """Every kind of entry that can concern paula, among entries about petra and others."""
    ledger = RuledLedger()
    ledger.enrol("north", Role.HOSPITAL)
    ledger.enrol("south", Role.HOSPITAL)
    for number in (1, 2, 3):
        ledger.enrol(f"proxy {number}", Role.PROXY)
    ledger.enrol("dora", Role.DOCTOR, "north", by="north")
    ledger.enrol("saul", Role.DOCTOR, "south", by="south")
    ledger.enrol("idle", Role.DOCTOR, "south", by="south")
    ledger.enrol("paula", Role.PATIENT, "north", by="north")
    ledger.enrol("petra", Role.PATIENT, "south", by="south")
    ledger.enrol("paula", Role.PATIENT, "south", by="south")
    scopes = tuple(map(ident, ("laboratory", "imaging")))
    ledger.do(PublishKeyCard(PAULA, 1, digest("card 1"), scopes, ()), "paula")
    ledger.do(PublishKeyCard(PETRA, 1, digest("petra's card"), (ident("petra's laboratory"),), ()), "petra")
    ledger.do(anchored(0, "visit", "laboratory", None), "north")
    ledger.do(anchored(1, "scan", "imaging", digest("block 0")), "north")
    ledger.do(Request(ident("asked"), PAULA, SAUL, digest("why")), "saul")
    ledger.do(Request(ident("asked again"), PAULA, SAUL, digest("why")), "saul")
    ledger.do(Request(ident("asked petra"), PETRA, SAUL, digest("why")), "saul")
    ledger.do(a_grant("given", request=ident("asked")), "paula")
    ledger.do(Refuse(ident("asked again"), digest("why not")), "paula")
    ledger.do(a_grant("selected", scopes=(), one_off=OneOff(ident("one-off"), ident("selection"))), "paula")
    ledger.do(Release(ident("read 1"), ident("given"), PAULA, (ident("visit"),)), "saul")
    ledger.do(Release(ident("read 2"), ident("selected"), PAULA, (ident("selection"),)), "saul")
    ledger.do(Withdraw(PAULA, digest("block 0"), digest("wrong patient")), "north")
    ledger.do(FamilyInvite(a_grant("link", delegatee=PETRA)), "paula")
    ledger.do(FamilyAccept(ident("link")), "petra")
    ledger.do(Release(ident("read 3"), ident("link"), PAULA, (ident("visit"),)), "petra")
    card = PublishKeyCard(PAULA, 2, digest("card 2"), (ident("laboratory 2"),), (ident("laboratory"),))
    extended = (Extension(ident("link"), (ident("laboratory 2"),)),)
    ledger.do(Revoke(ident("given"), card, extended), "paula")
    ledger.do(FamilyEnd(ident("link")), "petra")
    ledger.do(Renew(PAULA, certificate("paula", Role.PATIENT)), "authority")
    ledger.do(Suspend(PAULA, digest("lost her keys")), "authority")
    ledger.do(Reinstate(PAULA), "authority")
    ledger.do(Remove(ident("idle")), "south")
    ledger.do(Remove(PAULA), "south")
    ledger.do(Request(ident("asked petra again"), PETRA, SAUL, digest("why")), "saul")
    return ledger


LEDGER = told()
GENESIS = LEDGER.genesis.digest
FILE = export_audit(LEDGER, PAULA)
ABOUT = LEDGER.state.entries_about(PAULA)


def document(data: bytes = FILE) -> dict[str, Any]:
    return dict(json.loads(data))


def refused(code: str, data: bytes | dict[str, Any], **named: Any) -> None:
    data = data if isinstance(data, bytes) else canonical.dumps(data)
    with pytest.raises(ChartSealError) as caught:
        verify_audit(data, GENESIS, **named)
    assert caught.value.code == code


def proven(positions: Sequence[int], patient: str = PAULA, ledger: RuledLedger = LEDGER) -> dict[str, Any]:
    """A file with true proofs of exactly these entries, as somebody would write it who leaves some out."""
    return document() | {"patient": patient, "proof": ledger.prove(positions).to_json(), "fhir": None}


def all_but(*left_out: Callable[[Body], bool]) -> dict[str, Any]:
    positions = [entry["position"] for entry in document()["proof"]["entries"]]
    bodies = {position: LEDGER.entries[position].transaction.body for position in positions}
    kept = [position for position in positions if not any(matches(bodies[position]) for matches in left_out)]
    assert len(kept) < len(positions)
    return proven(kept)


# What is shown


def test_every_entry_about_the_patient_is_in_the_file_and_no_other():
    report = verify_audit(FILE, GENESIS)
    assert report.positions == ABOUT
    assert [(row.event, row.signer, row.time) for row in report.rows] == [
        (entry.transaction.body.type, entry.transaction.signer, entry.time)
        for entry in map(LEDGER.entries.__getitem__, ABOUT)
    ]
    assert (report.patient, report.ledger, report.height) == (PAULA, GENESIS, len(LEDGER.finals))
    assert (report.size, report.time) == (len(LEDGER.entries), LEDGER.tip().header.time)


def test_every_kind_of_entry_about_a_patient_is_told():
    assert set(verify_audit(FILE, GENESIS).counts) == {
        "enrol", "renew", "suspend", "reinstate", "remove", "publish-key-card", "anchor-blocks", "withdraw",
        "request", "grant", "refuse", "revoke", "release", "family-invite", "family-accept", "family-end",
    }  # fmt: skip


def test_each_release_says_who_read_which_scope_under_which_grant():
    releases = [row for row in verify_audit(FILE, GENESIS).rows if row.event == "release"]
    assert [(row.delegatee, row.grant, row.scopes) for row in releases] == [
        (SAUL, ident("given"), (ident("laboratory"),)),
        (SAUL, ident("selected"), (ident("one-off"),)),
        (PETRA, ident("link"), (ident("laboratory"),)),
    ]


def test_requests_grants_refusals_and_revocations_say_for_whom():
    said = {row.event: (row.delegatee, row.request, row.grant) for row in verify_audit(FILE, GENESIS).rows}
    assert said["request"] == (SAUL, ident("asked again"), None)
    assert said["refuse"] == (SAUL, ident("asked again"), None)
    assert said["revoke"] == (SAUL, None, ident("given"))
    assert said["family-end"] == (PETRA, None, ident("link"))


def test_everybody_who_signed_is_shown_in_a_role_and_nobody_else_is_enrolled():
    roles = verify_audit(FILE, GENESIS).roles
    assert roles == {
        AUTHORITY: "authority", NORTH: "hospital", SOUTH: "hospital", SAUL: "doctor", PAULA: "patient", PETRA: "patient"
    }  # fmt: skip


def test_the_child_of_a_family_link_has_it_in_her_own_file():
    report = verify_audit(export_audit(LEDGER, PETRA), GENESIS)
    assert report.positions == LEDGER.state.entries_about(PETRA)
    assert {"family-invite", "family-accept", "family-end"} < set(report.counts)


def test_a_patient_about_whom_there_is_little():
    ledger = RuledLedger()
    ledger.enrol("north", Role.HOSPITAL)
    ledger.enrol("paula", Role.PATIENT, "north", by="north")
    assert verify_audit(export_audit(ledger, PAULA), GENESIS).counts == {"enrol": 1}


def test_the_file_is_the_same_each_time_and_readable_without_this_software():
    assert export_audit(LEDGER, PAULA) == FILE
    value = document()
    assert value.keys() == {"format", "version", "patient", "genesis", "proof", "fhir"}
    assert value["proof"]["entries"][0]["transaction"]["type"] == "enrol"


def test_the_fhir_part_is_that_of_her_entries_at_the_headers_time():
    about = [LEDGER.entries[position] for position in ABOUT]
    assert document()["fhir"] == audit_bundle(PAULA, about, at=LEDGER.tip().header.time)
    assert verify_audit(FILE, GENESIS).fhir
    assert not verify_audit(canonical.dumps(document() | {"fhir": None}), GENESIS).fhir


def test_the_report_says_what_the_file_cannot_show():
    report = verify_audit(FILE, GENESIS)
    assert f"{len(ABOUT)} of the ledger's {len(LEDGER.entries)} entries" in report.caveat
    assert "cannot be shown" in report.caveat


def test_nothing_is_exported_about_who_is_no_patient():
    for member in (SAUL, NORTH, AUTHORITY, ident("nobody")):
        with pytest.raises(NotPermitted):
            export_audit(LEDGER, member)


def test_entries_added_while_exporting_are_in_the_file():
    class Busy(RuledLedger):
        """Another request to petra arrives whenever a proof is asked for, three times."""

        arrivals: Iterator[str] = iter(("fourth", "fifth", "sixth"))

        def prove(self, positions: Sequence[int], **named: Any) -> LedgerProof:
            for name in itertools.islice(self.arrivals, 1):
                self.do(Request(ident(name), PETRA, SAUL, digest("why")), "saul")
            return super().prove(positions, **named)

    quiet = told()
    busy = Busy(**{name: getattr(quiet, name) for name in quiet.__dataclass_fields__})
    report = verify_audit(export_audit(busy, PETRA), GENESIS)
    assert report.size == len(busy.entries) == len(LEDGER.entries) + 3
    assert report.positions == busy.state.entries_about(PETRA)


def test_a_home_at_work_is_told_from_the_genesis_digest_alone(scene):
    """Everything real: engine, delegates, proxies, people; nobody but the ledger is asked."""
    scene.seal()
    scene.seal(patient=scene.other)
    grant = scene.grant()
    scene.read()
    revoke(scene.site, scene.patient, grant)
    engine = scene.site.engine
    report = verify_audit(export_audit(engine, scene.patient.member_id), engine.genesis.digest)
    assert report.positions == scene.site.state().entries_about(scene.patient.member_id)
    said = [(row.event, row.signer, row.delegatee) for row in report.rows if row.delegatee is not None]
    reader, patient = scene.reader.member_id, scene.patient.member_id
    signed_by = {"request": reader, "grant": patient, "release": reader, "revoke": patient}
    assert said == [(event, signer, reader) for event, signer in signed_by.items()]
    assert report.roles[scene.riverside.member_id] == "hospital"
    assert report.fhir


# Entries left out


LEFT_OUT: dict[str, Callable[[Body], bool]] = {
    "her enrolment": lambda body: isinstance(body, Enrol) and body.member == PAULA and body.hospital == NORTH,
    "a signer's enrolment": lambda body: isinstance(body, Enrol) and body.member == SAUL,
    "the enrolment of who enrolled a signer": lambda body: isinstance(body, Enrol) and body.member == SOUTH,
    "a key card": lambda body: isinstance(body, PublishKeyCard),
    "the first blocks": lambda body: isinstance(body, AnchorBlocks) and body.first_index == 0,
    "a request that was granted": lambda body: isinstance(body, Request) and body.request == ident("asked"),
    "a request that was refused": lambda body: isinstance(body, Request) and body.request == ident("asked again"),
    "a grant that was revoked": lambda body: isinstance(body, Grant) and body.grant == ident("given"),
    "a grant under which was read": lambda body: isinstance(body, Grant) and body.grant == ident("selected"),
    "a family link": lambda body: isinstance(body, FamilyInvite),
}


@pytest.mark.parametrize("what", LEFT_OUT)
def test_an_entry_left_out_that_another_refers_to(what):
    refused("audit-incomplete", all_but(LEFT_OUT[what]))


def test_blocks_left_out_below_others():
    refused(
        "audit-incomplete",
        all_but(
            lambda body: isinstance(body, AnchorBlocks) and body.first_index == 0,
            lambda body: isinstance(body, Release | Withdraw),
        ),
    )


def test_blocks_left_out_of_which_one_was_withdrawn():
    refused("audit-incomplete", all_but(lambda body: isinstance(body, AnchorBlocks | Release)))


def test_a_grant_left_out_that_a_revocation_extends():
    refused(
        "audit-incomplete",
        all_but(
            lambda body: isinstance(body, FamilyInvite | FamilyAccept | FamilyEnd),
            lambda body: isinstance(body, Release) and body.grant == ident("link"),
            lambda body: isinstance(body, Enrol) and body.member == PETRA,
        ),
    )


def test_all_of_her_left_out_but_what_others_asked():
    def needed(body: Body) -> bool:
        return isinstance(body, Request) or (isinstance(body, Enrol) and body.member in {SAUL, SOUTH})

    refused("audit-incomplete", all_but(lambda body: not needed(body)))


@pytest.mark.parametrize("kind", [Release, Refuse, FamilyEnd, Withdraw])
def test_an_entry_left_out_to_which_nothing_refers_shows_only_to_who_knows_of_it(kind):
    forged = canonical.dumps(all_but(lambda body: isinstance(body, kind)))
    assert set(verify_audit(forged, GENESIS).positions) < set(ABOUT)
    refused("audit-incomplete", forged, known=verify_audit(FILE, GENESIS).positions)


def test_an_earlier_file_is_contained_in_a_later_one():
    ledger = told()
    earlier = verify_audit(export_audit(ledger, PETRA), GENESIS)
    ledger.do(Request(ident("asked petra thrice"), PETRA, SAUL, digest("why")), "saul")
    later = verify_audit(export_audit(ledger, PETRA), GENESIS, known=earlier.positions)
    assert later.positions[:-1] == earlier.positions


def test_no_entries_at_all():
    refused("audit-incomplete", proven([]))


# Entries that do not belong


def test_another_patients_entries_under_her_name():
    refused("audit-file-invalid", document() | {"patient": PETRA})
    refused("audit-file-invalid", document(export_audit(LEDGER, PETRA)) | {"patient": PAULA})


@pytest.mark.parametrize(
    "kind",
    [
        lambda body: isinstance(body, Request) and body.patient == PETRA,
        lambda body: isinstance(body, PublishKeyCard) and body.patient == PETRA,
        lambda body: isinstance(body, Remove) and body.member == ident("idle"),
        lambda body: isinstance(body, Enrol) and body.member == ident("idle"),
        lambda body: isinstance(body, Enrol) and body.role is Role.PROXY,
    ],
)
def test_an_entry_about_somebody_else_slipped_in(kind):
    positions = {entry["position"] for entry in document()["proof"]["entries"]}
    foreign = next(entry.position for entry in LEDGER.entries if kind(entry.transaction.body))
    refused("audit-file-invalid", proven(sorted(positions | {foreign})))


def test_somebody_elses_second_enrolment_slipped_in():
    positions = {entry["position"] for entry in document(export_audit(LEDGER, PETRA))["proof"]["entries"]}
    twice = [entry for entry in LEDGER.entries if getattr(entry.transaction.body, "member", None) == PAULA][:2]
    assert {entry.transaction.body.type for entry in twice} == {"enrol"}
    refused("audit-file-invalid", proven(sorted({entry.position for entry in twice} | positions), PETRA))


# What the delegates would have to sign to deceive her: entries that no honest quorum admits


def forged_ledger(*transactions: SignedTransaction) -> dict[str, Any]:
    """A file over a ledger whose delegates call final whatever they are given."""
    ledger = FinalLedger(LEDGER.genesis)
    for transaction in transactions:
        ledger.block(transaction)
    proof = ledger.prove(range(len(ledger.entries)))
    return document() | {"proof": proof.to_json(), "fhir": None}


def enrolment(name: str, role: Role, hospital: str | None, *, der: bytes | None = None, key: str = "") -> Enrol:
    keys = MemberKeys(signing_key(key or name).verifying_key.data, bytes(32))
    home = None if hospital is None else ident(hospital)
    der = certificate(name, role) if der is None else der
    return Enrol(ident(name), role, home, der, keys, keys.prove(ident(name), signing_key(name)))


def signed(body: Body, by: str, *, key: str | None = None, ledger: str = GENESIS) -> SignedTransaction:
    return sign(body, signer_id=ident(by), key=key_of(key or by), ledger=ledger, time=START)


NORTH_IN = signed(enrolment("north", Role.HOSPITAL, None), "authority")
PAULA_IN = signed(enrolment("paula", Role.PATIENT, "north"), "north")
SAUL_IN = signed(enrolment("saul", Role.DOCTOR, "north"), "north")
ASKED = Request(ident("asked"), PAULA, SAUL, digest("why"))


def test_the_forgers_ledger_is_believed_when_nothing_is_forged():
    data = canonical.dumps(forged_ledger(NORTH_IN, PAULA_IN, SAUL_IN, signed(ASKED, "saul")))
    assert verify_audit(data, GENESIS).counts == {"enrol": 1, "request": 1}


def test_an_entry_signed_by_another_key():
    refused("transaction-signature-invalid", forged_ledger(NORTH_IN, PAULA_IN, SAUL_IN, signed(ASKED, "saul", key="x")))


def test_an_entry_signed_for_another_ledger():
    other = signed(ASKED, "saul", ledger=digest("another"))
    refused("other-ledger", forged_ledger(NORTH_IN, PAULA_IN, SAUL_IN, other))


def test_an_entry_signed_before_its_signer_was_enrolled():
    refused("audit-incomplete", forged_ledger(NORTH_IN, PAULA_IN, signed(ASKED, "saul"), SAUL_IN))


def test_a_patient_enrolled_by_nobody():
    refused("audit-incomplete", forged_ledger(PAULA_IN))


@pytest.mark.parametrize(
    "der",
    [
        b"certificate",
        certificate("dora", Role.DOCTOR),
        certificate("saul", Role.PATIENT),
        certificates.issue(
            signing_key("saul"),
            AUTHORITY,
            member_id=SAUL,
            role=Role.DOCTOR,
            key=signing_key("saul").verifying_key,
            now=START,
            days=700,
        ),
    ],
    ids=["none", "another member's", "another role's", "by another authority"],
)
def test_a_signer_whom_the_authority_did_not_certify(der):
    forged = signed(enrolment("saul", Role.DOCTOR, "north", der=der), "north")
    refused("audit-file-invalid", forged_ledger(NORTH_IN, PAULA_IN, forged, signed(ASKED, "saul")))


def test_a_key_put_in_the_place_of_the_certified_one():
    forged = signed(enrolment("saul", Role.DOCTOR, "north", key="x"), "north")
    refused("audit-file-invalid", forged_ledger(NORTH_IN, PAULA_IN, forged, signed(ASKED, "saul", key="x")))


def test_a_patient_enrolled_again_under_other_keys():
    der = certificates.issue(
        AUTHORITY_KEY,
        AUTHORITY,
        member_id=PAULA,
        role=Role.PATIENT,
        key=signing_key("x").verifying_key,
        now=START,
        days=700,
    )
    forged = signed(enrolment("paula", Role.PATIENT, "north", der=der, key="x"), "north")
    refused("audit-file-invalid", forged_ledger(NORTH_IN, PAULA_IN, forged))


def test_a_kind_of_entry_that_is_never_about_a_patient():
    foreign = signed(Remove(NORTH), "authority")
    refused("audit-file-invalid", forged_ledger(NORTH_IN, PAULA_IN, foreign))


def test_a_revocation_with_somebody_elses_key_card():
    card = PublishKeyCard(PETRA, 1, digest("card"), (), ())
    given = signed(a_grant("given"), "paula")
    revoked = signed(Revoke(ident("given"), card, ()), "paula")
    refused("audit-file-invalid", forged_ledger(NORTH_IN, PAULA_IN, given, revoked))


# The rest of the file


def test_a_file_over_the_limit(monkeypatch):
    monkeypatch.setattr(audit_file, "MAX_AUDIT_FILE_BYTES", len(FILE))
    verify_audit(FILE, GENESIS)
    monkeypatch.setattr(audit_file, "MAX_AUDIT_FILE_BYTES", len(FILE) - 1)
    refused("audit-file-invalid", FILE)


def test_another_genesis_than_the_one_expected():
    with pytest.raises(ChartSealError) as caught:
        verify_audit(FILE, digest("another"))
    assert caught.value.code == "genesis-invalid"


@pytest.mark.parametrize(
    "change",
    [
        {"fhir": {}},
        {"fhir": []},
        {"fhir": {"resourceType": "Bundle", "type": "collection"}},
        {"format": "chartseal-ledger"},
        {"version": 2},
        {"version": "1"},
        {"patient": "paula"},
        {"patient": None},
        {"genesis": None},
        {"more": 1},
    ],
)
def test_a_document_that_is_no_audit_file(change):
    refused("audit-file-invalid", document() | change)


def test_a_fhir_part_that_tells_it_differently():
    value = document()
    events = [entry["resource"] for entry in value["fhir"]["entry"]]
    next(event for event in events if event["resourceType"] == "AuditEvent")["recorded"] = "2020-01-01T00:00:00Z"
    refused("audit-file-invalid", value)
    value = document()
    del value["fhir"]["entry"][3]
    refused("audit-file-invalid", value)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b"\xff", b" " + FILE, FILE[:-1], FILE + b"\n"])
def test_bytes_that_are_no_audit_file(data):
    refused("audit-file-invalid", data)


def test_a_handover_left_out():
    value = document()
    assert len(value["proof"]["handovers"]) > 1
    del value["proof"]["handovers"][0]
    refused("handover-missing", value)


@settings(max_examples=150)
@given(st.integers(0, len(FILE) - 1), st.integers(1, 255))
def test_one_byte_changed_anywhere(place, change):
    with pytest.raises(ChartSealError):
        verify_audit(FILE[:place] + bytes([FILE[place] ^ change]) + FILE[place + 1 :], GENESIS)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        yield path
    else:
        for key, item in items:
            yield from leaves(item, (*path, key))


PLACES = list(leaves(document()))


@settings(max_examples=150)
@given(st.sampled_from(PLACES), st.sampled_from([None, True, 0, 7, -1, "", "x", "00" * 16, "00" * 32, [], {}, [[]]]))
def test_one_value_replaced(path, value):
    changed = document()
    *upper, last = path
    holder: Any = changed
    for key in upper:
        holder = holder[key]
    if holder[last] == value and type(holder[last]) is type(value):
        return
    holder[last] = value
    with pytest.raises(ChartSealError):
        verify_audit(canonical.dumps(changed), GENESIS)


def test_the_report_is_a_value():
    assert verify_audit(FILE, GENESIS) == verify_audit(FILE, GENESIS)
    assert isinstance(verify_audit(FILE, GENESIS), AuditReport)
