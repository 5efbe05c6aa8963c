"""Libert and Vergnaud 2008: unidirectional, single-hop, against (replayable) chosen ciphertexts. UNSAFE FOR RECORDS.

Source: B. Libert, D. Vergnaud, "Unidirectional chosen-ciphertext secure proxy re-encryption", PKC 2008, LNCS 4939,
section 3. Public key X = g^x, rekey R = X_j^{1/x_i}; a second-level ciphertext is C1 = svk,
C2 = X_i^r, C3 = m e(g, g)^r, C4 = (u^{svk} v)^r and a one-time signature of (C3, C4); re-encrypted, C2 becomes
C2' = X_i^t, C2'' = R^{1/t}, C2''' = C2^t. Here m is 1, C3 falls away and the signature is of C4.

Moved to a type 3 group, the public key is doubled (g^x in G1 and h^x in G2; whoever takes one from somebody else has to
see that e(g^x, h) is e(g, h^x), which no phase contains): X_i is raised to r and paired with C4 (G1), and R is paired
with C2''' (G2). u, v, C4 and C2'' are in G2. In a symmetric group, as in the paper, the two halves are one element.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from benchmarks.groups.group import Element, Group, Kind
from benchmarks.schemes import one_time
from benchmarks.schemes.errors import CapsuleRefused
from benchmarks.schemes.scheme import GroupScheme, KeyPair
from benchmarks.schemes.wire import read, write

_CAPSULE = (one_time.KEY_SIZE, Kind.G1, Kind.G2, one_time.SIGNATURE_SIZE)
_REENCAPSULATED = (one_time.KEY_SIZE, Kind.G1, Kind.G2, Kind.G1, Kind.G2, one_time.SIGNATURE_SIZE)


@dataclass(frozen=True, repr=False)
class Public:
    """g^x and h^x; one element in a symmetric group."""

    g_x: Element
    h_x: Element


@dataclass(frozen=True, repr=False)
class Rekey:
    """h^{x_j / x_i}; and the delegator's g^{x_i}, by which the proxy checks and blinds, and which is public."""

    ratio: Element
    delegator: Element


Keys: TypeAlias = KeyPair[Public, int]


class LibertVergnaud(GroupScheme[Public, int, Rekey]):
    """The setup is u and v, hashed from their names so that nobody knows a logarithm, and Z. UNSAFE FOR RECORDS."""

    name = "Libert-Vergnaud 2008"

    def __init__(self, group: Group) -> None:
        super().__init__(group)
        self._u = group.hash_to(Kind.G2, "research/libert-vergnaud", b"u")
        self._v = group.hash_to(Kind.G2, "research/libert-vergnaud", b"v")
        self.z = group.pairing(group.g1, group.g2)

    def key_generation(self, identity: str) -> Keys:
        x = self.group.random_scalar()
        g_x = self.group.g1**x
        return KeyPair(Public(g_x, self.group.as_g2(g_x) if self.group.symmetric else self.group.g2**x), x)

    def rekey(self, delegator: Keys, delegatee: Any) -> Rekey:
        return Rekey(delegatee.h_x ** self.group.invert_scalar(delegator.secret), delegator.public.g_x)

    def encapsulate(self, author: Any) -> tuple[bytes, bytes]:
        signing, name = one_time.new_key()
        r = self.group.random_scalar()
        c4 = bytes(self._bound_to(name) ** r)
        signature = one_time.sign(self.group.tally, signing, c4)
        return write(self.group, name, author.g_x**r, c4, signature), self.key_of(self.z**r)

    def reencapsulate(self, rekey: Rekey, capsule: bytes) -> bytes:
        name, c2, c4, signature = self._checked(capsule, rekey.delegator)
        t = self.group.random_scalar()
        blinded = rekey.ratio ** self.group.invert_scalar(t)
        return write(self.group, name, rekey.delegator**t, blinded, c2**t, bytes(c4), signature)

    def decapsulate(self, delegator: Keys, capsule: bytes) -> bytes:
        _, c2, _, _ = self._checked(capsule, delegator.public.g_x)
        masked = self.group.pairing(c2, self.group.g2)
        return self.key_of(masked ** self.group.invert_scalar(delegator.secret))

    def open_reencapsulated(
        self,
        delegatee: Keys,
        delegator: Public,
        reencapsulated: bytes,
    ) -> bytes:
        group = self.group
        name, first, second, third, c4, signature = read(group, _REENCAPSULATED, reencapsulated, what="a capsule")
        if group.pairing(first, second) != group.pairing(delegatee.public.g_x, group.g2):
            raise CapsuleRefused("the capsule is not for this key; ask the proxy for the one that is")
        self._require_signed(name, c4, signature)
        if group.pairing(third, self._bound_to(name)) != group.pairing(first, c4):
            raise CapsuleRefused("the capsule was changed; ask the proxy again")
        return self.key_of(group.pairing(third, second) ** group.invert_scalar(delegatee.secret))

    def parameter_bytes(self) -> bytes:
        return write(self.group, self._u, self._v)

    def public_key_bytes(self, public: Public) -> bytes:
        return bytes(public.g_x) if self.group.symmetric else write(self.group, public.g_x, public.h_x)

    def rekey_bytes(self, rekey: Rekey) -> bytes:
        return bytes(rekey.ratio)

    def operations(self) -> Any:
        """With the one-time signature's."""
        return {**super().operations(), **one_time.operations(self.group.tally)}

    def _checked(self, capsule: bytes, delegator: Element) -> tuple[Any, ...]:
        parts = read(self.group, _CAPSULE, capsule, what="a capsule")
        name, c2, c4, signature = parts
        self._require_signed(name, c4, signature)
        if self.group.pairing(c2, self._bound_to(name)) != self.group.pairing(delegator, c4):
            raise CapsuleRefused("the capsule was changed, or is for another key; fetch it again")
        return parts

    def _require_signed(self, name: bytes, c4: Element, signature: bytes) -> None:
        if not one_time.verified(self.group.tally, name, bytes(c4), signature):
            raise CapsuleRefused("the capsule was changed; fetch it again")

    def _bound_to(self, name: bytes) -> Element:
        """u^svk v, the one-time key hashed to an exponent."""
        return self._u ** self.group.hash_to_scalar("research/one-time key", name) * self._v
