"""Schemes that others ship compiled, under the one interface. Their operations cannot be counted from outside.

Both encrypt a message and encapsulate no key, so the key is 32 random bytes that they encrypt. They are handed in as
modules, where they are installed. ``proxy-recrypt`` is AFGH's own code (proxylib) over MIRACL at 80-bit security.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from benchmarks.schemes.errors import CapsuleRefused
from benchmarks.schemes.scheme import KEY_SIZE, KeyPair, Scheme

_T = TypeVar("_T")


@dataclass(frozen=True, repr=False)
class PrePublic:
    """The key for re-encryption, and the one that signs the owner's fragments."""

    key: Any
    verifying: Any


@dataclass(frozen=True, repr=False)
class PreSecret:
    """What belongs to ``PrePublic``."""

    key: Any
    signer: Any


class UmbralPre(Scheme[PrePublic, PreSecret, Any]):
    """``umbral-pre``, NuCypher's Umbral in Rust, one proxy of one; ``module`` is ``umbral_pre``."""

    name = "umbral-pre"
    group_name = "secp256k1 (Rust)"
    security_bits = 128

    def __init__(self, module: Any) -> None:
        self._module = module
        capsule, sealed = module.encrypt(module.SecretKey.random().public_key(), bytes(KEY_SIZE))
        self._capsule_size = len(bytes(capsule))
        self._sealed_size = len(sealed)

    def key_generation(self, identity: str) -> KeyPair[PrePublic, PreSecret]:
        key, signing = self._module.SecretKey.random(), self._module.SecretKey.random()
        public = PrePublic(key.public_key(), signing.public_key())
        return KeyPair(public, PreSecret(key, self._module.Signer(signing)))

    def rekey(self, delegator: KeyPair[PrePublic, PreSecret], delegatee: Any) -> Any:
        return self._module.generate_kfrags(
            delegating_sk=delegator.secret.key,
            receiving_pk=delegatee.key,
            signer=delegator.secret.signer,
            threshold=1,
            shares=1,
            sign_delegating_key=True,
            sign_receiving_key=True,
        )[0]

    def encapsulate(self, author: Any) -> tuple[bytes, bytes]:
        key = secrets.token_bytes(KEY_SIZE)
        capsule, sealed = self._module.encrypt(author.key, key)
        return bytes(capsule) + sealed, key

    def reencapsulate(self, rekey: Any, capsule: bytes) -> bytes:
        read, _ = self._read(capsule)
        return capsule + bytes(self._module.reencrypt(read, rekey))

    def decapsulate(self, delegator: KeyPair[PrePublic, PreSecret], capsule: bytes) -> bytes:
        read, sealed = self._read(capsule)
        key: bytes = _opened(lambda: self._module.decrypt_original(delegator.secret.key, read, sealed))
        return key

    def open_reencapsulated(
        self, delegatee: KeyPair[PrePublic, PreSecret], delegator: PrePublic, reencapsulated: bytes
    ) -> bytes:
        end = self._capsule_size + self._sealed_size
        capsule, sealed = self._read(reencapsulated[:end])

        def opened() -> bytes:
            fragment = self._module.CapsuleFrag.from_bytes(reencapsulated[end:])
            verified = fragment.verify(capsule, delegator.verifying, delegator.key, delegatee.public.key)
            secret = delegatee.secret.key
            key: bytes = self._module.decrypt_reencrypted(secret, delegator.key, capsule, [verified], sealed)
            return key

        return _opened(opened, (ValueError, self._module.VerificationError))

    def parameter_bytes(self) -> bytes:
        return b""

    def public_key_bytes(self, public: PrePublic) -> bytes:
        encoded: bytes = public.key.to_compressed_bytes() + public.verifying.to_compressed_bytes()
        return encoded

    def rekey_bytes(self, rekey: Any) -> bytes:
        return bytes(rekey)

    def _read(self, data: bytes) -> tuple[Any, bytes]:
        capsule = _opened(lambda: self._module.Capsule.from_bytes(data[: self._capsule_size]))
        return capsule, data[self._capsule_size :]


class ProxyRecrypt(Scheme[Any, Any, bytes]):
    """``proxy-recrypt``: AFGH on a supersingular curve; ``module`` is ``proxy_recrypt``.

    Its curve is global to a process (a second one breaks the keys of the first), so it is drawn once.
    """

    name = "proxy-recrypt"
    group_name = "supersingular, 512 bits (MIRACL)"
    security_bits = 80
    one_setup = True

    def __init__(self, module: Any) -> None:
        self._module = module
        self._parameters = _drawn_once(module)

    def key_generation(self, identity: str) -> KeyPair[Any, Any]:
        return KeyPair(*self._module.generate_keypair(self._parameters))

    def rekey(self, delegator: KeyPair[Any, Any], delegatee: Any) -> bytes:
        made: bytes = self._module.generate_reencryption_key(self._parameters, delegatee, delegator.secret)
        return made

    def encapsulate(self, author: Any) -> tuple[bytes, bytes]:
        # It takes the message for a number, so a first byte of zero would be lost.
        key = b"\x01" + secrets.token_bytes(KEY_SIZE - 1)
        return self._module.encrypt_message(self._parameters, author, key).to_bytes(), key

    def reencapsulate(self, rekey: bytes, capsule: bytes) -> bytes:
        read = self._read(capsule)
        turned: bytes = _opened(lambda: self._module.reencrypt(self._parameters, read, rekey)).to_bytes()
        return turned

    def decapsulate(self, delegator: KeyPair[Any, Any], capsule: bytes) -> bytes:
        opened: bytes = self._module.decrypt_message(self._parameters, delegator.secret, self._read(capsule))
        return opened

    def open_reencapsulated(
        self,
        delegatee: KeyPair[Any, Any],
        delegator: Any,
        reencapsulated: bytes,
    ) -> bytes:
        return self.decapsulate(delegatee, reencapsulated)

    def parameter_bytes(self) -> bytes:
        encoded: bytes = self._parameters.to_bytes()
        return encoded

    def public_key_bytes(self, public: Any) -> bytes:
        encoded: bytes = public.to_bytes()
        return encoded

    def rekey_bytes(self, rekey: bytes) -> bytes:
        return rekey

    def _read(self, data: bytes) -> Any:
        return _opened(lambda: self._module.Ciphertext_PRE1_from_bytes(data))


@cache
def _drawn_once(module: Any) -> Any:
    return module.generate_params()


def _opened(run: Callable[[], _T], refusals: tuple[type[Exception], ...] = (ValueError,)) -> _T:
    """What ``run`` gives. Raises ``CapsuleRefused`` where the peer refuses by one of ``refusals``."""
    try:
        return run()
    except refusals:
        raise CapsuleRefused("the peer refuses the capsule: it was changed, or is for another key") from None
