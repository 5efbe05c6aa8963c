"""A report: what a patient hands to the authority about the other side of a session.

It proves that the reported pseudonym accepted this match with the reporter, who signs it, and nothing of what was
written: Olm's messages are authenticated by keys that both hold, so either could have made up any of them. It holds no
text, no tag and no symptom. The authority knows whom it certified under that pseudonym; what follows is its decision.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from matching.answer import Acceptance
from matching.errors import AnswerInvalid, OfferInvalid, ReportInvalid
from matching.offer import KeyCheck, MatchOffer
from scheme import canonical
from scheme.errors import EncodingInvalid, SignatureInvalid
from scheme.hashing import Tag
from scheme.keys import SIGNATURE_SIZE, SigningKey, VerifyingKey

_TYPE = "chartseal/session-report"


class Reason(StrEnum):
    """Why; a fixed list, because free text would carry symptoms."""

    ABUSE = "abuse"
    ADVERTISING = "advertising"
    NO_PATIENT = "no-patient"
    OTHER = "other"


@dataclass(frozen=True)
class VerifiedReport:
    """A report that ``Report.verify`` passed."""

    reporter: VerifyingKey
    reported: VerifyingKey
    epoch: int
    reason: Reason


@dataclass(frozen=True)
class Report:
    """Offer, both acceptances, a reason, and the reporter's signature over all; about 3 KB."""

    offer: MatchOffer
    reporter: Acceptance
    reported: Acceptance
    reason: Reason
    signature: bytes = bytes(SIGNATURE_SIZE)

    @classmethod
    def create(
        cls, signing: SigningKey, offer: MatchOffer, reporter: Acceptance, reported: Acceptance, reason: Reason
    ) -> Report:
        """A report signed by the reporter's certified pseudonym key."""
        report = cls(offer, reporter, reported, reason)
        return replace(report, signature=signing.sign(Tag.SESSION_REPORT, report._body()))

    def verify(self, certified: KeyCheck) -> VerifiedReport:
        """Check: 1. both certificates of the offer; 2. both acceptances are of it, by one each; 3. the signature.

        Raises ``ReportInvalid``, ``OfferInvalid``, and what ``certified`` raises.
        """
        keys = self.offer.keys(certified)  # 1
        if {self.reporter.key, self.reported.key} != set(keys):  # 2
            raise ReportInvalid("the report is not about the two of its match; do not act on it")
        try:
            for acceptance in (self.reporter, self.reported):
                acceptance.verify(self.offer, acceptance.key)
            self.reporter.key.verify(Tag.SESSION_REPORT, self._body(), self.signature)  # 3
        except (AnswerInvalid, SignatureInvalid):
            raise ReportInvalid("a signature in the report does not hold; do not act on it") from None
        return VerifiedReport(self.reporter.key, self.reported.key, self.offer.epoch, self.reason)

    def _fields(self) -> canonical.JsonObject:
        return {
            "type": _TYPE,
            "offer": canonical.b64(bytes(self.offer)),
            "reporter": canonical.b64(bytes(self.reporter)),
            "reported": canonical.b64(bytes(self.reported)),
            "reason": self.reason.value,
        }

    def _body(self) -> bytes:
        return canonical.dumps(self._fields())

    def __bytes__(self) -> bytes:
        return canonical.dumps(self._fields() | {"signature": canonical.b64(self.signature)})

    @classmethod
    def from_bytes(cls, data: bytes) -> Report:
        """Inverse of ``bytes``; proves nothing before ``verify``. Raises ``ReportInvalid``."""
        try:
            value = canonical.loads(data, what="a report")
            if value["type"] != _TYPE or len(value) != 6:
                raise ValueError
            return cls(
                MatchOffer.from_bytes(canonical.unb64(value["offer"], what="an offer")),
                Acceptance.from_bytes(canonical.unb64(value["reporter"], what="an answer")),
                Acceptance.from_bytes(canonical.unb64(value["reported"], what="an answer")),
                Reason(value["reason"]),
                canonical.unb64(value["signature"], what="a signature", size=SIGNATURE_SIZE),
            )
        except (EncodingInvalid, OfferInvalid, AnswerInvalid, KeyError, TypeError, ValueError):
            raise ReportInvalid("the report is not one of ChartSeal's; have it made again") from None
