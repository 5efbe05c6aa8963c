"""The best blind ranking found so far: three tag sets a patient, each ranked blind, and the scores added.

1. Her own terms. 2. Those with their nearest ancestors. 3. The symptoms that somebody looked for and did not find, as
tags of their own: who was examined for the same things often has the same disease. Two of the parameters do most: what
the other has and she lacks counts little, as some cases are described at length and others in three words; rare
features count more than their information content says.

Chosen on half of the diseases of the Phenopacket Store selection and reported on the other half; see docs/matching.md.
Tags for the diseases that public annotations make likely are left out: what they seemed to gain came from annotations
made from the very publications that are compared, and a disease's tag says more about a patient than a symptom's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from matching.accuracy import Collection
from matching.accuracy_cases import Case
from matching.closure import Closure, closed
from matching.postings import Reals
from matching.score import Measure
from matching.vocabulary import Vocabulary


@dataclass(frozen=True)
class Field:
    """One tag set of a patient: which terms it is made of, how it is compared, and how much it counts."""

    name: str
    features: Callable[[Vocabulary, Case], frozenset[str]]
    measure: Measure
    share: float


def _own(vocabulary: Vocabulary, case: Case) -> frozenset[str]:
    return closed(vocabulary, case.observed, Closure.EXACT)


def _near(vocabulary: Vocabulary, case: Case) -> frozenset[str]:
    return closed(vocabulary, case.observed, Closure.NEAR)


def _excluded(vocabulary: Vocabulary, case: Case) -> frozenset[str]:
    return closed(vocabulary, case.excluded, Closure.EXACT)


FIELDS = (
    Field("own", _own, Measure(other_rest=0.3, power=2.0), 0.3),
    Field("near", _near, Measure(other_rest=0.3, power=2.0), 0.7),
    Field("excluded", _excluded, Measure(power=0.5), 0.3),
)


class Best:
    """All cases, loaded blind; ``blind`` replaces each set of terms by tags, those of different fields unrelated."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        cases: Sequence[Case],
        blind: Callable[[Sequence[frozenset[str]]], Sequence[frozenset[bytes]]],
        fields: Sequence[Field] = FIELDS,
    ) -> None:
        self._cases = len(cases)
        self._parts = [
            (field, Collection(blind([field.features(vocabulary, case) for case in cases]), field.measure))
            for field in fields
        ]

    def scores(self, place: int) -> Reals:
        """The likeness of each case to the one at ``place``: the shares' sum over the fields."""
        total = np.zeros(self._cases)
        for field, collection in self._parts:
            total += field.share * collection.scores(place)
        return total
