import contextlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.bodies import Enrol, MemberKeys, Reinstate, Remove, Renew, Role, Suspend
from ledger.errors import FieldInvalid
from ledger.records import Suspension
from ledger.refusals import Refused
from ledger.registry import Body
from scheme import certificates
from scheme.keys import SigningKey
from tests.ledger.scene import (
    AUTHORITY,
    AUTHORITY_KEY,
    START,
    Scene,
    digest,
    enrolled,
    enrolment,
    ident,
    member_keys,
    signing_key,
)

DAY = 86_400


def certificate(
    name: str, role: str, *, by: SigningKey = AUTHORITY_KEY, key: str | None = None, now: int = START, days: int = 90
) -> bytes:
    """A certificate for ``name``; over the key of ``key`` if that is another's."""
    return certificates.issue(
        by, AUTHORITY, member_id=ident(name), role=role, key=signing_key(key or name).verifying_key, now=now, days=days
    )


def suspension(name: str) -> Suspend:
    return Suspend(ident(name), digest("reason"))


def test_enrolled_members_are_known(scene: Scene) -> None:
    paula = scene.state.member(ident("paula"))
    assert paula is not None
    assert (paula.role, paula.hospitals, paula.keys) == (Role.PATIENT, (ident("north"),), member_keys("paula"))
    assert scene.state.member(ident("nobody")) is None
    assert scene.state.member(AUTHORITY) is None


# Who registers whom


@pytest.mark.parametrize("role", [Role.HOSPITAL, Role.PROXY, Role.NOTARY, Role.ISSUER])
def test_authority_alone_registers_and_removes_hospitals_and_services(scene: Scene, role: Role) -> None:
    for signer in ("north", "dora", "paula", "proxy 1"):
        assert scene.refusal(enrolment("new", role), signer) == "not-authority"
    scene.do(enrolment("new", role), "authority")
    for signer in ("north", "dora", "paula", "new"):
        assert scene.refusal(Remove(ident("new")), signer) == "not-authority"
    scene.do(Remove(ident("new")), "authority")
    assert scene.state.member(ident("new")).removed_at is not None


@pytest.mark.parametrize("role", [Role.DOCTOR, Role.PATIENT])
def test_hospital_alone_registers_its_doctors_and_patients(scene: Scene, role: Role) -> None:
    for signer in ("authority", "south", "dora", "paula", "proxy 1"):
        assert scene.refusal(enrolment("new", role, "north"), signer) == "wrong-signer"
    scene.do(enrolment("new", role, "north"), "north")
    assert scene.state.member(ident("new")).hospitals == (ident("north"),)


@pytest.mark.parametrize("name", ["dora", "petra"])
def test_members_are_removed_by_their_hospital_or_the_authority(scene: Scene, name: str) -> None:
    for signer in ("south", "dora", "petra", "proxy 1"):
        assert scene.refusal(Remove(ident(name)), signer) == "wrong-signer"
    scene.do(Remove(ident(name)), "north")
    assert scene.state.member(ident(name)).removed_at is not None


def test_authority_removes_anybody(scene: Scene) -> None:
    for name in ("dora", "paula", "south", "proxy 3"):
        scene.do(Remove(ident(name)), "authority")
        assert scene.state.member(ident(name)).removed_at is not None


def test_only_a_hospital_of_this_ledger_registers(scene: Scene) -> None:
    scene.do(Remove(ident("south")), "authority")
    table = [("dora", "wrong-role"), ("south", "signer-removed"), ("nowhere", "signer-unknown")]
    for hospital, code in table:
        assert scene.refusal(enrolment("dana", Role.DOCTOR, hospital), hospital) == code


def test_enrolment_is_refused(scene: Scene) -> None:
    dana = enrolment("dana", Role.DOCTOR, "north")
    stolen = replace(dana.keys, hpke=b"\x01" * 32)
    dora_keys, dora_key = member_keys("dora"), signing_key("dora")
    doras = replace(
        dana,
        keys=dora_keys,
        proof=dora_keys.prove(ident("dana"), dora_key),
        certificate=certificate("dana", "doctor", key="dora"),
    )
    table: list[tuple[Body, str, str]] = [
        (enrolment("dora", Role.DOCTOR, "south"), "south", "member-exists"),
        (enrolment("north", Role.HOSPITAL), "authority", "member-exists"),
        (enrolment("paula", Role.DOCTOR, "south"), "south", "member-exists"),
        (enrolment("dora", Role.PATIENT, "south"), "south", "member-exists"),
        (enrolment("paula", Role.PATIENT, "north"), "north", "member-exists"),
        (enrolment("authority", Role.PROXY), "authority", "member-exists"),
        (replace(dana, keys=stolen), "north", "key-proof-invalid"),
        (replace(dana, proof=bytes(64)), "north", "key-proof-invalid"),
        (replace(dana, proof=b"short"), "north", "key-proof-invalid"),
        (doras, "north", "key-in-use"),
    ]
    for body, signer, code in table:
        assert scene.refusal(body, signer) == code, body


def test_the_authoritys_own_key_is_nobodys(scene: Scene) -> None:
    key = AUTHORITY_KEY
    keys = MemberKeys(verifying=key.verifying_key.data, hpke=bytes(32))
    body = Enrol(ident("shadow"), Role.PROXY, None, b"?", keys, keys.prove(ident("shadow"), key))
    issued = certificates.issue(
        key, AUTHORITY, member_id=ident("shadow"), role="proxy", key=key.verifying_key, now=START, days=9
    )
    assert scene.refusal(replace(body, certificate=issued), "authority") == "key-in-use"


def test_id_of_a_delegate_is_no_members(scene: Scene) -> None:
    founder = scene.state.genesis.founders[0].delegate
    key = signing_key("new")
    keys = MemberKeys(verifying=key.verifying_key.data, hpke=bytes(32))
    issued = certificates.issue(
        AUTHORITY_KEY, AUTHORITY, member_id=founder, role="proxy", key=key.verifying_key, now=START, days=9
    )
    body = Enrol(founder, Role.PROXY, None, issued, keys, keys.prove(founder, key))
    assert scene.refusal(body, "authority") == "member-exists"


@pytest.mark.parametrize(
    ("role", "hospital"), [(Role.DOCTOR, None), (Role.PATIENT, None), (Role.HOSPITAL, "north")], ids=str
)
def test_enrol_names_a_hospital_exactly_where_there_is_one(role: Role, hospital: str | None) -> None:
    body = replace(enrolment("new", role), hospital=None if hospital is None else ident(hospital))
    with pytest.raises(FieldInvalid):
        Enrol.from_json(body.to_json())


# Patients with several hospitals


def test_patient_gains_a_hospital_under_the_same_keys_only(scene: Scene) -> None:
    again = enrolment("paula", Role.PATIENT, "south")
    other: MemberKeys = replace(again.keys, hpke=b"\x01" * 32)
    changed = replace(again, keys=other, proof=other.prove(ident("paula"), signing_key("paula")))
    assert scene.refusal(changed, "south") == "member-keys-differ"
    assert scene.refusal(again, "north") == "wrong-signer"
    before = scene.state.member(ident("paula"))
    scene.do(again, "south")
    assert scene.state.member(ident("paula")) == replace(before, hospitals=(ident("north"), ident("south")))


def test_hospital_ends_only_its_own_relation_with_a_patient_who_has_another(scene: Scene) -> None:
    scene.do(enrolment("paula", Role.PATIENT, "south"), "south")
    scene.do(Remove(ident("paula")), "north")
    paula = scene.state.member(ident("paula"))
    assert (paula.hospitals, paula.removed_at) == ((ident("south"),), None)
    assert scene.refusal(Remove(ident("paula")), "north") == "wrong-signer"
    scene.do(scene.card(3), "paula")
    assert scene.refusal(scene.anchor(), "north") == "author-not-permitted"
    scene.do(Remove(ident("paula")), "south")
    assert scene.state.member(ident("paula")).removed_at is not None
    assert scene.refusal(scene.card(4), "paula") == "signer-removed"


def test_relation_that_ended_can_begin_again(scene: Scene) -> None:
    scene.do(enrolment("paula", Role.PATIENT, "south"), "south")
    scene.do(Remove(ident("paula")), "north")
    scene.do(enrolment("paula", Role.PATIENT, "north"), "north")
    assert scene.state.member(ident("paula")).hospitals == (ident("south"), ident("north"))


def test_enrolments_and_removals_of_a_patient_concern_her(scene: Scene) -> None:
    positions = [
        scene.do(enrolment("paula", Role.PATIENT, "south"), "south").position,
        scene.do(suspension("paula"), "authority").position,
        scene.do(Reinstate(ident("paula")), "authority").position,
        scene.do(Renew(ident("paula"), certificate("paula", "patient")), "authority").position,
        scene.do(Remove(ident("paula")), "north").position,
    ]
    assert set(positions) <= set(scene.state.entries_about(ident("paula")))


# Removal, suspension


def test_removed_member_signs_nothing_more_and_earlier_positions_stay_valid(scene: Scene) -> None:
    signed_at = scene.do(scene.request(delegatee=ident("dora")), "dora").position
    removed_at = scene.do(Remove(ident("dora")), "north").position
    assert scene.refusal(scene.request(delegatee=ident("dora")), "dora") == "signer-removed"
    assert scene.state.active_at(ident("dora"), signed_at)
    assert not scene.state.active_at(ident("dora"), removed_at)
    assert scene.refusal(Remove(ident("dora")), "authority") == "member-removed"
    assert scene.refusal(enrolment("dora", Role.DOCTOR, "north"), "north") == "member-removed"
    assert scene.refusal(suspension("dora"), "authority") == "member-removed"
    assert scene.refusal(Reinstate(ident("dora")), "authority") == "member-removed"
    assert scene.refusal(Renew(ident("dora"), certificate("dora", "doctor")), "authority") == "member-removed"


@pytest.mark.parametrize(
    "body", [Remove(ident("nobody")), suspension("nobody"), Reinstate(ident("nobody")), Renew(ident("nobody"), b"x")]
)
def test_whom_nobody_enrolled_cannot_be_removed_suspended_or_renewed(scene: Scene, body: Body) -> None:
    assert scene.refusal(body, "authority") == "member-unknown"


def test_key_of_a_removed_member_is_never_used_again(scene: Scene) -> None:
    scene.do(Remove(ident("dora")), "north")
    keys = member_keys("dora")
    again = replace(
        enrolment("dana", Role.DOCTOR, "north"),
        keys=keys,
        proof=keys.prove(ident("dana"), signing_key("dora")),
        certificate=certificate("dana", "doctor", key="dora"),
    )
    assert scene.refusal(again, "north") == "key-in-use"


def test_suspended_member_signs_nothing_until_reinstated_and_earlier_positions_stay_valid(scene: Scene) -> None:
    before = scene.do(scene.request(delegatee=ident("dora")), "dora").position
    since = scene.do(suspension("dora"), "authority").position
    meanwhile = scene.request(delegatee=ident("dora"))
    assert scene.refusal(meanwhile, "dora") == "signer-suspended"
    assert scene.refusal(suspension("dora"), "authority") == "member-suspended"
    until = scene.do(Reinstate(ident("dora")), "authority").position
    after = scene.do(scene.request(delegatee=ident("dora")), "dora").position
    assert scene.state.member(ident("dora")).suspensions == (Suspension(since, until),)
    assert [scene.state.active_at(ident("dora"), at) for at in (before, since, until, after)] == [
        True, False, True, True,
    ]  # fmt: skip
    assert scene.refusal(Reinstate(ident("dora")), "authority") == "member-not-suspended"


def test_second_suspension_leaves_the_first_on_record(scene: Scene) -> None:
    first = scene.do(suspension("dora"), "authority").position, scene.do(Reinstate(ident("dora")), "authority").position
    second = scene.do(suspension("dora"), "authority").position
    assert scene.state.member(ident("dora")).suspensions == (Suspension(*first), Suspension(second, None))
    assert not scene.state.active_at(ident("dora"), second + 5)


def test_suspended_members_take_part_in_nothing(scene: Scene) -> None:
    for name in ("saul", "proxy 2", "south"):
        scene.do(suspension(name), "authority")
    assert scene.refusal(scene.grant(), "paula") == "member-suspended"
    assert scene.refusal(scene.grant(delegatee=ident("dora")), "paula") == "member-suspended"
    scene.do(suspension("paula"), "authority")
    assert scene.refusal(scene.anchor(), "north") == "member-suspended"
    assert scene.refusal(enrolment("paula", Role.PATIENT, "north"), "north") == "member-suspended"
    assert scene.refusal(enrolment("dana", Role.DOCTOR, "south"), "south") == "signer-suspended"


def test_suspended_member_can_be_removed_and_renewed(scene: Scene) -> None:
    scene.do(suspension("dora"), "authority")
    scene.do(Renew(ident("dora"), certificate("dora", "doctor")), "authority")
    assert scene.state.member(ident("dora")).suspended
    scene.do(Remove(ident("dora")), "north")
    assert scene.refusal(scene.request(delegatee=ident("dora")), "dora") == "signer-removed"


@pytest.mark.parametrize("signer", ["north", "dora", "paula", "proxy 1"])
def test_only_the_authority_suspends_reinstates_and_renews(scene: Scene, signer: str) -> None:
    bodies: list[Body] = [suspension("petra"), Reinstate(ident("petra")), Renew(ident("petra"), b"x")]
    for body in bodies:
        assert scene.refusal(body, signer) == "not-authority"


def test_nobody_is_active_before_enrolment(scene: Scene) -> None:
    north = scene.state.member(ident("north"))
    assert north is not None
    assert not scene.state.active_at(ident("north"), north.enrolled_at)
    assert scene.state.active_at(ident("north"), north.enrolled_at + 1)
    assert not scene.state.active_at(ident("nobody"), 5)
    assert scene.state.active_at(AUTHORITY, 0)


@given(st.lists(st.sampled_from(["suspend", "reinstate", "remove", "sign", "other"]), max_size=12))
@settings(max_examples=60, deadline=None)
def test_signature_is_admitted_exactly_where_the_record_says_that_it_counts(steps: list[str]) -> None:
    """Whatever the authority does in which order; and what was admitted stays valid whatever comes later."""
    scene = enrolled()
    dora = ident("dora")
    admitted, refused = [], []
    for step in steps:
        if step == "sign":
            body, here = scene.request(delegatee=dora), scene.state.position + 1
            try:
                scene.state.check(scene.sign(body, "dora"), time=scene.now)
            except Refused:
                refused.append(here)
                scene.do(scene.request(), "saul")  # so that the position is taken, and dora's standing settled
            else:
                admitted.append(scene.do(body, "dora").position)
        else:
            bodies = {"suspend": suspension("dora"), "reinstate": Reinstate(dora), "remove": Remove(dora)}
            with contextlib.suppress(Refused):
                scene.state.check(scene.sign(bodies.get(step, suspension("petra")), "authority"), time=scene.now)
                scene.do(bodies.get(step, suspension("petra")), "authority")
    assert all(scene.state.active_at(dora, position) for position in admitted)
    assert not any(scene.state.active_at(dora, position) for position in refused)


# Certificates


@pytest.mark.parametrize(
    "wrong",
    [
        b"no certificate",
        certificate("dana", "doctor", by=signing_key("impostor")),
        certificate("dina", "doctor", key="dana"),
        certificate("dana", "hospital"),
        certificate("dana", "doctor", key="dora"),
        certificate("dana", "doctor", now=START - 30 * DAY, days=29),
        certificate("dana", "doctor", now=START + DAY),
    ],
    ids=["garbage", "issuer", "member", "role", "key", "ended", "not yet"],
)
def test_certificate_must_be_the_authoritys_for_this_member_role_key_and_time(scene: Scene, wrong: bytes) -> None:
    dana = enrolment("dana", Role.DOCTOR, "north")
    assert scene.refusal(replace(dana, certificate=wrong), "north") == "certificate-refused"
    scene.do(dana, "north")
    assert scene.refusal(Renew(ident("dana"), wrong), "authority") == "certificate-refused"


def test_signatures_count_up_to_the_end_of_the_certificate(scene: Scene) -> None:
    issued = certificate("dana", "doctor", days=10)
    scene.do(replace(enrolment("dana", Role.DOCTOR, "north"), certificate=issued), "north")
    dana = scene.state.member(ident("dana"))
    assert dana.not_after == START + 10 * DAY
    scene.now = dana.not_after
    early = scene.do(scene.request(delegatee=ident("dana")), "dana").position
    scene.now += 1
    assert scene.refusal(scene.request(delegatee=ident("dana")), "dana") == "certificate-expired"
    assert scene.state.active_at(ident("dana"), early)


def test_renewed_certificate_lets_the_same_keys_sign_again(scene: Scene) -> None:
    issued = certificate("dana", "doctor", days=10)
    scene.do(replace(enrolment("dana", Role.DOCTOR, "north"), certificate=issued), "north")
    before = scene.state.member(ident("dana"))
    scene.now += 11 * DAY
    renewed = certificate("dana", "doctor", now=scene.now, days=20)
    scene.do(Renew(ident("dana"), renewed), "authority")
    assert scene.state.member(ident("dana")) == replace(before, certificate=renewed, not_after=scene.now + 20 * DAY)
    scene.do(scene.request(delegatee=ident("dana")), "dana")


def test_further_hospital_leaves_the_certificate_on_record(scene: Scene) -> None:
    before = scene.state.member(ident("paula"))
    longer = certificate("paula", "patient", days=5000)
    scene.do(replace(enrolment("paula", Role.PATIENT, "south"), certificate=longer), "south")
    after = scene.state.member(ident("paula"))
    assert (after.certificate, after.not_after) == (before.certificate, before.not_after)
