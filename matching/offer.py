"""A match offer: what the index tells two patients before either has answered. No score, no tag, no symptom."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from matching.errors import OfferExpired, OfferInvalid, OtherEpoch
from scheme import canonical
from scheme.errors import EncodingInvalid
from scheme.hashing import Tag, tagged_hash
from scheme.keys import VerifyingKey

MATCH_ID_SIZE = 16
MAX_OFFER_BYTES = 16 * 1024
_TYPE = "chartseal/match-offer"

KeyCheck = Callable[[bytes, int], VerifyingKey]
"""The authority's check: (DER certificate, epoch) to the key that it certifies for that epoch, or an error."""


class Role(StrEnum):
    """The one of the smaller pseudonym key sends the first message: neither the index nor either patient chooses."""

    INITIATOR = "initiator"
    RESPONDER = "responder"


@dataclass(frozen=True)
class MatchOffer:
    """Two certified pseudonyms of one epoch whom the index found alike. Not signed: a wrong one opens no session."""

    match_id: bytes
    """16 random bytes."""
    epoch: int
    expires_at: int
    """Unix seconds; an answer after it counts for nothing."""
    certificates: tuple[bytes, bytes]
    """The authority's DER certificates over both pseudonym keys."""

    @classmethod
    def create(cls, *, epoch: int, expires_at: int, certificates: tuple[bytes, bytes]) -> MatchOffer:
        """An offer under a fresh match id."""
        return cls(secrets.token_bytes(MATCH_ID_SIZE), epoch, expires_at, certificates)

    def __bytes__(self) -> bytes:
        return canonical.dumps(
            {
                "type": _TYPE,
                "match": self.match_id.hex(),
                "epoch": self.epoch,
                "expires": self.expires_at,
                "certificates": [canonical.b64(certificate) for certificate in self.certificates],
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> MatchOffer:
        """Inverse of ``bytes``. Raises ``OfferInvalid``."""
        try:
            if len(data) > MAX_OFFER_BYTES:
                raise ValueError
            value = canonical.loads(data, what="a match offer")
            one, two = value["certificates"]
            epoch, expires_at = value["epoch"], value["expires"]
            if value["type"] != _TYPE or len(value) != 5 or not _is_count(epoch) or not _is_count(expires_at):
                raise ValueError
            return cls(
                canonical.unhex(value["match"], what="a match id", size=MATCH_ID_SIZE),
                epoch,
                expires_at,
                (canonical.unb64(one, what="a certificate"), canonical.unb64(two, what="a certificate")),
            )
        except (EncodingInvalid, KeyError, TypeError, ValueError):
            raise OfferInvalid("the match offer is not one of ChartSeal's; ask the index again") from None

    @property
    def digest(self) -> bytes:
        """What answers sign: 32 bytes over the whole offer."""
        return tagged_hash(Tag.MATCH_OFFER, bytes(self))

    def keys(self, certified: KeyCheck) -> tuple[VerifyingKey, VerifyingKey]:
        """Both pseudonym keys, checked. Raises ``OfferInvalid`` when they are one, and what ``certified`` raises."""
        one, two = (certified(certificate, self.epoch) for certificate in self.certificates)
        if one == two:
            raise OfferInvalid("the match offer pairs a patient with herself; drop it and tell the index's operator")
        return one, two

    def require_open(self, now: int) -> None:
        """Raises ``OfferExpired`` when ``now`` (unix seconds) is past its end."""
        if now > self.expires_at:
            raise OfferExpired("the match offer is past its end; look for matches again")

    def verify(self, own: VerifyingKey, *, epoch: int, certified: KeyCheck) -> VerifiedOffer:
        """Check the offer for the patient whose pseudonym key of ``epoch`` is ``own``.

        In order: 1. the epoch; 2. both certificates; 3. two different keys; 4. one of them is ``own``. Raises
        ``OtherEpoch``, ``OfferInvalid``, and what ``certified`` raises.
        """
        if self.epoch != epoch:  # 1
            raise OtherEpoch("the match offer is of another epoch than your tags; look for matches again")
        keys = self.keys(certified)  # 2, 3
        if own not in keys:  # 4
            raise OfferInvalid("the match offer is not about you; drop it and tell the index's operator")
        return VerifiedOffer(self, own, keys[0] if keys[1] == own else keys[1])


@dataclass(frozen=True)
class VerifiedOffer:
    """An offer that ``MatchOffer.verify`` passed, as one of the two sees it."""

    offer: MatchOffer
    own: VerifyingKey
    peer: VerifyingKey

    @property
    def role(self) -> Role:
        """Who of the two this patient is."""
        return Role.INITIATOR if bytes(self.own) < bytes(self.peer) else Role.RESPONDER


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0
