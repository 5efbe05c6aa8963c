"""AFGH 2006, "third attempt": unidirectional, single-hop, from pairings. UNSAFE FOR RECORDS.

Source: G. Ateniese, K. Fu, M. Green, S. Hohenberger, "Improved proxy re-encryption schemes with applications to secure
distributed storage", ACM TISSEC 9(1), 2006, section 3 (the third attempt). With Z = e(g, g): public key
(Z^{a1}, g^{a2}), rekey (g^{b2})^{a1}; second level (g^k, m Z^{a1 k}), re-encrypted (Z^{b2 a1 k}, m Z^{a1 k}).

Moved to a type 3 group: g^k stays in G1; g^{a2} and the rekey, which is paired with it, are in G2. Nothing is doubled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from benchmarks.groups.group import Element, Group, Kind
from benchmarks.schemes.scheme import GroupScheme, KeyPair
from benchmarks.schemes.wire import write


@dataclass(frozen=True, repr=False)
class Public:
    """Z^{a1} seals; h^{a2}, h of G2, is what others delegate to."""

    z_a1: Element
    h_a2: Element


@dataclass(frozen=True, repr=False)
class Secret:
    """a1 opens what was sealed, a2 what was delegated."""

    a1: int
    a2: int


@dataclass(frozen=True, repr=False)
class Rekey:
    """h^{b2 a1}."""

    h_b2_a1: Element


Keys: TypeAlias = KeyPair[Public, Secret]


class Afgh(GroupScheme[Public, Secret, Rekey]):
    """The setup is Z = e(g, h), which everybody can compute. UNSAFE FOR RECORDS."""

    name = "AFGH 2006"

    def __init__(self, group: Group) -> None:
        super().__init__(group)
        self.z = group.pairing(group.g1, group.g2)

    def key_generation(self, identity: str) -> Keys:
        a1, a2 = self.group.random_scalar(), self.group.random_scalar()
        return KeyPair(Public(self.z**a1, self.group.g2**a2), Secret(a1, a2))

    def rekey(self, delegator: Keys, delegatee: Any) -> Rekey:
        return Rekey(delegatee.h_a2**delegator.secret.a1)

    def encapsulate(self, author: Any) -> tuple[bytes, bytes]:
        k = self.group.random_scalar()
        return bytes(self.group.g1**k), self.key_of(author.z_a1**k)

    def reencapsulate(self, rekey: Rekey, capsule: bytes) -> bytes:
        return bytes(self.group.pairing(self.read_element(Kind.G1, capsule), rekey.h_b2_a1))

    def decapsulate(self, delegator: Keys, capsule: bytes) -> bytes:
        masked = self.group.pairing(self.read_element(Kind.G1, capsule), self.group.g2)
        return self.key_of(masked**delegator.secret.a1)

    def open_reencapsulated(
        self,
        delegatee: Keys,
        delegator: Public,
        reencapsulated: bytes,
    ) -> bytes:
        inverse = self.group.invert_scalar(delegatee.secret.a2)
        return self.key_of(self.read_element(Kind.GT, reencapsulated) ** inverse)

    def parameter_bytes(self) -> bytes:
        return bytes(self.z)

    def public_key_bytes(self, public: Public) -> bytes:
        return write(self.group, public.z_a1, public.h_a2)

    def rekey_bytes(self, rekey: Rekey) -> bytes:
        return bytes(rekey.h_b2_a1)
