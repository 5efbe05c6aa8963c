"""Enrolment: keys made by their owner, the authority's certificate, a ledger entry, a patient's first card."""

from __future__ import annotations

from dataclasses import dataclass

from clinic.clock import Clock, year_of
from clinic.errors import NotPermitted
from clinic.keystore import MemberSecrets
from clinic.own_scopes import master_of
from clinic.requests import member_of, new_id
from clinic.site import Site
from ledger.bodies import Enrol, MemberKeys, PublishKeyCard, Remove, Role
from ledger.genesis import Genesis
from scheme import certificates, keycard
from scheme.keys import VerifyingKey

CERTIFICATE_DAYS = 730


@dataclass(frozen=True)
class Enrolled:
    """A new member; ``secrets`` are for the member alone."""

    secrets: MemberSecrets
    certificate: bytes


def new_genesis(authority: MemberSecrets, clock: Clock) -> Genesis:
    """The start of a ledger whose members ``authority`` enrols."""
    return Genesis.create(
        authority=authority.member_id, verifying=bytes(authority.signing.verifying_key), created=clock()
    )


def enrol(site: Site, authority: MemberSecrets, role: Role, hospital_id: str | None = None) -> Enrolled:
    """Enrol a new member with fresh keys under a random pseudonym; a patient also publishes her first key card.

    Raises ``NotPermitted`` and the ledger's refusals.
    """
    secrets = MemberSecrets.generate(new_id(), role.value)
    return enrol_with_keys(site, authority, secrets, hospital_id)


def enrol_with_keys(site: Site, authority: MemberSecrets, secrets: MemberSecrets, hospital_id: str | None) -> Enrolled:
    """As ``enrol``, with keys that the member brought; also adds a hospital to a patient who is enrolled already."""
    keys = MemberKeys(
        verifying=bytes(secrets.signing.verifying_key),
        hpke=bytes(secrets.hpke.public_key),
        receiving=bytes(secrets.receiving.public_key),
        wrapping=bytes(secrets.wrapping.public_key) if secrets.wrapping else None,
    )
    certificate = certificates.issue(
        authority.signing,
        authority.member_id,
        member_id=secrets.member_id,
        role=secrets.role,
        key=secrets.signing.verifying_key,
        now=site.clock(),
        days=CERTIFICATE_DAYS,
    )
    proof = keys.prove(secrets.member_id, secrets.signing)
    body = Enrol(secrets.member_id, Role(secrets.role), hospital_id, certificate, keys, proof)
    site.submit(body, authority)
    if secrets.role == Role.PATIENT and site.state().key_card(secrets.member_id) is None:
        publish_first_card(site, secrets)
    return Enrolled(secrets, certificate)


def publish_first_card(site: Site, patient: MemberSecrets) -> None:
    """Version 1 of a patient's key card: to the hospitals first, then its commitment to the ledger."""
    if patient.wrapping is None:
        raise NotPermitted("only a patient has a key card")
    card = keycard.issue(
        master_of(patient),
        patient.signing,
        patient.wrapping.public_key,
        patient_id=patient.member_id,
        version=1,
        year=year_of(site.clock()),
        revisions={},
        previous_digest=None,
    )
    lines = card.own_lines(patient.signing.verifying_key)
    site.cards.publish(patient.member_id, 1, card.commitment, card.data)
    site.submit(
        PublishKeyCard(patient.member_id, 1, card.commitment, tuple(sorted(line.id for line in lines)), ()), patient
    )


def remove(site: Site, authority: MemberSecrets, member_id: str) -> None:
    """Remove a member: its signatures count no more from this ledger position on."""
    member_of(site.state(), member_id)
    site.submit(Remove(member_id), authority)


def check_certificate(site: Site, member_id: str) -> certificates.VerifiedCertificate:
    """The member's certificate, checked against the authority of the genesis and the keys on the ledger.

    Raises ``CertificateInvalid``, ``NotPermitted``.
    """
    member = member_of(site.state(), member_id)
    found = certificates.verify(member.certificate, VerifyingKey(site.engine.genesis.verifying), now=site.clock())
    if (found.member_id, found.role, bytes(found.verifying_key)) != (member_id, member.role, member.keys.verifying):
        raise certificates.CertificateInvalid("the certificate is for another member, role or key than the ledger's")
    return found
