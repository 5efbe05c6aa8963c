"""The leakage case says whose symptoms it measured, and really tries the dictionary with the keys that are at hand."""

import random

import pytest

from benchmarks.bench import PROFILES, Bench
from benchmarks.cases import leakage
from benchmarks.results import Figure
from matching.accuracy_cases import Case
from matching.closure import Closure
from matching.leakage.defence import Defence
from matching.vocabulary import ROOT
from tests.matching.small_vocabulary import vocabulary

IDS = [f"HP:{number:07}" for number in range(2, 32)]


@pytest.fixture(scope="module")
def words():
    parents = {ROOT: (), **dict.fromkeys(IDS, (ROOT,))}
    return vocabulary(parents, {f"OMIM:{number}": dict.fromkeys(IDS[number::3], 0.5) for number in range(3)})


@pytest.fixture(scope="module")
def population(words):
    rng = random.Random(7)
    cases = tuple(
        Case(str(number), f"OMIM:{number % 3}", frozenset([f"P{number}"]), tuple(rng.sample(IDS, 4)), ())
        for number in range(24)
    )
    return leakage.Population.of(words, "made up for a test", cases, (0, 1), judged=8, known=20)


def measured(step, *arguments, **options):
    found = []
    step(Bench("leakage", PROFILES["smoke"], {}, found.append), *arguments, **options)
    return found


def test_a_dictionary_needs_the_keys_of_both_issuers(words, population):
    found = measured(leakage.by_who_holds_keys, words, population)
    named = {(line.settings["attack"], line.settings["of"]): line.value for line in found}
    assert named == {
        (f"dictionary by {who}", of): value
        for who, value in (
            ("the index alone", 0),
            ("the index with one issuer", 0),
            ("the index with both issuers", 100),
        )
        for of in ("tags", "symptoms")
    }


def test_one_key_would_do_if_the_other_issuers_were_known(words, population, monkeypatch):
    """That one issuer names nothing is found by trying: with both keys in its hands the same try names all."""
    of_both = leakage._Issuers.guessed
    monkeypatch.setattr(leakage._Issuers, "guessed", lambda issuers, keys: of_both(issuers, keys + (keys == 1)))
    found = measured(leakage.by_who_holds_keys, words, population)
    assert {line.value for line in found if line.settings["attack"] == "dictionary by the index with one issuer"} == {
        100
    }


def test_every_result_says_whose_symptoms_they_were(words, population):
    arguments = words, population
    found = [
        *measured(leakage.attacked, *arguments, Closure.EXACT, Defence(), solver=False),
        *measured(leakage.by_who_holds_keys, *arguments),
        *measured(leakage.timed, *arguments, solver=False),
    ]
    told = [line.settings for line in found if hasattr(line, "settings")]
    assert len([line for line in found if isinstance(line, Figure)]) < len(told)
    assert all((each["source"], each["patients"]) == ("made up for a test", 24) for each in told)


def test_where_the_real_data_is_not_the_cases_are_made_up_and_say_so(monkeypatch, tmp_path, words):
    monkeypatch.setenv("CHARTSEAL_DATA", str(tmp_path))
    found = []
    bench = Bench("leakage", PROFILES["paper"], {}, found.append)
    assert leakage.published(bench, words) is None
    assert [line.name for line in found] == ["published cases"]
    assert leakage.made_up(Bench("leakage", PROFILES["smoke"], {}, found.append), words).source.startswith("made up")
