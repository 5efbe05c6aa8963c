"""Re-encryption keys, split into signed fragments so that any ``threshold`` of ``shares`` proxies are needed.

Source: D. Nunez, "Umbral: a threshold proxy re-encryption scheme", 2018: ReKeyGen. Ours: the signature is the
delegator's Ed25519 (the paper has a Schnorr signature by the delegating key, which is a scope's and signs nothing
here), and it covers the terms of the grant and the threshold.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from scheme.errors import EncodingInvalid, SignatureInvalid
from scheme.hashing import Tag, tagged_hash
from scheme.keys import SIGNATURE_SIZE, SigningKey, VerifyingKey
from scheme.umbral.errors import FragmentForeign, FragmentInvalid
from scheme.umbral.group import (
    ORDER,
    POINT_SIZE,
    SCALAR_SIZE,
    Entropy,
    Point,
    U,
    base_multiply,
    decode_point,
    decode_scalar,
    diffie_hellman,
    encode_scalar,
    hash_to_scalar,
    multiply,
    random_scalar,
    system_entropy,
)
from scheme.umbral.keys import PublicKey, SecretKey

FRAGMENT_ID_SIZE = 16
BINDING_SIZE = 16
MAX_SHARES = 255
ORIGIN_SIZE = FRAGMENT_ID_SIZE + 1 + BINDING_SIZE + 2 * POINT_SIZE + SIGNATURE_SIZE
KEY_FRAG_SIZE = ORIGIN_SIZE + SCALAR_SIZE

_TERM_ID_SIZE = 16


@dataclass(frozen=True)
class RekeyTerms:
    """What a fragment is for; ``until`` is in Unix seconds, UTC, or 0 for no end. Both ids have 16 bytes."""

    grant_id: bytes
    scope_id: bytes
    until: int

    def __post_init__(self) -> None:
        if len(self.grant_id) != _TERM_ID_SIZE or len(self.scope_id) != _TERM_ID_SIZE:
            raise EncodingInvalid(f"a grant id and a scope id have {_TERM_ID_SIZE} bytes")
        if not 0 <= self.until < 2**64:
            raise EncodingInvalid("the end of a grant is Unix seconds, or 0 for none")

    def __bytes__(self) -> bytes:
        return self.grant_id + self.scope_id + self.until.to_bytes(8, "big")


def binding_of(delegating_pk: PublicKey, receiving_pk: PublicKey, terms: RekeyTerms) -> bytes:
    """The 16 bytes by which a fragment says which keys and terms it was made for."""
    return tagged_hash(Tag.KEY_FRAGMENT, delegating_pk.data, receiving_pk.data, bytes(terms))[:BINDING_SIZE]


@dataclass(frozen=True)
class Origin:
    """The signed part that a key fragment and every capsule fragment made with it share: 163 bytes.

    ``id (16) || threshold (1) || binding (16) || precursor X (33) || commitment U1 (33) || signature (64)``.
    """

    data: bytes
    precursor: Point = field(init=False, repr=False, compare=False)
    commitment: Point = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.data) != ORIGIN_SIZE or not self.threshold:
            raise EncodingInvalid("a fragment does not have its length, or has no threshold")
        object.__setattr__(self, "precursor", decode_point(self.precursor_bytes, what="a fragment's precursor"))
        object.__setattr__(self, "commitment", decode_point(self.commitment_bytes, what="a fragment's commitment"))

    @property
    def id(self) -> bytes:
        """The fragment's random id: 16 bytes."""
        return self.data[:16]

    @property
    def threshold(self) -> int:
        """How many fragments open a capsule: 1 to 255."""
        return self.data[16]

    @property
    def binding(self) -> bytes:
        """What ``binding_of`` gives for the fragment's keys and terms."""
        return self.data[17:33]

    @property
    def precursor_bytes(self) -> bytes:
        """The encoding of X: 33 bytes."""
        return self.data[33:66]

    @property
    def commitment_bytes(self) -> bytes:
        """The encoding of U1: 33 bytes."""
        return self.data[66:99]

    def verify(
        self, verifying_key: VerifyingKey, delegating_pk: PublicKey, receiving_pk: PublicKey, terms: RekeyTerms
    ) -> VerifiedOrigin:
        """Raises ``FragmentForeign`` if made for other keys or terms, ``FragmentInvalid`` if the signature is bad."""
        if self.binding != binding_of(delegating_pk, receiving_pk, terms):
            raise FragmentForeign("the fragment was made for another grant, scope or key; do not use it here")
        message = _signed(self.data[:-SIGNATURE_SIZE], delegating_pk, receiving_pk, terms)
        try:
            verifying_key.verify(Tag.KEY_FRAGMENT, message, self.data[-SIGNATURE_SIZE:])
        except SignatureInvalid:
            raise FragmentInvalid("the fragment is not signed by the patient; it is forged or damaged") from None
        return VerifiedOrigin(self, delegating_pk, receiving_pk)


def _signed(head: bytes, delegating_pk: PublicKey, receiving_pk: PublicKey, terms: RekeyTerms) -> bytes:
    return head + delegating_pk.data + receiving_pk.data + bytes(terms)


@dataclass(frozen=True)
class VerifiedOrigin:
    """An origin that the delegator signed for these two keys; only ``Origin.verify`` makes one."""

    origin: Origin
    delegating_pk: PublicKey
    receiving_pk: PublicKey


@dataclass(frozen=True, repr=False)
class KeyFrag:
    """One proxy's share of a re-encryption key, not verified: 195 bytes. Secret."""

    origin: Origin
    share: int

    @classmethod
    def from_secret_bytes(cls, secret: bytes) -> KeyFrag:
        """From the 195 bytes of ``to_secret_bytes``. Raises ``EncodingInvalid``."""
        if len(secret) != KEY_FRAG_SIZE:
            raise EncodingInvalid(f"a key fragment has {KEY_FRAG_SIZE} bytes")
        return cls(Origin(secret[:ORIGIN_SIZE]), decode_scalar(secret[ORIGIN_SIZE:], what="a key fragment's share"))

    def to_secret_bytes(self) -> bytes:
        """``origin (163) || share (32)``. Secret."""
        return self.origin.data + encode_scalar(self.share)

    def verify(
        self, verifying_key: VerifyingKey, delegating_pk: PublicKey, receiving_pk: PublicKey, terms: RekeyTerms
    ) -> VerifiedKeyFrag:
        """Check, in order: keys and terms, the delegator's signature, the share against its commitment.

        Raises ``FragmentForeign``, ``FragmentInvalid``.
        """
        self.origin.verify(verifying_key, delegating_pk, receiving_pk, terms)
        if multiply(U, self.share).format() != self.origin.commitment_bytes:
            raise FragmentInvalid("the fragment's share does not match what the patient signed; ask for it again")
        return VerifiedKeyFrag(self)

    def __repr__(self) -> str:
        return f"KeyFrag({self.origin.id.hex()})"


@dataclass(frozen=True, repr=False)
class VerifiedKeyFrag:
    """A key fragment whose signature and commitment hold; only ``verify`` and ``generate_rekey`` make one."""

    frag: KeyFrag

    def to_secret_bytes(self) -> bytes:
        """As ``KeyFrag.to_secret_bytes``: 195 bytes. Secret."""
        return self.frag.to_secret_bytes()

    def __repr__(self) -> str:
        return f"VerifiedKeyFrag({self.frag.origin.id.hex()})"


def shared_scalar(precursor: bytes, receiving_pk: PublicKey, shared: bytes) -> int:
    """The paper's d, known to the one rekey's maker and to the delegatee. ``shared`` is their Diffie-Hellman value."""
    return hash_to_scalar(Tag.UMBRAL_SHARED, precursor, receiving_pk.data, shared)


def share_index(fragment_id: bytes, delegating_pk: PublicKey, receiving_pk: PublicKey, shared: bytes) -> int:
    """Where the polynomial was evaluated for a fragment; ``shared`` is the two key pairs' Diffie-Hellman value."""
    return hash_to_scalar(Tag.UMBRAL_SHARE_INDEX, fragment_id, delegating_pk.data, receiving_pk.data, shared)


def generate_rekey(
    delegating_sk: SecretKey,
    receiving_pk: PublicKey,
    signer: SigningKey,
    terms: RekeyTerms,
    threshold: int,
    shares: int,
    *,
    entropy: Entropy = system_entropy,
) -> tuple[VerifiedKeyFrag, ...]:
    """Fragments of the re-encryption key from ``delegating_sk`` to ``receiving_pk``, signed by the delegator.

    Any ``threshold`` of the ``shares`` (1 to 255) open; fewer say nothing. Secret scalars meet points in constant time
    except that each share's commitment is made by ``multiply``: the point itself is needed, which ``ecdh`` hashes away.
    Raises ``EncodingInvalid`` on a threshold out of range.
    """
    if not 1 <= threshold <= shares <= MAX_SHARES:
        raise EncodingInvalid(f"a threshold is from 1 to the number of shares, and those are at most {MAX_SHARES}")
    delegating_pk = delegating_sk.public_key
    ephemeral = random_scalar(entropy)
    precursor = base_multiply(ephemeral).format()
    d = shared_scalar(precursor, receiving_pk, diffie_hellman(ephemeral, receiving_pk.point))
    between = diffie_hellman(delegating_sk.scalar, receiving_pk.point)
    higher = [random_scalar(entropy) for _ in range(threshold - 1)]
    coefficients = [*higher, delegating_sk.scalar * pow(d, -1, ORDER) % ORDER]
    binding = binding_of(delegating_pk, receiving_pk, terms)
    frags = []
    for _ in range(shares):
        fragment_id = entropy(FRAGMENT_ID_SIZE)
        share = _evaluate(coefficients, share_index(fragment_id, delegating_pk, receiving_pk, between))
        head = fragment_id + bytes((threshold,)) + binding + precursor + multiply(U, share).format()
        signature = signer.sign(Tag.KEY_FRAGMENT, _signed(head, delegating_pk, receiving_pk, terms))
        frags.append(VerifiedKeyFrag(KeyFrag(Origin(head + signature), share)))
    return tuple(frags)


def _evaluate(coefficients: list[int], x: int) -> int:
    """The polynomial at ``x``; the highest coefficient comes first."""
    value = 0
    for coefficient in coefficients:
        value = (value * x + coefficient) % ORDER
    return value
