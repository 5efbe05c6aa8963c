"""Finding the most alike of very many patients without comparing all: inverted lists in memory, pruned, exact.

After Turtle and Flood's MaxScore (Information Processing and Management 31, 1995), with the length filter of set joins
(Bayardo, Ma, Srikant, WWW 2007). Patients are numbered by the weight of all they have, so one binary search in each
list leaves out those who have too little or too much. Lists are walked from the rarest feature on, until a patient in
none of them could not reach the answer any more; whoever still could is looked up in the forward rows. The sums of this
search are ordinary ones, off by less than ``_SLACK``; what comes out is scored by ``Measure.score``, so the answer is
that of ``matching.score.rank``, ties and last digits with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from matching.score import SIMGIC, Measure, Ranked

Numbers = npt.NDArray[np.int32]
Places = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]
Feature = TypeVar("Feature", bound=Hashable)

_SLACK = 1e-9
"""Far above the rounding of some thousand additions of weights, relative to scores of at most 1."""
_PROBES = 512
"""Patients of one list who are compared first, to learn what it takes to be in the answer."""
_REFINED = 64
"""For each place in the answer, those of the best partial scores who are compared next, for a sharper bound."""
_WALKED = 1 << 18
"""Entries of lists up to which walking on is cheaper than looking patients up."""
_BANDS = 16


@dataclass(frozen=True)
class Rows:
    """Who has which features: those of patient ``i`` are ``features[offsets[i]:offsets[i + 1]]``, none twice."""

    offsets: Places
    features: Numbers

    @classmethod
    def of(cls, patients: Sequence[Set[Feature]], number: Mapping[Feature, int]) -> Rows:
        """From sets, with the number of each feature."""
        offsets = np.zeros(len(patients) + 1, np.int64)
        np.cumsum([len(each) for each in patients], out=offsets[1:])
        numbers = (each for patient in patients for each in sorted(map(number.__getitem__, patient)))
        features = np.fromiter(numbers, np.int32, int(offsets[-1]))
        return cls(offsets, features)


class Postings:
    """Inverted lists over patients who stay as they are, but for those who are removed. Not for threads at once.

    Some 20 bytes a patient and 8 a feature she has. Raises ``ValueError`` when a patient has no feature.
    """

    def __init__(self, rows: Rows, weights: Sequence[float] | Reals, measure: Measure = SIMGIC) -> None:
        self.measure = measure
        self._weights: Reals = np.asarray(weights, np.float64)
        lengths = np.diff(rows.offsets)
        if len(lengths) and lengths.min() < 1:
            raise ValueError("a patient without features is like nobody; leave her out")
        totals = _sums(self._weights[rows.features], rows.offsets[:-1])
        order = np.argsort(totals, kind="stable")
        self._totals: Reals = totals[order]
        self._patients: Numbers = order.astype(np.int32)
        self._places: Numbers = np.empty_like(self._patients)
        self._places[order] = np.arange(len(order), dtype=np.int32)
        self._lengths = lengths[order]
        self._offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(self._lengths)])
        self._features: Numbers = rows.features[_positions(rows.offsets[:-1][order], self._lengths)]
        by_feature = np.argsort(self._features, kind="stable")
        self._lists: Numbers = np.repeat(np.arange(len(order), dtype=np.int32), self._lengths)[by_feature]
        counts = np.bincount(self._features, minlength=len(self._weights))
        self._starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        self._asked: Reals = np.zeros(len(self._weights))
        self._alive = np.ones(len(order), np.bool_)

    def __len__(self) -> int:
        return int(self._alive.sum())

    def remove(self, patient: int) -> None:
        """Leave ``patient`` out of all answers from now on; her row stays in memory until all is built anew."""
        self._alive[self._places[patient]] = False

    def features(self, patient: int) -> list[int]:
        """What ``patient`` has."""
        place = int(self._places[patient])
        return [int(each) for each in self._features[self._offsets[place] : self._offsets[place + 1]]]

    def search(
        self,
        query: Collection[int],
        *,
        top: int | None,
        least: float = 0.0,
        unseen: Sequence[float] = (),
        skip: Iterable[int] = (),
        tie: Callable[[int], bytes] = lambda patient: patient.to_bytes(8, "big"),
    ) -> list[Ranked[Any]]:
        """The ``top`` patients (all, with ``None``) who score above 0 and at least ``least``, best first, exactly.

        ``query`` are features' numbers, none twice; ``unseen`` the weights of further ones that nobody here has;
        ``skip`` patients who do not count; equal scores come in the order of ``tie``.
        """
        asked = _Asked(self, sorted(set(query)), list(unseen))
        skipped = self._places[np.fromiter(skip, np.int64)]
        was_alive = self._alive[skipped]
        self._alive[skipped] = False
        self._asked[asked.numbers] = asked.weights
        try:
            places, scores = self._candidates(asked, top, least)
        finally:
            self._asked[asked.numbers] = 0
            self._alive[skipped] = was_alive
        bound = max(_kth(scores, top), least) - _SLACK
        found = []
        for place in places[scores >= bound]:
            score = asked.exact(int(place))
            if score > 0 and score >= least:
                patient = int(self._patients[place])
                found.append((-score, tie(patient), patient))
        return [Ranked(patient, -score) for score, _, patient in sorted(found)[:top]]

    def all_scores(self, query: Collection[int]) -> Reals:
        """The score of every patient, but for rounding: below 1e-12 off."""
        asked = _Asked(self, sorted(set(query)), [])
        parts = [self._lists[self._starts[number] : self._starts[number + 1]] for number in asked.lists]
        touched = np.concatenate([*parts, np.zeros(0, np.int32)])
        weights = np.repeat(self._weights[asked.lists], [len(part) for part in parts])
        shared: Reals = np.bincount(touched, weights=weights, minlength=len(self._patients)).astype(np.float64)
        scores = np.zeros(len(self._patients))
        scores[self._patients] = np.where(self._alive, asked.score(shared, self._totals), 0.0)
        return scores

    def _candidates(self, asked: _Asked, top: int | None, least: float) -> tuple[Places, Reals]:
        """Places, a superset of the answer's, with their scores but for rounding."""
        bound = max(least, self._probe(asked, top)) - _SLACK
        places, partial, rest = self._walk(asked, bound)
        totals = self._totals[places]
        possible = self._alive[places] & (asked.score(partial + rest, totals) >= bound)
        places, partial, totals = places[possible], partial[possible], totals[possible]
        if not rest:
            return places, asked.score(partial, totals)
        if top is not None and len(places) > max(_PROBES, _REFINED * top):
            best = np.argpartition(asked.score(partial, totals), -_REFINED * top)[-_REFINED * top :]
            bound = max(bound, _kth(self._scores(asked, places[best]), top) - _SLACK)
            places = places[asked.score(partial + rest, totals) >= bound]
        return places, self._scores(asked, places)

    def _walk(self, asked: _Asked, bound: float) -> tuple[Places, Reals, float]:
        """Who may reach ``bound``: places, what they share of the lists that were walked, what the others weigh."""
        low, high = asked.range(bound)
        first, last = int(np.searchsorted(self._totals, low)), int(np.searchsorted(self._totals, high, side="right"))
        parts: list[Numbers] = []
        size = 0
        for number, unneeded in zip(asked.lists, asked.unneeded(bound, low), strict=True):
            part = self._lists[self._starts[number] : self._starts[number + 1]]
            part = part[np.searchsorted(part, first) : np.searchsorted(part, last)]
            size += len(part)
            if unneeded and size > _WALKED:
                break
            parts.append(part)
        rest = asked.rests[len(parts)]
        touched = np.concatenate([*parts, np.zeros(0, np.int32)])
        weights = np.repeat(self._weights[asked.lists[: len(parts)]], [len(part) for part in parts])
        partial = np.bincount(touched - first, weights=weights)
        bands = []
        edges = np.linspace(first, first + len(partial), _BANDS + 1).astype(int)
        for start, end in pairwise(edges.tolist()):
            if start < end:
                band = partial[start - first : end - first]
                need = asked.least_shared(bound, float(self._totals[start])) - rest
                bands.append(np.flatnonzero(band >= need if need > 0 else band > 0) + start)
        places = np.concatenate([*bands, np.zeros(0, np.int64)])
        return places, partial[places - first], rest

    def _probe(self, asked: _Asked, top: int | None) -> float:
        """A score that ``top`` patients reach: those of the rarest features, who have about as much as is asked for."""
        if top is None:
            return 0.0
        parts: list[Numbers] = []
        size = 0
        for number in asked.lists:
            part = self._lists[self._starts[number] : self._starts[number + 1]]
            if (over := len(part) - _PROBES) > 0:
                middle = int(np.searchsorted(part, np.searchsorted(self._totals, asked.total)))
                start = min(max(middle - _PROBES // 2, 0), over)
                part = part[start : start + _PROBES]
            parts.append(part)
            size += len(part)
            if size >= 2 * _PROBES:
                break
        places = np.unique(np.concatenate([*parts, np.zeros(0, np.int32)]))
        return _kth(self._scores(asked, places[self._alive[places]]), top)

    def _scores(self, asked: _Asked, places: Places | Numbers) -> Reals:
        if not len(places):
            return np.zeros(0)
        lengths = self._lengths[places]
        shared = self._asked[self._features[_positions(self._offsets[places], lengths)]]
        starts = np.cumsum(lengths) - lengths
        return asked.score(_sums(shared, starts), self._totals[places])


class _Asked:
    """One query: its lists from the rarest on, and what follows from its total weight."""

    def __init__(self, postings: Postings, numbers: list[int], unseen: list[float]) -> None:
        self._postings = postings
        self._measure = postings.measure
        self.numbers = numbers
        self.weights = postings._weights[numbers]
        self._weight = dict(zip(numbers, map(float, self.weights), strict=True))
        self._weight.update({-1 - at: weight for at, weight in enumerate(unseen)})
        self.total = math.fsum(self._weight.values())
        starts = postings._starts
        weighing = [each for each in numbers if self._weight[each] > 0]
        self.lists = sorted(weighing, key=lambda each: (starts[each + 1] - starts[each], each))
        """Features that weigh something, those of the fewest patients first."""
        self.rests = [math.fsum(map(self._weight.__getitem__, self.lists[at:])) for at in range(len(self.lists) + 1)]
        """What the lists from each one on weigh together."""

    def score(self, shared: Reals, totals: Reals) -> Reals:
        """The measure for patients who share and have so much; rises with ``shared``, capped at what can be."""
        shared = np.minimum(shared, np.minimum(totals, self.total))
        rest = self._measure.query_rest * (self.total - shared) + self._measure.other_rest * (totals - shared)
        whole = shared + rest
        return np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0)

    def least_shared(self, bound: float, total: float) -> float:
        """What a patient who has ``total`` must share to reach ``bound``; it rises with ``total``."""
        mine, others = self._measure.query_rest, self._measure.other_rest
        return bound * (mine * self.total + others * total) / (1 - bound + bound * (mine + others)) - _SLACK * total

    def range(self, bound: float) -> tuple[float, float]:
        """Least and greatest total weight of a patient who can reach ``bound``."""
        if bound <= 0:
            return -math.inf, math.inf
        bound, mine = min(bound, 1.0), self._measure.query_rest
        low = bound * mine * self.total / (1 - bound + bound * mine)
        high = self.total + self.total * (1 - bound) / (bound * self._measure.other_rest)
        return low * (1 - _SLACK), high * (1 + _SLACK)

    def unneeded(self, bound: float, low: float) -> list[bool]:
        """For each list whether patients of it and commoner ones only, who have ``low``, stay below ``bound``."""
        if bound <= 0:
            return [False] * len(self.lists)
        rests = np.array(self.rests[:-1])
        return [bool(each) for each in self.score(rests, np.maximum(rests, low)) < bound - _SLACK]

    def exact(self, place: int) -> float:
        """The score of the patient at ``place``, to the last digit."""
        postings = self._postings
        row = postings._features[postings._offsets[place] : postings._offsets[place + 1]].tolist()
        weights = self._weight | dict(zip(row, postings._weights[row].tolist(), strict=True))
        return self._measure.score(self._weight.keys(), set(row), weights)


def _kth(scores: Reals, top: int | None) -> float:
    if top is None or len(scores) < top:
        return 0.0
    return float(np.partition(scores, len(scores) - top)[len(scores) - top])


def _positions(starts: Places, lengths: Places) -> Places:
    """All positions of ranges that start at ``starts`` and are ``lengths`` (at least 1) long, one after another."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - ends + lengths, lengths)


def _sums(values: Reals, starts: Places) -> Reals:
    sums: Reals = np.add.reduceat(values, starts) if len(starts) else np.zeros(0)
    return sums
