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
from typing import Any

from benchmarks.groups.group import Element, Kind
from benchmarks.schemes.boneh_franklin import HiddenKey, IdentityBased, IdentityKey, Keys
from benchmarks.schemes.errors import CapsuleRefused
from benchmarks.schemes.wire import read, write

TYPE = "laboratory"
"""The type where none is named."""
_TYPE_SIZE = 32
_CAPSULE = (Kind.G1, _TYPE_SIZE)


@dataclass(frozen=True, repr=False)
class Rekey(HiddenKey):
    """For one type: the delegator's key of that type is hidden."""

    type_id: bytes


class TypeAndIdentity(IdentityBased[Rekey]):
    """A rekey hides the delegator's key of one type. UNSAFE FOR RECORDS."""

    name = "Ibraimi et al. 2008"

    def author_needs(self, delegator: Keys) -> Keys:
        """The delegator's secret key, too."""
        return delegator

    def rekey(self, delegator: Keys, delegatee: Any, record_type: str = TYPE) -> Rekey:
        type_id = _type_id(record_type)
        made = self.hide(self._key_of_type(delegator.secret, type_id), delegatee)
        return Rekey(made.x, made.hidden, type_id)

    def encapsulate(self, author: Any, record_type: str = TYPE) -> tuple[bytes, bytes]:
        type_id, r = _type_id(record_type), self.group.random_scalar()
        exponent = r * self._exponent(author.secret, type_id)
        capsule = write(self.group, self.group.g1**r, type_id)
        return capsule, self.key_of(self.centre.mask(author.public) ** exponent)

    def reencapsulate(self, rekey: Rekey, capsule: bytes) -> bytes:
        g_r, type_id = read(self.group, _CAPSULE, capsule, what="a capsule")
        if type_id != rekey.type_id:
            raise CapsuleRefused("the capsule is of another type than the rekey; ask for one of its type")
        return self.turned(g_r, rekey)

    def decapsulate(self, delegator: Keys, capsule: bytes) -> bytes:
        g_r, type_id = read(self.group, _CAPSULE, capsule, what="a capsule")
        mask = self.group.pairing(g_r, delegator.secret.key)
        return self.key_of(mask ** self._exponent(delegator.secret, type_id))

    def rekey_bytes(self, rekey: Rekey) -> bytes:
        return write(self.group, rekey.type_id, rekey.x.g_r, rekey.x.masked, rekey.hidden)

    def _exponent(self, key: IdentityKey, type_id: bytes) -> int:
        return self.group.hash_to_scalar("research/type", bytes(key.key) + type_id)

    def _key_of_type(self, key: IdentityKey, type_id: bytes) -> Element:
        return key.key ** self._exponent(key, type_id)


def _type_id(record_type: str) -> bytes:
    return hashlib.sha256(record_type.encode()).digest()
