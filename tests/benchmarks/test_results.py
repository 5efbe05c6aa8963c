"""Result files: what is written is read again, and nothing else is."""

import dataclasses
import json

import pytest

from benchmarks import results
from benchmarks.errors import ResultInvalid
from tests.benchmarks import lines

EVERY_KIND = [
    lines.series("sealing", (0.5, 0.25)),
    lines.comparison("sealing over hashing", "sealing", "hashing", 0.45),
    lines.absent(),
    lines.figure(),
    lines.published(),
    lines.profile(),
]


@pytest.mark.parametrize("line", EVERY_KIND, ids=lambda line: line.kind)
def test_a_line_is_read_as_it_was_written(line, tmp_path):
    path = tmp_path / "result.jsonl"
    path.write_text(results.to_json(line) + "\n")
    (again,) = results.read([path])
    assert results.to_json(again) == results.to_json(line)
    assert type(again) is type(line)
    assert again.provenance["commit"] == "0123456789abcdef"


def test_another_version_is_refused_with_both_named():
    value = json.loads(results.to_json(lines.absent())) | {"version": 7}
    with pytest.raises(ResultInvalid, match=r"version 7 .* version 1"):
        results.from_json(json.dumps(value))


@pytest.mark.parametrize(
    "change",
    [{"schema": "something else"}, {"kind": "unknown"}, {"extra": 1}],
    ids=lambda change: next(iter(change)),
)
def test_a_line_of_something_else_is_refused(change):
    value = json.loads(results.to_json(lines.series("sealing", (1.0,)))) | change
    with pytest.raises(ResultInvalid):
        results.from_json(json.dumps(value))


@pytest.mark.parametrize("text", ["", "not JSON", "[]", "1", "{}"])
def test_what_is_no_line_is_refused(text):
    with pytest.raises(ResultInvalid):
        results.from_json(text)


def test_a_missing_or_binary_file_is_refused(tmp_path):
    with pytest.raises(ResultInvalid):
        list(results.read([tmp_path / "missing.jsonl"]))
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ResultInvalid):
        list(results.read([tmp_path / "binary"]))


def test_cpu_time_is_of_every_sample_or_of_none():
    without = dataclasses.replace(lines.series("one of many", (0.5, 0.25)), cpu_seconds=())
    again = results.from_json(results.to_json(without))
    assert list(again.cpu_seconds) == []
    assert again.cpu_share is None
    assert lines.series("alone", (0.5, 0.25)).cpu_share == 1
    with pytest.raises(ResultInvalid, match="no samples"):
        dataclasses.replace(without, cpu_seconds=(0.5,))


def test_rates_are_work_over_time():
    assert lines.series("sealing", (0.5, 0.25), amount=100).rates == [200.0, 400.0]
