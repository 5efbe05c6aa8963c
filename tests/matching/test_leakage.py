"""Attacks on a small population with a known answer: they find it where it is, and chance where there is nothing."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from matching.accuracy_cases import read_cases
from matching.closure import Closure, closed
from matching.errors import AssignmentUnavailable, QuotaExceeded
from matching.leakage.dictionary import at_quota, commonest
from matching.leakage.frequency import by_frequency
from matching.leakage.graph import by_association, by_implication
from matching.leakage.held import Held
from matching.leakage.knowledge import halves
from matching.leakage.recovered import recovered
from matching.leakage.statistics import Statistics
from matching.tags import combine, oprf_input
from matching.vocabulary import ROOT, Vocabulary
from tests import needs
from tests.matching.issuing import MEMBER, OTHER_MEMBER, Issuing
from tests.matching.small_vocabulary import vocabulary

TERMS = 60
PATIENTS = 600
CHANCE = 0.15
"""Far above what a blind guess of ``TERMS`` names: one of them, give or take one."""


def _name(number: int) -> str:
    return f"HP:{number + 1000:07}"


def _diseased(patients: int, seed: int) -> list[frozenset[str]]:
    """Patients of thirty diseases of six terms each: all terms about as frequent, and with different companions."""
    diseases = [random.Random(number).sample(range(TERMS), 6) for number in range(30)]
    chosen = random.Random(seed)
    return [
        frozenset(_name(term) for term in chosen.choice(diseases) if chosen.random() < 0.8) for _ in range(patients)
    ]


def _unrelated(patients: int, seed: int) -> list[frozenset[str]]:
    """Every term equally often, with any other."""
    chosen = random.Random(seed)
    return [frozenset(_name(term) for term in chosen.sample(range(TERMS), 6)) for _ in range(patients)]


def _both(held: list[frozenset[str]], known: list[frozenset[str]]) -> tuple[Held, Statistics[bytes], Statistics[str]]:
    index = Held.of(held)
    return index, Statistics.of(index.patients, TERMS), Statistics.of(known, TERMS)


@pytest.fixture
def _solver() -> None:
    needs.module("scipy", feature="bench")


def test_tags_say_nothing_by_themselves_and_are_drawn_anew() -> None:
    patients = _diseased(20, 1)
    one, other = Held.of(patients), Held.of(patients)
    assert not one.names.keys() & other.names.keys()
    assert {len(tag) for tag in one.names} == {16}
    assert [frozenset(one.names[tag] for tag in tags) for tags in one.patients] == patients
    assert repr(_name(1)) not in repr(one)


def test_statistics_are_those_counted_by_hand() -> None:
    found = Statistics.of([frozenset("ab"), frozenset("a"), frozenset("abc"), frozenset()], 2)
    assert found.features == ("a", "b")
    assert found.together.tolist() == [[0.75, 0.5], [0.5, 0.5]]
    assert found.given.tolist() == [[0, pytest.approx(2 / 3)], [1, 0]]


def test_frequency_names_what_ranks_alike_and_nothing_else() -> None:
    patients = [frozenset(_name(term) for term in range(TERMS) if patient % (term + 1) == 0) for patient in range(3600)]
    index, tags, terms = _both(patients, patients)
    own = [frozenset(patient) for patient in patients]
    assert recovered(index, own, by_frequency(tags, terms), tags.features[:20]).tags == 1
    index, tags, terms = _both(_unrelated(PATIENTS, 1), _unrelated(PATIENTS, 2))
    assert recovered(index, own[:PATIENTS], by_frequency(tags, terms), tags.features).tags < CHANCE


@pytest.mark.usefixtures("_solver")
def test_graph_matching_names_tags_from_other_patients_of_the_same_diseases_and_frequency_does_not() -> None:
    held = _diseased(PATIENTS, 1)
    index, tags, terms = _both(held, _diseased(PATIENTS, 2))
    found = recovered(index, held, by_association(tags, terms), tags.features)
    assert found.tags > 0.8
    assert found.symptoms > 0.8
    assert recovered(index, held, by_frequency(tags, terms), tags.features).tags < found.tags / 2


@pytest.mark.usefixtures("_solver")
def test_graph_matching_finds_no_more_than_chance_where_tags_are_unrelated() -> None:
    held = _unrelated(PATIENTS, 1)
    index, tags, terms = _both(held, _unrelated(PATIENTS, 2))
    found = recovered(index, held, by_association(tags, terms), tags.features)
    assert found.tags < CHANCE
    assert found.symptoms < CHANCE


def _tree() -> Vocabulary:
    """A hierarchy that is laid over itself in one way only: every term has its own number of terms below."""
    parents: dict[str, tuple[str, ...]] = {ROOT: ()}
    for number in range(TERMS):
        parents[_name(number)] = (ROOT,) if number == 0 else (_name(random.Random(number).randrange(number)),)
    return vocabulary(parents, {})


@pytest.mark.usefixtures("_solver")
def test_full_closure_redraws_the_hierarchy_and_exact_does_not() -> None:
    words = _tree()
    stated = _unrelated(3 * PATIENTS, 1)
    tags_named = {}
    for closure in (Closure.EXACT, Closure.FULL):
        held = [closed(words, patient, closure) for patient in stated]
        known = [closed(words, patient, closure) for patient in _unrelated(PATIENTS, 2)]
        index, tags, terms = _both(held, known)
        guesses = by_implication(tags, terms, lambda term: closed(words, [term], Closure.FULL))
        tags_named[closure] = recovered(index, stated, guesses, tags.features).tags
    assert tags_named[Closure.FULL] > 0.5
    assert tags_named[Closure.EXACT] < CHANCE


@pytest.mark.usefixtures("_solver")
def test_there_may_be_more_tags_than_known_terms_or_none_at_all() -> None:
    held = _diseased(PATIENTS, 1)
    index = Held.of(held)
    tags, few = Statistics.of(index.patients, TERMS), Statistics.of(_diseased(PATIENTS, 2), 10)
    assert sorted(by_association(tags, few).values()) == sorted(few.features)
    assert len(by_association(Statistics.of(index.patients, 10), Statistics.of(held, TERMS))) == 10
    assert by_association(Statistics.of([frozenset[bytes]()], 5), Statistics.of([frozenset[str]()], 5)) == {}


def test_an_enrolled_attacker_names_as_many_tags_as_the_issuers_evaluate(tmp_path: Path) -> None:
    quota, terms = 16, 40
    issuing = Issuing(tmp_path, limit=quota)
    stated = [frozenset(_name(term) for term in range(terms) if patient % (term + 1) == 0) for patient in range(1, 81)]
    tags = {_name(term): _tag(issuing, _name(term)) for term in range(terms)}
    index = Held(
        tuple(frozenset(tags[term] for term in patient) for patient in stated),
        {tag: term for term, tag in tags.items()},
    )
    members = iter([MEMBER, OTHER_MEMBER])

    def tags_of(wanted: Sequence[str]) -> dict[str, bytes]:
        return {term: made.tag for term, made in issuing.tags(wanted, next(members)).items()}

    asked = commonest(stated)
    named = at_quota(asked, tags_of, quota=quota)
    assert {index.names[tag] for tag in named} == set(asked[:quota])
    assert all(index.names[tag] == term for tag, term in named.items())
    found = recovered(index, stated, named, list(index.names))
    assert found.tags == quota / terms
    assert found.symptoms > found.tags
    with pytest.raises(QuotaExceeded):
        issuing.tags(asked[quota : quota + 1], MEMBER)
    both = named | at_quota(asked[quota:], tags_of, quota=quota)
    assert recovered(index, stated, both, list(index.names)).tags == 2 * quota / terms


def _tag(issuing: Issuing, term: str) -> bytes:
    """What a patient with quota of her own would get."""
    outputs = {key.public.issuer: key.oprf.evaluate_known(oprf_input(term)) for key in issuing.keys}
    return combine(outputs, issuing.public).tag


def test_without_the_solver_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    _, tags, terms = _both(_diseased(20, 1), _diseased(20, 2))
    with pytest.raises(AssignmentUnavailable, match="scipy"):
        by_association(tags, terms)


@pytest.mark.slow
@pytest.mark.usefixtures("_solver")
def test_on_published_cases_full_closure_gives_most_tags_away_and_exact_few() -> None:
    hpo, cases = needs.data("hpo"), read_cases(needs.data("phenopackets") / "cases.tsv.gz")
    words = Vocabulary.from_files(hpo / "hp.obo.gz", hpo / "phenotype.hpoa.xz")
    known, held = halves(cases, 5, by_publication=True)
    named = {}
    for closure in (Closure.EXACT, Closure.FULL):
        index = Held.of([closed(words, case.observed, closure) for case in held])
        tags = Statistics.of(index.patients, 400)
        terms = Statistics.of([closed(words, case.observed, closure) for case in known], 400)
        guesses = [by_association(tags, terms), by_implication(tags, terms, partial(_full, words))]
        named[closure] = max(recovered(Held((), index.names), [], guess, tags.features[:300]).tags for guess in guesses)
    assert named[Closure.FULL] > 0.4
    assert named[Closure.EXACT] < 0.1


def _full(words: Vocabulary, term: str) -> frozenset[str]:
    return closed(words, [term], Closure.FULL)
