from dataclasses import replace

from ledger.bodies import MemberKeys, Remove, Role
from ledger.registry import Body
from tests.ledger.scene import AUTHORITY, Scene, enrolment, ident, member_keys, signing_key


def test_enrolled_members_are_known(scene: Scene) -> None:
    paula = scene.state.member(ident("paula"))
    assert paula is not None
    assert (paula.role, paula.hospitals, paula.keys) == (Role.PATIENT, (ident("north"),), member_keys("paula"))
    assert len(scene.state.members()) == 9
    assert scene.state.member(ident("nobody")) is None
    assert scene.state.member(AUTHORITY) is None


def test_only_the_authority_enrols_and_removes(scene: Scene) -> None:
    for body in (enrolment("dana", Role.DOCTOR, "north"), Remove(ident("dora"))):
        assert scene.refusal(body, "north") == "not-authority"


def test_enrolment_is_refused(scene: Scene) -> None:
    dana = enrolment("dana", Role.DOCTOR, "north")
    stolen = replace(dana.keys, hpke=b"\x01" * 32)
    dora_keys, dora_key = member_keys("dora"), signing_key("dora")
    table: list[tuple[Body, str]] = [
        (enrolment("dana", Role.DOCTOR, "nowhere"), "member-unknown"),
        (enrolment("dana", Role.DOCTOR, "dora"), "wrong-role"),
        (enrolment("dora", Role.DOCTOR, "south"), "member-exists"),
        (enrolment("north", Role.HOSPITAL), "member-exists"),
        (enrolment("paula", Role.DOCTOR, "south"), "member-exists"),
        (enrolment("dora", Role.PATIENT, "south"), "member-exists"),
        (enrolment("paula", Role.PATIENT, "north"), "member-exists"),
        (enrolment("authority", Role.PROXY), "member-exists"),
        (replace(dana, keys=stolen), "key-proof-invalid"),
        (replace(dana, member=ident("dina")), "key-proof-invalid"),
        (replace(dana, proof=bytes(64)), "key-proof-invalid"),
        (replace(dana, proof=b"short"), "key-proof-invalid"),
        (replace(dana, keys=dora_keys, proof=dora_keys.prove(ident("dana"), dora_key)), "key-in-use"),
    ]
    for body, code in table:
        assert scene.refusal(body, "authority") == code


def test_patient_gains_a_hospital_under_the_same_keys_only(scene: Scene) -> None:
    again = enrolment("paula", Role.PATIENT, "south")
    other: MemberKeys = replace(again.keys, hpke=b"\x01" * 32)
    changed = replace(again, keys=other, proof=other.prove(ident("paula"), signing_key("paula")))
    assert scene.refusal(changed, "authority") == "member-keys-differ"
    scene.do(again, "authority")
    paula = scene.state.member(ident("paula"))
    assert paula is not None
    assert paula.hospitals == (ident("north"), ident("south"))


def test_removed_member_signs_nothing_more_and_earlier_positions_stay_valid(scene: Scene) -> None:
    signed_at = scene.do(scene.request(delegatee=ident("dora")), "dora").position
    removed_at = scene.remove("dora").position
    assert scene.refusal(scene.request(delegatee=ident("dora")), "dora") == "signer-removed"
    assert scene.state.active_at(ident("dora"), signed_at)
    assert not scene.state.active_at(ident("dora"), removed_at)
    assert scene.refusal(Remove(ident("dora")), "authority") == "member-removed"
    assert scene.refusal(enrolment("dora", Role.DOCTOR, "north"), "authority") == "member-removed"
    assert scene.refusal(Remove(ident("nobody")), "authority") == "member-unknown"


def test_key_of_a_removed_member_is_never_used_again(scene: Scene) -> None:
    scene.remove("dora")
    keys = member_keys("dora")
    again = replace(
        enrolment("dana", Role.DOCTOR, "north"), keys=keys, proof=keys.prove(ident("dana"), signing_key("dora"))
    )
    assert scene.refusal(again, "authority") == "key-in-use"


def test_nobody_is_active_before_enrolment(scene: Scene) -> None:
    north = scene.state.member(ident("north"))
    assert north is not None
    assert not scene.state.active_at(ident("north"), north.enrolled_at)
    assert scene.state.active_at(ident("north"), north.enrolled_at + 1)
    assert not scene.state.active_at(ident("nobody"), 5)
    assert scene.state.active_at(AUTHORITY, 0)


def test_removed_hospital_takes_no_members(scene: Scene) -> None:
    scene.remove("north")
    assert scene.refusal(enrolment("dana", Role.DOCTOR, "north"), "authority") == "member-removed"
