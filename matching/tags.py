"""From symptoms to tags: what is asked of the two issuers, and what their outputs become.

Blind -> evaluate (each issuer) -> finalize -> combine. The outputs of both issuers for one symptom go through one
HKDF; whoever lacks either of them, or the key to compute it, has no way to test a symptom against a tag. From the same
material come the ``tag``, which the index gets, and the ``session_secret``, which stays on the patient's machine: two
patients who share a symptom share it too, the index and each issuer cannot compute it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from matching.epoch import SUITE, EpochKeys, IssuerPublicKey
from matching.errors import (
    ElementInvalid,
    IssuerAnswerInvalid,
    IssuerKeyChanged,
    OtherEpoch,
    SymptomInvalid,
    SymptomsEmpty,
    SymptomsRepeated,
    SymptomsTooMany,
)
from matching.oprf import MAX_BATCH_ELEMENTS, OUTPUT_SIZE, Blinding, Evaluation
from scheme.hashing import Tag, tagged_hash

TAG_SIZE = 16
"""Enough: an epoch has some 2^15 tags, and who submits a tag gains nothing from a collision. Halves the index."""
SESSION_SECRET_SIZE = 32
MIN_BATCH_ELEMENTS = 16

_TERM = re.compile(r"[!-~]{1,64}")
_TAG_INFO = b"chartseal/1/symptom-tag"
_SESSION_INFO = b"chartseal/1/symptom-session-secret"


@dataclass(frozen=True)
class TagSecret:
    """A symptom's ``tag`` (16 bytes, for the index) and ``session_secret`` (32 bytes, never leaves the machine).

    Raises ``ElementInvalid`` on other sizes.
    """

    tag: bytes = field(repr=False)
    session_secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.tag) != TAG_SIZE or len(self.session_secret) != SESSION_SECRET_SIZE:
            raise ElementInvalid(f"a tag has {TAG_SIZE} bytes and a session secret {SESSION_SECRET_SIZE}")

    @classmethod
    def from_secret_bytes(cls, secret: bytes) -> TagSecret:
        """From the 48 bytes of ``to_secret_bytes``. Raises ``ElementInvalid``."""
        return cls(secret[:TAG_SIZE], secret[TAG_SIZE:])

    def to_secret_bytes(self) -> bytes:
        """48 bytes: tag, session secret. Secret."""
        return self.tag + self.session_secret


@dataclass(frozen=True)
class Answer:
    """What an issuer sends back for one batch; ``key`` says which key it claims to have used."""

    key: IssuerPublicKey
    evaluation: Evaluation


def oprf_input(term: str) -> bytes:
    """The 32 bytes that stand for ``term`` in the OPRF. Raises ``SymptomInvalid``.

    A term is 1 to 64 visible ASCII characters: ``HP:0001250``, ``R51.9``, ``OMIM:619340``. Canonical ids are the
    caller's care: two spellings are two symptoms.
    """
    if not _TERM.fullmatch(term):
        raise SymptomInvalid("a symptom is an id of 1 to 64 visible ASCII characters; look it up in the vocabulary")
    return tagged_hash(Tag.SYMPTOM, SUITE, term.encode("ascii"))


def combine(outputs: Mapping[str, bytes], keys: EpochKeys) -> TagSecret:
    """Tag and session secret of one symptom from the two issuers' outputs (64 bytes each) by issuer id.

    HKDF-SHA-256 (RFC 5869) over both outputs in the order of the issuers' ids; the salt binds suite, epoch, issuers,
    operators and keys. Raises ``IssuerAnswerInvalid`` unless there is one output of each issuer.
    """
    if set(outputs) != {keys.one.issuer, keys.other.issuer} or {len(out) for out in outputs.values()} != {OUTPUT_SIZE}:
        raise IssuerAnswerInvalid(f"a tag takes one output of {OUTPUT_SIZE} bytes of each of the two issuers")
    material = outputs[keys.one.issuer] + outputs[keys.other.issuer]
    return TagSecret(
        HKDF(SHA256(), TAG_SIZE, keys.binding, _TAG_INFO).derive(material),
        HKDF(SHA256(), SESSION_SECRET_SIZE, keys.binding, _SESSION_INFO).derive(material),
    )


def batch_size(terms: int) -> int:
    """Elements asked of each issuer for so many terms: the next power of two, at least 16, at most 1,024.

    The number of a term's ancestors can tell which term it is, so an issuer sees few different sizes. Padding counts
    against the quota. Raises ``SymptomsEmpty``, ``SymptomsTooMany``.
    """
    if terms < 1:
        raise SymptomsEmpty("no symptom was given; name at least one")
    if terms > MAX_BATCH_ELEMENTS:
        raise SymptomsTooMany(f"at most {MAX_BATCH_ELEMENTS} symptoms can be matched at once, not {terms}")
    return max(MIN_BATCH_ELEMENTS, 1 << (terms - 1).bit_length())


class TagRequest:
    """One request for the tags of some terms: padded, and blinded anew for each issuer.

    ``keys`` are those the ledger has for the epoch. The state cannot be written down: a request that was interrupted
    is made anew, and counts again. Raises ``SymptomsEmpty``, ``SymptomsTooMany`` (over 1,024), ``SymptomsRepeated``,
    ``SymptomInvalid``.
    """

    def __init__(self, terms: Iterable[str], keys: EpochKeys) -> None:
        self._terms = tuple(terms)
        self._keys = keys
        if len(set(self._terms)) != len(self._terms):
            raise SymptomsRepeated("a symptom stands in the list twice; name each once")
        size = batch_size(len(self._terms))
        inputs = [oprf_input(term) for term in self._terms]
        self._batches: dict[str, Blinding] = {}
        for key in keys:
            padding = [secrets.token_bytes(len(inputs[0])) for _ in range(size - len(inputs))]
            self._batches[key.issuer] = Blinding(inputs + padding)

    def elements(self, issuer: str) -> tuple[bytes, ...]:
        """The blinded elements (32 bytes each) for ``issuer`` (its id). Raises ``IssuerAnswerInvalid`` if not asked."""
        return self._batch(issuer).elements

    def finish(self, answers: Iterable[Answer]) -> dict[str, TagSecret]:
        """Each term's tag and session secret, from one answer of each issuer.

        In this order: the issuer was asked and answered once (``IssuerAnswerInvalid``), claims the epoch asked for
        (``OtherEpoch``) and the key on the ledger (``IssuerKeyChanged``), sent canonical elements
        (``ElementInvalid``), and its proof holds for the ledger's key (``ProofInvalid``).
        """
        found: dict[str, list[bytes]] = {}
        for answer in answers:
            if answer.key.issuer in found:
                raise IssuerAnswerInvalid("an issuer answered twice; ask anew")
            found[answer.key.issuer] = self._outputs(answer)
        if len(found) != len(self._batches):
            raise IssuerAnswerInvalid("an issuer has not answered; a tag takes both")
        return {
            term: combine({issuer: outputs[at] for issuer, outputs in found.items()}, self._keys)
            for at, term in enumerate(self._terms)
        }

    def _batch(self, issuer: str) -> Blinding:
        if issuer not in self._batches:
            raise IssuerAnswerInvalid("this issuer was not asked")
        return self._batches[issuer]

    def _outputs(self, answer: Answer) -> list[bytes]:
        """The outputs of one issuer in the order of the terms, those of the padding behind them."""
        blinding = self._batch(answer.key.issuer)
        key = self._keys.one if self._keys.one.issuer == answer.key.issuer else self._keys.other
        if answer.key.epoch != key.epoch:
            raise OtherEpoch(f"epoch {key.epoch} was asked for, and an issuer answered for epoch {answer.key.epoch}")
        if answer.key != key:
            raise IssuerKeyChanged(f"an issuer answered with a key that is not its key of epoch {key.epoch}")
        return blinding.finalize(answer.evaluation, key.key)

    def __repr__(self) -> str:
        return f"TagRequest(epoch {self._keys.epoch})"
