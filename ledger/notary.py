"""The notary's work between two levels: heads of hospitals' ledgers are anchored in a consortium ledger.

A head is anchored after these checks: 1. the ledger has the pinned genesis, 2. each header from the one anchored last
to the newest names the one before, 3. a quorum of its delegates, reached from the founders by handovers, made the
newest final. So whoever rolls a hospital's ledger back, or shows another course of it, is told, even if all its
delegates signed both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ledger.bodies import AnchorChild
from ledger.bodies.consortium import external_head
from ledger.engine import Clock, Engine, Reader, Receipt
from ledger.entry import Entry
from ledger.errors import NotAnchored, OtherLedger, ProofInvalid
from ledger.header import LedgerHeader
from ledger.proofs import FinalHeader, LightClient
from ledger.records import ChildHead
from ledger.refusals import ChildForked, ChildHeadOld
from ledger.state import State
from ledger.transactions import sign
from scheme.keys import SigningKey


class Notary:
    """A certified member of a consortium, with the key that it signs with. Remembers what it saw of each child ledger.

    After a restart the consortium ledger remembers for it: what was anchored can no longer be taken back.
    """

    def __init__(self, member_id: str, key: SigningKey) -> None:
        self.member_id = member_id
        self._key = key
        self._clients: dict[str, LightClient] = {}

    def internal_head(self, child: Reader, ledger: str, anchored: ChildHead | None = None) -> FinalHeader:
        """The newest final header of ``child``, verified from the genesis with digest ``ledger``.

        ``anchored`` is the head that the consortium holds already. Raises ``OtherLedger``, ``ChildHeadOld`` (the ledger
        went back), ``ChildForked``, ``ProofUnavailable`` (no entry yet), and as ``LightClient.accept`` and ``child``.
        """
        if child.genesis.digest != ledger:  # 1
            raise OtherLedger("this is another ledger than the hospital's; check which one was opened")
        client = self._clients.setdefault(ledger, LightClient(child.genesis))
        proof = child.prove([child.view().position])
        _require_linked(child, proof.final.header, anchored, client.trusted)  # 2
        proof.verify(client)  # 3
        return proof.final

    def anchor(self, child: Reader, ledger: str, hospital: str, consortium: Engine, clock: Clock) -> Receipt:
        """Anchor the newest head of ``hospital``'s ledger ``child`` in ``consortium``.

        Raises as ``internal_head``; ``ChildHeadOld`` also when the head is anchored already; ``ExternalMoved`` when
        another notary was faster (call it again); else as ``Engine.submit``.
        """
        last = consortium.view().state.child(ledger)
        header = self.internal_head(child, ledger, last).header
        previous = ledger if last is None else last.external
        body = AnchorChild(
            ledger=ledger,
            hospital=hospital,
            height=header.height,
            internal=header.digest,
            previous=previous,
            external=external_head(header.digest, previous),
        )
        return consortium.submit(
            sign(body, signer_id=self.member_id, key=self._key, ledger=consortium.genesis.digest, time=clock())
        )


def anchor_positions(consortium: State, ledger: str) -> tuple[int, ...]:
    """Positions of the entries that anchor the child ``ledger``: prove these to show that a head is anchored."""
    return tuple(head.position for head in consortium.child_heads(ledger))


def external_chain(ledger: str, entries: Iterable[Entry]) -> Iterator[AnchorChild]:
    """Every anchored head of the child ``ledger`` among ``entries`` of a consortium, the hashes made again.

    Raises ``ProofInvalid`` when a head is missing in between or an external hash is another.
    """
    previous, height = ledger, 0
    for entry in entries:
        body = entry.transaction.body
        if not isinstance(body, AnchorChild) or body.ledger != ledger:
            continue
        sound = body.previous == previous and body.external == external_head(body.internal, previous)
        if not sound or body.height <= height:
            raise ProofInvalid("the anchored heads of the child ledger do not form a chain; get all of them, in order")
        previous, height = body.external, body.height
        yield body


def check_anchored(header: LedgerHeader, entries: Iterable[Entry]) -> AnchorChild:
    """The anchor of a hospital's ``header`` among ``entries`` of a consortium: all of them, or the proven ones that
    ``anchor_positions`` names.

    Raises ``NotAnchored``, ``ChildForked`` when another block is anchored at the height, ``ProofInvalid``.
    """
    for body in external_chain(header.ledger, entries):
        if body.height == header.height:
            if body.internal != header.digest:
                raise ChildForked(
                    "the consortium holds another block of this height: the copy with this header is false"
                )
            return body
    raise NotAnchored("this header is not anchored in the consortium; ask for the next one that is")


def _require_linked(child: Reader, newest: LedgerHeader, anchored: ChildHead | None, seen: FinalHeader | None) -> None:
    """Follow the links from ``anchored``, or from the genesis, by way of ``seen`` to ``newest``."""
    height, digest = (0, newest.ledger) if anchored is None else (anchored.height, anchored.internal)
    if newest.height < height:
        raise ChildHeadOld("the child ledger ends below the head that is anchored: an old copy; restore the newest")
    for block in child.blocks(max(height, 1)):
        header = block.header
        if (header.height, header.digest) != (height, digest):
            linked = header.height == height + 1 and header.previous == digest
            if not linked or (seen and seen.header.height == header.height and seen.header.digest != header.digest):
                raise ChildForked("the child ledger does not continue the head that is known; do not trust this copy")
            height, digest = header.height, header.digest
        if height == newest.height:
            break
    if digest != newest.digest:
        raise ChildForked("the blocks of the child ledger do not lead to its newest header; do not trust this copy")
