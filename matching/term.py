"""A term of a symptom vocabulary, and an ontology: its terms, which ids were merged into which, and its release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Term:
    """One live term. ``parents`` are ids; ``xrefs`` are codes of other vocabularies as the source writes them."""

    id: str
    label: str
    synonyms: tuple[str, ...] = ()
    lay_synonyms: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    xrefs: tuple[str, ...] = field(default=(), repr=False)
    definition: str = field(default="", repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Label, synonyms and lay synonyms, in this order."""
        return (self.label, *self.synonyms, *self.lay_synonyms)


@dataclass(frozen=True)
class Ontology:
    """Live terms by id, and ``replaced``: alternative and obsolete ids with the id that stands for them now."""

    version: str
    terms: Mapping[str, Term] = field(repr=False)
    replaced: Mapping[str, str] = field(default_factory=dict, repr=False)
