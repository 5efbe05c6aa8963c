"""Votes of delegates on ledger headers, and the quorum certificates that they add up to.

A ledger block is final with accepting votes of more than two thirds of the weight of the set that its header names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self

from ledger.errors import CertificateInvalid, FieldInvalid, QuorumMissing, VoteInvalid
from ledger.fields import Fields
from ledger.genesis import MAX_SEATS
from ledger.header import LedgerHeader
from ledger.seats import Seat, quorum, set_digest
from scheme import canonical
from scheme.canonical import JsonObject
from scheme.errors import EncodingInvalid, SignatureInvalid
from scheme.hashing import Tag
from scheme.keys import SIGNATURE_SIZE, SigningKey, VerifyingKey

MAX_CERTIFICATE_BYTES = 16_384
"""Most bytes of a certificate; with 64 votes it has about 10,000."""

_VOTE_FIELDS = frozenset({"delegate", "height", "round", "header", "accept", "signature"})
_CERTIFICATE_FIELDS = frozenset({"height", "round", "header", "accept", "signatures"})
_SIGNATURE_FIELDS = frozenset({"delegate", "signature"})


@dataclass(frozen=True, slots=True)
class Vote:
    """``delegate`` accepts or rejects the header with digest ``header`` at ``height`` and ``round``.

    ``signature`` has 64 bytes. Made by ``cast_vote``; one that was read is not verified yet.
    """

    delegate: str
    height: int
    round: int
    header: str
    accept: bool
    signature: bytes = field(repr=False)

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        fields = Fields(value, _VOTE_FIELDS, what="vote")
        return cls(
            delegate=fields.identifier("delegate"),
            height=fields.integer("height", minimum=1),
            round=fields.integer("round"),
            header=fields.digest("header"),
            accept=fields.flag("accept"),
            signature=_signature(fields),
        )

    def to_json(self) -> JsonObject:
        """The vote as it stands in an Evidence."""
        return {
            "delegate": self.delegate,
            "height": self.height,
            "round": self.round,
            "header": self.header,
            "accept": self.accept,
            "signature": canonical.b64(self.signature),
        }

    def verify(self, key: VerifyingKey, ledger: str) -> None:
        """Return if ``key`` cast this vote on the ledger with genesis digest ``ledger``. Raises ``VoteInvalid``."""
        self._verify(key, self._statement(ledger))

    def _verify(self, key: VerifyingKey, statement: bytes) -> None:
        try:
            key.verify(Tag.LEDGER_VOTE, statement, self.signature)
        except SignatureInvalid:
            raise VoteInvalid("a vote is not signed by its delegate's key; leave it out and ask the delegate") from None

    def _statement(self, ledger: str) -> bytes:
        return _statement(ledger, self.height, self.round, self.header, accept=self.accept)


def cast_vote(key: SigningKey, delegate: str, header: LedgerHeader, *, accept: bool) -> Vote:
    """Sign ``delegate``'s vote on ``header``. ``Delegate.vote`` guards against two votes that contradict each other."""
    statement = _statement(header.ledger, header.height, header.round, header.digest, accept=accept)
    signature = key.sign(Tag.LEDGER_VOTE, statement)
    return Vote(delegate, header.height, header.round, header.digest, accept, signature)


@lru_cache(maxsize=8)
def _statement(ledger: str, height: int, round_number: int, header: str, *, accept: bool) -> bytes:
    # All delegates of a block sign the same.
    return canonical.dumps(
        {"ledger": ledger, "height": height, "round": round_number, "header": header, "accept": accept}
    )


@dataclass(frozen=True, slots=True)
class QuorumCertificate:
    """Votes that say the same of one header, by delegates that differ; kept in the order of their ids.

    Read or put together, it is not verified yet. Raises ``CertificateInvalid`` when the votes do not belong together.
    """

    votes: tuple[Vote, ...]

    def __post_init__(self) -> None:
        votes = tuple(sorted(self.votes, key=lambda vote: vote.delegate))
        if not 1 <= len(votes) <= MAX_SEATS or len({vote.delegate for vote in votes}) != len(votes):
            raise CertificateInvalid(f"a certificate has 1 to {MAX_SEATS} votes, none of one delegate twice")
        if len({(vote.height, vote.round, vote.header, vote.accept) for vote in votes}) != 1:
            raise CertificateInvalid("the votes of a certificate must say the same of one header")
        object.__setattr__(self, "votes", votes)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Strict inverse of ``bytes``. Raises ``CertificateInvalid``."""
        if len(data) > MAX_CERTIFICATE_BYTES:
            raise CertificateInvalid(f"a certificate has at most {MAX_CERTIFICATE_BYTES} bytes")
        try:
            return cls.from_json(canonical.loads(data, what="the certificate"))
        except (EncodingInvalid, FieldInvalid) as error:
            raise CertificateInvalid(f"this is no quorum certificate: {error}") from None

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``, ``CertificateInvalid``."""
        fields = Fields(value, _CERTIFICATE_FIELDS, what="the certificate")
        height, round_number = fields.integer("height", minimum=1), fields.integer("round")
        header, accept = fields.digest("header"), fields.flag("accept")
        votes = []
        for each in fields.array("signatures", minimum=1, maximum=MAX_SEATS):
            signed = Fields(each, _SIGNATURE_FIELDS, what="a signature of the certificate")
            vote = Vote(
                signed.identifier("delegate"), height, round_number, header, accept, signature=_signature(signed)
            )
            votes.append(vote)
        certificate = cls(tuple(votes))
        if certificate.votes != tuple(votes):
            raise CertificateInvalid("the votes of a certificate must stand in the order of the delegates' ids")
        return certificate

    def to_json(self) -> JsonObject:
        """What all votes say, once, and who signed it."""
        one = self.votes[0]
        return {
            "height": one.height,
            "round": one.round,
            "header": one.header,
            "accept": one.accept,
            "signatures": [
                {"delegate": vote.delegate, "signature": canonical.b64(vote.signature)} for vote in self.votes
            ],
        }

    def __bytes__(self) -> bytes:
        return canonical.dumps(self.to_json())

    def verify(self, header: LedgerHeader, seats: Sequence[Seat], *, accept: bool = True) -> None:
        """Return if more than two thirds of the weight of ``seats`` accepts (or rejects) ``header``.

        1. ``header``, if it is to be final, names ``seats`` as its set (a rejected one may name anything). 2. The votes
        are on this header and say ``accept``. 3. Each is by a delegate of the set. 4. They weigh a quorum. 5. Every
        signature holds. Raises ``CertificateInvalid`` (1 to 3), ``QuorumMissing`` (4), ``VoteInvalid`` (5).
        """
        one = self.votes[0]
        if accept and header.delegates != set_digest(seats):  # 1
            raise CertificateInvalid("the header names another set of delegates than the one that is to sign it")
        if (one.height, one.round, one.header) != (header.height, header.round, header.digest):  # 2
            raise CertificateInvalid("the certificate belongs to another ledger header")
        if one.accept is not accept:  # 2
            raise CertificateInvalid("the certificate's votes accept where they must reject, or the other way round")
        seated = {seat.delegate: seat for seat in seats}
        if any(vote.delegate not in seated for vote in self.votes):  # 3
            raise CertificateInvalid("the certificate has a vote by somebody who is no delegate of that epoch")
        if sum(seated[vote.delegate].weight for vote in self.votes) < quorum(seats):  # 4
            raise QuorumMissing("the votes do not weigh more than two thirds; the ledger block is not final")
        statement = one._statement(header.ledger)
        for vote in self.votes:  # 5
            vote._verify(VerifyingKey(seated[vote.delegate].key), statement)


def _signature(fields: Fields) -> bytes:
    signature = fields.encoded("signature", max_bytes=SIGNATURE_SIZE)
    if len(signature) != SIGNATURE_SIZE:
        raise FieldInvalid(f"the signature of a vote must have {SIGNATURE_SIZE} bytes")
    return signature
