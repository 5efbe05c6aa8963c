"""Final headers and the handovers between sets of delegates: following a ledger without its entries.

What a ``LightClient`` knows of a header it accepts: more than two thirds of the weight of a set of delegates signed it,
and the set was reached from the genesis's founders by handovers, each signed likewise by the set before. It does not
know that the quorum did not sign another header for somebody else. Headers that do not stand next to each other are
linked by the quorum's word, not by hash; a consistency path adds that the entries under the older header are the first
ones under the newer, whoever signed. Whether the header is fresh is for the caller to judge, by its time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from ledger.delegates import epoch_number, founding_epoch
from ledger.errors import FieldInvalid, ForkOffered, HandoverMissing, OtherLedger, ProofInvalid
from ledger.fields import Fields
from ledger.genesis import MAX_SEATS, Genesis
from ledger.header import LedgerHeader
from ledger.merkle import verify_consistency
from ledger.seats import Seat, set_digest
from ledger.votes import QuorumCertificate
from scheme import canonical
from scheme.canonical import JsonObject
from scheme.keys import VERIFYING_KEY_SIZE


@dataclass(frozen=True)
class FinalHeader:
    """A ledger header with its quorum certificate; as read, neither is verified."""

    header: LedgerHeader
    certificate: QuorumCertificate

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``, ``HeaderInvalid``, ``CertificateInvalid``."""
        fields = Fields(value, frozenset({"header", "certificate"}), what="final header")
        header = LedgerHeader.from_bytes(nested_bytes(fields, "header"))
        return cls(header, QuorumCertificate.from_json(fields.raw("certificate")))

    def to_json(self) -> JsonObject:
        """Both as JSON, so that their own bytes are their part of the canonical whole."""
        header = canonical.loads(bytes(self.header), what="the ledger header")
        return {"header": header, "certificate": self.certificate.to_json()}


@dataclass(frozen=True)
class Handover:
    """The last header of an epoch, and ``seats``: the next epoch's, whose digest that header names."""

    final: FinalHeader
    seats: tuple[Seat, ...]

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``, ``HeaderInvalid``, ``CertificateInvalid``."""
        fields = Fields(value, frozenset({"final", "seats"}), what="handover")
        seats = tuple(_seat(seat) for seat in fields.array("seats", minimum=1, maximum=MAX_SEATS))
        return cls(FinalHeader.from_json(fields.raw("final")), seats)

    def to_json(self) -> JsonObject:
        """As it stands in a proof."""
        seats = [{"delegate": seat.delegate, "key": seat.key.hex(), "weight": seat.weight} for seat in self.seats]
        return {"final": self.final.to_json(), "seats": seats}


@dataclass(frozen=True)
class _Trust:
    """How far a client followed the ledger. ``seats`` are of ``trusted``'s set, or of the next after its handover."""

    genesis: Genesis
    seats: tuple[Seat, ...]
    trusted: FinalHeader | None = None

    def extended(self, final: FinalHeader) -> _Trust:
        """After ``final``: 1. it belongs to this ledger, 2. is news, 3. is certified, 4. fits what is known."""
        header = final.header
        if header.ledger != self.genesis.digest:  # 1
            raise OtherLedger("the header belongs to a ledger with another genesis; ask for this ledger's")
        known = None if self.trusted is None else self.trusted.header
        if known is not None and header.height <= known.height:  # 2
            if header.digest == known.digest:
                return self
            raise ForkOffered(
                "the ledger block offered is older than the newest known, or another at its height: a restored backup "
                "or a fork; do not use this copy, and ask the others for theirs"
            )
        signers = set_digest(self.seats)
        if signers != header.delegates or (known is not None and signers != known.next_delegates):
            raise HandoverMissing("the delegates changed on the way to this header; get the proof with every handover")
        final.certificate.verify(header, self.seats)  # 3
        self._require_fits(header, known)  # 4
        return replace(self, trusted=final)

    def handed_over(self, handover: Handover) -> _Trust:
        """After ``handover``, whose header was accepted: the next set is the one to which the header hands over."""
        header = handover.final.header
        if set_digest(handover.seats) != header.next_delegates:
            raise ProofInvalid("a handover's seats are not the ones that its header hands over to; get a new proof")
        return replace(self, seats=handover.seats)

    def _require_fits(self, header: LedgerHeader, known: LedgerHeader | None) -> None:
        if header.epoch != epoch_number(self.genesis, header.height):
            raise ProofInvalid("the header's epoch is not the one of its height; do not trust where it came from")
        if header.next_delegates != header.delegates and header.height % self.genesis.epoch_blocks:
            raise ProofInvalid("the header hands over in the middle of an epoch; do not trust where it came from")
        height, digest, size, time = 0, self.genesis.digest, 0, self.genesis.created
        if known is not None:
            height, digest, size, time = known.height, known.digest, known.size, known.time
        if (
            header.size < size
            or header.time < time
            or (header.height == height + 1 and header.previous != digest)
            or (known is not None and header.size == size and header.entries_root != known.entries_root)
        ):
            raise ForkOffered("the header does not continue the ledger that is known; ask the other copies for theirs")


class LightClient:
    """Follows a ledger by its final headers alone, from the founders in ``genesis``; holds a header and its seats."""

    def __init__(self, genesis: Genesis) -> None:
        self._trust = _Trust(genesis, founding_epoch(genesis).seats)

    @property
    def genesis(self) -> Genesis:
        """What the ledger starts from."""
        return self._trust.genesis

    @property
    def trusted(self) -> FinalHeader | None:
        """The newest final header that was accepted."""
        return self._trust.trusted

    @property
    def seats(self) -> tuple[Seat, ...]:
        """The set that signed ``trusted``, or the one it handed over to; the founders at first."""
        return self._trust.seats

    def accept(
        self, handovers: Sequence[Handover], final: FinalHeader, *, consistency: Sequence[bytes] | None = None
    ) -> LedgerHeader:
        """Verify ``final`` and trust it from now on; ``handovers`` in order, those from before ``trusted`` are skipped.

        A handover between equal sets may be left out. ``consistency`` is the path from the size of ``trusted`` to that
        of ``final``; without it a newer header rests on its quorum, see the top of this file. Changes nothing when it
        raises: ``OtherLedger``, ``ForkOffered``, ``HandoverMissing``, ``CertificateInvalid``, ``QuorumMissing``,
        ``VoteInvalid``, ``ProofInvalid``.
        """
        heights = [handover.final.header.height for handover in handovers]
        if heights != sorted(set(heights)) or (heights and heights[-1] > final.header.height):
            raise ProofInvalid("the handovers must stand in order and not after the final header; get a new proof")
        trust = self._trust
        known = trust.trusted
        for handover in handovers:
            if known is None or handover.final.header.height >= known.header.height:
                trust = trust.extended(handover.final).handed_over(handover)
        trust = trust.extended(final)
        if consistency is not None and known is not None:
            old, new = known.header, final.header
            old_root, new_root = bytes.fromhex(old.entries_root), bytes.fromhex(new.entries_root)
            verify_consistency(old.size, old_root, new.size, new_root, consistency)
        self._trust = trust
        return final.header


def nested_bytes(fields: Fields, name: str) -> bytes:
    """The canonical bytes of the object in field ``name``."""
    value = fields.raw(name)
    if not isinstance(value, dict):
        raise FieldInvalid(f"{name} of a proof must be an object")
    return canonical.dumps(value)


def _seat(value: object) -> Seat:
    fields = Fields(value, frozenset({"delegate", "key", "weight"}), what="seat")
    return Seat(
        fields.identifier("delegate"), fields.key("key", VERIFYING_KEY_SIZE), fields.integer("weight", minimum=1)
    )
