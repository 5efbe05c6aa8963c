"""One operation of one library; the same name means the same work, so that libraries can be compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from scheme.wrap import KEY_BITS

SYMMETRIC_BITS = 256
"""AES-256."""
BITS = 128
"""SHA-256 against collisions, Curve25519, secp256k1, ristretto255, and RSA-3072 (NIST SP 800-57 part 1)."""

SIZES = {"64 B": 64, "4 KiB": 4 << 10, "64 KiB": 64 << 10, "1 MiB": 1 << 20}
"""Bytes that are hashed or encrypted at once."""

MODULI = {2048: 112, KEY_BITS: BITS, 4096: 152}
"""Security bits of RSA by the bits of its modulus (NIST SP 800-56B rev. 2, appendix D). Records take ``KEY_BITS``."""

SHA256 = "SHA-256, {}"
AES_SEAL = "AES-256-GCM seal, {}"
AES_OPEN = "AES-256-GCM open, {}"
HKDF_DERIVE = "HKDF-SHA-256, 32 bytes"
ED25519_KEY, ED25519_SIGN, ED25519_VERIFY = "Ed25519 key pair", "Ed25519 sign", "Ed25519 verify"
X25519_EXCHANGE = "X25519 exchange"
HPKE_SEAL, HPKE_OPEN = "HPKE seal, 32 bytes", "HPKE open, 32 bytes"
RSA_KEY = f"RSA-{KEY_BITS} key pair"
RSA_ENCRYPT, RSA_DECRYPT = "RSA-{} OAEP encrypt", "RSA-{} OAEP decrypt"
SHARES_SPLIT, SHARES_JOIN = "Shamir split, 2 of 3", "Shamir join, 2 of 3"


@dataclass(frozen=True)
class Prepared:
    """An operation with its operands: ``run`` is what is timed, ``holds`` says whether what it gave is right."""

    run: Callable[[], object]
    holds: Callable[[Any], bool]


@dataclass(frozen=True)
class Operation:
    """``prepare`` makes operands; ``security_bits`` are those of the curve, key or hash."""

    name: str
    prepare: Callable[[], Prepared]
    security_bits: int | None = BITS
    size_bytes: int | None = None
    """What is processed at once, where that matters; of RSA the modulus."""


@dataclass(frozen=True)
class Library:
    """A table: ``name`` as in results, the ``module`` that must import, how to get it, and its operations."""

    name: str
    module: str
    how_to_get: str
    operations: Callable[[], Sequence[Operation]]


def by_size(name: str, prepare: Callable[[int], Prepared], security_bits: int) -> list[Operation]:
    """One operation for each of ``SIZES``; ``name`` has a place for the size."""
    return [Operation(name.format(label), partial(prepare, size), security_bits, size) for label, size in SIZES.items()]


def by_modulus(name: str, prepare: Callable[[int], Prepared]) -> list[Operation]:
    """One operation of RSA for each of ``MODULI``; ``name`` has a place for its bits."""
    return [Operation(name.format(bits), partial(prepare, bits), level, bits // 8) for bits, level in MODULI.items()]


def of_smoke(operation: Operation) -> bool:
    """Whether the profile ``smoke`` runs it: of the sizes it takes one."""
    return operation.size_bytes in {None, SIZES["4 KiB"], KEY_BITS // 8}
