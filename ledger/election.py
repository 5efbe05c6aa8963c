"""Election of delegates: weight from role and reputation, one seat an organisation, founders for what remains.

Counts the standing votes of active hospitals and doctors at the end of an epoch; the order of votes does not matter.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ledger.bodies.membership import Role
from ledger.records import Candidate, Member
from ledger.reputation import FIRST_REPUTATION, FULL_REPUTATION, REPUTATION_FLOOR
from ledger.seats import Seat
from ledger.seed import order_key
from ledger.tables import Tables

HOSPITAL_WEIGHT = 1000
"""Of a hospital's vote at full reputation, and the most that its doctors' votes weigh together."""
DOCTOR_WEIGHT = 100


@dataclass(frozen=True, slots=True)
class Tally:
    """``counted`` is the weight of each voter whose vote counts, ``support`` that of each electable candidate.

    Both add up to the same: no weight is lost and none is made.
    """

    counted: Mapping[str, int]
    support: Mapping[str, int]


def candidates(tables: Tables) -> dict[str, Candidate]:
    """Everybody who ever stood, by delegate id."""
    return {candidate.delegate: candidate for candidate in tables.candidates.scan()}


def organisation_of(member: Member) -> str | None:
    """The hospital itself, a doctor's hospital, and ``None`` for those who neither vote nor stand."""
    if member.role is Role.HOSPITAL:
        return member.member
    return member.hospitals[0] if member.role is Role.DOCTOR else None


def tally(tables: Tables, known: Mapping[str, Candidate], number: int) -> Tally:
    """Count the standing votes for the electable among ``known`` candidates, for the epoch ``number``."""
    electable = {each.delegate for each in known.values() if _electable(tables, each, number)}
    choices: dict[str, str] = {}
    hospitals: list[str] = []
    doctors: defaultdict[str, list[str]] = defaultdict(list)
    for vote in tables.votes.scan():
        voter = _active(tables, vote.voter)
        if voter is None or vote.candidate not in electable:
            continue
        choices[vote.voter] = vote.candidate
        if voter.role is Role.HOSPITAL:
            hospitals.append(vote.voter)
        else:
            doctors[voter.hospitals[0]].append(vote.voter)
    counted = _weights(hospitals, doctors, {each.organisation: each.reputation for each in known.values()})
    support = dict.fromkeys(sorted(electable), 0)
    for voter_id, weight in counted.items():
        support[choices[voter_id]] += weight
    return Tally(counted, support)


def elect(tables: Tables, known: Mapping[str, Candidate], number: int, seed: str) -> tuple[Seat, ...]:
    """The seats of epoch ``number`` in turn order; never empty, at most ``genesis.seats``, one an organisation.

    1. Electable candidates by support, if they have any; equal ones by ``order_key``. 2. For what remains, founders by
    reputation, then in genesis order, also below the floor when nobody else is left.
    """
    support = tally(tables, known, number).support
    supported = [delegate for delegate, weight in support.items() if weight > 0]
    ranking = sorted(supported, key=lambda delegate: (-support[delegate], order_key(seed, delegate)))
    founders = (founder.delegate for founder in tables.genesis.founders)
    ranking += sorted(founders, key=lambda delegate: -known[delegate].reputation)
    elected: dict[str, Candidate] = {}
    for delegate in ranking:
        elected.setdefault(known[delegate].organisation, known[delegate])
        if len(elected) == tables.genesis.seats:
            break
    return in_order(seed, (Seat(each.delegate, each.key, max(1, each.reputation)) for each in elected.values()))


def in_order(seed: str, seats: Iterable[Seat]) -> tuple[Seat, ...]:
    """``seats`` in the order in which they take turns under ``seed``."""
    return tuple(sorted(seats, key=lambda seat: order_key(seed, seat.delegate)))


def _active(tables: Tables, member: str) -> Member | None:
    """The record of an active hospital, or of an active doctor of an active hospital."""
    record = tables.members.get(member)
    if record is None or not record.active:
        return None
    organisation = organisation_of(record)
    if organisation is None:
        return None
    hospital = tables.members.get(organisation)
    return record if hospital is not None and hospital.active else None


def _electable(tables: Tables, candidate: Candidate, number: int) -> bool:
    return (
        candidate.standing
        and candidate.reputation >= REPUTATION_FLOOR
        and candidate.electable_from <= number
        and (candidate.member is None or _active(tables, candidate.member) is not None)
    )


def _weights(
    hospitals: Iterable[str], doctors: Mapping[str, list[str]], reputations: Mapping[str, int]
) -> dict[str, int]:
    def scaled(weight: int, organisation: str) -> int:
        return weight * reputations.get(organisation, FIRST_REPUTATION) // FULL_REPUTATION

    weights = {hospital: scaled(HOSPITAL_WEIGHT, hospital) for hospital in hospitals}
    for hospital, voters in doctors.items():
        together = min(len(voters) * scaled(DOCTOR_WEIGHT, hospital), scaled(HOSPITAL_WEIGHT, hospital))
        share, rest = divmod(together, len(voters))
        # What does not divide goes, one each, to the first in order of id.
        weights |= {voter: share + (place < rest) for place, voter in enumerate(sorted(voters))}
    return weights
