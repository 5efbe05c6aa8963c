"""The index's offers and answers between commands, beside its lists of tags: each pairing until it is over.

Kept in slots that are overwritten (``matching.index_store``), so that who opts out leaves no byte here either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from matching.errors import IndexDamaged, OfferInvalid
from matching.index import Found
from matching.index_store import IndexStore
from matching.offer import KeyCheck
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
    def of(cls, found: Found, certified: KeyCheck) -> KeptPairing:
        """A new offer. Raises as ``MatchOffer.keys``."""
        return cls(Pairing(found.offer), found.offer.keys(certified), found.shared, found.score)

    @property
    def match_id(self) -> bytes:
        """16 bytes."""
        return self.pairing.offer.match_id

    @property
    def pair(self) -> frozenset[VerifyingKey]:
        """Both keys, in no order."""
        return frozenset(self.keys)

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
    """All pairings of the current epoch, at most one of the same two. Raises ``IndexUnavailable``, ``IndexDamaged``."""

    def __init__(self, path: Path, *, epoch: int, clock: Callable[[], int]) -> None:
        self._store = IndexStore.open(path)
        self._epoch = epoch
        self._clock = clock
        try:
            held = [(slot, KeptPairing.from_bytes(record)) for slot, record in self._store.records()]
            over = {slot for slot, kept in held if kept.is_over(epoch, clock())}
            with self._store.writing():
                self._store.wipe(over)
        except BaseException:
            self._store.close()
            raise
        going_on = [(slot, kept) for slot, kept in held if slot not in over]
        self._slots = {kept.match_id: slot for slot, kept in going_on}
        self._kept = {kept.match_id: kept for _, kept in going_on}
        self._ids = {kept.pair: kept.match_id for _, kept in going_on}

    def __iter__(self) -> Iterator[KeptPairing]:
        return iter(list(self._kept.values()))

    def find(self, match_id: bytes) -> KeptPairing | None:
        """The pairing of that id (16 bytes)."""
        return self._kept.get(match_id)

    def of_pair(self, keys: tuple[VerifyingKey, VerifyingKey]) -> KeptPairing | None:
        """The pairing of those two that is not over."""
        match_id = self._ids.get(frozenset(keys))
        kept = None if match_id is None else self._kept[match_id]
        return None if kept is None or kept.is_over(self._epoch, self._clock()) else kept

    def keep(self, kept: KeptPairing) -> None:
        """Add it, or put it in the place of the one of the same two."""
        old = self._ids.get(kept.pair)
        with self._store.writing():
            self._store.wipe([] if old is None else [self._slots[old]])
            slot = self._store.put(bytes(kept))
        if old is not None:
            del self._slots[old], self._kept[old]
        self._slots[kept.match_id], self._kept[kept.match_id], self._ids[kept.pair] = slot, kept, kept.match_id

    def answer(self, kept: KeptPairing, pairing: Pairing) -> None:
        """Keep a pairing with one more answer."""
        self.keep(replace(kept, pairing=pairing))

    def forget(self, key: VerifyingKey) -> None:
        """Wipe every pairing of that pseudonym."""
        hers = [kept for kept in self if key in kept.keys]
        with self._store.writing():
            self._store.wipe([self._slots[kept.match_id] for kept in hers])
        for kept in hers:
            del self._slots[kept.match_id], self._kept[kept.match_id], self._ids[kept.pair]

    def close(self) -> None:
        """Let go of the file."""
        self._store.close()
