"""Rules of Enrol and Remove."""

from dataclasses import replace

from ledger.bodies import Enrol, Remove, Role
from ledger.records import Member
from ledger.refusals import (
    KeyInUse,
    KeyProofInvalid,
    MemberExists,
    MemberKeysDiffer,
    MemberRemoved,
    MemberUnknown,
    NotAuthority,
    WrongRole,
)
from ledger.rules.rule import Change, Place, rule_for
from ledger.tables import Tables


def active_member(tables: Tables, member: str, what: str) -> Member:
    """The record of an active member; ``what`` names its place. Raises ``MemberUnknown``, ``MemberRemoved``."""
    record = tables.members.get(member)
    if record is None:
        raise MemberUnknown(f"the {what} is not enrolled; enrol it first")
    if not record.active:
        raise MemberRemoved(f"the {what} was removed from the ledger by the authority")
    return record


def active_in_role(tables: Tables, member: str, role: Role) -> Member:
    """As ``active_member``, and enrolled as ``role``. Raises ``WrongRole`` also."""
    record = active_member(tables, member, role)
    if record.role is not role:
        raise WrongRole(f"the member named as {role} is enrolled as {record.role}")
    return record


@rule_for(Enrol)
def enrol(tables: Tables, body: Enrol, place: Place) -> Change:
    """By the authority; a patient enrolled already gains a hospital."""
    _by_authority(tables, place)
    if body.hospital is not None:
        active_in_role(tables, body.hospital, Role.HOSPITAL)
    if not body.keys.proven(body.member, body.proof):
        raise KeyProofInvalid("the new member's own key did not sign its keys; make the proof again with that key")
    known = tables.members.get(body.member)
    key = body.keys.verifying.hex()
    if known is None:
        if body.member == tables.genesis.authority:
            raise MemberExists("the authority stands in the genesis and is not enrolled")
        if key in tables.verifying_keys or body.keys.verifying == tables.genesis.verifying:
            raise KeyInUse("the verifying key belongs to another member; generate a fresh one")
        record = Member(
            member=body.member,
            role=body.role,
            hospitals=() if body.hospital is None else (body.hospital,),
            certificate=body.certificate,
            keys=body.keys,
            enrolled_at=place.position,
            removed_at=None,
        )
    else:
        record = _further_hospital(known, body)

    def change() -> None:
        tables.members[body.member] = record
        tables.verifying_keys[key] = body.member
        if body.role is Role.PATIENT:
            tables.positions_of.setdefault(body.member, []).append(place.position)

    return change


@rule_for(Remove)
def remove(tables: Tables, body: Remove, place: Place) -> Change:
    """By the authority; final, the id and its key are never used again."""
    _by_authority(tables, place)
    record = active_member(tables, body.member, "member")

    def change() -> None:
        tables.members[body.member] = replace(record, removed_at=place.position)
        if record.role is Role.PATIENT:
            tables.positions_of[body.member].append(place.position)

    return change


def _by_authority(tables: Tables, place: Place) -> None:
    if place.signer != tables.genesis.authority:
        raise NotAuthority("only the authority enrols and removes members")


def _further_hospital(known: Member, body: Enrol) -> Member:
    if not known.active:
        raise MemberRemoved("the member was removed by the authority; enrol a new member id with new keys")
    if known.role is not Role.PATIENT or body.role is not Role.PATIENT or body.hospital is None:
        raise MemberExists("the member is enrolled already; only a patient is enrolled with several hospitals")
    if body.hospital in known.hospitals:
        raise MemberExists("the patient is enrolled with this hospital already")
    if known.keys != body.keys:
        raise MemberKeysDiffer("the patient is enrolled under other keys; use those")
    return replace(known, hospitals=(*known.hospitals, body.hospital), certificate=body.certificate)
