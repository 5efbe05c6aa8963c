"""AnchorChild, IndexPatients, UnindexPatients, AskIndex, AnswerIndex: what notaries and doctors add to a consortium.

A consortium ledger is a ledger like any other whose members are hospitals, their doctors, and notaries.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from ledger.errors import FieldInvalid
from ledger.fields import Fields
from ledger.registry import Body, registered
from scheme import canonical
from scheme.canonical import JsonObject
from scheme.hashing import Tag, tagged_hash

MAX_INDEX_TAGS = 4096
"""Most tags that one transaction enters or takes out."""
MAX_ANSWER_BYTES = 2048
"""Longest sealed answer."""

_DIGEST = re.compile("[0-9a-f]{64}")
_ANCHOR_FIELDS = frozenset({"ledger", "hospital", "height", "internal", "previous", "external"})


def external_head(internal: str, previous: str) -> str:
    """External hash of a head: H(internal head, previous external head), each 32 bytes in hex."""
    return tagged_hash(Tag.EXTERNAL_HEAD, bytes.fromhex(internal), bytes.fromhex(previous)).hex()


def index_tag(pseudonym: str) -> str:
    """Tag (32 bytes in hex) under which the security index knows a patient's member id (16 random bytes in hex).

    Whoever was given the pseudonym can compute it; nobody can guess 128 random bits from it.
    """
    return tagged_hash(Tag.INDEX_TAG, bytes.fromhex(pseudonym)).hex()


@registered("anchor-child", 1)
@dataclass(frozen=True)
class AnchorChild(Body):
    """A notary adds the head of ``ledger`` (a genesis digest), which ``hospital`` runs, at ``height``.

    ``internal`` is the digest of that ledger's newest final header; ``previous`` is the last external hash of the same
    ledger, or its genesis digest at first; ``external`` is ``external_head(internal, previous)``.
    """

    ledger: str
    hospital: str
    height: int
    internal: str
    previous: str
    external: str

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        fields = Fields(value, _ANCHOR_FIELDS, what="anchor of a child ledger")
        return cls(
            ledger=fields.digest("ledger"),
            hospital=fields.identifier("hospital"),
            height=fields.integer("height", minimum=1),
            internal=fields.digest("internal"),
            previous=fields.digest("previous"),
            external=fields.digest("external"),
        )

    def to_json(self) -> JsonObject:
        """The body as it stands in the transaction."""
        return {
            "ledger": self.ledger,
            "hospital": self.hospital,
            "height": self.height,
            "internal": self.internal,
            "previous": self.previous,
            "external": self.external,
        }


def _tags(value: object, what: str) -> tuple[str, ...]:
    """In ascending order, so that their order tells nothing."""
    values = Fields(value, frozenset({"tags"}), what=what).array("tags", minimum=1, maximum=MAX_INDEX_TAGS)
    tags = tuple(tag for tag in values if isinstance(tag, str) and _DIGEST.fullmatch(tag))
    if len(tags) != len(values) or any(this >= following for this, following in pairwise(tags)):
        raise FieldInvalid(f"tags of {what} must be 32 bytes in lower-case hexadecimal, ascending, none twice")
    return tags


@registered("index-patients", 1)
@dataclass(frozen=True)
class IndexPatients(Body):
    """A notary enters ``tags`` (``index_tag``, ascending) of patients of any of the hospitals that it serves."""

    tags: tuple[str, ...]

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        return cls(_tags(value, "index"))

    def to_json(self) -> JsonObject:
        """The body as it stands in the transaction."""
        return {"tags": list(self.tags)}


@registered("unindex-patients", 1)
@dataclass(frozen=True)
class UnindexPatients(Body):
    """The notary who entered ``tags`` (ascending) takes them out again."""

    tags: tuple[str, ...]

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        return cls(_tags(value, "unindex"))

    def to_json(self) -> JsonObject:
        """The body as it stands in the transaction."""
        return {"tags": list(self.tags)}


@registered("ask-index", 1)
@dataclass(frozen=True)
class AskIndex(Body):
    """A doctor asks where the chains of the patient behind ``tag`` are; why, is under the salted ``body_digest``."""

    ask: str
    tag: str
    body_digest: str

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        fields = Fields(value, frozenset({"ask", "tag", "body_digest"}), what="ask")
        return cls(ask=fields.identifier("ask"), tag=fields.digest("tag"), body_digest=fields.digest("body_digest"))

    def to_json(self) -> JsonObject:
        """The body as it stands in the transaction."""
        return {"ask": self.ask, "tag": self.tag, "body_digest": self.body_digest}


@registered("answer-index", 1)
@dataclass(frozen=True)
class AnswerIndex(Body):
    """The notary who entered the tag answers ``ask``; ``answer`` (at most 2048 bytes) is sealed to the doctor."""

    ask: str
    answer: bytes

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Strict inverse of ``to_json``. Raises ``FieldInvalid``."""
        fields = Fields(value, frozenset({"ask", "answer"}), what="answer")
        return cls(ask=fields.identifier("ask"), answer=fields.encoded("answer", max_bytes=MAX_ANSWER_BYTES))

    def to_json(self) -> JsonObject:
        """The body as it stands in the transaction."""
        return {"ask": self.ask, "answer": canonical.b64(self.answer)}
