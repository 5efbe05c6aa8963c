"""How much of the hierarchy stands beside a patient's own terms when tags are made of them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from matching.vocabulary import Vocabulary

FLOOR_BITS = 4.0
"""What an added ancestor tells at least: it shows in about one disease of sixteen, or fewer."""
NEAREST = 2
"""Ancestors that ``near`` adds for a term at most."""


class Closure(StrEnum):
    """``exact``: the terms alone. ``near``: with the nearest two telling ancestors each. ``full``: with all ancestors.

    More hierarchy finds patients who described the same thing in broader or narrower words. It also shows the index
    which tags always come together: under ``full`` every tag set is closed upward, so the sets re-draw the hierarchy,
    and whoever holds the public hierarchy can name tags by laying one over the other. What each closure gives away is
    measured in docs/leakage.md.
    """

    EXACT = "exact"
    NEAR = "near"
    FULL = "full"

    @property
    def warning(self) -> str | None:
        """What a patient is told before she opts in with this closure."""
        if self is not Closure.FULL:
            return None
        return (
            "With closure full, tags of all broader terms are sent too. The index sees which tags always come together "
            "and can lay them over the public hierarchy of terms: it may learn the names of many of your symptoms. "
            "The common, broad ones fall first. Use near or exact unless you accept that."
        )


def closed(
    vocabulary: Vocabulary, terms: Iterable[str], closure: Closure, *, floor_bits: float = FLOOR_BITS
) -> frozenset[str]:
    """Canonical ids of ``terms`` with what ``closure`` adds; never a root, not even a given one.

    ``near`` adds for each term at most its two nearest ancestors that tell ``floor_bits`` bits or more; at the same
    distance (steps upward) the more telling comes first, then the smaller id. Raises ``SymptomInvalid``.
    """
    given = {vocabulary.canonical_id(term) for term in terms}
    found = set(given)
    for term in given:
        if closure is Closure.NEAR:
            found.update(nearest(vocabulary, term, floor_bits=floor_bits))
        elif closure is Closure.FULL:
            found |= vocabulary.ancestors(term)
    return frozenset(each for each in found if not vocabulary.is_root(each))


def nearest(vocabulary: Vocabulary, term: str, *, floor_bits: float = FLOOR_BITS) -> tuple[str, ...]:
    """The at most two ancestors of ``term`` that ``near`` adds, nearest first."""
    seen: set[str] = {vocabulary.canonical_id(term)}
    level = set(vocabulary.parents(term))
    found: list[str] = []
    while level and len(found) < NEAREST:
        telling = [
            each for each in level if not vocabulary.is_root(each) and vocabulary.information(each) >= floor_bits
        ]
        found += sorted(telling, key=lambda each: (-vocabulary.information(each), each))
        seen |= level
        level = {parent for each in level for parent in vocabulary.parents(each)} - seen
    return tuple(found[:NEAREST])
