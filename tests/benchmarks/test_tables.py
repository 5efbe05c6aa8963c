"""What tables say of few and of many samples, and which time stands beside a prediction."""

import dataclasses

from benchmarks.results import Figure, Series
from benchmarks.runs import runs
from benchmarks.tables import INTERVAL, tables
from tests.benchmarks import lines


def table(name, *of):
    (run,) = runs(of)
    (found,) = [each for each in tables(run) if each.name == name]
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def test_an_interval_stands_where_there_are_samples_enough():
    few, many = lines.series("few", (1.0,) * 5), lines.series("many", (1.0,) * 6)
    assert [row[INTERVAL] for row in table("measured", few, many)] == ["— (n = 5)", "1,000 .. 1,000"]
    rates = [lines.comparison(name, name, None, None) for name in ("few", "many")]
    assert [row[INTERVAL] for row in table("ratios", few, many, *rates)] == ["— (n = 5)", "1,000 .. 1,000"]
    assert "6" in INTERVAL


def test_a_series_without_cpu_time_has_none_in_the_table():
    series = lines.series("all", (1.0, 1.0))
    without = dataclasses.replace(series, name="one of them", cpu_seconds=())
    assert [row["CPU"] for row in table("measured", series, without)] == ["1.00", ""]


def test_cpu_time_stands_beside_the_cpu_time_that_was_predicted():
    settings = {"scheme": "umbral", "group": "secp256k1", "phase": "open"}
    series = Series("schemes", "open", "operations", 1, (9.0, 9.0), (3.0, 3.0), settings=settings)
    predicted = Figure("schemes", "predicted", 2.0, "seconds", settings | {"predicted": True})
    ends = {"low": None, "high": None}
    for also, shown in ((ends, "1.50"), ({"low": 1.25, "high": 1.75}, "1.50 (1.25 .. 1.75)")):
        ratio = Figure("schemes", "ratio", 1.5, "ratio", settings | also)
        (row,) = table("predicted", series, predicted, ratio)
        assert (row["CPU time, predicted"], row["CPU time, measured"]) == ("2,000 ms", "3,000 ms")
        assert row["measured over predicted (95 % interval)"] == shown
