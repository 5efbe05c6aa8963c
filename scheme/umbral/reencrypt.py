"""Re-encryption by a proxy, with a proof that it was done right.

Source: D. Nunez, "Umbral: a threshold proxy re-encryption scheme", 2018: ReEncapsulation and its non-interactive
zero-knowledge proof. The proof is sent as challenge and response; the verifier computes the commitments again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from scheme.errors import EncodingInvalid
from scheme.hashing import Tag
from scheme.keys import VerifyingKey
from scheme.umbral.capsule import Capsule, VerifiedCapsule, verified
from scheme.umbral.errors import FragmentForeign, FragmentInvalid
from scheme.umbral.group import (
    ORDER,
    POINT_SIZE,
    SCALAR_SIZE,
    Entropy,
    Point,
    U,
    add,
    decode_point,
    decode_scalar,
    encode_scalar,
    hash_to_scalar,
    multiply,
    random_scalar,
    system_entropy,
)
from scheme.umbral.keys import PublicKey
from scheme.umbral.rekey import ORIGIN_SIZE, Origin, RekeyTerms, VerifiedKeyFrag, VerifiedOrigin

CAPSULE_FRAG_SIZE = ORIGIN_SIZE + 2 * POINT_SIZE + 2 * SCALAR_SIZE

_E1 = slice(ORIGIN_SIZE, ORIGIN_SIZE + POINT_SIZE)
_V1 = slice(_E1.stop, _E1.stop + POINT_SIZE)
_CHALLENGE = slice(_V1.stop, _V1.stop + SCALAR_SIZE)
_RESPONSE = slice(_CHALLENGE.stop, _CHALLENGE.stop + SCALAR_SIZE)


@dataclass(frozen=True)
class CapsuleFrag:
    """What a proxy makes of a capsule, not verified: 293 bytes.

    ``origin (163) || E1 (33) || V1 (33) || challenge (32) || response (32)``.
    """

    data: bytes
    origin: Origin = field(init=False, repr=False, compare=False)
    e1: Point = field(init=False, repr=False, compare=False)
    v1: Point = field(init=False, repr=False, compare=False)
    challenge: int = field(init=False, repr=False, compare=False)
    response: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.data) != CAPSULE_FRAG_SIZE:
            raise EncodingInvalid(f"a capsule fragment has {CAPSULE_FRAG_SIZE} bytes")
        object.__setattr__(self, "origin", Origin(self.data[:ORIGIN_SIZE]))
        object.__setattr__(self, "e1", decode_point(self.data[_E1], what="a capsule fragment's first part"))
        object.__setattr__(self, "v1", decode_point(self.data[_V1], what="a capsule fragment's second part"))
        object.__setattr__(self, "challenge", decode_scalar(self.data[_CHALLENGE], what="a proof's challenge"))
        object.__setattr__(self, "response", decode_scalar(self.data[_RESPONSE], what="a proof's response"))

    @classmethod
    def from_bytes(cls, data: bytes) -> CapsuleFrag:
        """From 293 bytes. Raises ``EncodingInvalid``."""
        return cls(bytes(data))

    def verify(
        self,
        capsule: Capsule | VerifiedCapsule,
        label: bytes,
        verifying_key: VerifyingKey,
        delegating_pk: PublicKey,
        receiving_pk: PublicKey,
        terms: RekeyTerms,
    ) -> VerifiedCapsuleFrag:
        """Check, in order: the capsule, keys and terms, the delegator's signature, the proxy's proof.

        Raises ``CapsuleInvalid``, ``FragmentForeign``, ``FragmentInvalid``.
        """
        capsule = verified(capsule, label)
        return self.verify_proof(capsule, self.origin.verify(verifying_key, delegating_pk, receiving_pk, terms))

    def verify_proof(self, capsule: VerifiedCapsule, origin: VerifiedOrigin) -> VerifiedCapsuleFrag:
        """The last step of ``verify``. Raises ``FragmentForeign`` if ``origin`` is another's, ``FragmentInvalid``."""
        if origin.origin != self.origin:
            raise FragmentForeign("the fragment was made with another key fragment; do not use it here")
        challenge, response = self.challenge, self.response
        negative = ORDER - challenge
        commitments = []
        for base, result in (
            (capsule.capsule.e, self.e1),
            (capsule.capsule.v, self.v1),
            (U, self.origin.commitment),
        ):
            found = add(multiply(base, response), multiply(result, negative))
            if found is None:
                raise _unproven()
            commitments.append(found.format())
        if challenge != _challenge(capsule, self.data[: _CHALLENGE.start], commitments):
            raise _unproven()
        return VerifiedCapsuleFrag(self, capsule, origin)

    def __bytes__(self) -> bytes:
        return self.data


@dataclass(frozen=True)
class VerifiedCapsuleFrag:
    """A capsule fragment proven right for ``capsule`` and the keys of ``origin``; only ``verify`` makes one."""

    frag: CapsuleFrag
    capsule: VerifiedCapsule
    origin: VerifiedOrigin

    def __bytes__(self) -> bytes:
        return self.frag.data


def reencrypt(
    capsule: Capsule | VerifiedCapsule, label: bytes, key_frag: VerifiedKeyFrag, *, entropy: Entropy = system_entropy
) -> CapsuleFrag:
    """A proxy's work: ``capsule`` turned by ``key_frag``, with its proof. Raises ``CapsuleInvalid``."""
    capsule = verified(capsule, label)
    e, v = capsule.capsule.e, capsule.capsule.v
    share = key_frag.frag.share
    head = key_frag.frag.origin.data + multiply(e, share).format() + multiply(v, share).format()
    nonce = random_scalar(entropy)
    challenge = _challenge(capsule, head, [multiply(base, nonce).format() for base in (e, v, U)])
    response = (nonce + challenge * share) % ORDER
    return CapsuleFrag(head + encode_scalar(challenge) + encode_scalar(response))


def _challenge(capsule: VerifiedCapsule, head: bytes, commitments: list[bytes]) -> int:
    return hash_to_scalar(Tag.UMBRAL_PROOF, capsule.capsule.data, capsule.label, head, *commitments)


def _unproven() -> FragmentInvalid:
    return FragmentInvalid("the proxy's proof does not hold for this capsule; ask another proxy")
