"""``cryptography`` (OpenSSL, and Rust for HPKE): what the project uses for all but groups and blind tags.

A cipher is set up in each call, as for a message under a key of its own.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from functools import cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from benchmarks.primitives.operation import (
    AES_OPEN,
    AES_SEAL,
    BITS,
    ED25519_KEY,
    ED25519_SIGN,
    ED25519_VERIFY,
    HKDF_DERIVE,
    HPKE_OPEN,
    HPKE_SEAL,
    RSA_DECRYPT,
    RSA_ENCRYPT,
    RSA_KEY,
    SHA256,
    SYMMETRIC_BITS,
    X25519_EXCHANGE,
    Operation,
    Prepared,
    by_modulus,
    by_size,
)
from scheme import hpke
from scheme.hpke import HpkePrivateKey
from scheme.keyfile import INTERACTIVE
from scheme.wrap import EXPONENT, KEY_BITS

_OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), b"label")
_MESSAGE = bytes(32)
_ARGON2ID = f"Argon2id, {INTERACTIVE.memory_kib >> 10} MiB, {INTERACTIVE.iterations} passes, {INTERACTIVE.lanes} lanes"


def operations() -> Sequence[Operation]:
    """Hash, AES by size, key derivation, signature, key agreement, HPKE, RSA by modulus, password."""
    return [
        *by_size(SHA256, _hashed, BITS),
        *by_size(AES_SEAL, _sealed, SYMMETRIC_BITS),
        *by_size(AES_OPEN, _opened, SYMMETRIC_BITS),
        Operation(HKDF_DERIVE, _derived),
        Operation(ED25519_KEY, _key),
        Operation(ED25519_SIGN, _signed),
        Operation(ED25519_VERIFY, _verified),
        Operation(X25519_EXCHANGE, _exchanged),
        Operation(HPKE_SEAL, _hpke_sealed),
        Operation(HPKE_OPEN, _hpke_opened),
        Operation(RSA_KEY, _rsa_key),
        *by_modulus(RSA_ENCRYPT, _rsa_encrypted),
        *by_modulus(RSA_DECRYPT, _rsa_decrypted),
        Operation(_ARGON2ID, _stretched, None),
    ]


def _hashed(size: int) -> Prepared:
    data = os.urandom(size)

    def run() -> bytes:
        digest = hashes.Hash(hashes.SHA256())
        digest.update(data)
        return digest.finalize()

    return Prepared(run, lambda digest: digest == hashlib.sha256(data).digest())


def _sealed(size: int) -> Prepared:
    data, nonce, key = os.urandom(size), os.urandom(12), AESGCM.generate_key(256)
    return Prepared(
        lambda: AESGCM(key).encrypt(nonce, data, None),
        lambda sealed: AESGCM(key).decrypt(nonce, sealed, None) == data,
    )


def _opened(size: int) -> Prepared:
    data, nonce, key = os.urandom(size), os.urandom(12), AESGCM.generate_key(256)
    sealed = AESGCM(key).encrypt(nonce, data, None)
    return Prepared(lambda: AESGCM(key).decrypt(nonce, sealed, None), lambda opened: opened == data)


def _derived() -> Prepared:
    key = os.urandom(32)

    def run() -> bytes:
        return HKDF(hashes.SHA256(), 32, None, b"info").derive(key)

    return Prepared(run, lambda derived: len(derived) == 32 and derived == run() != key)


def _key() -> Prepared:
    return Prepared(
        lambda: Ed25519PrivateKey.generate().public_key().public_bytes_raw(), lambda public: len(public) == 32
    )


def _signed() -> Prepared:
    key = Ed25519PrivateKey.generate()
    # ``verify`` returns nothing when the signature holds, and raises when not.
    return Prepared(lambda: key.sign(_MESSAGE), lambda signature: key.public_key().verify(signature, _MESSAGE) is None)


def _verified() -> Prepared:
    key = Ed25519PrivateKey.generate()
    public, signature = key.public_key(), key.sign(_MESSAGE)
    return Prepared(lambda: public.verify(signature, _MESSAGE), lambda nothing: nothing is None)


def _exchanged() -> Prepared:
    one, other = X25519PrivateKey.generate(), X25519PrivateKey.generate()
    public = other.public_key()
    return Prepared(lambda: one.exchange(public), lambda shared: shared == other.exchange(one.public_key()))


def _hpke_sealed() -> Prepared:
    message = os.urandom(32)
    key = HpkePrivateKey.generate()
    return Prepared(
        lambda: hpke.seal(key.public_key, b"info", message),
        lambda sealed: hpke.open(key, b"info", sealed) == message,
    )


def _hpke_opened() -> Prepared:
    message = os.urandom(32)
    key = HpkePrivateKey.generate()
    sealed = hpke.seal(key.public_key, b"info", message)
    return Prepared(lambda: hpke.open(key, b"info", sealed), lambda opened: opened == message)


@cache
def rsa_key(bits: int) -> rsa.RSAPrivateKey:
    """A key to measure with, not how long it takes to make."""
    return rsa.generate_private_key(EXPONENT, bits)


def _rsa_key() -> Prepared:
    return Prepared(lambda: rsa.generate_private_key(EXPONENT, KEY_BITS), lambda key: key.key_size == KEY_BITS)


def _rsa_encrypted(bits: int) -> Prepared:
    message = os.urandom(32)
    key = rsa_key(bits)
    public = key.public_key()
    return Prepared(lambda: public.encrypt(message, _OAEP), lambda wrap: key.decrypt(wrap, _OAEP) == message)


def _rsa_decrypted(bits: int) -> Prepared:
    message = os.urandom(32)
    key = rsa_key(bits)
    wrap = key.public_key().encrypt(message, _OAEP)
    return Prepared(lambda: key.decrypt(wrap, _OAEP), lambda opened: opened == message)


def _stretched() -> Prepared:
    salt = os.urandom(16)

    def run() -> bytes:
        return Argon2id(
            salt=salt,
            length=32,
            iterations=INTERACTIVE.iterations,
            lanes=INTERACTIVE.lanes,
            memory_cost=INTERACTIVE.memory_kib,
        ).derive(b"password")

    return Prepared(run, lambda derived: derived == run())
