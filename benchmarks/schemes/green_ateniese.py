"""Green and Ateniese 2007, IBP1: unidirectional identity-based proxy re-encryption. UNSAFE FOR RECORDS.

Source: M. Green, G. Ateniese, "Identity-based proxy re-encryption", ACNS 2007, LNCS 4521, section 4.1 (first
scheme, IBP1, against chosen plaintexts). Over Boneh and Franklin's encryption: rekey (Encrypt(id2, X), sk^{-1} H(X))
with X random in GT; re-encrypted (g^r, m e(g^r, H(X)), Encrypt(id2, X)). Here one hop; the paper's second scheme (IBP2,
against chosen ciphertexts) is not built.

As an encapsulation, the mask m e(g^s, H(id))^r itself is the key, so the proxy sends e(g^r, sk^{-1} H(X)), and the
delegatee divides e(g^r, H(X)) by it. Moved to a type 3 group: see ``boneh_franklin``; nothing is doubled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from benchmarks.groups.group import Element, Group, Kind
from benchmarks.schemes.boneh_franklin import BonehFranklin, Encrypted, IdentityKey
from benchmarks.schemes.scheme import GroupScheme, KeyPair
from benchmarks.schemes.wire import read, write

_REENCAPSULATED = (Kind.G1, Kind.GT, Kind.G1, Kind.GT)


@dataclass(frozen=True, repr=False)
class Rekey:
    """X for the delegatee, and the delegator's key hidden by it."""

    x: Encrypted
    hidden: Element


Keys: TypeAlias = KeyPair[str, IdentityKey]


class GreenAteniese(GroupScheme[str, IdentityKey, Rekey]):
    """The setup is the key generation centre's; an identity is its own public key. UNSAFE FOR RECORDS."""

    name = "Green-Ateniese 2007 (IBP1)"

    def __init__(self, group: Group) -> None:
        super().__init__(group)
        self.centre = BonehFranklin(group)

    def key_generation(self, identity: str) -> Keys:
        return KeyPair(identity, self.centre.extract(identity))

    def rekey(self, delegator: Keys, delegatee: Any) -> Rekey:
        x = self.centre.random_element()
        return Rekey(self.centre.encrypt(x, delegatee), self.centre.blinding(x) / delegator.secret.key)

    def encapsulate(self, author: Any) -> tuple[bytes, bytes]:
        r = self.group.random_scalar()
        return bytes(self.group.g1**r), self.key_of(self.centre.mask(author) ** r)

    def reencapsulate(self, rekey: Rekey, capsule: bytes) -> bytes:
        g_r = self._read(capsule)
        masked = self.group.pairing(g_r, rekey.hidden)
        return write(self.group, g_r, masked, rekey.x.g_r, rekey.x.masked)

    def decapsulate(self, delegator: Keys, capsule: bytes) -> bytes:
        return self.key_of(self.group.pairing(self._read(capsule), delegator.secret.key))

    def open_reencapsulated(
        self,
        delegatee: Keys,
        delegator: str,
        reencapsulated: bytes,
    ) -> bytes:
        g_r, masked, x_g_r, x_masked = read(self.group, _REENCAPSULATED, reencapsulated, what="a capsule")
        x = self.centre.decrypt(Encrypted(x_g_r, x_masked), delegatee.secret)
        return self.key_of(self.group.pairing(g_r, self.centre.blinding(x)) / masked)

    def parameter_bytes(self) -> bytes:
        return bytes(self.centre.g_s)

    def public_key_bytes(self, public: str) -> bytes:
        return public.encode()

    def rekey_bytes(self, rekey: Rekey) -> bytes:
        return write(self.group, rekey.x.g_r, rekey.x.masked, rekey.hidden)

    def _read(self, capsule: bytes) -> Element:
        found: Element = read(self.group, (Kind.G1,), capsule, what="a capsule")[0]
        return found
