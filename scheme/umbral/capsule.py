"""Encapsulation: a fresh key for the holder of a public key, and the capsule from which it is found again.

Source: D. Nunez, "Umbral: a threshold proxy re-encryption scheme", 2018: Encapsulate, CheckCapsule, Decapsulate. The
label is ours: it goes into the hash of the capsule's proof, so a capsule holds under its own label only, and together
with the capsule into the derivation of the key.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from scheme.hashing import Tag, tagged_hash
from scheme.umbral.errors import CapsuleInvalid
from scheme.umbral.group import (
    ORDER,
    POINT_SIZE,
    SCALAR_SIZE,
    Entropy,
    Point,
    add,
    base_multiply,
    decode_point,
    decode_scalar,
    diffie_hellman,
    encode_scalar,
    hash_to_scalar,
    multiply,
    random_scalar,
    system_entropy,
)
from scheme.umbral.keys import PublicKey, SecretKey

CAPSULE_SIZE = 2 * POINT_SIZE + SCALAR_SIZE


@dataclass(frozen=True)
class Capsule:
    """A capsule, its encoding checked and its proof not: 98 bytes, ``E (33) || V (33) || s (32)``."""

    data: bytes
    e: Point = field(init=False, repr=False, compare=False)
    v: Point = field(init=False, repr=False, compare=False)
    s: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.data) != CAPSULE_SIZE:
            raise CapsuleInvalid(f"a capsule has {CAPSULE_SIZE} bytes; fetch the block again")
        object.__setattr__(self, "e", decode_point(self.e_bytes, what="a capsule's first part"))
        object.__setattr__(self, "v", decode_point(self.v_bytes, what="a capsule's second part"))
        object.__setattr__(self, "s", decode_scalar(self.data[2 * POINT_SIZE :], what="a capsule's proof"))

    @classmethod
    def from_bytes(cls, data: bytes) -> Capsule:
        """From 98 bytes. Raises ``CapsuleInvalid`` on the length, ``EncodingInvalid`` on a point or scalar."""
        return cls(bytes(data))

    @property
    def e_bytes(self) -> bytes:
        """The encoding of E: 33 bytes."""
        return self.data[:POINT_SIZE]

    @property
    def v_bytes(self) -> bytes:
        """The encoding of V: 33 bytes."""
        return self.data[POINT_SIZE : 2 * POINT_SIZE]

    def verify(self, label: bytes) -> VerifiedCapsule:
        """Check that ``s G = V + h E``, h binding ``label``. Raises ``CapsuleInvalid``."""
        h = _challenge(self.e_bytes, self.v_bytes, label)
        found = add(self.v, multiply(self.e, h))
        if found is None or found.format() != base_multiply(self.s).format():
            raise CapsuleInvalid("the capsule does not belong to this header or was changed; fetch the block again")
        return VerifiedCapsule(self, label, h)

    def __bytes__(self) -> bytes:
        return self.data


@dataclass(frozen=True)
class VerifiedCapsule:
    """A capsule whose proof holds for ``label``; only ``verify`` and ``encapsulate`` make one."""

    capsule: Capsule
    label: bytes
    h: int = field(repr=False, compare=False)

    def __bytes__(self) -> bytes:
        return self.capsule.data


def verified(capsule: Capsule | VerifiedCapsule, label: bytes) -> VerifiedCapsule:
    """``capsule`` verified under ``label``, without work when it already is. Raises ``CapsuleInvalid``."""
    if isinstance(capsule, VerifiedCapsule):
        if capsule.label == label:
            return capsule
        capsule = capsule.capsule
    return capsule.verify(label)


def kem_key(shared: bytes, capsule: bytes, label: bytes) -> bytes:
    """The encapsulated key: 32 bytes. ``shared`` is SHA-256 of the shared point's compressed encoding."""
    return tagged_hash(Tag.UMBRAL_KEM, shared, capsule, label)


def encapsulate(delegating_pk: PublicKey, label: bytes, *, entropy: Entropy = system_entropy) -> tuple[Capsule, bytes]:
    """A capsule for ``delegating_pk`` that holds under ``label`` only, and the 32-byte key in it (secret)."""
    r, u = random_scalar(entropy), random_scalar(entropy)
    e, v = base_multiply(r).format(), base_multiply(u).format()
    s = (u + r * _challenge(e, v, label)) % ORDER
    capsule = Capsule(e + v + encode_scalar(s))
    return capsule, kem_key(diffie_hellman((r + u) % ORDER, delegating_pk.point), capsule.data, label)


def decapsulate(delegating_sk: SecretKey, capsule: Capsule | VerifiedCapsule, label: bytes) -> bytes:
    """The 32-byte key in ``capsule``, for the key it was made for (secret). Raises ``CapsuleInvalid``.

    A capsule does not say whose it is: another key gives another 32 bytes, which open nothing.
    """
    capsule = verified(capsule, label).capsule
    total = add(capsule.e, capsule.v)
    if total is None:
        raise CapsuleInvalid("the capsule is degenerate; it was not made by this software")
    return kem_key(diffie_hellman(delegating_sk.scalar, total), capsule.data, label)


def _challenge(e: bytes, v: bytes, label: bytes) -> int:
    return hash_to_scalar(Tag.UMBRAL_CAPSULE, e, v, label)
