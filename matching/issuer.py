"""A tag issuer: evaluates blinded elements for enrolled members, in bounded number, with one key an epoch.

It learns who asks, when, and for how many elements (rounded up to a power of two by honest clients); never a symptom.
That the caller is the member named is for whoever takes the request from the network to check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from matching.epoch import SUITE, IssuerPublicKey, KnownKeys, epoch_bytes, id_bytes
from matching.errors import BatchInvalid, NotEnrolled, OtherEpoch
from matching.oprf import MAX_BATCH_ELEMENTS, OprfKey, require_elements
from matching.quota import Counter
from matching.tags import Answer
from scheme.hashing import Tag, tagged_hash

DEFAULT_MAX_ELEMENTS_PER_EPOCH = 256
"""A member and epoch. Half of the 536 HPO terms that carry 80 % of the weight; 16 symptoms a request fit 16 times."""


class IssuerKey:
    """One issuer's private key in one epoch, from a random 32-byte seed of that epoch alone, erased when it is over.

    Raises ``ElementInvalid``, ``EpochInvalid``.
    """

    def __init__(self, seed: bytes, *, issuer: str, operator: str, epoch: int) -> None:
        ids = id_bytes(issuer, what="an issuer's id") + id_bytes(operator, what="an operator's id")
        self.oprf = OprfKey.from_seed(seed, b"chartseal/1/issuer-key" + SUITE + ids + epoch_bytes(epoch))
        self.public = IssuerPublicKey(issuer, operator, epoch, self.oprf.public_key)

    def __repr__(self) -> str:
        return f"IssuerKey({self.public!r})"


class Issuer:
    """One issuer at work.

    ``is_member`` says whether a member id is enrolled and active now; ``counter`` keeps the counts durably. Raises
    ``IssuerKeyChanged`` if two keys are for one epoch, ``ValueError`` on a limit below 1.
    """

    def __init__(
        self,
        keys: Iterable[IssuerKey],
        is_member: Callable[[str], bool],
        counter: Counter,
        *,
        max_elements_per_epoch: int = DEFAULT_MAX_ELEMENTS_PER_EPOCH,
    ) -> None:
        if max_elements_per_epoch < 1:
            raise ValueError("an issuer that evaluates nothing is no issuer")
        self._is_member = is_member
        self._counter = counter
        self._limit = max_elements_per_epoch
        self._published = KnownKeys()
        self._keys: dict[int, IssuerKey] = {}
        for key in keys:
            self.add_key(key)

    def add_key(self, key: IssuerKey) -> None:
        """Serve the epoch of ``key`` too. Raises ``IssuerKeyChanged`` on a second key for one epoch."""
        self._published.learn(key.public)
        self._keys[key.public.epoch] = key

    def retire(self, epoch: int) -> None:
        """Forget the keys and counts of ``epoch`` and all before; the seeds are the operator's to erase.

        Raises ``QuotaUnavailable``.
        """
        self._keys = {number: key for number, key in self._keys.items() if number > epoch}
        self._counter.close_epoch(epoch)

    def evaluate(self, member: str, epoch: int, elements: Sequence[bytes]) -> Answer:
        """Evaluate a batch of 1 to 1,024 blinded elements (32 bytes each) for ``member`` with the key of ``epoch``.

        1. the member is enrolled (``NotEnrolled``); 2. the epoch is served (``OtherEpoch``, ``EpochInvalid``); 3. the
        batch has a lawful number of different (``BatchInvalid``), canonical (``ElementInvalid``) elements; 4. it is
        counted durably (``QuotaExceeded``, ``BatchRepeated``, ``QuotaUnavailable``); 5. and only then evaluated. The
        same batch is not answered twice, so that a copied request cannot use up a member's quota.
        """
        member_bytes = id_bytes(member, what="a member's id")
        if not self._is_member(member):  # 1
            raise NotEnrolled("only enrolled members may ask an issuer; enrol first")
        key = self._keys.get(epoch)  # 2
        if key is None:
            raise OtherEpoch(f"this issuer has no key for epoch {int.from_bytes(epoch_bytes(epoch), 'big')}")
        if not 1 <= len(elements) <= MAX_BATCH_ELEMENTS:  # 3
            raise BatchInvalid(f"a batch has 1 to {MAX_BATCH_ELEMENTS} elements, not {len(elements)}")
        if len(set(elements)) != len(elements):
            raise BatchInvalid("an element stands in the batch twice; blind each symptom once")
        require_elements(elements)
        batch = tagged_hash(Tag.BLINDED_BATCH, epoch_bytes(epoch), member_bytes, *sorted(elements))
        self._counter.charge(member, epoch, len(elements), limit=self._limit, batch=batch)  # 4
        return Answer(key.public, key.oprf.evaluate(elements))  # 5
