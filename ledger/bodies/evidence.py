"""Evidence: anybody shows, by signatures alone, that a delegate broke the rules."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from ledger.errors import FieldInvalid, HeaderInvalid
from ledger.fields import Fields
from ledger.genesis import MAX_SEATS
from ledger.header import MAX_HEADER_BYTES, LedgerHeader
from ledger.registry import Body, registered
from ledger.votes import QuorumCertificate, Vote
from scheme import canonical
from scheme.canonical import JsonObject


class EvidenceKind(StrEnum):
    """What can be shown by signatures."""

    DOUBLE_SIGN = "double-sign"
    REJECTED_BLOCK = "rejected-block"


@registered("evidence", 1)
@dataclass(frozen=True)
class Evidence(Body):
    """``double-sign``: two ``votes`` of one delegate that contradict each other, no header.

    ``rejected-block``: the ``header`` that a delegate proposed, and ``votes`` of more than two thirds that reject it.
    """

    kind: EvidenceKind
    header: LedgerHeader | None
    votes: tuple[Vote, ...]

    @classmethod
    def double_sign(cls, first: Vote, second: Vote) -> Self:
        """Evidence that one delegate cast both votes."""
        return cls(EvidenceKind.DOUBLE_SIGN, None, (first, second))

    @classmethod
    def rejected(cls, header: LedgerHeader, certificate: QuorumCertificate) -> Self:
        """Evidence that ``certificate`` rejects ``header``."""
        return cls(EvidenceKind.REJECTED_BLOCK, header, certificate.votes)

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        fields = Fields(value, frozenset({"kind", "header", "votes"}), what="evidence")
        kind = fields.choice("kind", EvidenceKind)
        evidence = cls(
            kind=kind,
            header=fields.optional("header", lambda name: _header(fields.encoded(name, max_bytes=MAX_HEADER_BYTES))),
            votes=tuple(Vote.from_json(vote) for vote in fields.array("votes", minimum=1, maximum=MAX_SEATS)),
        )
        if kind is EvidenceKind.DOUBLE_SIGN and (evidence.header is not None or len(evidence.votes) != 2):
            raise FieldInvalid("evidence of a double-sign must have two votes and no header")
        if kind is EvidenceKind.REJECTED_BLOCK and evidence.header is None:
            raise FieldInvalid("evidence of a rejected block must have its header")
        return evidence

    def to_json(self) -> JsonObject:
        """The body as it stands in the transaction."""
        return {
            "kind": str(self.kind),
            "header": None if self.header is None else canonical.b64(bytes(self.header)),
            "votes": [vote.to_json() for vote in self.votes],
        }


def _header(data: bytes) -> LedgerHeader:
    try:
        return LedgerHeader.from_bytes(data)
    except HeaderInvalid:
        raise FieldInvalid("header of evidence must be a ledger header, in base64") from None
