"""The match index: who opted in under which blind tags, and who is like whom. It never sees a symptom.

It knows a patient by her pseudonym of the epoch, the id (16 bytes) of the key that the authority certifies, one a
member and epoch. Weights come from counts of tags when the lists are loaded; who opts in afterwards is compared by the
same weights, and lists and counts are made anew after some changes (at once in a small index).

What a search finds is fresh offers (``matching.offer``), best first, and nobody when nobody passes the threshold.
Shared tags and scores come with them, for whoever keeps them until both accepted: nothing of a search is kept here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from matching.epoch import epoch_bytes
from matching.errors import ChangesExhausted, NotOptedIn, OptedInAlready, OptInInvalid
from matching.index_request import Action, IndexRequest
from matching.index_store import IndexStore
from matching.loaded import Entry, Loaded
from matching.offer import KeyCheck, MatchOffer
from matching.score import SIMGIC, Measure
from scheme.hashing import Tag, tagged_hash


@dataclass(frozen=True)
class Limits:
    """What one pseudonym may do in an epoch, and what one search may ask."""

    max_changes: int = 8
    """Opt-ins and changes together. Opting out is always possible."""
    max_searches: int = 64
    max_top: int = 20
    offer_s: int = 14 * 24 * 3600
    """How long an offer may be answered."""


@dataclass(frozen=True)
class Found:
    """One whom a search found: an offer to both, and what neither is told before both accepted."""

    offer: MatchOffer
    shared: frozenset[bytes] = field(repr=False)
    """The tags that both submitted."""
    score: float


class MatchIndex:
    """The index of one epoch, in this process alone; not for several threads at once."""

    def __init__(
        self,
        store: IndexStore,
        *,
        epoch: int,
        certified: KeyCheck,
        clock: Callable[[], int],
        limits: Limits | None = None,
        measure: Measure = SIMGIC,
    ) -> None:
        epoch_bytes(epoch)
        self.epoch = epoch
        self._store = store
        self._certified = certified
        self._clock = clock
        self._limits = limits or Limits()
        self._measure = measure
        self._loaded = self._load()

    @classmethod
    def open(
        cls,
        place: Path | str,
        *,
        epoch: int,
        certified: KeyCheck,
        clock: Callable[[], int],
        limits: Limits | None = None,
        measure: Measure = SIMGIC,
    ) -> MatchIndex:
        """The index at a path or PostgreSQL URL; what is of earlier epochs is wiped.

        ``certified`` checks a certificate for an epoch and returns its key, or raises; ``clock`` gives unix seconds.
        Raises ``IndexUnavailable``, ``IndexDamaged``, ``OtherEpoch`` if the index is of a later epoch.
        """
        store = IndexStore.open(place)
        try:
            return cls(store, epoch=epoch, certified=certified, clock=clock, limits=limits, measure=measure)
        except BaseException:
            store.close()
            raise

    def __len__(self) -> int:
        return len(self._loaded)

    def opt_in(self, request: IndexRequest) -> None:
        """Take a patient in. Raises ``OptedInAlready``, ``ChangesExhausted``, and as ``IndexRequest.verify``."""
        pseudonym = self._verified(request, Action.OPT_IN)
        if pseudonym in self._loaded:
            raise OptedInAlready("this pseudonym opted in in this epoch already; change it, or opt out first")
        self._submit(request, pseudonym)

    def change(self, request: IndexRequest) -> None:
        """Put the tags of ``request`` in the place of all she had. Raises ``NotOptedIn``, and as ``opt_in``."""
        pseudonym = self._verified(request, Action.CHANGE)
        self._require_present(pseudonym)
        self._submit(request, pseudonym)

    def opt_out(self, request: IndexRequest) -> None:
        """Forget a patient: no byte of her tags, certificate or pseudonym is left in the database.

        Always possible, however much was changed before, and also for one who is not there: of an opt-out the answer
        may have been lost, or what else was to be forgotten. Raises as ``IndexRequest.verify``, ``OptInInvalid``.
        """
        pseudonym = self._verified(request, Action.OPT_OUT)
        fingerprint, (_, changes, searches) = self._used(request, pseudonym)
        with self._store.writing():
            if pseudonym in self._loaded:
                self._store.wipe([self._loaded.slot(pseudonym)])
            self._store.set_used(fingerprint, self.epoch, request.sequence, changes, searches)
        self._forget(pseudonym)

    def find(self, request: IndexRequest, *, top: int = 5, least: float = 0.0) -> list[Found]:
        """The ``top`` patients most like this one who score above 0 and at least ``least``, best first.

        None is an answer: nobody is like her. Never herself. Raises ``NotOptedIn``, ``ChangesExhausted`` after
        ``max_searches``, ``OptInInvalid``, and as ``IndexRequest.verify``.
        """
        pseudonym = self._verified(request, Action.FIND)
        if not 1 <= top <= self._limits.max_top or not 0 <= least <= 1:
            raise OptInInvalid(f"a search is for 1 to {self._limits.max_top} patients, with a threshold from 0 to 1")
        self._require_present(pseudonym)
        fingerprint, (_, changes, searches) = self._used(request, pseudonym)
        if searches >= self._limits.max_searches:
            raise ChangesExhausted("this pseudonym has searched as often as it may in this epoch; wait for the next")
        with self._store.writing():
            self._store.set_used(fingerprint, self.epoch, request.sequence, changes, searches + 1)
        if self._loaded.is_stale:
            self._loaded = self._load()
        own = self._loaded.entry(pseudonym)
        return [
            self._found(own, self._loaded.entry(other), score)
            for other, score in self._loaded.search(own, top=top, least=least, tie=_order(pseudonym))
        ]

    def close(self) -> None:
        """Let go of the database."""
        self._store.close()

    def _load(self) -> Loaded:
        loaded = Loaded(self.epoch, self._measure)
        outdated = [slot for slot, record in self._store.records() if not loaded.take(slot, record)]
        with self._store.writing():
            self._store.wipe(outdated)
            self._store.forget_before(self.epoch)
        loaded.build()
        return loaded

    def _verified(self, request: IndexRequest, action: Action) -> bytes:
        if request.action is not action:
            raise OptInInvalid("the request is for something else; sign one for this")
        return bytes.fromhex(request.verify(self.epoch, self._certified).key_id)

    def _used(self, request: IndexRequest, pseudonym: bytes) -> tuple[bytes, tuple[int, int, int]]:
        fingerprint = tagged_hash(Tag.INDEX_USE, epoch_bytes(self.epoch), pseudonym)
        used = self._store.used(fingerprint, self.epoch)
        if request.sequence <= used[0]:
            raise OptInInvalid("the request was sent before, or after a later one; sign it anew with a higher sequence")
        return fingerprint, used

    def _submit(self, request: IndexRequest, pseudonym: bytes) -> None:
        fingerprint, (_, changes, searches) = self._used(request, pseudonym)
        if changes >= self._limits.max_changes:
            raise ChangesExhausted("this pseudonym has changed as often as it may in this epoch; wait for the next")
        entry = Entry(self.epoch, pseudonym, request.certificate, request.tags)
        with self._store.writing():
            if pseudonym in self._loaded:
                self._store.wipe([self._loaded.slot(pseudonym)])
            slot = self._store.put(bytes(entry))
            self._store.set_used(fingerprint, self.epoch, request.sequence, changes + 1, searches)
        self._forget(pseudonym)
        self._loaded.add(slot, entry)

    def _forget(self, pseudonym: bytes) -> None:
        if pseudonym in self._loaded:
            self._loaded.remove(pseudonym)

    def _require_present(self, pseudonym: bytes) -> None:
        if pseudonym not in self._loaded:
            raise NotOptedIn("this pseudonym is not in the index; opt in first")

    def _found(self, own: Entry, other: Entry, score: float) -> Found:
        one, two = sorted((own.certificate, other.certificate))
        expires_at = self._clock() + self._limits.offer_s
        offer = MatchOffer.create(epoch=self.epoch, expires_at=expires_at, certificates=(one, two))
        return Found(offer, own.tags & other.tags, score)


def _order(pseudonym: bytes) -> Callable[[bytes], bytes]:
    """Equal scores in an order that says nothing of when somebody opted in, another one for each who asks."""
    return lambda other: tagged_hash(Tag.MATCH_ORDER, pseudonym, other)
