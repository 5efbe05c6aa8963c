"""Second implementations, from the papers and RFCs, of what the libraries make with randomness of their own.

With the randomness handed in, a vector can be generated again. For vectors only: nothing here runs in constant time.
"""

import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_der_public_key

_HASH_SIZE = 32
_KEM = b"KEM" + (0x0020).to_bytes(2, "big")
_SUITE = b"HPKE" + bytes.fromhex("002000010002")


def _labeled_extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt or bytes(_HASH_SIZE), b"HPKE-v1" + suite + label + ikm, "sha256")


def _labeled_expand(suite: bytes, prk: bytes, label: bytes, info: bytes, size: int) -> bytes:
    message = size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info + b"\x01"
    return hmac.digest(prk, message, "sha256")[:size]


def hpke_seal(public: bytes, info: bytes, plaintext: bytes, ephemeral: bytes) -> bytes:
    """RFC 9180 sections 4.1, 5.1 and 6.1: base mode, X25519, HKDF-SHA-256, AES-256-GCM, first message."""
    sender = X25519PrivateKey.from_private_bytes(ephemeral)
    enc = sender.public_key().public_bytes_raw()
    shared = sender.exchange(X25519PublicKey.from_public_bytes(public))
    prk = _labeled_extract(_KEM, b"", b"eae_prk", shared)
    secret = _labeled_expand(_KEM, prk, b"shared_secret", enc + public, 32)
    ids = _labeled_extract(_SUITE, b"", b"psk_id_hash", b""), _labeled_extract(_SUITE, b"", b"info_hash", info)
    context = b"\x00" + b"".join(ids)
    prk = _labeled_extract(_SUITE, secret, b"secret", b"")
    key = _labeled_expand(_SUITE, prk, b"key", context, 32)
    nonce = _labeled_expand(_SUITE, prk, b"base_nonce", context, 12)
    return enc + AESGCM(key).encrypt(nonce, plaintext, None)


def _mgf1(seed: bytes, size: int) -> bytes:
    blocks = (hashlib.sha256(seed + i.to_bytes(4, "big")).digest() for i in range(-(-size // _HASH_SIZE)))
    return b"".join(blocks)[:size]


def _xor(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


def oaep_encrypt(public_der: bytes, message: bytes, label: bytes, seed: bytes) -> bytes:
    """RFC 8017 section 7.1.1, SHA-256 for both hashes; ``seed`` is 32 bytes."""
    numbers = load_der_public_key(public_der).public_numbers()  # type: ignore[union-attr]
    n, e = numbers.n, numbers.e  # type: ignore[union-attr]
    size = -(-n.bit_length() // 8)
    padding = bytes(size - len(message) - 2 * _HASH_SIZE - 2)
    block = hashlib.sha256(label).digest() + padding + b"\x01" + message
    masked_block = _xor(block, _mgf1(seed, len(block)))
    masked_seed = _xor(seed, _mgf1(masked_block, _HASH_SIZE))
    return pow(int.from_bytes(masked_seed + masked_block, "big"), e, n).to_bytes(size, "big")


def _gf_multiply(a: int, b: int) -> int:
    """In GF(2**128) modulo x**128 + x**7 + x**2 + x + 1."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a <<= 1
        if a >> 128:
            a ^= (1 << 128) | 0x87
        b >>= 1
    return product


def shamir_share(coefficients: list[bytes], index: int) -> bytes:
    """The polynomial at ``index``; the secret is the last coefficient, the highest power's comes first."""
    value = 0
    for coefficient in coefficients:
        value = _gf_multiply(value, index) ^ int.from_bytes(coefficient, "big")
    return value.to_bytes(16, "big")
