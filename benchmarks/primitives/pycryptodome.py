"""``pycryptodome``: Shamir's shares are the project's, everything else is beside ``cryptography``."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Sequence
from functools import cache
from typing import Any

from Crypto.Cipher import AES, PKCS1_OAEP
from Crypto.Hash import SHA256 as DIGEST
from Crypto.Protocol import HPKE
from Crypto.Protocol.DH import key_agreement
from Crypto.Protocol.KDF import HKDF
from Crypto.Protocol.SecretSharing import Shamir
from Crypto.PublicKey import ECC, RSA
from Crypto.Signature import eddsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from benchmarks.primitives.openssl import rsa_key
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
    SHARES_JOIN,
    SHARES_SPLIT,
    SYMMETRIC_BITS,
    X25519_EXCHANGE,
    Operation,
    Prepared,
    by_modulus,
    by_size,
)
from scheme.wrap import EXPONENT, KEY_BITS

_MESSAGE = bytes(32)


def operations() -> Sequence[Operation]:
    """As ``openssl.operations``, without Argon2id, and with secret sharing."""
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
        Operation(SHARES_SPLIT, _split),
        Operation(SHARES_JOIN, _joined),
    ]


def _hashed(size: int) -> Prepared:
    data = os.urandom(size)
    return Prepared(lambda: DIGEST.new(data).digest(), lambda digest: digest == hashlib.sha256(data).digest())


def _sealed(size: int) -> Prepared:
    data, nonce, key = os.urandom(size), os.urandom(12), os.urandom(32)

    def opened(sealed: tuple[bytes, bytes]) -> bytes:
        return AES.new(key, AES.MODE_GCM, nonce=nonce).decrypt_and_verify(*sealed)

    return Prepared(
        lambda: AES.new(key, AES.MODE_GCM, nonce=nonce).encrypt_and_digest(data), lambda sealed: opened(sealed) == data
    )


def _opened(size: int) -> Prepared:
    data, nonce, key = os.urandom(size), os.urandom(12), os.urandom(32)
    sealed, tag = AES.new(key, AES.MODE_GCM, nonce=nonce).encrypt_and_digest(data)
    return Prepared(
        lambda: AES.new(key, AES.MODE_GCM, nonce=nonce).decrypt_and_verify(sealed, tag), lambda opened: opened == data
    )


def _derived() -> Prepared:
    key = os.urandom(32)

    def run() -> Any:
        return HKDF(key, 32, b"", DIGEST, context=b"info")

    return Prepared(run, lambda derived: len(derived) == 32 and derived == run() != key)


def _key() -> Prepared:
    return Prepared(
        lambda: ECC.generate(curve="Ed25519").public_key().export_key(format="raw"), lambda public: len(public) == 32
    )


def _signed() -> Prepared:
    key = ECC.generate(curve="Ed25519")
    verifier = eddsa.new(key.public_key(), "rfc8032")
    # ``verify`` returns nothing when the signature holds, and raises when not.
    return Prepared(
        lambda: eddsa.new(key, "rfc8032").sign(_MESSAGE),
        lambda signature: verifier.verify(_MESSAGE, signature) is None,  # type: ignore[func-returns-value]
    )


def _verified() -> Prepared:
    key = ECC.generate(curve="Ed25519")
    public, signature = key.public_key(), eddsa.new(key, "rfc8032").sign(_MESSAGE)
    return Prepared(lambda: eddsa.new(public, "rfc8032").verify(_MESSAGE, signature), lambda nothing: nothing is None)


def _exchanged() -> Prepared:
    one, other = ECC.generate(curve="Curve25519"), ECC.generate(curve="Curve25519")

    def shared(private: ECC.EccKey, public: ECC.EccKey) -> Any:
        return key_agreement(static_priv=private, static_pub=public, kdf=lambda secret: secret)

    public = other.public_key()
    return Prepared(lambda: shared(one, public), lambda found: found == shared(other, one.public_key()))


def _sender(key: ECC.EccKey) -> Any:
    return HPKE.new(receiver_key=key.public_key(), aead_id=HPKE.AEAD.AES256_GCM, info=b"info")


def _receiver(key: ECC.EccKey, encapsulated: bytes) -> Any:
    return HPKE.new(receiver_key=key, aead_id=HPKE.AEAD.AES256_GCM, enc=encapsulated, info=b"info")


def _hpke_sealed() -> Prepared:
    message = os.urandom(32)
    key = ECC.generate(curve="Curve25519")

    def run() -> tuple[bytes, bytes]:
        cipher = _sender(key)
        return cipher.enc, cipher.seal(message)

    return Prepared(run, lambda sealed: _receiver(key, sealed[0]).unseal(sealed[1]) == message)


def _hpke_opened() -> Prepared:
    message = os.urandom(32)
    key = ECC.generate(curve="Curve25519")
    cipher = _sender(key)
    encapsulated, sealed = cipher.enc, cipher.seal(message)
    return Prepared(lambda: _receiver(key, encapsulated).unseal(sealed), lambda opened: opened == message)


def _oaep(key: RSA.RsaKey) -> Any:
    return PKCS1_OAEP.new(key, hashAlgo=DIGEST, label=b"label")


@cache
def _rsa(bits: int) -> RSA.RsaKey:
    """Made by OpenSSL: here a key of 4,096 bits takes many seconds."""
    return RSA.import_key(rsa_key(bits).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))


def _rsa_key() -> Prepared:
    return Prepared(lambda: RSA.generate(KEY_BITS, e=EXPONENT), lambda key: key.size_in_bits() == KEY_BITS)


def _rsa_encrypted(bits: int) -> Prepared:
    message = os.urandom(32)
    key = _rsa(bits)
    public = key.public_key()
    return Prepared(lambda: _oaep(public).encrypt(message), lambda wrap: _oaep(key).decrypt(wrap) == message)


def _rsa_decrypted(bits: int) -> Prepared:
    message = os.urandom(32)
    key = _rsa(bits)
    wrap = _oaep(key.public_key()).encrypt(message)
    return Prepared(lambda: _oaep(key).decrypt(wrap), lambda opened: opened == message)


def _split() -> Prepared:
    secret = secrets.token_bytes(16)
    return Prepared(lambda: Shamir.split(2, 3, secret), lambda shares: Shamir.combine(shares[1:]) == secret)


def _joined() -> Prepared:
    secret = secrets.token_bytes(16)
    shares = Shamir.split(2, 3, secret)[1:]
    return Prepared(lambda: Shamir.combine(shares), lambda joined: joined == secret)
