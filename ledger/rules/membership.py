"""Rules of Enrol, Remove, Renew, Suspend and Reinstate.

The authority registers and removes hospitals, proxies, notaries and tag issuers; a hospital its doctors and patients.
As certification centre the authority issues and renews every certificate, and may suspend and remove anybody.
"""

from dataclasses import replace

from ledger.bodies import OF_A_HOSPITAL, Enrol, MemberKeys, Reinstate, Remove, Renew, Role, Suspend
from ledger.records import Member, Suspension
from ledger.refusals import (
    CertificateRefused,
    KeyInUse,
    KeyProofInvalid,
    MemberExists,
    MemberKeysDiffer,
    MemberNotSuspended,
    MemberRemoved,
    MemberSuspended,
    MemberUnknown,
    NotAuthority,
    WrongRole,
    WrongSigner,
)
from ledger.rules.rule import Change, Place, rule_for, signed_by
from ledger.tables import Tables
from scheme import certificates
from scheme.certificates import CertificateInvalid
from scheme.keys import VerifyingKey


def active_member(tables: Tables, member: str, what: str) -> Member:
    """The record of an active member; ``what`` names its place.

    Raises ``MemberUnknown``, ``MemberRemoved``, ``MemberSuspended``.
    """
    record = _enrolled(tables, member, what)
    if record.suspended:
        raise MemberSuspended(f"the {what} is suspended by the authority; wait until it is reinstated")
    return record


def active_in_role(tables: Tables, member: str, role: Role) -> Member:
    """As ``active_member``, and enrolled as ``role``. Raises ``WrongRole`` also."""
    record = active_member(tables, member, role)
    if record.role is not role:
        raise WrongRole(f"the member named as {role} is enrolled as {record.role}")
    return record


@rule_for(Enrol)
def enrol(tables: Tables, body: Enrol, place: Place) -> Change:
    """By the authority or, for its doctors and patients, by the hospital; a patient may gain further hospitals."""
    if body.role not in OF_A_HOSPITAL:
        _by_authority(tables, place, f"enrols a {body.role}")
    elif body.hospital is not None:
        signed_by(place, body.hospital, "the hospital that registers its own doctors and patients")
    if body.hospital is not None:
        active_in_role(tables, body.hospital, Role.HOSPITAL)
    not_after = _certified(tables, body.certificate, body.member, body.role, body.keys, place)
    if not body.keys.proven(body.member, body.proof):
        raise KeyProofInvalid("the new member's own key did not sign its keys; make the proof again with that key")
    known = tables.members.get(body.member)
    if known is not None:
        return _written(tables, _further_hospital(known, body), place)
    _require_unused(tables, body)
    record = Member(
        member=body.member,
        role=body.role,
        hospitals=() if body.hospital is None else (body.hospital,),
        certificate=body.certificate,
        not_after=not_after,
        keys=body.keys,
        enrolled_at=place.position,
        removed_at=None,
    )
    key = body.keys.verifying.hex()
    return [tables.verifying_keys.put(body.member, key), *_written(tables, record, place)]


@rule_for(Remove)
def remove(tables: Tables, body: Remove, place: Place) -> Change:
    """By the authority, or by a hospital of the member; final, unless a patient has other hospitals."""
    record = _enrolled(tables, body.member, "member")
    if place.signer == tables.genesis.authority:
        return _written(tables, replace(record, removed_at=place.position), place)
    if record.role not in OF_A_HOSPITAL:
        raise NotAuthority(f"only the authority removes a {record.role}")
    if place.signer not in record.hospitals:
        raise WrongSigner(f"this transaction must be signed by a hospital of the {record.role}, or the authority")
    remaining = tuple(hospital for hospital in record.hospitals if hospital != place.signer)
    removed_at = None if remaining else place.position
    # A removed member keeps its last hospital: whose it was stays known.
    return _written(tables, replace(record, hospitals=remaining or record.hospitals, removed_at=removed_at), place)


@rule_for(Renew)
def renew(tables: Tables, body: Renew, place: Place) -> Change:
    """By the authority; a suspended member stays suspended."""
    _by_authority(tables, place, "renews certificates")
    record = _enrolled(tables, body.member, "member")
    not_after = _certified(tables, body.certificate, record.member, record.role, record.keys, place)
    return _written(tables, replace(record, certificate=body.certificate, not_after=not_after), place)


@rule_for(Suspend)
def suspend(tables: Tables, body: Suspend, place: Place) -> Change:
    """By the authority: from here on, and not before."""
    _by_authority(tables, place, "suspends members")
    record = _enrolled(tables, body.member, "member")
    if record.suspended:
        raise MemberSuspended("the member is suspended already")
    suspensions = (*record.suspensions, Suspension(place.position, None))
    return _written(tables, replace(record, suspensions=suspensions), place)


@rule_for(Reinstate)
def reinstate(tables: Tables, body: Reinstate, place: Place) -> Change:
    """By the authority; what was signed meanwhile stays refused."""
    _by_authority(tables, place, "reinstates members")
    record = _enrolled(tables, body.member, "member")
    if not record.suspended:
        raise MemberNotSuspended("the member is not suspended")
    ended = replace(record.suspensions[-1], until=place.position)
    return _written(tables, replace(record, suspensions=(*record.suspensions[:-1], ended)), place)


def _by_authority(tables: Tables, place: Place, what: str) -> None:
    if place.signer != tables.genesis.authority:
        raise NotAuthority(f"only the authority {what}")


def _enrolled(tables: Tables, member: str, what: str) -> Member:
    record = tables.members.get(member)
    if record is None:
        raise MemberUnknown(f"the {what} is not enrolled; enrol it first")
    if record.removed_at is not None:
        raise MemberRemoved(f"the {what} was removed from the ledger")
    return record


def _certified(tables: Tables, certificate: bytes, member: str, role: Role, keys: MemberKeys, place: Place) -> int:
    """End of ``certificate`` in unix seconds, once it is the authority's for exactly this member, role and key."""
    try:
        verified = certificates.verify(certificate, VerifyingKey(tables.genesis.verifying), now=place.time)
    except CertificateInvalid as error:
        raise CertificateRefused(str(error)) from None
    if (verified.member_id, verified.role, verified.verifying_key.data) != (member, role, keys.verifying):
        raise CertificateRefused("the certificate is for another member, role or key; have the authority issue one")
    return verified.not_after


def _require_unused(tables: Tables, body: Enrol) -> None:
    if body.member == tables.genesis.authority:
        raise MemberExists("the authority stands in the genesis and is not enrolled")
    if body.member in tables.candidates:
        raise MemberExists("the id belongs to a delegate; choose a fresh one")
    if body.keys.verifying.hex() in tables.verifying_keys or body.keys.verifying == tables.genesis.verifying:
        raise KeyInUse("the verifying key belongs to another member; generate a fresh one")


def _further_hospital(known: Member, body: Enrol) -> Member:
    """The certificate on record stays: only Renew changes it."""
    if known.removed_at is not None:
        raise MemberRemoved("the member was removed from the ledger; enrol a new member id with new keys")
    if known.role is not Role.PATIENT or body.role is not Role.PATIENT or body.hospital is None:
        raise MemberExists("the member is enrolled already; only a patient is enrolled with several hospitals")
    if known.suspended:
        raise MemberSuspended("the patient is suspended by the authority; wait until she is reinstated")
    if body.hospital in known.hospitals:
        raise MemberExists("the patient is enrolled with this hospital already")
    if known.keys != body.keys:
        raise MemberKeysDiffer("the patient is enrolled under other keys; use those")
    return replace(known, hospitals=(*known.hospitals, body.hospital))


def _written(tables: Tables, record: Member, place: Place) -> Change:
    change = [tables.members.put(record, record.member)]
    if record.role is Role.PATIENT:
        change.append(tables.positions_of.put(place.position, record.member, place.position))
    return change
