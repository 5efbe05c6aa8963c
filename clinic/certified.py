"""Public-key look-up: a member's keys are taken from the ledger with the certificate that the authority issued."""

from __future__ import annotations

from functools import lru_cache

from clinic.errors import NotPermitted
from ledger.records import Member
from ledger.state import State
from scheme import certificates
from scheme.certificates import CertificateInvalid, VerifiedCertificate
from scheme.keys import VerifyingKey


def certified_member(state: State, member_id: str) -> Member:
    """A member with keys certified by the authority of the genesis, for checking what it signed, whenever that was.

    Removed and suspended members too, and ended certificates: whether a signature counts follows from its ledger
    position. Raises ``NotPermitted`` when it was never enrolled, ``CertificateInvalid``.
    """
    member = state.member(member_id)
    if member is None:
        raise NotPermitted("that member is not enrolled on this ledger")
    certificate_of(member, state.genesis.verifying)
    return member


def current_member(state: State, member_id: str, *, now: int) -> Member:
    """As ``certified_member``, for giving it something at ``now`` (unix seconds): it is active, its certificate valid.

    Raises ``NotPermitted`` also when it was removed or is suspended, ``CertificateInvalid`` also when that has ended.
    """
    member = certified_member(state, member_id)
    if member.removed_at is not None:
        raise NotPermitted(f"that {member.role} was removed from the ledger")
    if member.suspended:
        raise NotPermitted(f"that {member.role} is suspended by the authority; wait until it is reinstated")
    if now > member.not_after:
        raise CertificateInvalid(f"the certificate of that {member.role} has ended; have the authority renew it")
    return member


def certificate_of(member: Member, authority: bytes) -> VerifiedCertificate:
    """The certificate on record, checked to be by ``authority`` (32 bytes) for this member, role, key and end.

    Raises ``CertificateInvalid``.
    """
    found = _verified(member.certificate, authority, member.not_after)
    named = (found.member_id, found.role, bytes(found.verifying_key), found.not_after)
    if named != (member.member, member.role.value, member.keys.verifying, member.not_after):
        raise CertificateInvalid("the certificate is for another member, role or key than the ledger's")
    return found


@lru_cache(maxsize=4096)
def _verified(certificate: bytes, authority: bytes, moment: int) -> VerifiedCertificate:
    return certificates.verify(certificate, VerifyingKey(authority), now=moment)
