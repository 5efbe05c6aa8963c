"""Pairing: both accept before anything is exchanged; then each learns what they share and where to write.

The index keeps a ``Pairing`` a match and hands out a ``Contact`` only when it holds both acceptances. A patient keeps a
``PendingPair`` from her acceptance on, and makes a ``Match`` of it when the contact comes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from matching.answer import Acceptance, Decline
from matching.binding import BindingRule, HeldTag
from matching.errors import (
    AnswerInvalid,
    NotBothAccepted,
    OfferInvalid,
    PairingClosed,
    SessionStateInvalid,
    SharedTagsInvalid,
)
from matching.kept import pickle_key, seal, unseal
from matching.mailbox import MailboxSecret
from matching.offer import KeyCheck, MatchOffer, Role, VerifiedOffer
from matching.olm import OlmAccount
from scheme import canonical
from scheme.errors import EncodingInvalid
from scheme.keys import VERIFYING_KEY_SIZE, SigningKey, VerifyingKey

_TYPE = "chartseal/pairing"
_PENDING = "chartseal/pending-pair"


class PairingState(StrEnum):
    """What the index tells one of the two."""

    OPEN = "open"
    """She has not answered."""
    WAITING = "waiting"
    """She accepted. Whether the other is silent or declined is the same to her."""
    PAIRED = "paired"
    CLOSED = "closed"
    """She declined, or it expired before both accepted."""


@dataclass(frozen=True)
class Contact:
    """What each gets once both accepted: the other's acceptance and the tags both submitted."""

    acceptance: Acceptance
    shared: tuple[bytes, ...]


@dataclass(frozen=True)
class Pairing:
    """The index's state of one offer: a value; each change is a new one for the index to keep."""

    offer: MatchOffer
    acceptances: tuple[Acceptance, ...] = ()
    declined: tuple[VerifyingKey, ...] = ()

    def accept(self, acceptance: Acceptance, *, now: int, certified: KeyCheck) -> Pairing:
        """With this acceptance; the same one again changes nothing.

        In order: 1. not expired; 2. by one of the two, signed for this offer; 3. no other answer before. Raises
        ``OfferExpired``, ``AnswerInvalid``, ``PairingClosed``, and what ``certified`` raises.
        """
        self.offer.require_open(now)  # 1
        self._require_party(acceptance.key, certified)  # 2
        acceptance.verify(self.offer, acceptance.key)
        if acceptance in self.acceptances:
            return self
        self._require_unanswered(acceptance.key)  # 3
        return replace(self, acceptances=(*self.acceptances, acceptance))

    def decline(self, decline: Decline, *, certified: KeyCheck) -> Pairing:
        """With this decline, which is final. Raises as ``accept``, except that it may come late."""
        self._require_party(decline.key, certified)
        decline.verify(self.offer)
        if decline.key in self.declined:
            return self
        self._require_unanswered(decline.key)
        return replace(self, declined=(*self.declined, decline.key))

    def state_for(self, key: VerifyingKey, *, now: int) -> PairingState:
        """What the patient of ``key`` is told; from it she learns of the other's answer only when both accepted."""
        if len(self.acceptances) == 2:
            return PairingState.PAIRED
        if key in self.declined or now > self.offer.expires_at:
            return PairingState.CLOSED
        return PairingState.WAITING if self._accepted(key) else PairingState.OPEN

    def contact_for(self, key: VerifyingKey, shared: Collection[bytes]) -> Contact:
        """The contact for the patient of ``key``; ``shared`` are the tags both submitted.

        Raises ``NotBothAccepted`` with one and the same sentence, whatever the other answered.
        """
        if len(self.acceptances) < 2 or not self._accepted(key):
            raise NotBothAccepted("not both have accepted this match; ask again later")
        (theirs,) = (acceptance for acceptance in self.acceptances if acceptance.key != key)
        return Contact(theirs, tuple(sorted(shared)))

    def __bytes__(self) -> bytes:
        return canonical.dumps(
            {
                "type": _TYPE,
                "offer": canonical.b64(bytes(self.offer)),
                "accepted": [canonical.b64(bytes(acceptance)) for acceptance in self.acceptances],
                "declined": [bytes(key).hex() for key in self.declined],
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Pairing:
        """Inverse of ``bytes``, for the index's own storage. Raises ``OfferInvalid``."""
        try:
            value = canonical.loads(data, what="a pairing")
            return cls(
                MatchOffer.from_bytes(canonical.unb64(value["offer"], what="an offer")),
                tuple(Acceptance.from_bytes(canonical.unb64(item, what="an answer")) for item in value["accepted"]),
                tuple(
                    VerifyingKey(canonical.unhex(k, what="a key", size=VERIFYING_KEY_SIZE)) for k in value["declined"]
                ),
            )
        except (EncodingInvalid, AnswerInvalid, KeyError, TypeError):
            raise OfferInvalid("the kept pairing is damaged; restore it from a copy") from None

    def _accepted(self, key: VerifyingKey) -> bool:
        return any(acceptance.key == key for acceptance in self.acceptances)

    def _require_party(self, key: VerifyingKey, certified: KeyCheck) -> None:
        if key not in self.offer.keys(certified):
            raise AnswerInvalid("the answer is by neither of the two whom this match is about; drop it")

    def _require_unanswered(self, key: VerifyingKey) -> None:
        if key in self.declined or self._accepted(key):
            raise PairingClosed("this match was answered already, in another way; an answer is final")


@dataclass(frozen=True, repr=False)
class PendingPair:
    """What a patient keeps from her acceptance until the session starts. Secret."""

    offer: VerifiedOffer
    acceptance: Acceptance
    account: OlmAccount
    mailbox: MailboxSecret

    @classmethod
    def accept(
        cls, offer: VerifiedOffer, signing: SigningKey, rule: BindingRule, *, now: int, single: bool = False
    ) -> PendingPair:
        """Accept: fresh Olm keys and a fresh mailbox for this match, signed by the certified pseudonym key.

        Open the mailbox at the relay, keep this durably, then send ``acceptance`` to the index. ``single`` agrees to a
        session on one shared symptom, which is weaker. Raises ``OfferExpired``, ``OfferInvalid`` on a foreign key.
        """
        offer.offer.require_open(now)
        if signing.verifying_key != offer.own:
            raise OfferInvalid("the match offer is for another pseudonym than this key's; take the key of its epoch")
        account, mailbox = OlmAccount.generate(), MailboxSecret.generate()
        acceptance = Acceptance(
            offer_digest=offer.offer.digest,
            key=offer.own,
            identity_key=account.identity_key,
            one_time_key=account.one_time_key(),
            handle=mailbox.handle,
            rule=rule.digest,
            single=single,
        )
        return cls(offer, acceptance.signed(signing), account, mailbox)

    def meet(self, contact: Contact, held: Mapping[bytes, HeldTag]) -> Match:
        """The match, checked; ``held`` are one's own tags of this epoch by their bytes.

        In order: 1. the other's acceptance of this offer; 2. keys and mailbox are not one's own sent back; 3. every
        shared tag is one's own, none twice, at least one. Raises ``AnswerInvalid``, ``SharedTagsInvalid``.
        """
        theirs = contact.acceptance
        theirs.verify(self.offer.offer, self.offer.peer)  # 1
        mine = self.acceptance
        if {theirs.identity_key, theirs.one_time_key} & {mine.identity_key, mine.one_time_key} or (
            theirs.handle == mine.handle
        ):  # 2
            raise AnswerInvalid("the other's acceptance repeats your own keys; drop this match and report it")
        shared = [held[tag] for tag in sorted(set(contact.shared)) if tag in held]
        if not shared or len(shared) != len(contact.shared):  # 3
            raise SharedTagsInvalid("the index names shared symptoms that you never submitted; drop this match")
        return Match(self, theirs, tuple(shared))

    def to_secret_bytes(self, key: bytes) -> bytes:
        """Sealed under ``key`` (32 bytes, from the keystore)."""
        return seal(
            _PENDING,
            {
                "type": _PENDING,
                "offer": canonical.b64(bytes(self.offer.offer)),
                "own": bytes(self.offer.own).hex(),
                "peer": bytes(self.offer.peer).hex(),
                "acceptance": canonical.b64(bytes(self.acceptance)),
                "account": self.account.to_secret_text(pickle_key(key)),
                "mailbox": self.mailbox.to_secret_bytes().hex(),
            },
            key,
        )

    @classmethod
    def from_secret_bytes(cls, data: bytes, key: bytes) -> PendingPair:
        """Inverse of ``to_secret_bytes``. Raises ``SessionStateInvalid``."""
        value = unseal(_PENDING, data, key)
        try:
            own, peer = (
                canonical.unhex(value[name], what="a key", size=VERIFYING_KEY_SIZE) for name in ("own", "peer")
            )
            offer = MatchOffer.from_bytes(canonical.unb64(value["offer"], what="an offer"))
            return cls(
                VerifiedOffer(offer, VerifyingKey(own), VerifyingKey(peer)),
                Acceptance.from_bytes(canonical.unb64(value["acceptance"], what="an answer")),
                OlmAccount.from_secret_text(value["account"], pickle_key(key)),
                MailboxSecret(canonical.unhex(value["mailbox"], what="a secret", size=32)),
            )
        except (EncodingInvalid, KeyError):
            raise SessionStateInvalid("the kept pairing lacks a part; restore it, or match anew") from None

    def __repr__(self) -> str:
        return f"PendingPair({self.offer.offer.match_id.hex()})"


@dataclass(frozen=True, repr=False)
class Match:
    """Both accepted: one's own half, the other's acceptance, and what they share."""

    pending: PendingPair
    theirs: Acceptance
    shared: tuple[HeldTag, ...]

    @property
    def role(self) -> Role:
        """Who of the two this patient is."""
        return self.pending.offer.role

    @property
    def terms(self) -> tuple[str, ...]:
        """The shared symptoms, by one's own list; nothing of what the other has besides."""
        return tuple(sorted(held.term for held in self.shared))

    @property
    def single(self) -> bool:
        """Whether both agreed to a single symptom."""
        return self.pending.acceptance.single and self.theirs.single

    def __repr__(self) -> str:
        return f"Match({self.pending.offer.offer.match_id.hex()}, {self.role})"
