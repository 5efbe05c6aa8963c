"""A delegate in this process: it proposes and votes with its own key, and does its part for the next seed.

How evidence comes about: an honest delegate never signs two votes that contradict each other, and the engine keeps one
block a turn. Whoever holds two contradicting votes (two replicas that were shown different blocks, a node that got both
over a network, a copy of a delegate's key used elsewhere) makes ``Evidence.double_sign`` of them; the votes of final
blocks stand in their certificates, for everybody to compare. The votes that reject a block come back to the proposer
of the next round, which brings ``Evidence.rejected``.
"""

from __future__ import annotations

from ledger.bodies import CommitSeed, RevealSeed
from ledger.delegates import current_epoch, epoch_number, seat_of
from ledger.header import LedgerHeader
from ledger.registry import Body
from ledger.seats import Seat
from ledger.seed import commitment, committing, seed_secret
from ledger.tables import Tables
from ledger.transactions import SignedTransaction, sign
from ledger.votes import Vote, cast_vote
from scheme.keys import SigningKey


class Delegate:
    """``delegate`` (an id of 16 bytes in hex) with its Ed25519 ``key``.

    Remembers what it voted on since it was made, not longer: after a restart the guard of ``vote`` begins anew.
    """

    def __init__(self, delegate: str, key: SigningKey) -> None:
        self.delegate = delegate
        self._key = key
        self._turn = (0, 0)
        self._votes: dict[str, Vote] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.delegate})"

    def has_key_of(self, seat: Seat) -> bool:
        """Whether votes of this delegate are such as ``seat`` is to cast."""
        return seat.key == self._key.verifying_key.data

    def propose(self, header: LedgerHeader) -> LedgerHeader | None:
        """The header to put to the vote in this delegate's turn, or ``None`` for a turn that it misses.

        ``header`` is what follows from the state; an honest delegate proposes that.
        """
        return header

    def vote(self, header: LedgerHeader, valid: bool) -> Vote | None:
        """The vote on ``header``: accepted when ``valid``, else rejected.

        Asked again, the vote is the same, whatever ``valid`` is by then. ``None``, and nothing is signed, when another
        header of this height and round was accepted, or a later height or round was voted on.
        """
        turn = (header.height, header.round)
        if turn < self._turn:
            return None
        if turn > self._turn:
            self._turn, self._votes = turn, {}
        vote = self._votes.get(header.digest)
        if vote is None:
            if valid and any(other.accept for other in self._votes.values()):
                return None
            vote = self._votes[header.digest] = cast_vote(self._key, self.delegate, header, accept=valid)
        return vote

    def take_back(self, height: int) -> None:
        """Forget the votes from ``height`` on: they never left this process, because what they were on was not kept."""
        if self._turn[0] >= height:
            self._turn, self._votes = (0, 0), {}

    def duties(self, tables: Tables, height: int, now: int) -> list[SignedTransaction]:
        """What a seated delegate owes the block at ``height``, the next: its commitment, later the secret behind it.

        ``now`` is in unix seconds. Nothing when it is not seated, has done its part already or is too late for it.
        """
        genesis = tables.genesis
        number = epoch_number(genesis, height)
        share = tables.seed_shares.get(number, self.delegate)
        body: Body
        if committing(genesis, height):
            if share is not None or not self._seated(tables, height):
                return []
            body = CommitSeed(number, self._committed(genesis.digest, number))
        else:
            if share is None or share.secret is not None:
                return []
            if share.commitment != self._committed(genesis.digest, number):
                return []
            body = RevealSeed(number, seed_secret(self._key, genesis.digest, number))
        return [self.signed(body, ledger=genesis.digest, time=now)]

    def signed(self, body: Body, *, ledger: str, time: int) -> SignedTransaction:
        """``body`` as a transaction of this delegate's for the ledger with genesis digest ``ledger``."""
        return sign(body, signer_id=self.delegate, key=self._key, ledger=ledger, time=time)

    def _committed(self, ledger: str, epoch: int) -> str:
        return commitment(ledger, epoch, self.delegate, seed_secret(self._key, ledger, epoch))

    def _seated(self, tables: Tables, height: int) -> bool:
        seat = seat_of(current_epoch(tables, height), self.delegate)
        return seat is not None and self.has_key_of(seat)
