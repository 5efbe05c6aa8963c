"""How good a ranking is on labelled cases, and the patients as an index has them: features, numbers, weights, lists."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence, Set
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Generic, TypeVar

import numpy as np

from matching.accuracy_cases import Case
from matching.postings import Postings, Reals, Rows
from matching.score import SIMGIC, Frequencies, Measure, Ranked

Feature = TypeVar("Feature", bound=Hashable)
_EQUAL = 1e-12


@dataclass(frozen=True)
class Accuracy:
    """Shares of queries whose first right answer is among the first 1, 5, 10; its mean reciprocal rank; the time."""

    top1: float
    top5: float
    top10: float
    mrr: float
    ms_per_query: float
    """Wall milliseconds to rank all cases for one query, once they are loaded."""

    @classmethod
    def of(cls, ranks: Sequence[int], seconds: float) -> Accuracy:
        """From each query's rank of the first right answer, 1 being the best, and the seconds that all took."""
        one, five, ten = (fmean(rank <= top for rank in ranks) for top in (1, 5, 10))
        return cls(one, five, ten, fmean(1 / rank for rank in ranks), seconds / len(ranks) * 1000)

    def as_json(self) -> dict[str, float]:
        """The five numbers by name."""
        return asdict(self)


class Collection(Generic[Feature]):
    """Patients with a set of features each, as an index loads them: it counts, weighs, and makes lists.

    Patients without any feature are like nobody. ``weight`` turns counts into weights; the default is information
    content, as ``measure`` takes it.
    """

    def __init__(
        self,
        patients: Sequence[Set[Feature]],
        measure: Measure = SIMGIC,
        weight: Callable[[float], float] | None = None,
    ) -> None:
        self.patients = patients
        frequencies = Frequencies.of(patients)
        of = weight or measure.weight
        self._numbers = {feature: number for number, feature in enumerate(sorted(frequencies.counts, key=repr))}
        self.weights = [of(frequencies.bits(feature)) for feature in self._numbers]
        self._present = [place for place, features in enumerate(patients) if features]
        rows = Rows.of([patients[place] for place in self._present], self._numbers)
        self._postings = Postings(rows, self.weights, measure)
        self._inner = {place: inner for inner, place in enumerate(self._present)}

    def search(
        self, place: int, *, top: int | None, least: float = 0.0, skip: Set[int] = frozenset()
    ) -> list[Ranked[Feature]]:
        """Whom the patient at ``place`` is like, without those in ``skip``; see ``Postings.search``."""
        found = self._postings.search(
            self._query(place), top=top, least=least, skip=[self._inner[each] for each in skip if each in self._inner]
        )
        return [Ranked(self._present[each.patient], each.score) for each in found]

    def scores(self, place: int) -> Reals:
        """The likeness of each patient to the one at ``place``, but for rounding (below 1e-12)."""
        scores = np.zeros(len(self.patients))
        scores[self._present] = self._postings.all_scores(self._query(place))
        return scores

    def _query(self, place: int) -> list[int]:
        return [self._numbers[feature] for feature in self.patients[place]]


class Judge:
    """Says at which rank a query's first right answer stands."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self._cases = cases
        self._by_publication: defaultdict[str, set[int]] = defaultdict(set)
        for place, case in enumerate(cases):
            for publication in case.publications:
                self._by_publication[publication].add(place)

    def first_right(self, query: int, scores: Reals) -> int:
        """The rank of the first right answer, 1 being the best, with the query's own publications hidden.

        Wrong ones of an equal score (less than 1e-12 apart) stand before it, and 0 finds nobody: all stand before it.
        """
        asked = self._cases[query]
        hidden = {query}.union(*(self._by_publication[each] for each in asked.publications))
        right = [at for at, case in enumerate(self._cases) if at not in hidden and case.is_right_for(asked)]
        best = float(scores[right].max(initial=0.0))
        wrong = np.ones(len(self._cases), np.bool_)
        wrong[[*hidden, *right]] = False
        return 1 + int((wrong & (scores >= best - _EQUAL)).sum())
