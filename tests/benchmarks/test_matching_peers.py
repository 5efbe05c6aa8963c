"""The peers of matching do what they are measured at, and what was not run is never shown as if it was."""

import sys

import pytest

from benchmarks import matching_peers, provenance
from benchmarks.bench import PROFILES, Bench
from benchmarks.results import Absent, Figure, Series
from matching.published import equality
from tests import needs

PATIENTS = (1_000, 2_000)


def measured(step, *arguments):
    found = []
    step(Bench("matching", PROFILES["smoke"], provenance.collect("smoke"), found.append), *arguments)
    return found


def of_kind(kind, found):
    return [line for line in found if isinstance(line, kind)]


def test_both_ways_to_compare_find_the_same_equal_symptoms():
    needs.module("pymcl", feature="pymcl")
    some = matching_peers.Ciphertexts.made(7)
    assert (len(some.pairs), some.equal_from_bytes(), some.equal()) == (21, 2, 2)


def test_what_more_patients_would_take_is_worked_out_and_says_so():
    needs.module("pymcl", feature="pymcl")
    found = measured(matching_peers.pairing_test, PATIENTS, 10)
    whole, read = of_kind(Series, found)
    assert whole.security_bits == read.security_bits == 120  # BLS12-381, since the tower number field sieve
    figures = of_kind(Figure, found)
    assert len(figures) == 2 * len(PATIENTS)
    assert all(line.name.startswith("extrapolated, not run: ") and line.settings["extrapolated"] for line in figures)
    pair = figures[0].settings["seconds_a_pair"]
    assert min(read.seconds) <= pair * read.amount <= max(read.seconds)
    assert [line.value / pair for line in figures] == pytest.approx([499_500, 100_000, 1_999_000, 200_000])


def test_the_intersection_is_the_half_that_both_have():
    psi = needs.module("private_set_intersection.python", feature="openmined-psi")
    run = matching_peers.Intersection(psi, 40)
    assert run() == 20
    assert run.message_bytes > 3 * 40 * 33
    series = of_kind(Series, measured(matching_peers.intersection))
    assert [line.amount for line in series] == list(matching_peers.ITEMS["smoke"])
    assert {line.security_bits for line in series} == {128}  # P-256


def test_a_missing_peer_is_a_row_and_never_a_number(monkeypatch):
    monkeypatch.setattr(equality, "pymcl", None)
    monkeypatch.setitem(sys.modules, "private_set_intersection.python", None)
    found = measured(matching_peers.pairing_test, PATIENTS, 10) + measured(matching_peers.intersection)
    assert [line.name for line in of_kind(Absent, found)] == ["pairwise pairing test", "openmined-psi"]
    assert {line.reason for line in found} == {"not installed: pip install chartseal[bench]"}
