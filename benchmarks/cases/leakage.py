"""What a dishonest index learns from tags, by closure and defence, beside the accuracy that the defence costs.

Tags are random in the attacks that look at sets of tags and nothing else, and the issuers' own where the dictionary is
tried with their keys. Every result says whose symptoms they were: the published cases', or made up.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from benchmarks.bench import Bench
from benchmarks.datasets import NO_PUBLISHED_CASES, published_cases
from benchmarks.timing import Subject, interleave
from matching.accuracy import Accuracy, Collection, Judge
from matching.accuracy_cases import Case, read_cases, read_queries
from matching.closure import Closure, closed
from matching.epoch import EpochKeys, IssuerPublicKey
from matching.errors import AssignmentUnavailable
from matching.issuer import DEFAULT_MAX_ELEMENTS_PER_EPOCH
from matching.leakage.defence import Defence, Defended, is_padding
from matching.leakage.dictionary import at_quota, commonest
from matching.leakage.frequency import by_frequency
from matching.leakage.graph import by_association, by_implication, require_assignment
from matching.leakage.held import Held
from matching.leakage.knowledge import drawn, halves
from matching.leakage.recovered import Recovered, recovered
from matching.leakage.statistics import Statistics
from matching.oprf import OprfKey
from matching.published.attack import guessed_tag
from matching.vocabulary import Vocabulary

DEFENCES = (
    Defence(),
    Defence(floor_bits=6.0),
    Defence(dropped=100),
    Defence(decoys=5),
    Defence(sizes=(16, 32, 64, 128)),
    Defence(floor_bits=6.0, decoys=5, sizes=(16, 32, 64, 128)),
)
MEMBERS = (1, 10)
"""Attackers who enrolled, for the dictionary."""
_SEED = 5
_Guess: TypeAlias = Callable[[Statistics[bytes], Statistics[str]], dict[bytes, str]]


@dataclass(frozen=True)
class Side:
    """What the attacker knows, the patients it knows, and those in the index."""

    knowledge: str
    known: tuple[Case, ...]
    held: tuple[Case, ...]


@dataclass(frozen=True)
class Population:
    """Who is in the index and in the attacker's hands, and how many tags are judged; ``source`` says whose cases."""

    source: str
    cases: tuple[Case, ...]
    queries: tuple[int, ...]
    judged: int
    """Commonest tags that an attack should name; a third more are matched, since ranks differ."""
    sides: tuple[Side, ...]

    @classmethod
    def of(
        cls,
        vocabulary: Vocabulary,
        source: str,
        cases: tuple[Case, ...],
        queries: tuple[int, ...],
        *,
        judged: int,
        known: int,
    ) -> Population:
        """``known`` patients are drawn by the attacker who has nothing but public annotations."""
        other, index = halves(cases, _SEED, by_publication=True)
        sides = (
            Side("annotations", drawn(vocabulary, known, _SEED + 1), index),
            Side("half, other papers", other, index),
            Side("half, same papers", *halves(cases, _SEED, by_publication=False)),
        )
        return cls(source, cases, queries, judged, sides)

    @property
    def settings(self) -> Mapping[str, Any]:
        """What every result says of it."""
        return {"source": self.source, "patients": len(self.cases)}

    @property
    def matched(self) -> int:
        """Tags and terms that graph matching lays over each other."""
        return self.judged + self.judged // 3


def measure(bench: Bench) -> None:
    """Dictionary, frequency and graph matching, for each closure, defence and kind of knowledge."""
    vocabulary = Vocabulary.default()
    population = published(bench, vocabulary) or made_up(bench, vocabulary)
    solver = _has_solver(bench)
    chosen = DEFENCES[:1] if bench.sizes.name == "smoke" else DEFENCES
    for closure in Closure:
        for defence in chosen:
            attacked(bench, vocabulary, population, closure, defence, solver=solver)
    by_who_holds_keys(bench, vocabulary, population)
    timed(bench, vocabulary, population, solver=solver)


def published(bench: Bench, vocabulary: Vocabulary) -> Population | None:
    """The labelled cases of the real data, if they are there and the profile is large."""
    if bench.sizes.name == "smoke":
        return None
    if (files := published_cases()) is None:
        bench.absent("published cases", NO_PUBLISHED_CASES)
        return None
    cases = read_cases(files[0])
    source = "published cases (phenopackets)"
    return Population.of(vocabulary, source, cases, read_queries(files[1], cases), judged=300, known=4000)


def made_up(bench: Bench, vocabulary: Vocabulary) -> Population:
    """Patients drawn from the very annotations that the attacker knows; says nothing about the world's accuracy."""
    patients, diseases, judged = (300, 30, 40) if bench.sizes.name == "smoke" else (3000, 300, 300)
    cases = drawn(vocabulary, patients, _SEED, diseases=diseases)
    queries = tuple(place for place, case in enumerate(cases) if any(other.is_right_for(case) for other in cases))
    source = f"made up from disease annotations, seed {_SEED}"
    return Population.of(vocabulary, source, cases, queries[:judged], judged=judged, known=patients)


def attacked(
    bench: Bench, vocabulary: Vocabulary, population: Population, closure: Closure, defence: Defence, *, solver: bool
) -> None:
    """Hand in how much each attack recovers, and the accuracy."""
    sender = Defended(vocabulary, closure, defence, _SEED)
    attacks = _attacks(vocabulary, closure, solver=solver)
    settings = {"closure": str(closure), "defence": defence.label, **population.settings}
    sent = {case.id: sender.terms(case.observed) for case in population.cases}
    for side in population.sides:
        index = Held.of([sent[case.id] for case in side.held])
        own = [closed(vocabulary, case.observed, Closure.EXACT) for case in side.held]
        tags = Statistics.of(index.patients, population.matched)
        judged = tags.features[: population.judged]
        # The attacker knows the defence and plays it through on the patients it knows.
        expected = [sender.terms(case.observed) for case in side.known]
        terms = Statistics.of(expected, population.matched)
        more = {**settings, "knowledge": side.knowledge}
        for attack, guess in attacks.items():
            _hand_in(bench, recovered(index, own, guess(tags, terms), judged), attack, more)
        worth_asking = frozenset[str]().union(*expected)
        stated = [closed(vocabulary, case.observed, Closure.EXACT) & worth_asking for case in side.known]
        for members in MEMBERS:
            named = at_quota(commonest(stated), index.tags_of, members=members)
            attack = f"dictionary of {members} x {DEFAULT_MAX_ELEMENTS_PER_EPOCH}"
            _hand_in(bench, recovered(index, own, named, judged), attack, more)
    found = _accuracy(population, [sent[case.id] for case in population.cases])
    for name, value in (("top-1", found.top1), ("top-10", found.top10), ("MRR", found.mrr)):
        bench.figure(f"{closure}, {defence.label}: accuracy, {name}", 100 * value, "%", **settings, of=name)


def timed(bench: Bench, vocabulary: Vocabulary, population: Population, *, solver: bool) -> None:
    """Hand in what the attacks take."""
    side = population.sides[1]
    tags = Statistics.of(Held.of([frozenset(case.observed) for case in side.held]).patients, population.matched)
    terms = Statistics.of([frozenset(case.observed) for case in side.known], population.matched)
    subjects = [
        Subject(f"{attack} attack on {population.judged} tags", partial(guess, tags, terms))
        for attack, guess in _attacks(vocabulary, Closure.EXACT, solver=solver).items()
    ]
    subjects.append(Subject("guess at a tag, by both issuers together", partial(_Issuers().guessed(2), "HP:0001250")))
    interleave(subjects, bench.sizes.repeats)
    for subject in subjects:
        bench.series(subject, **population.settings, held=len(side.held), terms=len(vocabulary))
        bench.compare(f"{subject.name}: runs a second", subject, None)


def by_who_holds_keys(bench: Bench, vocabulary: Vocabulary, population: Population) -> None:
    """Hand in what trying all terms names in an index of real tags, without enrolling, by whose keys are at hand.

    For ``smoke`` all terms are those that the index holds.
    """
    held = population.sides[0].held
    own = [closed(vocabulary, case.observed, Closure.EXACT) for case in held]
    stated = frozenset[str]().union(*own)
    terms = stated if bench.sizes.name == "smoke" else {term.id for term in vocabulary} | stated
    issuers = _Issuers()
    real_tag = issuers.guessed(2)
    index = _tagged(own, {term: real_tag(term) for term in stated})
    judged = Statistics.of(index.patients, population.matched).features[: population.judged]
    settings = {"closure": str(Closure.EXACT), "defence": Defence().label, **population.settings}
    for holds, who in enumerate(("the index alone", "the index with one issuer", "the index with both issuers")):
        tag_of = issuers.guessed(holds)
        guesses = {tag_of(term): term for term in terms}
        more = {**settings, "knowledge": "the vocabulary", "terms": len(terms)}
        _hand_in(bench, recovered(index, own, guesses, judged), f"dictionary by {who}", more)


class _Issuers:
    """Both issuers with their keys of one epoch."""

    def __init__(self) -> None:
        made = {issuer * 16: OprfKey.from_seed(secrets.token_bytes(32), b"benchmark") for issuer in ("01", "02")}
        one, other = (
            IssuerPublicKey(issuer, operator * 16, 1, key.public_key)
            for operator, (issuer, key) in zip(("aa", "bb"), made.items(), strict=True)
        )
        self._secret = tuple(made.items())
        self._public = EpochKeys(one, other)

    def guessed(self, keys: int) -> Callable[[str], bytes]:
        """A term's tag as whoever has the private keys of so many issuers works it out; with 2 it is the real one."""
        return guessed_tag(self._public, dict(self._secret[:keys]))


def _tagged(patients: Sequence[Set[str]], tags: Mapping[str, bytes]) -> Held:
    held = tuple(frozenset(tags[term] for term in patient) for patient in patients)
    return Held(held, {tag: term for term, tag in tags.items()})


def _has_solver(bench: Bench) -> bool:
    try:
        require_assignment()
    except AssignmentUnavailable as error:
        bench.absent("graph matching", str(error))
        return False
    return True


def _attacks(vocabulary: Vocabulary, closure: Closure, *, solver: bool) -> Mapping[str, _Guess]:
    attacks: dict[str, _Guess] = {"frequency": by_frequency}
    if solver:
        attacks["co-occurrence"] = by_association
        if closure is not Closure.EXACT:
            attacks["implication"] = partial(by_implication, implied=partial(_implied, vocabulary, closure))
    return attacks


def _implied(vocabulary: Vocabulary, closure: Closure, term: str) -> frozenset[str]:
    return frozenset() if is_padding(term) else closed(vocabulary, [term], closure)


def _hand_in(bench: Bench, found: Recovered, attack: str, settings: Mapping[str, object]) -> None:
    name = f"{settings['closure']}, {settings['defence']}: {attack}, {settings['knowledge']}"
    bench.figure(f"{name}: tags", 100 * found.tags, "%", **settings, attack=attack, of="tags")
    bench.figure(f"{name}: symptoms", 100 * found.symptoms, "%", **settings, attack=attack, of="symptoms")


def _accuracy(population: Population, sent: Sequence[frozenset[str]]) -> Accuracy:
    collection, judge = Collection(sent), Judge(population.cases)
    return Accuracy.of([judge.first_right(each, collection.scores(each)) for each in population.queries], 0.0)
