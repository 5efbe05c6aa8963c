"""Public-key encryption with equality test over symptoms: anybody may compare two ciphertexts under different keys.

Source: G. Yang, C. H. Tan, Q. Huang, D. S. Wong, "Probabilistic Public Key Encryption with Equality Test", CT-RSA 2010,
LNCS 5985, pages 119 to 131. There, with a symmetric pairing: y = g^x; C = (U, V, W) with U = g^r, V = m^r,
W = H(U, V, y^r) xor (m || r); two ciphertexts are equal if e(U, V') = e(U', V).

Here over BLS12-381, whose pairing is not symmetric: U and y in G2, m and V in G1, and the test is e(V, U') = e(V', U).
A symptom becomes the point m by hashing to G1. H is HKDF-Expand under a tagged hash. Sizes in bytes: public key 96,
ciphertext 224 (U 96, V 48, W 80).

The paper itself says that a scheme with a public test cannot hide a message that can be guessed; there are some 19,000
symptoms (``attack``). Python and mcl do not run in constant time.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from matching.errors import ElementInvalid, PairingUnavailable
from matching.published.permit import ResearchPermit, require_permit
from matching.tags import oprf_input
from scheme.hashing import Tag, tagged_hash

try:
    import pymcl
except ImportError:  # an optional extra; every entrance says so
    pymcl = None  # type: ignore[assignment]

G1_SIZE = 48
G2_SIZE = 96
SCALAR_SIZE = 32
MASKED_SIZE = G1_SIZE + SCALAR_SIZE
CIPHERTEXT_SIZE = G2_SIZE + G1_SIZE + MASKED_SIZE


@dataclass(frozen=True)
class Ciphertext:
    """An encrypted symptom: U (96 bytes), V (48 bytes), W (80 bytes). Raises ``ElementInvalid``."""

    u: bytes
    v: bytes
    w: bytes

    def __post_init__(self) -> None:
        if (len(self.u), len(self.v), len(self.w)) != (G2_SIZE, G1_SIZE, MASKED_SIZE):
            raise ElementInvalid(f"a ciphertext has {CIPHERTEXT_SIZE} bytes: {G2_SIZE}, {G1_SIZE}, {MASKED_SIZE}")
        _g1(self.v)
        _g2(self.u)

    @classmethod
    def from_bytes(cls, data: bytes) -> Ciphertext:
        """From 224 bytes. Raises ``ElementInvalid``."""
        return cls(data[:G2_SIZE], data[G2_SIZE : G2_SIZE + G1_SIZE], data[G2_SIZE + G1_SIZE :])

    def __bytes__(self) -> bytes:
        return self.u + self.v + self.w


class EqualityKey:
    """A key pair of one patient. Raises ``PublishedSchemeRefused``, ``PairingUnavailable``."""

    def __init__(self, permit: ResearchPermit) -> None:
        require_permit(permit)
        require_pairings()
        self._x = _scalar()
        self.public_key = (pymcl.g2 * self._x).serialize()
        """96 bytes."""

    def decrypt(self, ciphertext: Ciphertext) -> bytes:
        """The symptom's point (48 bytes; compare with ``symptom_point``). Raises ``ElementInvalid`` if it was changed.

        As in the paper, m and r come from W, and U and V are computed anew from them.
        """
        mask = _mask(ciphertext.u, ciphertext.v, _g2(ciphertext.u) * self._x)
        opened = bytes(a ^ b for a, b in zip(ciphertext.w, mask, strict=True))
        try:
            point, r = _g1(opened[:G1_SIZE]), pymcl.Fr.deserialize(opened[G1_SIZE:])
        except (ElementInvalid, ValueError):
            raise ElementInvalid("the ciphertext was changed, or is for another key") from None
        if (pymcl.g2 * r).serialize() != ciphertext.u or (point * r).serialize() != ciphertext.v:
            raise ElementInvalid("the ciphertext was changed, or is for another key")
        return opened[:G1_SIZE]

    def __repr__(self) -> str:
        return f"EqualityKey({self.public_key[:8].hex()})"


def require_pairings() -> None:
    """Return if ``pymcl`` is installed. Raises ``PairingUnavailable``."""
    if pymcl is None:
        raise PairingUnavailable("pairings need the package pymcl; install the extra that names it")


def symptom_point(term: str) -> bytes:
    """The point of G1 (48 bytes) that stands for ``term``. Raises ``SymptomInvalid``, ``PairingUnavailable``."""
    require_pairings()
    return pymcl.G1.hash(oprf_input(term)).serialize()


def encrypt(term: str, public_key: bytes, permit: ResearchPermit) -> Ciphertext:
    """``term`` encrypted to ``public_key`` (96 bytes).

    Raises ``PublishedSchemeRefused``, ``PairingUnavailable``, ``SymptomInvalid``, ``ElementInvalid``.
    """
    require_permit(permit)
    point, key, r = symptom_point(term), _g2(public_key), _scalar()
    u, v = (pymcl.g2 * r).serialize(), (_g1(point) * r).serialize()
    opened = point + r.serialize()
    return Ciphertext(u, v, bytes(a ^ b for a, b in zip(opened, _mask(u, v, key * r), strict=True)))


def same_symptom(one: Ciphertext, other: Ciphertext) -> bool:
    """Whether both hide one symptom, under whichever keys: e(V, U') = e(V', U). Needs no secret."""
    return pymcl.pairing(_g1(one.v), _g2(other.u)) == pymcl.pairing(_g1(other.v), _g2(one.u))


class TrialTest:
    """Whether a ciphertext hides a guessed symptom: a comparison with a ciphertext of the guess, made with r = 1.

    Its own half, e(V, g2), is computed once, so that a guess costs one hash to the curve and one pairing.
    """

    def __init__(self, ciphertext: Ciphertext) -> None:
        require_pairings()
        self._u = _g2(ciphertext.u)
        self._target = pymcl.pairing(_g1(ciphertext.v), pymcl.g2)

    def __call__(self, term: str) -> bool:
        """Whether it hides ``term``. Raises ``SymptomInvalid``."""
        return pymcl.pairing(pymcl.G1.hash(oprf_input(term)), self._u) == self._target


def _scalar() -> pymcl.Fr:
    """A secret scalar other than 0 from the operating system's generator."""
    return pymcl.Fr(str(1 + secrets.randbelow(pymcl.r - 1)))


def _mask(u: bytes, v: bytes, shared: pymcl.G2) -> bytes:
    key = tagged_hash(Tag.EQUALITY_MASK, u, v, shared.serialize())
    return HKDFExpand(SHA256(), MASKED_SIZE, b"chartseal/1/equality-mask").derive(key)


def _g1(data: bytes) -> pymcl.G1:
    """A point of the right order other than zero; mcl reads the length it needs and checks curve and order."""
    require_pairings()
    try:
        point = pymcl.G1.deserialize(data)
    except ValueError:
        raise ElementInvalid("48 bytes are no point of G1") from None
    if len(data) != G1_SIZE or point.is_zero():
        raise ElementInvalid("48 bytes are no point of G1 other than zero")
    return point


def _g2(data: bytes) -> pymcl.G2:
    require_pairings()
    try:
        point = pymcl.G2.deserialize(data)
    except ValueError:
        raise ElementInvalid("96 bytes are no point of G2") from None
    if len(data) != G2_SIZE or point.is_zero():
        raise ElementInvalid("96 bytes are no point of G2 other than zero")
    return point
