"""Joining: a code, once, for keys that their owner proves to have; admitted by the authority's key and no other way."""

import secrets
from dataclasses import replace
from pathlib import Path

import pytest

from clinic.enrolment import admit, application_of
from clinic.keystore import MemberSecrets
from ledger.bodies import Role
from network import wire
from network.admission import Admission, application_to_json
from network.invitation import code_to_text
from tests.clinic.scene import AUTHOR, RIVERSIDE, Template
from tests.network.server.serving import Served, problem, serving


def newcomer(role: str = "doctor") -> MemberSecrets:
    return MemberSecrets.generate(secrets.token_hex(16), role)


def invited(served: Served, role: Role = Role.DOCTOR, name: str = "Dr. Newcomer") -> bytes:
    hospital = served.riverside.member_id if role in {Role.DOCTOR, Role.PATIENT} else None
    return served.services.admission.invitations.create(role, name, hospital)[0]


def joining(code: bytes, member: MemberSecrets) -> dict[str, object]:
    return {"code": code_to_text(code), **application_to_json(application_of(member))}


def test_an_application_waits_for_the_authority(served: Served) -> None:
    member, code = newcomer(), invited(served)
    asked = joining(code, member)
    for _ in range(2):  # who hears no answer asks again
        answer = served.public("POST", wire.JOIN, asked)
        assert answer.json() == {"status": "waiting", "hospital": served.riverside.member_id}
    assert problem(served.call("GET", wire.ENDPOINTS, by=member)) == (401, "signer-unknown")
    site = served.services.site
    admission = Admission(served.home)  # another process, with the authority's password
    (waiting,) = admission.waiting()
    person = admission.admit(site, served.members["authority"], waiting)
    assert (person.member_id, person.name, person.role) == (member.member_id, "Dr. Newcomer", "doctor")
    assert served.home.directory.find("Dr. Newcomer") == person
    assert admission.waiting() == []
    assert served.public("POST", wire.JOIN, asked).json()["status"] == "admitted"
    assert served.call("GET", wire.ENDPOINTS, by=member).status_code == 200
    enrolled = site.state().member(member.member_id)
    assert enrolled is not None
    assert enrolled.hospitals == (served.riverside.member_id,)


@pytest.mark.parametrize("role", [Role.PATIENT, Role.PROXY, Role.DOCTOR, Role.NOTARY, Role.ISSUER, Role.HOSPITAL])
def test_with_the_authoritys_key_at_hand_whoever_applies_is_admitted(
    template: Template, tmp_path: Path, role: Role
) -> None:
    with serving(template, tmp_path, authority=template.members["authority"]) as served:
        member = newcomer(role.value)
        answer = served.public("POST", wire.JOIN, joining(invited(served, role), member))
        assert answer.json()["status"] == "admitted"
        enrolled = served.services.site.state().member(member.member_id)
        assert enrolled is not None
        assert (enrolled.role, enrolled.keys) == (role, application_of(member).keys)


def test_an_interrupted_admission_is_finished_by_whoever_asks_again(template: Template, tmp_path: Path) -> None:
    authority = template.members["authority"]
    with serving(template, tmp_path, authority=authority) as served:
        member = newcomer()
        application = application_of(member)
        code, site = invited(served), served.services.site
        asked = joining(code, member)
        Admission(served.home).join(site, code, application)
        admit(site, authority, application, served.riverside)  # and the server was killed here, before the name is kept
        assert served.public("POST", wire.JOIN, asked).json()["status"] == "admitted"
        assert served.home.directory.find("Dr. Newcomer").member_id == member.member_id
        before = served.home.directory.people()
        assert served.public("POST", wire.JOIN, asked).json()["status"] == "admitted"
        assert served.home.directory.people() == before


def test_who_is_enrolled_in_another_role_is_not_admitted(template: Template, tmp_path: Path) -> None:
    """A doctor's keys have the form of a proxy's."""
    with serving(template, tmp_path, authority=template.members["authority"]) as served:
        as_proxy = replace(served.author, role="proxy")
        answer = served.public("POST", wire.JOIN, joining(invited(served, Role.PROXY, "proxy"), as_proxy))
        assert answer.status_code == 409
        assert served.services.admission.waiting() != []


def test_a_code_is_no_good_for_anybody_else(served: Served) -> None:
    code = invited(served)
    served.public("POST", wire.JOIN, joining(code, newcomer())).raise_for_status()
    sentences = set()
    for guess in (code, secrets.token_bytes(16)):
        answer = served.public("POST", wire.JOIN, joining(guess, newcomer()))
        assert problem(answer) == (403, "invitation-invalid")
        sentences.add(answer.json()["message"])
    assert len(sentences) == 1


def test_keys_that_are_not_the_applicants_are_refused(served: Served) -> None:
    code, member, other = invited(served), newcomer(), newcomer()
    sound = joining(code, member)
    keys = dict(sound["keys"])  # type: ignore[call-overload]
    wrong = [
        sound | {"proof": joining(code, other)["proof"]},
        sound | {"member": other.member_id},
        sound | {"keys": keys | {"hpke": application_of(other).keys.hpke.hex()}},
        sound | {"keys": keys | {"receiving": "02" + "ff" * 32}},
        sound | {"keys": keys | {"verifying": "00"}},
        sound | {"role": "patient"},
        sound | {"role": "authority"},
        sound | {"proof": "AAAA"},
    ]
    for body in wrong:
        assert problem(served.public("POST", wire.JOIN, body)) == (422, "application-invalid"), body
    served.public("POST", wire.JOIN, sound).raise_for_status()  # and none of them used up the code


@pytest.mark.parametrize("change", [{"more": 1}, {"code": 5}, {"code": "x" * 65}, {"keys": []}, {"member": "AB" * 16}])
def test_what_is_no_application_is_refused_without_repeating_it(served: Served, change: dict[str, object]) -> None:
    answer = served.public("POST", wire.JOIN, joining(invited(served), newcomer()) | change)
    assert problem(answer) == (422, "message-invalid")
    assert not any(str(value) in answer.text for value in change.values() if len(str(value)) > 3)


def test_a_code_of_the_wrong_form_is_a_wrong_code(served: Served) -> None:
    asked = joining(invited(served), newcomer()) | {"code": "!!"}
    assert problem(served.public("POST", wire.JOIN, asked)) == (403, "invitation-invalid")


def test_a_patient_at_one_hospital_joins_another(template: Template, tmp_path: Path) -> None:
    with serving(template, tmp_path, authority=template.members["authority"]) as served:
        hillcrest = served.members["Hillcrest Sanatorium"].member_id
        code, _ = served.services.admission.invitations.create(Role.PATIENT, "Wilhelmina", hillcrest)
        answer = served.public("POST", wire.JOIN, joining(code, served.patient))
        assert answer.json() == {"status": "admitted", "hospital": hillcrest}
        enrolled = served.services.site.state().member(served.patient.member_id)
        assert enrolled is not None
        assert set(enrolled.hospitals) == {served.riverside.member_id, hillcrest}


def test_the_hospital_may_turn_somebody_away(served: Served) -> None:
    served.public("POST", wire.JOIN, joining(invited(served), newcomer())).raise_for_status()
    admission = served.services.admission
    admission.turn_away(admission.waiting()[0])
    assert admission.waiting() == []


def test_names_of_the_invited_are_never_told(served: Served) -> None:
    answer = served.public("POST", wire.JOIN, joining(invited(served, name="Dr. Unmistakable"), newcomer()))
    assert "Unmistakable" not in answer.text
    for name in (AUTHOR, RIVERSIDE):
        assert name not in served.public("GET", wire.TRUST).text
