"""Green and Ateniese 2007, IBP1: unidirectional identity-based proxy re-encryption. UNSAFE FOR RECORDS.

Source: M. Green, G. Ateniese, "Identity-based proxy re-encryption", ACNS 2007, LNCS 4521, section 4.1 (first
scheme, IBP1, against chosen plaintexts). Over Boneh and Franklin's encryption: rekey (Encrypt(id2, X), sk^{-1} H(X))
with X random in GT; re-encrypted (g^r, m e(g^r, H(X)), Encrypt(id2, X)). Here one hop; the paper's second scheme (IBP2,
against chosen ciphertexts) is not built.

As an encapsulation, the mask m e(g^s, H(id))^r itself is the key, so the proxy sends e(g^r, sk^{-1} H(X)), and the
delegatee divides e(g^r, H(X)) by it. Moved to a type 3 group: see ``boneh_franklin``; nothing is doubled.
"""

from __future__ import annotations

from typing import Any

from benchmarks.groups.group import Kind
from benchmarks.schemes.boneh_franklin import HiddenKey, IdentityBased, Keys
from benchmarks.schemes.wire import write


class GreenAteniese(IdentityBased[HiddenKey]):
    """A rekey hides the delegator's whole key. UNSAFE FOR RECORDS."""

    name = "Green-Ateniese 2007 (IBP1)"

    def rekey(self, delegator: Keys, delegatee: Any) -> HiddenKey:
        return self.hide(delegator.secret.key, delegatee)

    def encapsulate(self, author: Any) -> tuple[bytes, bytes]:
        r = self.group.random_scalar()
        return bytes(self.group.g1**r), self.key_of(self.centre.mask(author) ** r)

    def reencapsulate(self, rekey: HiddenKey, capsule: bytes) -> bytes:
        return self.turned(self.read_element(Kind.G1, capsule), rekey)

    def decapsulate(self, delegator: Keys, capsule: bytes) -> bytes:
        return self.key_of(self.group.pairing(self.read_element(Kind.G1, capsule), delegator.secret.key))

    def rekey_bytes(self, rekey: HiddenKey) -> bytes:
        return write(self.group, rekey.x.g_r, rekey.x.masked, rekey.hidden)
