"""The index's offers and answers between commands, beside its lists of tags: each pairing until it is over.

Kept in slots that are overwritten (``matching.index_store``), so that who opts out leaves no byte here either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from matching.errors import IndexDamaged, OfferInvalid
from matching.index_store import IndexStore
from matching.offer import KeyCheck, MatchOffer
from matching.pair import Pairing
from scheme import canonical
from scheme.errors import EncodingInvalid
from scheme.keys import VERIFYING_KEY_SIZE, VerifyingKey

_TYPE = "chartseal/kept-pairing"


@dataclass(frozen=True)
class KeptPairing:
    """A pairing with both pseudonym keys, the tags that both submitted, and the score, for when both accepted."""

    pairing: Pairing
    keys: tuple[VerifyingKey, VerifyingKey]
    shared: frozenset[bytes]
    score: float

    @classmethod
    def of(cls, offer: MatchOffer, shared: frozenset[bytes], score: float, certified: KeyCheck) -> KeptPairing:
        """A new offer. Raises as ``MatchOffer.keys``."""
        return cls(Pairing(offer), offer.keys(certified), shared, score)

    @property
    def match_id(self) -> bytes:
        """16 bytes."""
        return self.pairing.offer.match_id

    def is_over(self, epoch: int, now: int) -> bool:
        """Whether nothing can come of it any more."""
        offer = self.pairing.offer
        return offer.epoch != epoch or (now > offer.expires_at and len(self.pairing.acceptances) < 2)

    def __bytes__(self) -> bytes:
        return canonical.dumps(
            {
                "type": _TYPE,
                "pairing": canonical.b64(bytes(self.pairing)),
                "keys": [bytes(key).hex() for key in self.keys],
                "shared": [tag.hex() for tag in sorted(self.shared)],
                "score": self.score.hex(),
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> KeptPairing:
        """Inverse of ``bytes``. Raises ``IndexDamaged``."""
        try:
            value = canonical.loads(data, what="a pairing")
            one, two = (
                VerifyingKey(canonical.unhex(key, what="a key", size=VERIFYING_KEY_SIZE)) for key in value["keys"]
            )
            return cls(
                Pairing.from_bytes(canonical.unb64(value["pairing"], what="a pairing")),
                (one, two),
                frozenset(bytes.fromhex(tag) for tag in value["shared"]),
                float.fromhex(value["score"]),
            )
        except (EncodingInvalid, OfferInvalid, KeyError, TypeError, ValueError):
            raise IndexDamaged(
                "the index's file of pairings is damaged; delete it, and let patients search anew"
            ) from None


class Pairings:
    """All pairings of the current epoch. Raises ``IndexUnavailable``, ``IndexDamaged``."""

    def __init__(self, path: Path, *, epoch: int, clock: Callable[[], int]) -> None:
        self._store = IndexStore.open(path)
        self._epoch = epoch
        self._clock = clock
        try:
            self._slots = {slot: KeptPairing.from_bytes(record) for slot, record in self._store.records()}
            self._wipe(lambda kept: kept.is_over(epoch, clock()))
        except BaseException:
            self._store.close()
            raise

    def __iter__(self) -> Iterator[KeptPairing]:
        return iter(list(self._slots.values()))

    def find(self, match_id: bytes) -> KeptPairing | None:
        """The pairing of that id (16 bytes)."""
        return next((kept for kept in self if kept.match_id == match_id), None)

    def of_pair(self, keys: tuple[VerifyingKey, VerifyingKey]) -> KeptPairing | None:
        """The pairing of those two that is not over."""
        now = self._clock()
        return next((kept for kept in self if set(kept.keys) == set(keys) and not kept.is_over(self._epoch, now)), None)

    def keep(self, kept: KeptPairing) -> None:
        """Add it, or put it in the place of the one with its id."""
        old = [slot for slot, known in self._slots.items() if known.match_id == kept.match_id]
        with self._store.writing():
            self._store.wipe(old)
            slot = self._store.put(bytes(kept))
        self._slots = {at: known for at, known in self._slots.items() if at not in old} | {slot: kept}

    def answer(self, kept: KeptPairing, pairing: Pairing) -> None:
        """Keep a pairing with one more answer."""
        self.keep(replace(kept, pairing=pairing))

    def forget(self, key: VerifyingKey) -> None:
        """Wipe every pairing of that pseudonym."""
        self._wipe(lambda kept: key in kept.keys)

    def close(self) -> None:
        """Let go of the file."""
        self._store.close()

    def _wipe(self, which: Callable[[KeptPairing], bool]) -> None:
        over = [slot for slot, kept in self._slots.items() if which(kept)]
        if over:
            with self._store.writing():
                self._store.wipe(over)
            self._slots = {slot: kept for slot, kept in self._slots.items() if slot not in over}
