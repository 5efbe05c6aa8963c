"""The project's own scheme, ``scheme.umbral``, under the interface of the others: one proxy of one.

It is the one that records are sealed with. Its group is not instrumented; the profiler counts the calls of what
``scheme.umbral.group`` and the signatures do instead, so the scheme itself stays as it is.
"""

from __future__ import annotations

import cProfile
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any, TypeAlias, cast

from benchmarks.schemes.errors import MessageInvalid
from benchmarks.schemes.scheme import KEY_SIZE, KeyPair, Scheme
from scheme import umbral
from scheme.hashing import Tag
from scheme.keys import SigningKey, VerifyingKey
from scheme.umbral import Capsule, CapsuleFrag, PublicKey, RekeyTerms, SecretKey, VerifiedKeyFrag, group
from scheme.umbral.capsule import CAPSULE_SIZE, kem_key
from scheme.umbral.reencrypt import CAPSULE_FRAG_SIZE
from scheme.umbral.rekey import binding_of

LABEL = b"benchmark"


@dataclass(frozen=True)
class Public:
    """The key for re-encryption, and the one that signs the owner's fragments."""

    key: PublicKey
    verifying: VerifyingKey


@dataclass(frozen=True, repr=False)
class Secret:
    """What belongs to ``Public``."""

    key: SecretKey
    signing: SigningKey


Keys: TypeAlias = KeyPair[Public, Secret]


class Umbral(Scheme[Public, Secret, VerifiedKeyFrag]):
    """``scheme.umbral``; re-encapsulated is the capsule with its fragment, 391 bytes."""

    name = "scheme.umbral"
    group_name = "secp256k1 (coincurve)"
    security_bits = 128

    def __init__(self) -> None:
        self._terms = RekeyTerms(secrets.token_bytes(16), secrets.token_bytes(16), 0)

    def key_generation(self, identity: str) -> Keys:
        key, signing = SecretKey.generate(), SigningKey.generate()
        return KeyPair(Public(key.public_key, signing.verifying_key), Secret(key, signing))

    def rekey(self, delegator: Keys, delegatee: Any) -> VerifiedKeyFrag:
        secret = delegator.secret
        return umbral.generate_rekey(secret.key, delegatee.key, secret.signing, self._terms, threshold=1, shares=1)[0]

    def encapsulate(self, author: Any) -> tuple[bytes, bytes]:
        capsule, key = umbral.encapsulate(author.key, LABEL)
        return bytes(capsule), key

    def reencapsulate(self, rekey: VerifiedKeyFrag, capsule: bytes) -> bytes:
        return capsule + bytes(umbral.reencrypt(Capsule.from_bytes(capsule), LABEL, rekey))

    def decapsulate(self, delegator: Keys, capsule: bytes) -> bytes:
        return umbral.decapsulate(delegator.secret.key, Capsule.from_bytes(capsule), LABEL)

    def open_reencapsulated(self, delegatee: Keys, delegator: Public, reencapsulated: bytes) -> bytes:
        if len(reencapsulated) != CAPSULE_SIZE + CAPSULE_FRAG_SIZE:
            raise MessageInvalid("a capsule does not come with its fragment; ask the proxy again")
        capsule = Capsule.from_bytes(reencapsulated[:CAPSULE_SIZE]).verify(LABEL)
        fragment = CapsuleFrag.from_bytes(reencapsulated[CAPSULE_SIZE:])
        verified = fragment.verify(
            capsule, LABEL, delegator.verifying, delegator.key, delegatee.public.key, self._terms
        )
        return umbral.decapsulate_reencrypted(delegatee.secret.key, delegator.key, capsule, LABEL, [verified])

    def parameter_bytes(self) -> bytes:
        return b""

    def public_key_bytes(self, public: Public) -> bytes:
        return bytes(public.key) + bytes(public.verifying)

    def rekey_bytes(self, rekey: VerifiedKeyFrag) -> bytes:
        return rekey.to_secret_bytes()

    def count(self, run: Callable[[], object]) -> Counter[str] | None:
        """As the profiler saw them; one called by another counts as part of it."""
        profiler = cProfile.Profile()
        profiler.runcall(run)
        counts: Counter[str] = Counter()
        for entry in profiler.getstats():
            _count(counts, entry.code, entry.callcount)
            if _OPERATIONS.get(entry.code) is not None:
                for callee in entry.calls or ():
                    _count(counts, callee.code, -callee.callcount)
        return +counts

    def operations(self) -> Mapping[str, Callable[[], object]]:
        """A call of each operation, on random operands."""
        scalar, signing = group.random_scalar(group.system_entropy), SigningKey.generate()
        point, other = group.base_multiply(scalar), group.base_multiply(group.random_scalar(group.system_entropy))
        encoded, wide = point.format(), bytes(group.SCALAR_SIZE - 1) + b"\x01"
        public, message = PublicKey(encoded), bytes(250)
        signature = signing.sign(Tag.KEY_FRAGMENT, message)
        return {
            "power": lambda: group.multiply(point, scalar),
            "power of the generator": lambda: group.base_multiply(scalar),
            "power, hashed": lambda: group.diffie_hellman(scalar, point),
            "product": lambda: group.add(point, other),
            "encoding": point.format,
            "decoding with checks": lambda: group.decode_point(encoded, what="a point"),
            "decoding of a scalar": lambda: group.decode_scalar(wide, what="a scalar"),
            "random scalar": lambda: group.random_scalar(group.system_entropy),
            "hash to a scalar": lambda: group.hash_to_scalar(Tag.UMBRAL_PROOF, message),
            "key derivation": lambda: kem_key(bytes(KEY_SIZE), bytes(CAPSULE_SIZE), LABEL),
            "binding of keys and terms": lambda: binding_of(public, public, self._terms),
            "signing key": SigningKey.generate,
            "signature": lambda: signing.sign(Tag.KEY_FRAGMENT, message),
            "signature verified": lambda: signing.verifying_key.verify(Tag.KEY_FRAGMENT, message, signature),
        }


def _code(function: object) -> CodeType:
    return cast(FunctionType, getattr(function, "__func__", function)).__code__


_OPERATIONS: Mapping[CodeType | str, str] = {
    _code(group.multiply): "power",
    _code(group.base_multiply): "power of the generator",
    _code(group.diffie_hellman): "power, hashed",
    _code(group.add): "product",
    _code(group.Point.format): "encoding",
    _code(group.decode_point): "decoding with checks",
    _code(group.decode_scalar): "decoding of a scalar",
    _code(group.random_scalar): "random scalar",
    _code(group.hash_to_scalar): "hash to a scalar",
    _code(kem_key): "key derivation",
    _code(binding_of): "binding of keys and terms",
    _code(SigningKey.generate): "signing key",
    _code(SigningKey.sign): "signature",
    _code(VerifyingKey.verify): "signature verified",
}


def _count(counts: Counter[str], code: CodeType | str, calls: int) -> None:
    operation = _OPERATIONS.get(code)
    if operation is not None:
        counts[operation] += calls
