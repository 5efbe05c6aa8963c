"""An epoch of tags: its number, each issuer's one public key in it, and the two keys a tag is made with.

One key an epoch, not one key for ever with the epoch in the input. An issuer sees blinded elements only, so with one
key it could not tell for which epoch a member asks: quotas of many epochs would add up to a dictionary of one epoch,
also of one long past. With a key of its own each epoch is closed for good once both keys are erased, and equal symptoms
have unrelated tags in different epochs. Rotation costs one public key an issuer and epoch on the ledger, and every
opted-in patient asks for her tags anew.

Which keys count is read from the ledger and handed in. A client that took the key out of the issuer's answer could be
given a key of its own, and her tags would be recognised among all others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from matching.errors import ElementInvalid, EpochInvalid, IssuerKeyChanged, IssuersNotIndependent, OtherEpoch
from matching.oprf import OprfPublicKey
from scheme.hashing import Tag, tagged_hash

SUITE = b"chartseal-match-1: VOPRF ristretto255-SHA512 (RFC 9497) by two issuers, HKDF-SHA-256 (RFC 5869)"
ISSUER_ID_SIZE = 16
MAX_EPOCH = 2**53 - 1
"""So that it is an exact number in JSON too."""


def epoch_bytes(epoch: int) -> bytes:
    """8 bytes, big-endian. Raises ``EpochInvalid`` unless it is an integer from 0 to 2^53 - 1."""
    if isinstance(epoch, bool) or not isinstance(epoch, int) or not 0 <= epoch <= MAX_EPOCH:
        raise EpochInvalid(f"an epoch is a number from 0 to {MAX_EPOCH}")
    return epoch.to_bytes(8, "big")


def id_bytes(text: str, *, what: str) -> bytes:
    """The 16 bytes of an id in lower-case hex. Raises ``ElementInvalid``."""
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if len(data) != ISSUER_ID_SIZE or data.hex() != text:
        raise ElementInvalid(f"{what} is {ISSUER_ID_SIZE} bytes in lower-case hex")
    return data


@dataclass(frozen=True)
class IssuerPublicKey:
    """What the ledger says of one issuer in one epoch. Raises ``ElementInvalid``, ``EpochInvalid``."""

    issuer: str
    """16 bytes in hex."""
    operator: str
    """The member that runs it: 16 bytes in hex."""
    epoch: int
    key: OprfPublicKey

    def __post_init__(self) -> None:
        id_bytes(self.issuer, what="an issuer's id")
        id_bytes(self.operator, what="an operator's id")
        epoch_bytes(self.epoch)


@dataclass(frozen=True)
class EpochKeys:
    """The keys of both issuers in one epoch, in whichever order they are given.

    Raises ``OtherEpoch`` if they are of two epochs, ``IssuersNotIndependent`` if issuer, operator or key is the same.
    """

    one: IssuerPublicKey
    other: IssuerPublicKey
    binding: bytes = field(init=False, repr=False, compare=False)
    """32 bytes that bind a tag to suite, epoch, issuers, operators and keys."""

    def __post_init__(self) -> None:
        one, other = self.one, self.other
        if one.epoch != other.epoch:
            raise OtherEpoch(f"one issuer's key is of epoch {one.epoch}, the other's of epoch {other.epoch}")
        if one.issuer == other.issuer or one.operator == other.operator or one.key == other.key:
            raise IssuersNotIndependent("the two issuers must have different ids, operators and keys")
        if one.issuer > other.issuer:
            one, other = other, one
            object.__setattr__(self, "one", one)
            object.__setattr__(self, "other", other)
        parts = [bytes.fromhex(part) for key in (one, other) for part in (key.issuer, key.operator, key.key.data.hex())]
        object.__setattr__(self, "binding", tagged_hash(Tag.TAG_KEYS, SUITE, epoch_bytes(one.epoch), *parts))

    @property
    def epoch(self) -> int:
        """The epoch of both keys."""
        return self.one.epoch

    def __iter__(self) -> Iterator[IssuerPublicKey]:
        return iter((self.one, self.other))


class KnownKeys:
    """Every issuer key a client or issuer has seen on the ledger: a second one for the same epoch is refused.

    Hand in what was known before, so that the comparison outlives the process.
    """

    def __init__(self, known: Iterable[IssuerPublicKey] = ()) -> None:
        self._keys: dict[tuple[str, int], IssuerPublicKey] = {}
        self._epochs: dict[bytes, tuple[str, int]] = {}
        for key in known:
            self.learn(key)

    def learn(self, key: IssuerPublicKey) -> None:
        """Remember ``key``. Raises ``IssuerKeyChanged`` if the issuer has another one in that epoch, or this one
        elsewhere: a key of two epochs would let quotas add up, and could not be erased when the first is over.
        """
        place = (key.issuer, key.epoch)
        if self._keys.setdefault(place, key) != key:
            raise IssuerKeyChanged(f"an issuer offers a second key for epoch {key.epoch}; nothing is sent to it")
        if self._epochs.setdefault(key.key.data, place) != place:
            del self._keys[place]
            raise IssuerKeyChanged(f"the issuer's key for epoch {key.epoch} is in use elsewhere; nothing is sent to it")

    def pair(self, epoch: int, one: str, other: str) -> EpochKeys:
        """The keys of two issuers (ids) in ``epoch``. Raises ``OtherEpoch`` if one has none, as ``EpochKeys`` else."""
        found = [self._keys.get((issuer, epoch)) for issuer in (one, other)]
        if found[0] is None or found[1] is None:
            raise OtherEpoch(f"an issuer has no key for epoch {epoch} on the ledger; ask its operator to publish one")
        return EpochKeys(found[0], found[1])

    def known(self) -> tuple[IssuerPublicKey, ...]:
        """All keys, to be handed in next time."""
        return tuple(self._keys.values())
