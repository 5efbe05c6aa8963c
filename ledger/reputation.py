"""Reputation of delegates: 0 to 100, the weight of a seat's vote, and what a fault costs.

It belongs to the organisation (a hospital with its doctors, or a founder), so that nobody gets rid of it by standing
down and up again, under another delegate id or through another doctor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ledger.bodies import EvidenceKind
from ledger.keyvalue import Write
from ledger.records import Candidate, Misconduct
from ledger.tables import Tables

FULL_REPUTATION = 100
FIRST_REPUTATION = 80
"""Of an organisation that stands for the first time."""
REPUTATION_FLOOR = 40
"""Below it a candidate is not elected: the seat is lost from the next epoch on."""
REWARD = 1
"""For an epoch in the seat without a fault."""

MISSED_TURN = "missed-turn"
SEED_WITHHELD = "seed-withheld"
REJECTED_BLOCK = EvidenceKind.REJECTED_BLOCK.value
DOUBLE_SIGN = EvidenceKind.DOUBLE_SIGN.value
COSTS: Mapping[str, int] = {MISSED_TURN: 5, SEED_WITHHELD: 10, REJECTED_BLOCK: 30, DOUBLE_SIGN: 60}
"""What each kind of misconduct takes from the reputation."""


def cost(tables: Tables, fault: Misconduct) -> int:
    """What ``fault`` costs beyond what the same turn has cost already; 0 or less when nothing is left to punish.

    At one height and round only the heaviest fault counts: a turn missed because the block was rejected costs 30 in
    all, not 35.
    """
    known = tables.misconduct.get(fault.accused, fault.height, fault.round)
    return COSTS[fault.kind] - (0 if known is None else COSTS[known.kind])


def punish(tables: Tables, faults: Iterable[Misconduct], epoch: int) -> list[Write]:
    """The writes that enter ``faults``, each of another organisation, and take their cost in epoch ``epoch``."""
    writes: list[Write] = []
    for fault in faults:
        accused = tables.candidates.get(fault.accused)
        if accused is None:
            continue
        reputation = max(0, accused.reputation - cost(tables, fault))
        writes.append(tables.misconduct.put(fault, fault.accused, fault.height, fault.round))
        for candidate in of_organisation(tables, accused.organisation):
            changed = replace(candidate, reputation=reputation, fault_epoch=epoch)
            writes.append(tables.candidates.put(changed, changed.delegate))
    return writes


def of_organisation(tables: Tables, organisation: str) -> tuple[Candidate, ...]:
    """All who ever stood for ``organisation``, in order of delegate id."""
    found = (tables.candidates.get(delegate) for delegate in tables.candidates_of.scan(organisation))
    return tuple(candidate for candidate in found if candidate is not None)
