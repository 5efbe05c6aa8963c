"""Result files as data frames."""

import importlib
import sys

import pytest

import benchmarks
from benchmarks import results
from benchmarks.errors import ReportUnavailable, ResultInvalid
from tests.benchmarks import lines, report_lines


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "result.jsonl"
    file.write_text("".join(f"{results.to_json(line)}\n" for line in report_lines.every_case()))
    return file


def test_one_row_a_sample_with_settings_and_provenance(path):
    frame = benchmarks.load(path)
    series = [line for line in results.read([path]) if isinstance(line, results.Series)]
    assert len(frame) == sum(len(line.seconds) for line in series)
    slow = frame[frame.name == "slow"]
    assert list(slow["sample"]) == [0, 1, 2]
    assert list(slow.seconds) == [4.0, 4.0, 5.0]
    assert list(slow.cpu_seconds) == [4.0, 4.0, 5.0]
    assert list(slow.rate) == [250.0, 250.0, 200.0]
    assert set(frame["provenance.commit"]) == {lines.PROVENANCE["commit"]}
    assert set(frame["provenance.versions.chartseal"]) == {"0.1.0"}
    assert set(frame[frame.case == "storage"]["settings.concurrency"]) == {1, 8}
    assert frame[frame.name == "slow"]["settings.concurrency"].isna().all()


def test_the_other_kinds_have_a_row_a_line(path):
    assert list(benchmarks.load(path, "published").system) == ["another ledger"]
    assert list(benchmarks.load(str(path), kind="comparison").at_least) == [2.0, 300]
    figures = benchmarks.load(path, "figure")
    assert set(figures[figures.case == "made-up"].value) == {731}


def test_a_kind_or_file_that_is_none_is_refused(path, tmp_path):
    with pytest.raises(ResultInvalid, match="known: series, comparison"):
        benchmarks.load(path, "serious")
    with pytest.raises(ResultInvalid, match="cannot be read"):
        benchmarks.load(tmp_path / "missing")


def test_without_pandas_it_says_how_to_get_it(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ReportUnavailable, match=r"not installed: pandas; pip install chartseal\[bench\]"):
        benchmarks.load(path)


def test_neither_pandas_nor_matplotlib_is_needed_to_measure(monkeypatch):
    for name in ("pandas", "matplotlib", "jinja2"):
        monkeypatch.setitem(sys.modules, name, None)
    for name in [name for name in sys.modules if name.split(".")[0] == "benchmarks"]:
        monkeypatch.delitem(sys.modules, name)
    assert importlib.import_module("benchmarks.command").main
