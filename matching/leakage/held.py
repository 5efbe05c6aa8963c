"""What the index holds, and what a patient's tags stand for, which only the judge of an attack knows."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

from matching.tags import TAG_SIZE


@dataclass(frozen=True)
class Held:
    """One set of tags (16 bytes each) a patient; ``names`` is the truth and is handed to no attack."""

    patients: tuple[frozenset[bytes], ...]
    names: Mapping[bytes, str] = field(repr=False)

    @classmethod
    def of(cls, patients: Sequence[Set[str]]) -> Held:
        """The sets under random tags, as many and as equal as those of one epoch."""
        terms = sorted(frozenset[str]().union(*patients))
        tags = {term: secrets.token_bytes(TAG_SIZE) for term in terms}
        held = tuple(frozenset(tags[term] for term in patient) for patient in patients)
        return cls(held, {tag: term for term, tag in tags.items()})

    def tags_of(self, terms: Sequence[str]) -> dict[str, bytes]:
        """What both issuers' answers would tell about ``terms``; those that nobody sent have no tag here."""
        wanted = frozenset(terms)
        return {term: tag for tag, term in self.names.items() if term in wanted}
