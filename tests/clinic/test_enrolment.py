"""Who registers whom, and that the authority certifies keys which it never has."""

import secrets
from dataclasses import replace

import pytest

from clinic.certified import certificate_of
from clinic.enrolment import enrol_with_keys
from clinic.errors import NameUnknown, NotPermitted
from clinic.home import Home
from clinic.keystore import MemberSecrets
from clinic.requests import new_id
from ledger.bodies import Enrol, PublishIssuerKey, Role
from ledger.refusals import CertificateRefused, NotAuthority
from matching.epoch import EpochKeys, IssuerPublicKey
from matching.issuer import IssuerKey
from matching.oprf import OprfPublicKey
from scheme import certificates
from scheme.certificates import CertificateInvalid
from scheme.keys import SigningKey
from tests.clinic.scene import HILLCREST, OTHER, PASSWORD, RIVERSIDE, Scene


def signers(scene: Scene) -> dict[str, str]:
    """Member to who signed its enrolment."""
    return {
        entry.transaction.body.member: entry.transaction.signer
        for entry in scene.site.engine.entries()
        if isinstance(entry.transaction.body, Enrol)
    }


def test_hospitals_register_their_doctors_and_patients_and_the_authority_all_others(scene: Scene) -> None:
    signed = signers(scene)
    for member in scene.site.state().members():
        by = scene.authority.member_id if member.role in {Role.HOSPITAL, Role.PROXY} else member.hospitals[0]
        assert signed[member.member] == by


def test_every_member_is_certified_by_the_authority_over_its_own_key(scene: Scene) -> None:
    authority = scene.site.engine.genesis.verifying
    for member in scene.site.state().members():
        found = certificate_of(member, authority)
        assert (found.member_id, found.role) == (member.member, member.role)
        assert bytes(found.verifying_key) == member.keys.verifying
        assert found.not_after == member.not_after == scene.clock() + 730 * 86_400


@pytest.mark.parametrize("role", ["doctor", "patient"])
def test_doctor_or_patient_without_a_hospital_is_not_registered(scene: Scene, role: str) -> None:
    with pytest.raises(NotPermitted, match="by a hospital"):
        enrol_with_keys(scene.site, scene.authority, MemberSecrets.generate(new_id(), role))


def test_home_without_the_hospitals_keys_registers_nobody_for_it(scene: Scene) -> None:
    (scene.home.folder / "services" / f"{scene.hillcrest.member_id}.json").unlink()
    before = scene.site.engine.view().position
    with pytest.raises(NotPermitted, match="no keys of that hospital"):
        scene.home.enrol(scene.site, scene.authority, Role.DOCTOR, "Dr. New", hospital=HILLCREST, password=PASSWORD)
    assert scene.site.engine.view().position == before
    assert "Dr. New" not in {person.name for person in scene.home.directory.people()}


def test_patient_of_a_second_hospital_keeps_keys_certificate_and_card(scene: Scene) -> None:
    before = scene.site.state().member(scene.other.member_id)
    assert before is not None
    scene.home.enrol(scene.site, scene.authority, Role.PATIENT, OTHER, hospital=HILLCREST, password=PASSWORD)
    hospitals = (scene.riverside.member_id, scene.hillcrest.member_id)
    assert scene.site.state().member(scene.other.member_id) == replace(before, hospitals=hospitals)
    card = scene.site.state().key_card(scene.other.member_id)
    assert card is not None
    assert card.version == 1


def test_authority_of_another_ledger_certifies_nobody_here(scene: Scene) -> None:
    impostor = MemberSecrets.generate(scene.authority.member_id, "authority")
    newcomer = MemberSecrets.generate(new_id(), "doctor")
    with pytest.raises(CertificateRefused):
        enrol_with_keys(scene.site, impostor, newcomer, scene.riverside)


def test_hospital_registers_no_proxy(scene: Scene) -> None:
    newcomer = MemberSecrets.generate(new_id(), "proxy")
    with pytest.raises(NotAuthority):
        enrol_with_keys(scene.site, scene.riverside, newcomer)


@pytest.mark.parametrize("wrong", ["issuer", "member", "role", "key", "end"])
def test_look_up_does_not_trust_a_ledger_view_with_a_wrong_certificate(scene: Scene, wrong: str) -> None:
    member = scene.site.state().member(scene.author.member_id)
    assert member is not None
    certificate = certificates.issue(
        SigningKey.generate() if wrong == "issuer" else scene.authority.signing,
        scene.authority.member_id,
        member_id=new_id() if wrong == "member" else member.member,
        role="hospital" if wrong == "role" else member.role.value,
        key=scene.second.signing.verifying_key if wrong == "key" else scene.author.signing.verifying_key,
        now=scene.clock(),
        days=729 if wrong == "end" else 730,
    )
    with pytest.raises(CertificateInvalid):
        certificate_of(replace(member, certificate=certificate), scene.site.engine.genesis.verifying)


def test_names_of_hospitals_stay_out_of_certificates(scene: Scene) -> None:
    for member in scene.site.state().members():
        assert RIVERSIDE.encode() not in member.certificate
        assert HILLCREST.encode() not in member.certificate


def test_tag_issuers_are_services_whose_published_keys_make_an_epoch(scene: Scene) -> None:
    home, site = scene.home, scene.site
    for name, hospital in (("issuer north", RIVERSIDE), ("issuer south", HILLCREST)):
        home.enrol(site, scene.authority, Role.ISSUER, name, hospital=hospital, password="")
        with pytest.raises(NameUnknown):
            home.unlock(name, PASSWORD)
    issuers = Home(home.folder).issuers()
    assert {home.directory.name_of(member) for member in issuers} == {"issuer north", "issuer south"}
    for member_id, issuer in issuers.items():
        record = site.state().member(member_id)
        assert record is not None
        assert (record.role, signers(scene)[member_id]) == (Role.ISSUER, scene.authority.member_id)
        (operator,) = record.hospitals
        key = IssuerKey(secrets.token_bytes(32), issuer=member_id, operator=operator, epoch=7)
        site.submit(PublishIssuerKey(7, operator, bytes(key.public.key)), issuer)
    keys = EpochKeys(
        *(IssuerPublicKey(r.issuer, r.operator, r.epoch, OprfPublicKey(r.key)) for r in site.state().issuer_keys(7))
    )
    assert {key.issuer for key in keys} == set(issuers)
    assert {key.operator for key in keys} == {scene.riverside.member_id, scene.hillcrest.member_id}
