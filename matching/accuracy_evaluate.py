"""How often matching finds the same disease, on published cases: plain and blind side by side.

A match is right when the disease is the same and the publication is another; the query's own publications are hidden;
wrong cases of an equal score stand before the right one. What is blind here sees random tags only, as many and as
equal as an epoch's real ones.
"""

from __future__ import annotations

import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Sequence, Set
from pathlib import Path

from matching.accuracy import Accuracy, Collection, Judge
from matching.accuracy_best import Best
from matching.accuracy_cases import Part, read_cases, read_queries
from matching.closure import Closure, closed
from matching.postings import Reals
from matching.score import SIMGIC
from matching.tags import TAG_SIZE
from matching.vocabulary import Vocabulary

Scores = Callable[[int], Reals]


def evaluate(
    cases_path: Path,
    queries_path: Path,
    closure: Closure = Closure.NEAR,
    *,
    part: Part = Part.ALL,
    vocabulary: Vocabulary | None = None,
) -> dict[str, Accuracy]:
    """Accuracy of ``jaccard``, ``simgic``, ``blind_simgic`` (over terms closed by ``closure``) and ``blind_best``.

    ``blind_best`` has closures of its own (see ``matching.accuracy_best``). Raises ``CasesInvalid`` on files that
    cannot be read or do not agree, ``SymptomInvalid`` on what cannot be a term's id, ``VocabularyMissing``.
    """
    vocabulary = vocabulary or Vocabulary.default()
    cases = read_cases(cases_path)
    queries = read_queries(queries_path, cases, part)
    terms = [closed(vocabulary, case.observed, closure) for case in cases]
    rankings: dict[str, Scores] = {
        "jaccard": Collection(terms, weight=lambda _bits: 1.0).scores,
        "simgic": Collection(terms, SIMGIC).scores,
        "blind_simgic": Collection(blinded(terms), SIMGIC).scores,
        "blind_best": Best(vocabulary, cases, blinded).scores,
    }
    judge = Judge(cases)
    return {name: _accuracy(scores, judge, queries) for name, scores in rankings.items()}


def blinded(patients: Sequence[Set[str]]) -> list[frozenset[bytes]]:
    """The sets with a random tag of 16 bytes for each term; each call draws others."""
    tags: defaultdict[str, bytes] = defaultdict(lambda: secrets.token_bytes(TAG_SIZE))
    return [frozenset(tags[term] for term in terms) for terms in patients]


def _accuracy(scores: Scores, judge: Judge, queries: Sequence[int]) -> Accuracy:
    seconds, ranks = 0.0, []
    for query in queries:
        started = time.perf_counter()
        found = scores(query)
        seconds += time.perf_counter() - started
        ranks.append(judge.first_right(query, found))
    return Accuracy.of(ranks, seconds)
