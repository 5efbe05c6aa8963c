"""Ibraimi et al. 2008: type-and-identity-based proxy re-encryption, made for health records. UNSAFE FOR RECORDS.

Source: L. Ibraimi, Q. Tang, P. Hartel, W. Jonker, "A type-and-identity-based proxy re-encryption scheme and its
application in healthcare", Secure Data Management 2008, LNCS 5159. Each ciphertext has a type t (a category of record):
(g^r, m e(H(id), g^s)^{r H2(sk || t)}, t); rekey for one type (t, sk^{-H2(sk || t)} H1(X), Encrypt(id2, X)).

H2(sk || t) enters the encryption, so only the delegator herself can seal: no hospital can write to her. The two key
generation centres of the paper are one here. As an encapsulation and in a type 3 group as ``green_ateniese``. A type
travels as its SHA-256 (32 bytes).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, TypeAlias

from benchmarks.groups.group import Element, Group, Kind
from benchmarks.schemes.boneh_franklin import BonehFranklin, Encrypted, IdentityKey
from benchmarks.schemes.errors import CapsuleRefused
from benchmarks.schemes.scheme import GroupScheme, KeyPair
from benchmarks.schemes.wire import read, write

TYPE = "laboratory"
"""The type where none is named."""
_TYPE_SIZE = 32
_CAPSULE = (Kind.G1, _TYPE_SIZE)
_REENCAPSULATED = (Kind.G1, Kind.GT, Kind.G1, Kind.GT)


@dataclass(frozen=True, repr=False)
class Rekey:
    """For one type: X for the delegatee, and the delegator's key of that type hidden by it."""

    type_id: bytes
    x: Encrypted
    hidden: Element


Keys: TypeAlias = KeyPair[str, IdentityKey]


class TypeAndIdentity(GroupScheme[str, IdentityKey, Rekey]):
    """The setup is the key generation centre's; an identity is its own public key. UNSAFE FOR RECORDS."""

    name = "Ibraimi et al. 2008"

    def __init__(self, group: Group) -> None:
        super().__init__(group)
        self.centre = BonehFranklin(group)

    def key_generation(self, identity: str) -> Keys:
        return KeyPair(identity, self.centre.extract(identity))

    def author_needs(self, delegator: Keys) -> Keys:
        """The delegator's secret key, too."""
        return delegator

    def rekey(self, delegator: Keys, delegatee: Any, record_type: str = TYPE) -> Rekey:
        type_id, x = _type_id(record_type), self.centre.random_element()
        of_type = self._key_of_type(delegator.secret, type_id)
        return Rekey(type_id, self.centre.encrypt(x, delegatee), self.centre.blinding(x) / of_type)

    def encapsulate(self, author: Any, record_type: str = TYPE) -> tuple[bytes, bytes]:
        type_id, r = _type_id(record_type), self.group.random_scalar()
        exponent = r * self._exponent(author.secret, type_id)
        capsule = write(self.group, self.group.g1**r, type_id)
        return capsule, self.key_of(self.centre.mask(author.public) ** exponent)

    def reencapsulate(self, rekey: Rekey, capsule: bytes) -> bytes:
        g_r, type_id = read(self.group, _CAPSULE, capsule, what="a capsule")
        if type_id != rekey.type_id:
            raise CapsuleRefused("the capsule is of another type than the rekey; ask for one of its type")
        masked = self.group.pairing(g_r, rekey.hidden)
        return write(self.group, g_r, masked, rekey.x.g_r, rekey.x.masked)

    def decapsulate(self, delegator: Keys, capsule: bytes) -> bytes:
        g_r, type_id = read(self.group, _CAPSULE, capsule, what="a capsule")
        mask = self.group.pairing(g_r, delegator.secret.key)
        return self.key_of(mask ** self._exponent(delegator.secret, type_id))

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
        return write(self.group, rekey.type_id, rekey.x.g_r, rekey.x.masked, rekey.hidden)

    def _exponent(self, key: IdentityKey, type_id: bytes) -> int:
        return self.group.hash_to_scalar("research/type", bytes(key.key) + type_id)

    def _key_of_type(self, key: IdentityKey, type_id: bytes) -> Element:
        return key.key ** self._exponent(key, type_id)


def _type_id(record_type: str) -> bytes:
    return hashlib.sha256(record_type.encode()).digest()
