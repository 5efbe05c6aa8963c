"""How alike two patients are: sets of terms, or blind tags, weighed by how rare each is among the patients at hand.

simGIC (Pesquita et al., BMC Bioinformatics 9 Suppl 5:S4, 2008): the information content of what both have, over that of
what either has. Information content comes from counts alone, log2(patients / patients with it), so an index that sees
only tags computes the very numbers that terms would give: ``math.fsum`` rounds a sum once, whatever the order, and a
score has the same bits whether terms or tags were compared.

``Measure`` is Tversky's ratio (Psychological Review 84, 1977), of which simGIC is the one with all parameters at 1.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from matching.errors import MeasureInvalid

Feature = TypeVar("Feature", bound=Hashable)
"""A term's id in the clear, a tag in the index."""


@dataclass(frozen=True)
class Measure:
    """Shared weight over shared weight plus parts of the two remainders; from 0 to 1.

    Raises ``MeasureInvalid`` on parameters out of range.
    """

    query_rest: float = 1.0
    """How much counts, above 0 to 1, what the one who asks has and the other lacks."""
    other_rest: float = 1.0
    """How much counts, above 0 to 1, what the other has and the one who asks lacks: small, if others describe more."""
    power: float = 1.0
    """Weights are information content to this power, above 0 to 4."""

    def __post_init__(self) -> None:
        if not (0 < self.query_rest <= 1 and 0 < self.other_rest <= 1 and 0 < self.power <= 4):
            raise MeasureInvalid("a measure counts remainders with 0 to 1 and takes a power up to 4, none of them 0")

    def weight(self, bits: float) -> float:
        """The weight of a feature of that information content."""
        return bits if self.power == 1 else bits**self.power

    def score(
        self, query: Set[Feature], other: Set[Feature], weight: Callable[[Feature], float] | Mapping[Feature, float]
    ) -> float:
        """Likeness of ``other`` to ``query``; 0 when they share nothing that weighs anything.

        Sums are rounded once (``math.fsum``), so the bits of the result depend on neither order nor names.
        """
        of = weight.__getitem__ if isinstance(weight, Mapping) else weight
        shared = [of(each) for each in query & other]
        if (both := math.fsum(shared)) <= 0:
            return 0.0
        rest = [self.query_rest * of(each) for each in query - other]
        rest += [self.other_rest * of(each) for each in other - query]
        return both / math.fsum(shared + rest)


SIMGIC = Measure()
"""What the index ranks by unless told otherwise."""


@dataclass(frozen=True)
class Frequencies(Generic[Feature]):
    """How many patients have each feature, and so how much each tells."""

    patients: int
    counts: Mapping[Feature, int] = field(repr=False)

    @classmethod
    def of(cls, patients: Iterable[Set[Feature]]) -> Frequencies[Feature]:
        """Count the features of ``patients``, those of each once."""
        counts: Counter[Feature] = Counter()
        number = 0
        for features in patients:
            counts.update(features)
            number += 1
        return cls(number, counts)

    def bits(self, feature: Feature) -> float:
        """log2(patients / patients with it): 0 if all have it; one that nobody has tells as much as one that one has.

        There is no smoothing: a patient who is in the counts herself finds every feature of hers counted.
        """
        count = self.counts.get(feature, 0)
        return math.log2(max(self.patients, 1) / max(count, 1))

    def weights(self, measure: Measure = SIMGIC) -> dict[Feature, float]:
        """The weight of every feature that was counted."""
        return {feature: measure.weight(self.bits(feature)) for feature in self.counts}


@dataclass(frozen=True)
class Ranked(Generic[Feature]):
    """One of an answer's patients: her place among those that were searched, and how alike she is."""

    patient: int
    score: float


def rank(
    query: Set[Feature],
    patients: Sequence[Set[Feature]],
    frequencies: Frequencies[Feature],
    *,
    top: int,
    least: float = 0.0,
    measure: Measure = SIMGIC,
    tie: Callable[[int], bytes] = lambda patient: patient.to_bytes(8, "big"),
) -> list[Ranked[Feature]]:
    """The ``top`` of ``patients`` that score above 0 and at least ``least``, by comparing all; perhaps none.

    Equal scores come in the order of ``tie`` (patient to bytes). The reference for ``matching.postings``.
    """
    found = []
    for patient, features in enumerate(patients):
        score = measure.score(query, features, lambda each: measure.weight(frequencies.bits(each)))
        if score > 0 and score >= least:
            found.append((-score, tie(patient), patient))
    return [Ranked(patient, -score) for score, _, patient in sorted(found)[:top]]
