"""What a patient asks of the match index, signed by her certified pseudonym key of the epoch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from matching.epoch import epoch_bytes
from matching.errors import OptInInvalid, OtherEpoch
from matching.offer import KeyCheck
from matching.tags import TAG_SIZE
from scheme.errors import SignatureInvalid
from scheme.hashing import Tag
from scheme.keys import SigningKey, VerifyingKey

MAX_TAGS = 1024
MAX_CERTIFICATE_BYTES = 4096


class Action(StrEnum):
    """What is asked for."""

    OPT_IN = "opt-in"
    CHANGE = "change"
    OPT_OUT = "opt-out"
    FIND = "find"


@dataclass(frozen=True)
class IndexRequest:
    """One request; ``tags`` (16 bytes each) only to opt in and to change.

    ``sequence`` is higher than in all of the pseudonym's requests before (a counter, or the time): a request that
    somebody kept does nothing when it is sent again, so an opt-out stays one.
    """

    action: Action
    epoch: int
    sequence: int
    certificate: bytes = field(repr=False)
    tags: frozenset[bytes] = field(default=frozenset(), repr=False)
    signature: bytes = field(default=b"", repr=False)

    @classmethod
    def create(
        cls,
        action: Action,
        key: SigningKey,
        certificate: bytes,
        *,
        epoch: int,
        sequence: int,
        tags: Iterable[bytes] = (),
    ) -> IndexRequest:
        """A request signed by ``key``, which ``certificate`` (DER) is about. Raises ``OptInInvalid``."""
        given = list(tags)
        if len(set(given)) != len(given):
            raise OptInInvalid("a tag stands in the list twice; name each symptom once")
        unsigned = cls(action, epoch, sequence, certificate, frozenset(given))
        return cls(
            action, epoch, sequence, certificate, unsigned.tags, key.sign(Tag.INDEX_REQUEST, unsigned.signed_bytes())
        )

    def signed_bytes(self) -> bytes:
        """What is signed. Raises ``OptInInvalid`` on sizes and numbers out of range, ``EpochInvalid``."""
        submits = self.action in {Action.OPT_IN, Action.CHANGE}
        if not 0 <= self.sequence < 1 << 63:
            raise OptInInvalid("a request's sequence number is from 0 to 2^63 - 1")
        if any(len(tag) != TAG_SIZE for tag in self.tags) or not len(self.certificate) <= MAX_CERTIFICATE_BYTES:
            raise OptInInvalid(f"a tag has {TAG_SIZE} bytes, a certificate at most {MAX_CERTIFICATE_BYTES}")
        if submits != bool(self.tags) or len(self.tags) > MAX_TAGS:
            raise OptInInvalid(f"an opt-in or a change has 1 to {MAX_TAGS} tags, another request none")
        action = self.action.encode()
        parts = [len(action).to_bytes(1, "big"), action, epoch_bytes(self.epoch), self.sequence.to_bytes(8, "big")]
        parts += [len(self.certificate).to_bytes(4, "big"), self.certificate, *sorted(self.tags)]
        return b"".join(parts)

    def verify(self, epoch: int, certified: KeyCheck) -> VerifyingKey:
        """The pseudonym's key. In order: 1. form; 2. the epoch; 3. the certificate; 4. the signature.

        Raises ``OptInInvalid``, ``OtherEpoch``, and what ``certified`` raises.
        """
        signed = self.signed_bytes()  # 1
        if self.epoch != epoch:  # 2
            raise OtherEpoch(f"the index is of epoch {epoch}, the tags of epoch {self.epoch}; ask for tags of this one")
        key = certified(self.certificate, epoch)  # 3
        try:
            key.verify(Tag.INDEX_REQUEST, signed, self.signature)  # 4
        except SignatureInvalid:
            raise OptInInvalid("the request is not signed by the key of its certificate; sign it anew") from None
        return key
