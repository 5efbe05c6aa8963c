"""Accuracy on published cases is handed in as it was found, and stands in one table."""

import pytest

from benchmarks import matching_accuracy, provenance
from benchmarks.bench import PROFILES, Bench
from benchmarks.pivots import pivots
from benchmarks.results import Absent
from benchmarks.runs import runs
from matching.accuracy import Accuracy
from matching.accuracy_cases import Part
from matching.closure import Closure


def told(profile):
    found = []
    bench = Bench("matching", PROFILES[profile], provenance.collect(profile), found.append)
    matching_accuracy.accuracy(bench, vocabulary=None)
    return found


def evaluated(_cases, _queries, closure, *, part, vocabulary):
    """What tells closures and parts from each other."""
    del vocabulary
    place, half = list(Closure).index(closure), 0.5 if part is Part.HELD_BACK else 0.0
    plain, best = (Accuracy(top1, 0.1 + half, 0.2 + half, 0.3 + half, 4.0) for top1 in (place / 10 + half, 0.4 + half))
    return {"simgic": plain, "blind_best": best}


@pytest.mark.parametrize(("profile", "rows"), [("smoke", 2), ("paper", 8)])
def test_each_ranking_has_a_row_for_each_closure_and_part_and_the_best_one_has_closures_of_its_own(
    monkeypatch, tmp_path, profile, rows
):
    monkeypatch.setattr(matching_accuracy, "published_cases", lambda: (tmp_path, tmp_path))
    monkeypatch.setattr(matching_accuracy, "evaluate", evaluated)
    found = told(profile)
    (run,) = runs(found)
    (table,) = pivots(run).tables
    assert table.columns == ("ranking, closure, queries", "top-1", "top-5", "top-10", "MRR", "ms per query")
    assert len(table.rows) == rows
    assert ("simgic, near, held-back", "60.00 %", "60.00 %", "70.00 %", "80.00 %", "4.00") in table.rows
    assert ("blind_best, of its own, held-back", "90.00 %", "60.00 %", "70.00 %", "80.00 %", "4.00") in table.rows
    assert pivots(run).shown == set(map(id, found))


def test_cases_that_are_not_there_are_a_row_that_says_where_to_put_them(monkeypatch, tmp_path):
    monkeypatch.setenv("CHARTSEAL_DATA", str(tmp_path))
    (absent,) = told("paper")
    assert isinstance(absent, Absent)
    assert "CHARTSEAL_DATA" in absent.reason
