"""What others published is read, checked, and never without where it was read."""

import pytest
from click.testing import CliRunner

from benchmarks import command, provenance, published, results
from benchmarks.bench import PROFILES, Bench
from benchmarks.cases import CASES
from benchmarks.errors import PublishedInvalid
from benchmarks.results import Published

FIGURE = """[[figure]]
case = "ledger"
system = "a chain"
what = "throughput"
value = 220
unit = "transactions/s"
faults = "crashes only"
source = "somebody"
read_at = "abstract"
"""


def loaded(tmp_path, text):
    path = tmp_path / "published.toml"
    path.write_text(text)
    return published.load(path)


def test_every_figure_stands_beside_a_case_and_says_where_it_was_read():
    entries = published.load()
    assert {entry.case for entry in entries} <= set(CASES)
    assert all(entry.read_at and entry.faults and entry.source for entry in entries)
    for entry in entries:
        assert ("read 2026" in entry.read_at) != ("as quoted in" in entry.read_at), entry


def test_figures_are_told_in_words(tmp_path):
    one, other = loaded(tmp_path, FIGURE + FIGURE.replace("220", "[750, 1_200]").replace("throughput", "peak"))
    assert one.figure == "throughput: 220 transactions/s"
    assert other.figure == "peak: 750 to 1,200 transactions/s"


def test_a_case_hands_in_its_own_figures_only():
    found = []
    published.hand_in(Bench("ledger", PROFILES["smoke"], provenance.collect("smoke"), found.append))
    own = [entry for entry in published.load() if entry.case == "ledger"]
    assert 0 < len(own) < len(published.load())
    assert all(isinstance(line, Published) for line in found)
    assert [(line.system, line.figure, line.source, line.year, line.read_at) for line in found] == [
        (entry.system, entry.figure, entry.source, entry.year, entry.read_at) for entry in own
    ]


def test_every_case_is_followed_by_what_was_published(monkeypatch):
    monkeypatch.setitem(command.CASES, "matching", lambda bench: bench.figure("counted", 1, "times"))
    monkeypatch.setattr(
        published, "load", lambda: [published.Entry("matching", "a system", "what", 1, "s", "none", "who", "where")]
    )
    done = CliRunner().invoke(command.main, ["measure", "matching", "--profile", "smoke"])
    assert [results.from_json(line).kind for line in done.output.splitlines()] == ["figure", "published"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("figure]]", "figures]]"), r"holds \[\[figure\]\] entries and nothing else"),
        (('case = "ledger"', 'cases = "ledger"'), "entry 1 .* field 'cases'; known: case, faults"),
        (('unit = "transactions/s"\n', ""), "entry 1 .* lacks 'unit'"),
        (('read_at = "abstract"', 'read_at = " "'), "'read_at' is a text, and not an empty one"),
        (('source = "somebody"', "source = 7"), "'source' is a text"),
        (("value = 220", "value = -1"), "'value' is a number above 0"),
        (("value = 220", "value = true"), "'value' is a number above 0"),
        (("value = 220", "value = nan"), "'value' is a number above 0"),
        (("value = 220", "value = [3, 2]"), "'value' is a number above 0"),
        (("value = 220", "value = [1, 2, 3]"), "'value' is a number above 0"),
        (("value = 220", 'value = 220\nyear = "2021"'), "'year' is a whole number from 1970"),
        (("value = 220", "value = 220\nsecurity_bits = 0"), "'security_bits' is a whole number from 1"),
        (("value = 220", "value = "), "no TOML file that can be read"),
    ],
    ids=lambda each: str(each[1]).strip() if isinstance(each, tuple) else "",
)
def test_what_is_wrong_is_refused_with_its_place(change, sentence, tmp_path):
    with pytest.raises(PublishedInvalid, match=sentence):
        loaded(tmp_path, FIGURE.replace(*change))


def test_a_figure_is_named_once(tmp_path):
    with pytest.raises(PublishedInvalid, match=r"entry 2 .* says what another says: a chain, throughput"):
        loaded(tmp_path, FIGURE + FIGURE)


@pytest.mark.parametrize("text", ["", 'figure = "one"', "[[figure]]\n[other]\n"])
def test_a_file_of_something_else_is_refused(text, tmp_path):
    with pytest.raises(PublishedInvalid):
        loaded(tmp_path, text)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(PublishedInvalid, match="no TOML file"):
        published.load(tmp_path / "missing.toml")
