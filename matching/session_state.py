"""What one side of a session is made of, and how it is kept between commands."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from matching.answer import Acceptance
from matching.binding import Strength
from matching.errors import AnswerInvalid, OfferInvalid, SessionStateInvalid
from matching.kept import pickle_key, seal, unseal
from matching.numbering import Numbering
from matching.offer import MatchOffer, Role
from matching.olm import OlmAccount, OlmSession
from scheme import canonical
from scheme.errors import EncodingInvalid

_TYPE = "chartseal/session"


class SessionState(StrEnum):
    """Where a session stands."""

    WAITING = "waiting"
    """For the initiator's proof."""
    PROVING = "proving"
    """For the responder's proof."""
    OPEN = "open"
    FAILED = "failed"
    ENDED = "ended"
    BLOCKED = "blocked"


@dataclass(frozen=True, repr=False)
class Text:
    """One text of the other side, with its number among the other's messages."""

    number: int
    text: str


@dataclass(repr=False)
class SessionParts:
    """All of one side; no term, and no session secret of a symptom once the proofs are done."""

    offer: MatchOffer
    mine: Acceptance
    theirs: Acceptance
    state: SessionState
    strength: Strength
    olm: OlmSession | None = None
    account: OlmAccount | None = None
    """The responder's, until the first message uses its one-time key up."""
    secret: bytes | None = None
    """Of the shared symptoms, until both proofs are done."""
    numbers: Numbering = field(default_factory=Numbering)
    held: list[Text] = field(default_factory=list)
    """Texts that overtook the other's proof: not shown before it."""
    end_held: bool = False
    """The other's end overtook her proof."""
    outbox: list[bytes] = field(default_factory=list)
    """Messages made and not yet handed to the relay, in order: kept with the state, so that a crash loses none."""

    @property
    def role(self) -> Role:
        """Who of the two this side is."""
        return Role.INITIATOR if bytes(self.mine.key) < bytes(self.theirs.key) else Role.RESPONDER

    @property
    def handle(self) -> bytes:
        """The other's mailbox at the relay, 16 bytes."""
        return self.theirs.handle

    def handed_over(self, message: bytes) -> None:
        """The relay has taken ``message``: it leaves the outbox. One that is not there is no error."""
        if message in self.outbox:
            self.outbox.remove(message)

    def to_secret_bytes(self, key: bytes) -> bytes:
        """Sealed under ``key`` (32 bytes, from the keystore), the ratchet as vodozemac's encrypted pickle. Secret.

        Never restore an older one over a newer one. Raises ``SessionStateInvalid`` on a key of another size.
        """
        inner = pickle_key(key)
        value = {
            "type": _TYPE,
            "offer": canonical.b64(bytes(self.offer)),
            "mine": canonical.b64(bytes(self.mine)),
            "theirs": canonical.b64(bytes(self.theirs)),
            "state": self.state.value,
            "strength": self.strength.value,
            "olm": self.olm.to_secret_text(inner) if self.olm else None,
            "account": self.account.to_secret_text(inner) if self.account else None,
            "secret": self.secret.hex() if self.secret else None,
            "numbers": self.numbers.to_json(),
            "held": [[text.number, text.text] for text in self.held],
            "end_held": self.end_held,
            "outbox": [canonical.b64(message) for message in self.outbox],
        }
        return seal(_TYPE, value, key)

    @classmethod
    def from_secret_bytes(cls, data: bytes, key: bytes) -> Self:
        """Inverse of ``to_secret_bytes``. Raises ``SessionStateInvalid``."""
        value, inner = unseal(_TYPE, data, key), pickle_key(key)
        try:
            secret, olm, account = value["secret"], value["olm"], value["account"]
            return cls(
                MatchOffer.from_bytes(canonical.unb64(value["offer"], what="an offer")),
                Acceptance.from_bytes(canonical.unb64(value["mine"], what="an answer")),
                Acceptance.from_bytes(canonical.unb64(value["theirs"], what="an answer")),
                SessionState(value["state"]),
                Strength(value["strength"]),
                OlmSession.from_secret_text(olm, inner) if olm else None,
                OlmAccount.from_secret_text(account, inner) if account else None,
                canonical.unhex(secret, what="a secret", size=32) if secret else None,
                Numbering.from_json(value["numbers"]),
                [Text(number, text) for number, text in value["held"]],
                value["end_held"],
                [canonical.unb64(message, what="a message") for message in value["outbox"]],
            )
        except (EncodingInvalid, OfferInvalid, AnswerInvalid, KeyError, TypeError, ValueError):
            raise SessionStateInvalid(
                "the kept session lacks a part; it is of another version of this software"
            ) from None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.offer.match_id.hex()}, {self.role}, {self.state})"
