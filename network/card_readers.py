"""Who is given a patient's key card: the server's rule, which a member's home asks before it asks the server."""

from __future__ import annotations

from ledger.refusals import Refused
from ledger.state import State


def may_have_card(state: State, reader: str, patient: str, *, now: int) -> bool:
    """Whether ``reader`` is the patient, one of her hospitals, or may write to her record ``now`` (unix seconds)."""
    owner, asking = state.member(patient), state.member(reader)
    if reader == patient or (owner is not None and reader in owner.hospitals):
        return True
    hospitals = () if asking is None else asking.hospitals
    return any(_may_write(state, reader, patient, hospital, now) for hospital in hospitals)


def _may_write(state: State, author: str, patient: str, hospital: str, time: int) -> bool:
    try:
        state.check_author(author, patient, hospital, time=time)
    except Refused:
        return False
    return True
