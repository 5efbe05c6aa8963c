"""BBS98: bidirectional, multi-hop proxy re-encryption after ElGamal. UNSAFE FOR RECORDS.

Source: M. Blaze, G. Bleumer, M. Strauss, "Divertible protocols and atomic proxy cryptography", EUROCRYPT 1998, LNCS
1403, the proxy encryption there: (m g^k, g^{ak}), proxy key b/a. Needs no pairing; here in G1 of a pairing group, so
that its rows stand beside the others on one curve.

In a symmetric group Diffie-Hellman tuples are easy to tell, so a guessed shared element can be confirmed there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from benchmarks.groups.group import Element, Kind
from benchmarks.schemes.scheme import GroupScheme, KeyPair
from benchmarks.schemes.wire import write


@dataclass(frozen=True, repr=False)
class Rekey:
    """b / a: turns a's capsules to b and, inverted, b's to a."""

    ratio: int


Keys: TypeAlias = KeyPair[Element, int]


class Bbs98(GroupScheme[Element, int, Rekey]):
    """Public key g^a, secret a. UNSAFE FOR RECORDS."""

    name = "BBS98"

    def key_generation(self, identity: str) -> Keys:
        a = self.group.random_scalar()
        return KeyPair(self.group.g1**a, a)

    def delegator_needs(self, delegatee: Keys) -> int:
        """The delegatee's secret: both make the rekey together."""
        return delegatee.secret

    def rekey(self, delegator: Keys, delegatee: Any) -> Rekey:
        return Rekey(delegatee * self.group.invert_scalar(delegator.secret) % self.group.order)

    def encapsulate(self, author: Any) -> tuple[bytes, bytes]:
        k = self.group.random_scalar()
        return bytes(author**k), self.key_of(self.group.g1**k)

    def reencapsulate(self, rekey: Rekey, capsule: bytes) -> bytes:
        return bytes(self.read_element(Kind.G1, capsule) ** rekey.ratio)

    def decapsulate(self, delegator: Keys, capsule: bytes) -> bytes:
        return self.key_of(self.read_element(Kind.G1, capsule) ** self.group.invert_scalar(delegator.secret))

    def open_reencapsulated(
        self,
        delegatee: Keys,
        delegator: Element,
        reencapsulated: bytes,
    ) -> bytes:
        return self.decapsulate(delegatee, reencapsulated)

    def parameter_bytes(self) -> bytes:
        return b""

    def public_key_bytes(self, public: Element) -> bytes:
        return bytes(public)

    def rekey_bytes(self, rekey: Rekey) -> bytes:
        return write(self.group, rekey.ratio)
