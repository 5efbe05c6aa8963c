"""Binding a session to the shared symptoms: which of them count, and the proof of knowing their session secrets.

A session secret is an output of the OPRF (RFC 9497): who guesses a symptom cannot make its secret without both issuers,
who count what each member asks. So a proof can be tested against no vocabulary offline, only against those terms that
the tester had evaluated himself in the same epoch.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from matching import icd10
from matching.errors import TooLittleShared
from matching.offer import Role
from matching.tags import TagSecret
from matching.vocabulary import Vocabulary
from scheme.hashing import Tag, tagged_hash

PROOF_SIZE = 32
DEFAULT_FLOOR_BITS = 2.0
DEFAULT_MINIMUM = 2
SYMPTOM_ROOTS = frozenset({"HP:0000118", icd10.ROOT})
"""HPO's phenotypic abnormalities and ICD-10-CM's symptoms: what is under neither, such as a mode of inheritance, tells
no symptom."""
ROOTS = SYMPTOM_ROOTS | {"HP:0000001"}
"""What stands right under them is a top-level term, however rare."""


@dataclass(frozen=True, repr=False)
class HeldTag:
    """One of a patient's own tags, with the term behind it; stays on her machine."""

    term: str
    secret: TagSecret

    def __repr__(self) -> str:
        return "HeldTag(...)"


def held_by_tag(tags: Mapping[str, TagSecret]) -> dict[bytes, HeldTag]:
    """A patient's tags by what she submitted: how the index's answer is mapped back to terms."""
    return {secret.tag: HeldTag(term, secret) for term, secret in tags.items()}


class Strength(StrEnum):
    """What a session rests on."""

    SEVERAL = "several"
    SINGLE = "single"

    @property
    def warning(self) -> str | None:
        """A sentence for the patient, when the session rests on less than usual."""
        if self is Strength.SEVERAL:
            return None
        return "This session rests on one shared symptom: who guessed it in one try could have opened it as well."


@dataclass(frozen=True)
class BindingRule:
    """Which shared symptoms count for a session; the same on both sides, so its ``digest`` stands in acceptances."""

    information: Callable[[str], float]
    """Bits of a term by public HPO disease annotations: the rarer, the more."""
    ancestors: Callable[[str], Collection[str]]
    """All ancestors of a term: what a shared symptom implies is no second symptom."""
    release: str
    """Name of the vocabulary's release; the epoch fixes it."""
    floor_bits: float = DEFAULT_FLOOR_BITS
    """Terms below do not count: what a fourth of all diseases show is shared by chance, and guessed at once."""
    minimum: int = DEFAULT_MINIMUM
    """Independent symptoms needed unless both accepted a single one."""

    @classmethod
    def of(cls, vocabulary: Vocabulary) -> BindingRule:
        """The usual rule over that vocabulary."""
        return cls(vocabulary.information, vocabulary.ancestors, vocabulary.version)

    @property
    def digest(self) -> bytes:
        """32 bytes over release and floor (thousandths of a bit)."""
        return tagged_hash(Tag.BINDING_RULE, self.release.encode(), round(self.floor_bits * 1000).to_bytes(8, "big"))

    def counted(self, shared: Iterable[HeldTag]) -> tuple[HeldTag, ...]:
        """Symptoms among ``shared`` at or above the floor, without top-level terms and terms of no known parent."""
        return tuple(held for held in shared if self._counts(held.term))

    def _counts(self, term: str) -> bool:
        above = self.ancestors(term)
        specific = not SYMPTOM_ROOTS.isdisjoint(above) and not ROOTS.issuperset(above)
        return specific and self.information(term) >= self.floor_bits

    def independent(self, counted: Collection[HeldTag]) -> int:
        """How many symptoms these are, ancestors of others among them left out."""
        implied = {ancestor for held in counted for ancestor in self.ancestors(held.term)}
        return sum(held.term not in implied for held in counted)

    def require(self, shared: Iterable[HeldTag], *, single: bool) -> tuple[tuple[HeldTag, ...], Strength]:
        """What counts of ``shared`` and how strong it is; ``single`` only when both patients accepted one symptom.

        Raises ``TooLittleShared``.
        """
        counted = self.counted(shared)
        symptoms = self.independent(counted)
        if symptoms >= self.minimum:
            return counted, Strength.SEVERAL if symptoms > 1 else Strength.SINGLE
        if symptoms == 1 and single:
            return counted, Strength.SINGLE
        raise TooLittleShared(
            "too few specific symptoms are shared for a session; add symptoms, or both accept a single one (weaker)"
        )


def shared_secret(counted: Iterable[HeldTag]) -> bytes:
    """The sorted session secrets in one digest of 32 bytes: the key material of both proofs. Secret."""
    return tagged_hash(Tag.SHARED_SECRETS, *sorted(held.secret.session_secret for held in counted))


def transcript(*, offer: bytes, initiator: bytes, responder: bytes, olm_session_id: bytes) -> bytes:
    """What both proofs are about, 32 bytes: the offer (match id, epoch, both certified keys), both acceptances (Olm
    identity and one-time keys, handles, the rule, whether a single symptom is accepted) and the Olm session's id.
    """
    return tagged_hash(Tag.SESSION_BINDING, offer, initiator, responder, olm_session_id)


def proof(secret: bytes, role: Role, about: bytes) -> bytes:
    """The proof of ``role``: HMAC-SHA-256 over the transcript under HKDF (RFC 5869) of the shared secret, 32 bytes.

    One key a role, so that a proof sent back proves nothing.
    """
    info = f"chartseal/1/session-binding/{role}".encode()
    key = HKDF(algorithm=SHA256(), length=32, salt=about, info=info).derive(secret)
    return hmac.new(key, about, hashlib.sha256).digest()


def proves(given: bytes, expected: bytes) -> bool:
    """Whether the proof is the expected one, in constant time."""
    return hmac.compare_digest(given, expected)
