"""The match index as a service: opt-ins and searches (``matching.index``), and the answers to its offers.

It knows pseudonyms, blind tags, offers and acceptances; never a member, a symptom or a text. Whoever asks signs with
the pseudonym key of the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from clinic.clock import Clock
from clinic.match_errors import MatchRequestInvalid, MatchUnknown
from clinic.match_pairings import KeptPairing, Pairings
from matching.answer import Acceptance, Decline
from matching.epoch import epoch_bytes
from matching.errors import OtherEpoch
from matching.index import MatchIndex
from matching.index_request import Action, IndexRequest
from matching.offer import KeyCheck, MatchOffer
from matching.pair import Contact, PairingState
from scheme.errors import SignatureInvalid
from scheme.hashing import Tag, tagged_hash
from scheme.keys import SigningKey, VerifyingKey

MAX_QUERY_AGE_S = 300


@dataclass(frozen=True)
class MatchQuery:
    """A patient asks what became of her matches, signed by her pseudonym key at ``time`` (unix seconds)."""

    epoch: int
    time: int
    certificate: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @classmethod
    def sign(cls, key: SigningKey, certificate: bytes, *, epoch: int, time: int) -> MatchQuery:
        """The question of the pseudonym ``key``, which ``certificate`` is about."""
        return cls(epoch, time, certificate, key.sign(Tag.MATCH_QUERY, _said(epoch, time, certificate)))

    def verify(self, epoch: int, now: int, certified: KeyCheck) -> VerifyingKey:
        """The pseudonym's key. In order: 1. the epoch; 2. asked just now; 3. certificate; 4. signature.

        Raises ``OtherEpoch``, ``MatchRequestInvalid``, and what ``certified`` raises.
        """
        if self.epoch != epoch:  # 1
            raise OtherEpoch("the question is about matches of another epoch; opt in anew")
        if abs(now - self.time) > MAX_QUERY_AGE_S:  # 2
            raise MatchRequestInvalid("the question to the index is old, or a clock is wrong; ask anew")
        key = certified(self.certificate, epoch)  # 3
        try:
            key.verify(Tag.MATCH_QUERY, _said(self.epoch, self.time, self.certificate), self.signature)  # 4
        except SignatureInvalid:
            raise MatchRequestInvalid("the question to the index is not signed by whom it names") from None
        return key


def _said(epoch: int, time: int, certificate: bytes) -> bytes:
    return tagged_hash(Tag.MATCH_QUERY, epoch_bytes(epoch), time.to_bytes(8, "big"), certificate)


@dataclass(frozen=True)
class OpenMatch:
    """An offer, and what the patient who asked is told of it."""

    offer: MatchOffer
    state: PairingState


class IndexService:
    """The index of one epoch, in a file or at a PostgreSQL URL, with its file of pairings.

    Both are this process's alone while it is open.
    """

    def __init__(self, index: Path | str, pairings: Path, *, epoch: int, certified: KeyCheck, clock: Clock) -> None:
        self._epoch, self._certified, self._clock = epoch, certified, clock
        self._index = MatchIndex.open(index, epoch=epoch, certified=certified, clock=clock)
        try:
            self._pairings = Pairings(pairings, epoch=epoch, clock=clock)
        except BaseException:
            self._index.close()
            raise

    def submit(self, request: IndexRequest) -> None:
        """Opt in, change (which ends her matches) or opt out. Raises as ``MatchIndex``.

        Her earlier matches go after her tags: what was cut between is finished by her next request of these three.
        """
        if request.action is Action.OPT_IN:
            self._index.opt_in(request)
        else:
            (self._index.change if request.action is Action.CHANGE else self._index.opt_out)(request)
        self._pairings.forget(request.verify(self._epoch, self._certified))

    def find(self, request: IndexRequest, *, top: int, least: float) -> list[OpenMatch]:
        """Whom the patient is like, best first, without those whom she declined. Raises as ``MatchIndex.find``."""
        matches: list[OpenMatch] = []
        alike = self._index.find(request, top=top, least=least)
        own = request.verify(self._epoch, self._certified)
        for found in alike:
            kept = self._pairings.of_pair(found.offer.keys(self._certified))
            if kept is None:
                kept = KeptPairing.of(found, self._certified)
                self._pairings.keep(kept)
            state = kept.pairing.state_for(own, now=self._clock())
            if state is not PairingState.CLOSED:
                matches.append(OpenMatch(kept.pairing.offer, state))
        return matches

    def matches(self, query: MatchQuery) -> list[OpenMatch]:
        """All matches of the patient who asks, those that others found too; none tells what the other answered."""
        now = self._clock()
        own = query.verify(self._epoch, now, self._certified)
        mine = [kept.pairing for kept in self._pairings if own in kept.keys]
        return [OpenMatch(pairing.offer, pairing.state_for(own, now=now)) for pairing in mine]

    def accept(self, match_id: bytes, acceptance: Acceptance) -> None:
        """Take an acceptance. Raises ``MatchUnknown``, and as ``Pairing.accept``."""
        kept = self._find(match_id)
        self._pairings.answer(kept, kept.pairing.accept(acceptance, now=self._clock(), certified=self._certified))

    def decline(self, match_id: bytes, decline: Decline) -> None:
        """Take a decline. Raises ``MatchUnknown``, and as ``Pairing.decline``."""
        kept = self._find(match_id)
        self._pairings.answer(kept, kept.pairing.decline(decline, certified=self._certified))

    def contact(self, query: MatchQuery, match_id: bytes) -> tuple[Contact, float]:
        """What one of the two gets once both accepted, and the score. Raises ``NotBothAccepted``, ``MatchUnknown``."""
        own = query.verify(self._epoch, self._clock(), self._certified)
        kept = self._find(match_id)
        if own not in kept.keys:
            raise MatchUnknown("there is no such match of this patient; see `chartseal match list`")
        return kept.pairing.contact_for(own, kept.shared), kept.score

    def close(self) -> None:
        """Let go of both."""
        self._pairings.close()
        self._index.close()

    def _find(self, match_id: bytes) -> KeptPairing:
        kept = self._pairings.find(match_id)
        if kept is None:
            raise MatchUnknown("there is no such match, or one of the two left; see `chartseal match list`")
        return kept
