"""Information content of terms, in bits: how much it tells that a patient has a symptom.

Source: Resnik, "Using Information Content to Evaluate Semantic Similarity in a Taxonomy", IJCAI 1995; frequencies as
weights after Koehler et al., American Journal of Human Genetics 85 (2009).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from statistics import median

from matching.annotations import Annotations


def weights(
    annotations: Annotations, canonical: Callable[[str], str], ancestors: Callable[[str], Iterable[str]]
) -> dict[str, float]:
    """For each term, in how many diseases one expects to see it in a patient (one patient of each disease).

    A disease shows a term as often as its most frequent annotation with the term or anything below it.
    """
    total: dict[str, list[float]] = {}
    for terms in annotations.diseases.values():
        shares: dict[str, float] = {}
        for stated, share in terms.items():
            term = canonical(stated)
            for each in (term, *ancestors(term)):
                if share > shares.get(each, 0.0):
                    shares[each] = share
        for term, share in shares.items():
            total.setdefault(term, []).append(share)
    return {term: math.fsum(shares) for term, shares in total.items()}


def from_weights(weight: Mapping[str, float], root: str) -> dict[str, float]:
    """Bits of each term: minus log2 of its weight's share of the root's, so 0 at the root and rising downward.

    A weight below 1 counts as 1: nothing tells more than what all patients of a single disease have. So the most is
    log2 of the root's weight, which is also what a live term has that no annotation reaches.
    """
    whole = max(weight.get(root, 0.0), 1.0)
    return {term: math.log2(whole / max(each, 1.0)) for term, each in weight.items()}


def of_unknown(bits: Mapping[str, float], root: str) -> float:
    """Bits of an id that the vocabulary does not know: the median of the annotated terms, 0 when there are none."""
    return median([each for term, each in bits.items() if term != root] or [0.0])


def from_structure(leaves: Mapping[str, int], root: str) -> dict[str, float]:
    """Bits where no annotations exist: minus log2 of the share of the root's leaves that a term has under it.

    Source: Sanchez, Batet, Isern, "Ontology-based information content computation", Knowledge-Based Systems 24 (2011),
    reduced to the count of leaves.
    """
    return {term: math.log2(leaves[root] / count) for term, count in leaves.items()}
