"""Umbral: threshold, unidirectional, single-hop, non-interactive proxy re-encryption on secp256k1.

Source: D. Nunez, "Umbral: a threshold proxy re-encryption scheme", 2018. In the order data flows:
``keys -> capsule (encapsulate) -> rekey -> reencrypt -> open``.
"""

from scheme.umbral.capsule import Capsule, VerifiedCapsule, decapsulate, encapsulate
from scheme.umbral.errors import (
    CapsuleInvalid,
    FragmentDuplicate,
    FragmentForeign,
    FragmentInvalid,
    FragmentsInconsistent,
    FragmentsMixed,
    FragmentsTooFew,
    UmbralError,
)
from scheme.umbral.keys import PublicKey, SecretKey
from scheme.umbral.open import Opener, decapsulate_reencrypted
from scheme.umbral.reencrypt import CapsuleFrag, VerifiedCapsuleFrag, reencrypt
from scheme.umbral.rekey import KeyFrag, RekeyTerms, VerifiedKeyFrag, generate_rekey

__all__ = [
    "Capsule",
    "CapsuleFrag",
    "CapsuleInvalid",
    "FragmentDuplicate",
    "FragmentForeign",
    "FragmentInvalid",
    "FragmentsInconsistent",
    "FragmentsMixed",
    "FragmentsTooFew",
    "KeyFrag",
    "Opener",
    "PublicKey",
    "RekeyTerms",
    "SecretKey",
    "UmbralError",
    "VerifiedCapsule",
    "VerifiedCapsuleFrag",
    "VerifiedKeyFrag",
    "decapsulate",
    "decapsulate_reencrypted",
    "encapsulate",
    "generate_rekey",
    "reencrypt",
]
