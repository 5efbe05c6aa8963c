"""Suspended, removed, renewed: what a member can still do, and what others still do for it."""

import re
from dataclasses import replace

import pytest

from clinic import membership
from clinic.errors import InputInvalid, NotPermitted, ProxiesInsufficient, ProxyRefused
from clinic.grants import Decision, grant
from clinic.guardians import RecoveryFolder, split
from clinic.history import plan
from clinic.proxy_answer import Ask
from clinic.requests import new_id
from ledger.bodies import Release, Role
from ledger.refusals import (
    CertificateExpired,
    MemberNotSuspended,
    MemberSuspended,
    NotAuthority,
    SignerRemoved,
    SignerSuspended,
    WrongSigner,
)
from scheme.certificates import CertificateInvalid
from tests.clinic.scene import EVERYTHING, HILLCREST, OTHER, PASSWORD, Scene, draft

DAY = 86_400


def suspend(scene: Scene, member_id: str, reason: str = "") -> None:
    membership.suspend(scene.site, scene.authority, member_id, reason=reason)


def reinstate(scene: Scene, member_id: str) -> None:
    membership.reinstate(scene.site, scene.authority, member_id)


def renewed(scene: Scene, member_id: str, days: int) -> None:
    membership.renew(scene.site, scene.authority, member_id, days=days)


def status(scene: Scene, member_id: str) -> str:
    return membership.look_up(scene.site, member_id).status


def ask_for(scene: Scene, locator: str) -> Ask:
    header = scene.fetched(locator).block.header
    return Ask(header.chapter.context, header.chapter.capsule)


# Looking up


def test_look_up_tells_fingerprints_of_the_keys_that_the_member_has(scene: Scene) -> None:
    patient = scene.patient
    standing = membership.look_up(scene.site, patient.member_id)
    assert standing.fingerprints == {
        "signing": patient.signing.verifying_key.key_id,
        "letters": patient.hpke.public_key.key_id,
        "reading": patient.receiving.public_key.key_id,
        "records": patient.wrapping.public_key.key_id,
    }
    assert (standing.status, standing.member.role) == ("active", Role.PATIENT)


def test_serial_is_the_certificates_and_new_in_a_renewal(scene: Scene) -> None:
    before = membership.look_up(scene.site, scene.author.member_id)
    renewed(scene, scene.author.member_id, 10)
    after = membership.look_up(scene.site, scene.author.member_id)
    assert int(before.serial, 16) != int(after.serial, 16)
    assert after.member.not_after == scene.clock() + 10 * DAY
    assert replace(after.member, certificate=b"", not_after=0) == replace(before.member, certificate=b"", not_after=0)


def test_status_follows_the_member(scene: Scene) -> None:
    member = scene.author.member_id
    seen = [status(scene, member)]
    suspend(scene, member)
    seen.append(status(scene, member))
    reinstate(scene, member)
    scene.clock.advance(730 * DAY)
    seen.append(status(scene, member))
    scene.clock.advance(1)
    seen.append(status(scene, member))
    membership.remove(scene.site, scene.authority, member)
    seen.append(status(scene, member))
    assert seen == ["active", "suspended", "active", "certificate ended", "removed"]


def test_whom_nobody_enrolled_is_not_found(scene: Scene) -> None:
    with pytest.raises(NotPermitted, match="not enrolled"):
        membership.look_up(scene.site, new_id())


# Suspended


def test_suspended_reader_gets_nothing_even_for_a_release_from_before(scene: Scene) -> None:
    (locator,) = scene.seal().blocks
    grant = scene.grant()
    chapter = scene.anchored(locator).chapter
    release = Release(new_id(), grant, scene.patient.member_id, (chapter,))
    scene.site.submit(release, scene.reader)
    ask = ask_for(scene, locator)
    suspend(scene, scene.reader.member_id)
    with pytest.raises(SignerSuspended):
        scene.read()
    for proxy in scene.site.proxies.values():
        with pytest.raises(ProxyRefused, match="suspended"):
            proxy.reencrypt(release.release, [ask])
    reinstate(scene, scene.reader.member_id)
    assert scene.read() == {locator: b"potassium 4.10 mmol/l"}


def test_what_a_suspended_author_wrote_before_stays_good(scene: Scene) -> None:
    (locator,) = scene.seal().blocks
    suspend(scene, scene.author.member_id)
    with pytest.raises(NotPermitted, match="suspended"):
        scene.seal()
    assert scene.own() == {locator: b"potassium 4.10 mmol/l"}
    scene.grant()
    assert set(scene.read()) == {locator}


def test_nobody_grants_to_asks_or_shares_with_a_suspended_member(scene: Scene) -> None:
    scene.seal()
    asked = scene.ask()
    suspend(scene, scene.reader.member_id)
    with pytest.raises(NotPermitted, match="suspended"):
        scene.approve(asked)
    with pytest.raises(NotPermitted, match="suspended"):
        split(scene.site, RecoveryFolder(scene.home.folder / "r"), scene.patient, [scene.reader.member_id], 1)
    suspend(scene, scene.patient.member_id)
    with pytest.raises(NotPermitted, match="suspended"):
        scene.ask(by=scene.second)


def out_of_office(scene: Scene, member_id: str, how: str) -> None:
    """The member is suspended, removed, or its certificate has ended."""
    if how == "suspended":
        suspend(scene, member_id)
    elif how == "removed":
        membership.remove(scene.site, scene.authority, member_id)
    else:
        renewed(scene, member_id, 1)
        scene.clock.advance(DAY + 1)


OUT_OF_OFFICE = ("suspended", "removed", "has ended")


@pytest.mark.parametrize("how", OUT_OF_OFFICE)
def test_grant_goes_without_a_proxy_that_is_not_in_office(scene: Scene, how: str) -> None:
    scene.seal()
    first, out, third = (keys.member_id for keys in scene.proxies)
    out_of_office(scene, out, how)
    record = scene.site.state().grant(scene.grant())
    assert record is not None
    assert record.proxies == (first, third)
    assert not (scene.home.folder / "proxies" / out / record.grant).exists()
    assert scene.read()


@pytest.mark.parametrize("how", OUT_OF_OFFICE)
def test_grant_needs_a_threshold_of_proxies_in_office_and_says_which_are_not(scene: Scene, how: str) -> None:
    scene.seal()
    for keys in scene.proxies[:2]:
        out_of_office(scene, keys.member_id, how)
    with pytest.raises(ProxiesInsufficient, match="0 of the 2 proxies needed took") as told:
        scene.grant()
    for keys in scene.proxies[:2]:
        assert re.search(rf"proxy {keys.member_id[:8]}: [^;]*{how}", str(told.value))
    assert not (scene.home.folder / "proxies" / scene.proxies[2].member_id).exists()


def test_without_any_proxy_the_refusal_says_so(scene: Scene) -> None:
    scene.seal()
    site = replace(scene.site, proxies={})
    with pytest.raises(ProxiesInsufficient, match=r"0 of the 2 .*: no more than 0 are known here"):
        grant(site, scene.patient, scene.reader.member_id, Decision(EVERYTHING), request_id=None)


def test_reason_is_for_the_suspended_member_alone_and_of_the_last_time(scene: Scene) -> None:
    member = scene.author
    suspend(scene, member.member_id, "stolen laptop")
    assert membership.suspension_reason(scene.site, member) == "stolen laptop"
    reinstate(scene, member.member_id)
    suspend(scene, member.member_id, "stolen again")
    assert membership.suspension_reason(scene.site, member) == "stolen again"
    with pytest.raises(NotPermitted):
        membership.suspension_reason(scene.site, scene.second)
    stored = b"".join(path.read_bytes() for path in scene.home.folder.rglob("*") if path.is_file())
    assert b"stolen laptop" not in stored


def test_suspending_twice_or_reinstating_an_active_member_is_refused(scene: Scene) -> None:
    with pytest.raises(MemberNotSuspended):
        reinstate(scene, scene.author.member_id)
    suspend(scene, scene.author.member_id)
    with pytest.raises(MemberSuspended):
        suspend(scene, scene.author.member_id)


def test_hospital_neither_suspends_nor_renews(scene: Scene) -> None:
    hospital, doctor = scene.riverside, scene.author.member_id
    with pytest.raises(NotAuthority):
        membership.suspend(scene.site, hospital, doctor)
    with pytest.raises(NotAuthority):
        membership.renew(scene.site, hospital, doctor)


# Certificates that end


def test_ended_certificates_are_told_and_renewed(scene: Scene) -> None:
    scene.seal()
    asked = scene.ask()
    renewed(scene, scene.reader.member_id, 1)
    scene.clock.advance(DAY + 1)
    with pytest.raises(CertificateInvalid, match="doctor has ended"):
        scene.approve(asked)
    with pytest.raises(CertificateExpired):
        scene.ask()
    renewed(scene, scene.reader.member_id, 10)
    scene.approve(asked)
    assert scene.read()


def test_proxies_give_nothing_to_a_reader_whose_certificate_ended_meanwhile(scene: Scene) -> None:
    (locator,) = scene.seal().blocks
    grant = scene.grant()
    release = Release(new_id(), grant, scene.patient.member_id, (scene.anchored(locator).chapter,))
    scene.site.submit(release, scene.reader)
    ask = ask_for(scene, locator)
    renewed(scene, scene.reader.member_id, 1)
    scene.clock.advance(DAY + 1)
    scene.seal(draft(text="the view is fresh"))
    for proxy in scene.site.proxies.values():
        with pytest.raises(ProxyRefused, match="has ended"):
            proxy.reencrypt(release.release, [ask])


def test_grants_stay_in_force_after_the_patients_certificate_ended(scene: Scene) -> None:
    """Her signature counted when she gave it; a certificate's end takes nothing back."""
    (locator,) = scene.seal().blocks
    scene.grant()
    renewed(scene, scene.patient.member_id, 1)
    scene.clock.advance(DAY + 1)
    assert set(scene.read()) == {locator}


@pytest.mark.parametrize("days", [0, 3651])
def test_certificates_are_for_a_day_to_ten_years(scene: Scene, days: int) -> None:
    with pytest.raises(InputInvalid):
        membership.renew(scene.site, scene.authority, scene.author.member_id, days=days)


# Removed


def test_hospital_removes_its_own_and_only_those(scene: Scene) -> None:
    with pytest.raises(WrongSigner):
        membership.remove(scene.site, scene.riverside, scene.reader.member_id)
    assert membership.remove(scene.site, scene.hillcrest, scene.reader.member_id)
    with pytest.raises(SignerRemoved):
        scene.ask(by=scene.reader)


def test_hospital_ends_only_its_own_relation_with_a_patient_of_two(scene: Scene) -> None:
    scene.home.enrol(scene.site, scene.authority, Role.PATIENT, OTHER, hospital=HILLCREST, password=PASSWORD)
    assert not membership.remove(scene.site, scene.hillcrest, scene.other.member_id)
    scene.seal(patient=scene.other)
    assert membership.remove(scene.site, scene.riverside, scene.other.member_id)
    with pytest.raises(NotPermitted, match="removed"):
        scene.seal(patient=scene.other)


def test_removed_reader_still_sees_its_plan_and_reads_nothing(scene: Scene) -> None:
    scene.seal()
    scene.grant()
    membership.remove(scene.site, scene.authority, scene.reader.member_id)
    assert plan(scene.site, scene.reader, scene.patient.member_id).readable == 1
    with pytest.raises(SignerRemoved):
        scene.read()
