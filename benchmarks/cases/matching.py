"""What matching costs, and what it finds.

A patient's tags by two issuers, loading an index, exact searches by number of patients; accuracy on published cases.
"""

from __future__ import annotations

import secrets
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks import matching_load, matching_peers, memory
from benchmarks.bench import Bench
from benchmarks.matching_accuracy import accuracy
from benchmarks.timing import Subject, interleave
from matching.closure import Closure, closed
from matching.epoch import EpochKeys, IssuerPublicKey
from matching.oprf import OprfKey
from matching.postings import Postings, Reals, Rows
from matching.score import SIMGIC, Frequencies
from matching.tags import Answer, TagRequest
from matching.vocabulary import Vocabulary

SECURITY_BITS = 128
SYMPTOMS = 10
TOP = 5
QUERIES = 200
_ASKED = QUERIES + 1
"""The first is for warming up."""
PATIENTS: Mapping[str, tuple[int, ...]] = {
    "smoke": (1_000, 3_000),
    "paper": (1_000, 10_000, 100_000, 1_000_000),
    "full": (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000),
}
"""By profile."""
GOAL_MEDIAN_S = 0.010
_SEED = 5
_CHUNK = 20_000
_Integers = npt.NDArray[np.int64]


def measure(bench: Bench) -> None:
    """Tags; for closures exact and near, sizes up to the profile's, and one read from SQLite; peers; accuracy."""
    vocabulary = Vocabulary.default()
    _tags(bench)
    for closure in (Closure.EXACT, Closure.NEAR):
        drawn = _Drawn(vocabulary, closure)
        for patients in PATIENTS[bench.sizes.name]:
            _searches(bench, drawn, patients, is_goal=patients == max(PATIENTS["paper"]))
        matching_load.loaded(bench, str(closure), *drawn.rows(matching_load.PATIENTS[bench.sizes.name]))
    matching_peers.pairing_test(bench, PATIENTS[bench.sizes.name], SYMPTOMS)
    matching_peers.intersection(bench)
    accuracy(bench, vocabulary)


@dataclass(frozen=True)
class _Drawn:
    """Patients of ten symptoms each, drawn as often as public disease annotations have them."""

    vocabulary: Vocabulary
    closure: Closure

    def rows(self, patients: int) -> tuple[Rows, int]:
        """``patients`` patients as an index has them, and how many features there are."""
        weight: dict[str, float] = {}
        for shares in self.vocabulary.annotations.diseases.values():
            for term, share in shares.items():
                known = self.vocabulary.canonical_id(term)
                if not self.vocabulary.is_root(known):
                    weight[known] = weight.get(known, 0.0) + share
        terms = sorted(weight)
        numbers: dict[str, int] = {}
        features = []
        for term in terms:
            sent = sorted(closed(self.vocabulary, [term], self.closure))
            features.append(np.array([numbers.setdefault(each, len(numbers)) for each in sent]))
        rng = np.random.default_rng(_SEED)
        cumulative = np.cumsum([weight[term] for term in terms])
        lengths, kept = [np.zeros(1, np.int64)], []
        for start in range(0, patients, _CHUNK):
            owners, held = _patients(rng, cumulative, features, min(_CHUNK, patients - start))
            lengths.append(np.bincount(owners))
            kept.append(held.astype(np.int32))
        return Rows(np.cumsum(np.concatenate(lengths)), np.concatenate(kept)), len(numbers)


def _patients(
    rng: np.random.Generator, cumulative: Reals, features: list[_Integers], count: int
) -> tuple[_Integers, _Integers]:
    """Owner and feature of each pair, both ascending; each patient has ``SYMPTOMS`` different symptoms."""
    drawn = np.empty((count, SYMPTOMS), np.int64)
    todo = np.arange(count)
    while len(todo):
        again = np.searchsorted(cumulative, rng.random((len(todo), SYMPTOMS)) * cumulative[-1], side="right")
        drawn[todo] = np.sort(again, axis=1)
        todo = todo[(np.diff(drawn[todo], axis=1) == 0).any(axis=1)]
    lengths = np.array([len(each) for each in features])
    flat, starts = np.concatenate(features), np.cumsum(lengths) - lengths
    symptoms = drawn.ravel()
    repeats = lengths[symptoms]
    positions = np.arange(repeats.sum()) + np.repeat(starts[symptoms] - np.cumsum(repeats) + repeats, repeats)
    owners = np.repeat(np.repeat(np.arange(count), SYMPTOMS), repeats)
    span = len(flat) + 1
    pairs = np.unique(owners * span + flat[positions])
    return pairs // span, pairs % span


def _searches(bench: Bench, drawn: _Drawn, patients: int, *, is_goal: bool) -> None:
    rows, features = drawn.rows(patients + _ASKED)
    ends = rows.offsets.tolist()
    asked = [rows.features[ends[at] : ends[at + 1]].tolist() for at in range(patients, patients + _ASKED)]
    present = Rows(rows.offsets[: patients + 1], rows.features[: rows.offsets[patients]])
    before = memory.resident_bytes()
    started = time.perf_counter()
    counts = np.bincount(present.features, minlength=features).tolist()
    frequencies = Frequencies(patients, dict(enumerate(counts)))
    index = Postings(present, [frequencies.bits(each) for each in range(features)], SIMGIC)
    what = f"{drawn.closure}, {patients:,} patients"
    settings = {"patients": patients, "closure": str(drawn.closure), "tags_each": len(present.features) / patients}
    bench.figure(f"lists made in: {what}", time.perf_counter() - started, "s", **settings)
    after = memory.resident_bytes()
    taken = None if before is None or after is None else after - before
    bench.memory(f"memory taken: {what}", taken, **settings)
    questions = iter(asked)
    searching = Subject(
        f"top {TOP} found: {what}", lambda: index.search(next(questions), top=TOP), 1, "searches", collect=False
    )
    interleave([searching], QUERIES, loops=1)
    bench.series(searching, security_bits=SECURITY_BITS, **settings)
    at_least = 1 / GOAL_MEDIAN_S if is_goal else None
    bench.compare(f"exact top {TOP}, OPRF apart: {what}", searching, None, at_least=at_least)
    p95 = statistics.quantiles(searching.seconds, n=20)[-1]
    bench.figure(f"95 of 100 searches take at most: {what}", p95 * 1000, "ms", **settings)


def _tags(bench: Bench) -> None:
    one, other = (OprfKey.from_seed(secrets.token_bytes(32), b"benchmark") for _ in range(2))
    keys = EpochKeys(
        IssuerPublicKey("01" * 16, "aa" * 16, 1, one.public_key),
        IssuerPublicKey("02" * 16, "bb" * 16, 1, other.public_key),
    )
    terms = [f"HP:{number:07}" for number in range(SYMPTOMS)]

    def tagged() -> None:
        request = TagRequest(terms, keys)
        asked = zip(keys, (one, other), strict=True)
        request.finish(Answer(key, secret.evaluate(request.elements(key.issuer))) for key, secret in asked)

    subject = Subject(f"tags of {SYMPTOMS} symptoms, by two issuers, proofs checked", tagged, 1, "patients")
    interleave([subject], bench.sizes.repeats)
    bench.series(subject, security_bits=SECURITY_BITS, symptoms=SYMPTOMS)
    bench.compare("tags of a patient, all three parties on one core", subject, None)
