"""The peer ``umbral-pre``, NuCypher's Umbral in Rust, beside ``scheme.umbral``.

Both are measured on the same job from the same starting points: what arrives in bytes is parsed and checked, 2 of 3
proxies, key fragments signed over both keys. ``umbral-pre`` seals and opens a message with the key that it encapsulates
and has no call for less, so ``scheme.umbral`` does that too: 32 bytes.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from scheme import chunked, umbral
from scheme.keys import SigningKey
from scheme.umbral import Capsule, CapsuleFrag, RekeyTerms, SecretKey

THRESHOLD = 2
SHARES = 3
_MESSAGE = bytes(32)
_LABEL = b"benchmark"

Operations = Mapping[str, Callable[[], object]]
"""Name of an operation to a call of it."""


def ours() -> Operations:
    """``scheme.umbral``."""
    delegating, receiving, signer = SecretKey.generate(), SecretKey.generate(), SigningKey.generate()
    delegating_pk, receiving_pk = delegating.public_key, receiving.public_key
    terms = RekeyTerms(secrets.token_bytes(16), secrets.token_bytes(16), 0)
    verified_frags = umbral.generate_rekey(delegating, receiving_pk, signer, terms, THRESHOLD, SHARES)
    secret_frag = verified_frags[0].to_secret_bytes()

    def encapsulate() -> tuple[bytes, bytes]:
        capsule, key = umbral.encapsulate(delegating_pk, _LABEL)
        return bytes(capsule), chunked.seal_bytes(key, _LABEL, _MESSAGE)

    capsule_bytes, sealed = encapsulate()
    frags = [bytes(umbral.reencrypt(Capsule.from_bytes(capsule_bytes), _LABEL, frag)) for frag in verified_frags]

    def check() -> umbral.VerifiedCapsule:
        return Capsule.from_bytes(capsule_bytes).verify(_LABEL)

    capsule = check()

    def verify(data: bytes) -> umbral.VerifiedCapsuleFrag:
        frag = CapsuleFrag.from_bytes(data)
        return frag.verify(capsule, _LABEL, signer.verifying_key, delegating_pk, receiving_pk, terms)

    verified = [verify(data) for data in frags[:THRESHOLD]]

    def opened(fragments: list[umbral.VerifiedCapsuleFrag]) -> bytes:
        key = umbral.decapsulate_reencrypted(receiving, delegating_pk, capsule, _LABEL, fragments)
        return chunked.open_bytes(key, _LABEL, sealed)

    return {
        "encapsulate": encapsulate,
        "rekey": lambda: umbral.generate_rekey(delegating, receiving_pk, signer, terms, THRESHOLD, SHARES),
        "check a key fragment": lambda: umbral.KeyFrag.from_secret_bytes(secret_frag).verify(
            signer.verifying_key, delegating_pk, receiving_pk, terms
        ),
        "check a capsule": check,
        "re-encrypt": lambda: bytes(umbral.reencrypt(capsule, _LABEL, verified_frags[0])),
        "verify a fragment": lambda: verify(frags[0]),
        "open": lambda: opened(verified),
    }


def theirs(peer: Any) -> Operations:
    """``umbral_pre``, handed in as a module."""
    delegating, receiving, secret = peer.SecretKey.random(), peer.SecretKey.random(), peer.SecretKey.random()
    signer = peer.Signer(secret)
    delegating_pk, receiving_pk, verifying_pk = delegating.public_key(), receiving.public_key(), secret.public_key()

    def rekey() -> Any:
        return peer.generate_kfrags(
            delegating_sk=delegating,
            receiving_pk=receiving_pk,
            signer=signer,
            threshold=THRESHOLD,
            shares=SHARES,
            sign_delegating_key=True,
            sign_receiving_key=True,
        )

    verified_frags = rekey()
    secret_frag = bytes(verified_frags[0])
    capsule, sealed = peer.encrypt(delegating_pk, _MESSAGE)
    capsule_bytes = bytes(capsule)
    frags = [bytes(peer.reencrypt(capsule, frag)) for frag in verified_frags]

    def verify(data: bytes) -> Any:
        return peer.CapsuleFrag.from_bytes(data).verify(capsule, verifying_pk, delegating_pk, receiving_pk)

    verified = [verify(data) for data in frags[:THRESHOLD]]
    return {
        "encapsulate": lambda: peer.encrypt(delegating_pk, _MESSAGE),
        "rekey": rekey,
        "check a key fragment": lambda: peer.KeyFrag.from_bytes(secret_frag).verify(
            verifying_pk, delegating_pk, receiving_pk
        ),
        "check a capsule": lambda: peer.Capsule.from_bytes(capsule_bytes),
        "re-encrypt": lambda: bytes(peer.reencrypt(capsule, verified_frags[0])),
        "verify a fragment": lambda: verify(frags[0]),
        "open": lambda: peer.decrypt_reencrypted(receiving, delegating_pk, capsule, verified, sealed),
    }


def opening_of_a_record(peer: Any) -> Callable[[], object]:
    """What a delegatee does for each record without chapters: capsule, two fragments, opening; all from bytes."""
    operations = theirs(peer)
    check, verify, opened = (operations[name] for name in ("check a capsule", "verify a fragment", "open"))

    def opening() -> None:
        check()
        for _ in range(THRESHOLD):
            verify()
        opened()

    return opening
