"""Opening by the delegatee: a threshold of capsule fragments give back the encapsulated key.

Source: D. Nunez, "Umbral: a threshold proxy re-encryption scheme", 2018: DecapsulateFrags. The delegatee's secret and
the grant's secret d meet points in constant time only; the Lagrange coefficients do not.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from scheme.keys import VerifyingKey
from scheme.umbral.capsule import Capsule, VerifiedCapsule, kem_key, verified
from scheme.umbral.errors import (
    FragmentDuplicate,
    FragmentForeign,
    FragmentsInconsistent,
    FragmentsMixed,
    FragmentsTooFew,
)
from scheme.umbral.group import ORDER, Point, add, diffie_hellman, multiply, negate
from scheme.umbral.keys import PublicKey, SecretKey
from scheme.umbral.reencrypt import CapsuleFrag, VerifiedCapsuleFrag
from scheme.umbral.rekey import Origin, RekeyTerms, VerifiedOrigin, share_index, shared_scalar


class Opener:
    """Opens the capsules of one delegating key for one delegatee under one grant.

    It keeps, in memory only, what does not depend on the capsule: signatures already checked, the Diffie-Hellman value
    of each precursor, the Lagrange coefficients of each set of fragments. Secret.
    """

    def __init__(
        self, receiving_sk: SecretKey, delegating_pk: PublicKey, verifying_key: VerifyingKey, terms: RekeyTerms
    ) -> None:
        self._verifying_key = verifying_key
        self._terms = terms
        self._origins: dict[bytes, VerifiedOrigin] = {}
        self._opening = _Opening(receiving_sk, delegating_pk)

    def verify(self, capsule: Capsule | VerifiedCapsule, label: bytes, frag: CapsuleFrag) -> VerifiedCapsuleFrag:
        """As ``CapsuleFrag.verify``; the delegator's signature on one fragment is checked once."""
        capsule = verified(capsule, label)
        origin = self._origins.get(frag.origin.data)
        if origin is None:
            opening = self._opening
            receiving_pk = opening.receiving_sk.public_key
            origin = frag.origin.verify(self._verifying_key, opening.delegating_pk, receiving_pk, self._terms)
            self._origins[frag.origin.data] = origin
        return frag.verify_proof(capsule, origin)

    def open(self, capsule: Capsule | VerifiedCapsule, label: bytes, frags: Sequence[VerifiedCapsuleFrag]) -> bytes:
        """As ``decapsulate_reencrypted``, for this delegatee and delegating key."""
        return self._opening.open(capsule, label, frags)

    def __repr__(self) -> str:
        return f"Opener({self._opening.delegating_pk.key_id})"


def decapsulate_reencrypted(
    receiving_sk: SecretKey,
    delegating_pk: PublicKey,
    capsule: Capsule | VerifiedCapsule,
    label: bytes,
    frags: Sequence[VerifiedCapsuleFrag],
) -> bytes:
    """The 32-byte key in ``capsule`` (secret), from at least the threshold of verified fragments.

    Checks, in order: the capsule under ``label``; that the fragments are of this capsule, of one rekey, none twice, and
    enough; that together they satisfy the capsule's equation, so wrong fragments give an error and never a wrong key.
    A capsule does not say whose it is: that ``label`` names the delegating key's scope is for the caller to check, or
    fragments that are right for another scope's capsule give 32 bytes that open nothing.
    Raises ``CapsuleInvalid``, ``FragmentForeign``, ``FragmentsMixed``, ``FragmentDuplicate``, ``FragmentsTooFew``,
    ``FragmentsInconsistent``.
    """
    return _Opening(receiving_sk, delegating_pk).open(capsule, label, frags)


class _Opening:
    def __init__(self, receiving_sk: SecretKey, delegating_pk: PublicKey) -> None:
        self.receiving_sk = receiving_sk
        self.delegating_pk = delegating_pk
        self._between: bytes | None = None
        self._shared: dict[bytes, int] = {}
        self._coefficients: dict[tuple[bytes, ...], list[int]] = {}

    def open(self, capsule: Capsule | VerifiedCapsule, label: bytes, frags: Sequence[VerifiedCapsuleFrag]) -> bytes:
        capsule = verified(capsule, label)
        frags = self._chosen(capsule, frags)
        origin = frags[0].frag.origin
        coefficients = self._lagrange(tuple(frag.frag.origin.id for frag in frags))
        e1 = _combine([frag.frag.e1 for frag in frags], coefficients)
        v1 = _combine([frag.frag.v1 for frag in frags], coefficients)
        d = self._secret(origin)
        total = add(e1, v1)
        left = add(multiply(e1, capsule.h), v1)
        if total is None or left is None:
            raise _inconsistent()
        right = multiply(self.delegating_pk.point, capsule.capsule.s).format()
        if not hmac.compare_digest(diffie_hellman(d, left), hashlib.sha256(right).digest()):
            raise _inconsistent()
        return kem_key(diffie_hellman(d, total), capsule.capsule.data, label)

    def _chosen(self, capsule: VerifiedCapsule, frags: Sequence[VerifiedCapsuleFrag]) -> Sequence[VerifiedCapsuleFrag]:
        """The threshold of fragments to use, after all were checked against each other."""
        if not frags:
            raise FragmentsTooFew("no proxy answered; try again when a threshold of them can be reached")
        first = frags[0].frag.origin
        for frag in frags:
            keys = frag.origin.delegating_pk, frag.origin.receiving_pk
            if frag.capsule != capsule or keys != (self.delegating_pk, self.receiving_sk.public_key):
                raise FragmentForeign("a fragment was made for another capsule or key; ask its proxy again")
            if _rekey_of(frag.frag.origin) != _rekey_of(first):
                raise FragmentsMixed("the fragments are of different grants; use those of one grant")
        if len({frag.frag.origin.id for frag in frags}) != len(frags):
            raise FragmentDuplicate("a fragment was handed in twice; ask another proxy")
        if len(frags) < first.threshold:
            raise FragmentsTooFew(f"{len(frags)} of {first.threshold} fragments are here; ask more proxies")
        return frags[: first.threshold]

    def _secret(self, origin: Origin) -> int:
        found = self._shared.get(origin.precursor_bytes)
        if found is None:
            shared = diffie_hellman(self.receiving_sk.scalar, origin.precursor)
            found = shared_scalar(origin.precursor_bytes, self.receiving_sk.public_key, shared)
            self._shared[origin.precursor_bytes] = found
        return found

    def _lagrange(self, ids: tuple[bytes, ...]) -> list[int]:
        """The coefficients at 0 for the fragments after the first; all of them sum to 1."""
        found = self._coefficients.get(ids)
        if found is None:
            if len(ids) > 1 and self._between is None:
                self._between = diffie_hellman(self.receiving_sk.scalar, self.delegating_pk.point)
            between = self._between or b""
            receiving_pk = self.receiving_sk.public_key
            xs = [share_index(i, self.delegating_pk, receiving_pk, between) for i in ids] if len(ids) > 1 else [1]
            found = [_coefficient(xs, i) for i in range(1, len(xs))]
            self._coefficients[ids] = found
        return found


def _rekey_of(origin: Origin) -> tuple[bytes, int, bytes]:
    return origin.binding, origin.threshold, origin.precursor_bytes


def _coefficient(xs: list[int], i: int) -> int:
    numerator = denominator = 1
    for j, x in enumerate(xs):
        if j != i:
            numerator = numerator * x % ORDER
            denominator = denominator * (x - xs[i]) % ORDER
    return numerator * pow(denominator, -1, ORDER) % ORDER


def _combine(points: list[Point], coefficients: list[int]) -> Point:
    """The point at 0: P0 + sum of c_i (P_i - P0), because all Lagrange coefficients sum to 1."""
    first = points[0]
    if not coefficients:
        return first
    back = negate(first)
    terms = [first]
    for point, coefficient in zip(points[1:], coefficients, strict=True):
        difference = add(point, back)
        if difference is not None:
            terms.append(multiply(difference, coefficient))
    total = add(*terms)
    if total is None:
        raise _inconsistent()
    return total


def _inconsistent() -> FragmentsInconsistent:
    return FragmentsInconsistent("the fragments do not open this capsule together; ask the patient to grant again")
