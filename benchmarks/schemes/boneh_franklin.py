"""What two of the schemes share: Boneh and Franklin's BasicIdent, for elements of GT, and keys hidden with it.

Source: D. Boneh, M. Franklin, "Identity-based encryption from the Weil pairing", CRYPTO 2001, section 4.1, multiplying
into the message as Green and Ateniese do instead of hashing and adding. Moved to a type 3 group: g^s and g^r in G1,
identities and their keys in G2. UNSAFE FOR RECORDS: one generation centre can open everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from benchmarks.groups.group import Element, Group, Kind
from benchmarks.schemes.scheme import GroupScheme, KeyPair
from benchmarks.schemes.wire import read, write

_REENCAPSULATED = (Kind.G1, Kind.GT, Kind.G1, Kind.GT)


@dataclass(frozen=True, repr=False)
class IdentityKey:
    """H(identity)^s, in G2."""

    key: Element


@dataclass(frozen=True)
class Encrypted:
    """An element of GT to an identity: (g^r, m e(g^s, H(identity))^r)."""

    g_r: Element
    masked: Element


class BonehFranklin:
    """The key generation centre and what it publishes, g^s."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self._master = group.random_scalar()
        self.g_s = group.g1**self._master
        self.z = group.pairing(group.g1, group.g2)

    def extract(self, identity: str) -> IdentityKey:
        """The secret key of ``identity``."""
        return IdentityKey(self._hashed(identity) ** self._master)

    def mask(self, identity: str) -> Element:
        """e(g^s, H(identity)): what everybody can compute, and hides with an exponent."""
        return self._group.pairing(self.g_s, self._hashed(identity))

    def random_element(self) -> Element:
        """A random element of GT."""
        return self.z ** self._group.random_scalar()

    def encrypt(self, element: Element, identity: str) -> Encrypted:
        """``element`` of GT to ``identity``."""
        r = self._group.random_scalar()
        return Encrypted(self._group.g1**r, element * self.mask(identity) ** r)

    def decrypt(self, encrypted: Encrypted, key: IdentityKey) -> Element:
        """The element; with another's key another element."""
        return encrypted.masked / self._group.pairing(encrypted.g_r, key.key)

    def blinding(self, element: Element) -> Element:
        """``element`` of GT hashed to G2."""
        return self._group.hash_to(Kind.G2, "research/blinding", bytes(element))

    def _hashed(self, identity: str) -> Element:
        return self._group.hash_to(Kind.G2, "research/identity", identity.encode())


@dataclass(frozen=True, repr=False)
class HiddenKey:
    """A key of the delegator's, hidden by an X that is encrypted to the delegatee."""

    x: Encrypted
    hidden: Element


HiddenT = TypeVar("HiddenT", bound=HiddenKey)
Keys: TypeAlias = KeyPair[str, IdentityKey]


class IdentityBased(GroupScheme[str, IdentityKey, HiddenT]):
    """The setup is the key generation centre's; an identity is its own public key. UNSAFE FOR RECORDS."""

    def __init__(self, group: Group) -> None:
        super().__init__(group)
        self.centre = BonehFranklin(group)

    def key_generation(self, identity: str) -> Keys:
        return KeyPair(identity, self.centre.extract(identity))

    def open_reencapsulated(self, delegatee: Keys, delegator: str, reencapsulated: bytes) -> bytes:
        g_r, masked, x_g_r, x_masked = read(self.group, _REENCAPSULATED, reencapsulated, what="a capsule")
        x = self.centre.decrypt(Encrypted(x_g_r, x_masked), delegatee.secret)
        return self.key_of(self.group.pairing(g_r, self.centre.blinding(x)) / masked)

    def parameter_bytes(self) -> bytes:
        return bytes(self.centre.g_s)

    def public_key_bytes(self, public: str) -> bytes:
        return public.encode()

    def hide(self, key: Element, delegatee: str) -> HiddenKey:
        """``key``, of G2, for whoever helps ``delegatee``."""
        x = self.centre.random_element()
        return HiddenKey(self.centre.encrypt(x, delegatee), self.centre.blinding(x) / key)

    def turned(self, g_r: Element, rekey: HiddenT) -> bytes:
        """What the proxy sends: g^r, its pairing with the hidden key, and X as it is encrypted."""
        return write(self.group, g_r, self.group.pairing(g_r, rekey.hidden), rekey.x.g_r, rekey.x.masked)
