"""Withdrawing a block: a signed tombstone on the ledger; the block stays in its chain, readers skip it."""

from __future__ import annotations

from clinic import letters
from clinic.errors import BlockUnknown
from clinic.keystore import MemberSecrets
from clinic.requests import reader_keys
from clinic.site import Site
from ledger.bodies import Withdraw
from ledger.records import AnchoredBlock
from ledger.state import State


def withdraw(site: Site, author: MemberSecrets, locator: str, *, reason: str = "") -> AnchoredBlock:
    """Withdraw a block as its author; the reason goes to the patient alone. Raises ``BlockUnknown``, refusals."""
    state = site.state()
    block = find_block(state, locator)
    letter_id = f"{block.locator}.withdrawal"
    letter = letters.write("withdrawal", letter_id, {"reason": reason}, author.signing)
    letters.post(site.mailbox, letter, letter_id, reader_keys(state, (block.patient,)))
    site.submit(Withdraw(block.patient, block.locator, letter.digest), author)
    return block


def find_block(state: State, prefix: str) -> AnchoredBlock:
    """The block whose locator begins with ``prefix`` (at least 8 digits). Raises ``BlockUnknown``."""
    exact = state.block(prefix)
    if exact is not None:
        return exact
    candidates = [
        block
        for member in state.members()
        for block in state.blocks(patient=member.member)
        if len(prefix) >= 8 and block.locator.startswith(prefix)
    ]
    if len(candidates) != 1:
        problem = "is not the id of a block" if not candidates else f"fits {len(candidates)} blocks"
        raise BlockUnknown(f"{prefix!r} {problem}; see `chartseal blocks`")
    return candidates[0]
