"""Enrolment: keys made by their owner, the authority's certificate, a ledger entry, a patient's first card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clinic.clock import Clock, year_of
from clinic.errors import NotPermitted
from clinic.keystore import MemberSecrets
from clinic.own_scopes import master_of
from clinic.site import Site
from ledger.bodies import OF_A_HOSPITAL, Enrol, MemberKeys, PublishKeyCard, Role
from ledger.genesis import EPOCH_BLOCKS, Founder, Genesis
from scheme import certificates, keycard
from scheme.keys import VerifyingKey

CERTIFICATE_DAYS = 730


def new_genesis(
    authority: MemberSecrets, clock: Clock, founders: Sequence[Founder], epoch_blocks: int = EPOCH_BLOCKS
) -> Genesis:
    """The start of a ledger whose members ``authority`` certifies and whose first delegates are ``founders``."""
    return Genesis.create(
        authority=authority.member_id,
        verifying=bytes(authority.signing.verifying_key),
        created=clock(),
        founders=founders,
        epoch_blocks=epoch_blocks,
    )


@dataclass(frozen=True)
class Application:
    """What somebody who is to be enrolled hands in: id, role and public keys, with the proof (64 bytes) of having them.

    ``member_id`` is chosen at random by whoever made the keys.
    """

    member_id: str
    role: Role
    keys: MemberKeys
    proof: bytes

    @property
    def proven(self) -> bool:
        """Whether whoever holds the verifying key made the proof over these keys."""
        return self.keys.proven(self.member_id, self.proof)


def application_of(secrets: MemberSecrets) -> Application:
    """The application of a member with keys that it made itself."""
    keys = MemberKeys(
        verifying=bytes(secrets.signing.verifying_key),
        hpke=bytes(secrets.hpke.public_key),
        receiving=bytes(secrets.receiving.public_key),
        wrapping=bytes(secrets.wrapping.public_key) if secrets.wrapping else None,
    )
    return Application(secrets.member_id, Role(secrets.role), keys, keys.prove(secrets.member_id, secrets.signing))


def admit(
    site: Site, authority: MemberSecrets, application: Application, hospital: MemberSecrets | None = None
) -> None:
    """Enrol whoever applied; adds ``hospital`` to a patient who is enrolled already.

    The authority certifies; ``hospital`` registers its doctors and patients, the authority all others. Raises
    ``NotPermitted`` and the ledger's refusals.
    """
    member_id, role = application.member_id, application.role
    if hospital is None and role in OF_A_HOSPITAL:
        raise NotPermitted(f"a {role} is registered by a hospital; name it")
    known = site.state().member(member_id)
    certificate = (
        certificate_for(authority, member_id, role, application.keys, now=site.clock())
        if known is None
        else known.certificate
    )
    hospital_id = None if hospital is None else hospital.member_id
    signer = hospital if hospital is not None and role in OF_A_HOSPITAL else authority
    site.submit(Enrol(member_id, role, hospital_id, certificate, application.keys, application.proof), signer)


def enrol_with_keys(
    site: Site, authority: MemberSecrets, secrets: MemberSecrets, hospital: MemberSecrets | None = None
) -> None:
    """Enrol a member with keys that it made itself; a new patient also publishes her first key card.

    Raises as ``admit``.
    """
    admit(site, authority, application_of(secrets), hospital)
    if secrets.role == Role.PATIENT and site.state().key_card(secrets.member_id) is None:
        publish_first_card(site, secrets)


def certificate_for(
    authority: MemberSecrets,
    member_id: str,
    role: Role,
    keys: MemberKeys,
    *,
    now: int,
    days: int = CERTIFICATE_DAYS,
) -> bytes:
    """A certificate (DER) by the authority, from ``now`` (unix seconds) on for ``days``."""
    return certificates.issue(
        authority.signing,
        authority.member_id,
        member_id=member_id,
        role=role.value,
        key=VerifyingKey(keys.verifying),
        now=now,
        days=days,
    )


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
