"""What one patient has and has not: her observed and excluded terms, resolved, merged and counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from matching.errors import SymptomsEmpty, SymptomsTooMany
from matching.vocabulary import Vocabulary

MAX_SYMPTOMS = 256
"""Observed, and excluded, terms a patient may hand in. In 5,443 published cases the most are 66 and 174."""


@dataclass(frozen=True)
class Symptoms:
    """Canonical ids. No id is in both: what was seen once counts as observed. Their ``repr`` tells only how many."""

    observed: frozenset[str] = field(default_factory=frozenset)
    excluded: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def of(
        cls,
        vocabulary: Vocabulary,
        observed: Iterable[str],
        excluded: Iterable[str] = (),
        *,
        max_symptoms: int = MAX_SYMPTOMS,
    ) -> Symptoms:
        """Terms by any id that stands for them, repeats merged.

        Raises ``SymptomsEmpty`` without an observed term, ``SymptomsTooMany`` above ``max_symptoms`` observed or
        excluded ones, ``SymptomInvalid`` for what is no id.
        """
        seen = _canonical(vocabulary, observed, max_symptoms)
        if not seen:
            raise SymptomsEmpty("no symptom was given; name at least one, or search for it by words")
        return cls(frozenset(seen), frozenset(_canonical(vocabulary, excluded, max_symptoms) - seen))

    def __repr__(self) -> str:
        return f"Symptoms({len(self.observed)} observed, {len(self.excluded)} excluded)"


def _canonical(vocabulary: Vocabulary, terms: Iterable[str], max_symptoms: int) -> set[str]:
    found: set[str] = set()
    for term in terms:
        found.add(vocabulary.canonical_id(term))
        if len(found) > max_symptoms:
            raise SymptomsTooMany(
                f"a patient may give at most {max_symptoms} different symptoms; keep the telling ones"
            )
    return {term for term in found if not vocabulary.is_root(term)}
