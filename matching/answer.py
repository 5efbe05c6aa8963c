"""Answers to a match offer: an acceptance, which carries the contact and the session keys; or a decline, which nothing.

The acceptance is where the certified pseudonym key signs the Olm identity key and one-time key (their cross-signature).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from matching.errors import AnswerInvalid
from matching.mailbox import HANDLE_SIZE
from matching.offer import MatchOffer
from matching.olm import OLM_KEY_SIZE
from scheme import canonical
from scheme.errors import EncodingInvalid, SignatureInvalid
from scheme.hashing import DIGEST_SIZE, Tag, tagged_hash
from scheme.keys import SIGNATURE_SIZE, VERIFYING_KEY_SIZE, SigningKey, VerifyingKey

RULE_SIZE = 32
_TYPE = "chartseal/match-acceptance"
_DECLINE_TYPE = "chartseal/match-decline"


@dataclass(frozen=True)
class Acceptance:
    """One patient's yes. The index holds it back until the other's is there too."""

    offer_digest: bytes
    key: VerifyingKey
    identity_key: bytes
    """Olm identity key, 32 bytes, of this match only."""
    one_time_key: bytes
    """Olm one-time key, 32 bytes."""
    handle: bytes
    """Contact handle: the relay's mailbox of this match only, 16 bytes."""
    rule: bytes
    """Digest of the binding rule (release and floor), 32 bytes."""
    single: bool
    """Whether this patient agreed to a session on a single shared symptom."""
    signature: bytes = bytes(SIGNATURE_SIZE)

    def signed(self, signing: SigningKey) -> Acceptance:
        """The same under the signature of the pseudonym key."""
        return replace(self, signature=signing.sign(Tag.MATCH_ACCEPTANCE, self._body()))

    def verify(self, offer: MatchOffer, key: VerifyingKey) -> None:
        """Check: 1. this offer; 2. this key; 3. its signature. Raises ``AnswerInvalid``."""
        if self.offer_digest != offer.digest or self.key != key:  # 1, 2
            raise AnswerInvalid("the acceptance is of another offer or by another patient; ask the index again")
        try:
            key.verify(Tag.MATCH_ACCEPTANCE, self._body(), self.signature)  # 3
        except SignatureInvalid:
            raise AnswerInvalid("the acceptance is not signed by the patient it names; drop this match") from None

    @property
    def digest(self) -> bytes:
        """32 bytes over the acceptance with its signature."""
        return tagged_hash(Tag.MATCH_ACCEPTANCE, bytes(self))

    def _fields(self) -> canonical.JsonObject:
        return {
            "type": _TYPE,
            "offer": self.offer_digest.hex(),
            "key": bytes(self.key).hex(),
            "identity": self.identity_key.hex(),
            "once": self.one_time_key.hex(),
            "handle": self.handle.hex(),
            "rule": self.rule.hex(),
            "single": self.single,
        }

    def _body(self) -> bytes:
        return canonical.dumps(self._fields())

    def __bytes__(self) -> bytes:
        return canonical.dumps(self._fields() | {"signature": canonical.b64(self.signature)})

    @classmethod
    def from_bytes(cls, data: bytes) -> Acceptance:
        """Inverse of ``bytes``; proves nothing before ``verify``. Raises ``AnswerInvalid``."""
        try:
            value = canonical.loads(data, what="an acceptance")
            if value["type"] != _TYPE or len(value) != 9 or type(value["single"]) is not bool:
                raise ValueError
            return cls(
                canonical.unhex(value["offer"], what="a digest", size=DIGEST_SIZE),
                VerifyingKey(canonical.unhex(value["key"], what="a key", size=VERIFYING_KEY_SIZE)),
                canonical.unhex(value["identity"], what="a key", size=OLM_KEY_SIZE),
                canonical.unhex(value["once"], what="a key", size=OLM_KEY_SIZE),
                canonical.unhex(value["handle"], what="a handle", size=HANDLE_SIZE),
                canonical.unhex(value["rule"], what="a digest", size=RULE_SIZE),
                value["single"],
                canonical.unb64(value["signature"], what="a signature", size=SIGNATURE_SIZE),
            )
        except (EncodingInvalid, KeyError, TypeError, ValueError):
            raise AnswerInvalid("the acceptance is not one of ChartSeal's; ask the index again") from None


@dataclass(frozen=True)
class Decline:
    """One patient's no, for the index alone; the other never learns of it."""

    offer_digest: bytes
    key: VerifyingKey
    signature: bytes

    @classmethod
    def sign(cls, signing: SigningKey, offer: MatchOffer) -> Decline:
        """The no of the pseudonym ``signing`` to ``offer``."""
        return cls(offer.digest, signing.verifying_key, signing.sign(Tag.MATCH_DECLINE, offer.digest))

    def verify(self, offer: MatchOffer) -> None:
        """Return if it is signed for this offer by the key it names. Raises ``AnswerInvalid``."""
        try:
            self.key.verify(Tag.MATCH_DECLINE, offer.digest, self.signature)
        except SignatureInvalid:
            raise AnswerInvalid("the decline is of another offer or not signed by whom it names; drop it") from None

    def __bytes__(self) -> bytes:
        return canonical.dumps(
            {
                "type": _DECLINE_TYPE,
                "offer": self.offer_digest.hex(),
                "key": bytes(self.key).hex(),
                "signature": canonical.b64(self.signature),
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Decline:
        """Inverse of ``bytes``; proves nothing before ``verify``. Raises ``AnswerInvalid``."""
        try:
            value = canonical.loads(data, what="a decline")
            if value["type"] != _DECLINE_TYPE or len(value) != 4:
                raise ValueError
            return cls(
                canonical.unhex(value["offer"], what="a digest", size=DIGEST_SIZE),
                VerifyingKey(canonical.unhex(value["key"], what="a key", size=VERIFYING_KEY_SIZE)),
                canonical.unb64(value["signature"], what="a signature", size=SIGNATURE_SIZE),
            )
        except (EncodingInvalid, KeyError, TypeError, ValueError):
            raise AnswerInvalid("the decline is not one of ChartSeal's; send it again") from None
