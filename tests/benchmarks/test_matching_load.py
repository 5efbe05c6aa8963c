"""The index that is loaded for its time holds what opt-ins leave, and must find what lists in memory find."""

import random
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import matching_load, provenance
from benchmarks.bench import PROFILES, Bench
from benchmarks.cases import matching
from benchmarks.cast import NOW
from benchmarks.errors import CaseFailed
from benchmarks.matching_load import EPOCH, Patients
from benchmarks.results import Figure, Series
from clinic.match_epoch import pseudonym_check
from matching.closure import Closure
from matching.index import MatchIndex
from matching.index_request import Action, IndexRequest
from matching.index_store import IndexStore
from matching.loaded import Entry
from matching.postings import Postings, Rows

FEATURES = 30


def rows(patients: int) -> Rows:
    rng = random.Random(3)
    sets = [set(rng.sample(range(FEATURES), rng.randint(1, 6))) for _ in range(patients)]
    return Rows.of(sets, {each: each for each in range(FEATURES)})


def loaded(found: list[Figure]) -> None:
    bench = Bench("matching", PROFILES["smoke"], provenance.collect("smoke"), found.append)
    matching_load.loaded(bench, "exact", rows(300), FEATURES)


def dump(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    lines = list(connection.iterdump())
    connection.close()
    return lines


def test_a_loaded_index_answers_as_lists_in_memory_and_its_cost_is_stated():
    found = []
    loaded(found)
    size, seconds, peak, first = found
    assert [each.unit for each in found] == ["bytes", "s", "MiB", "ms"]
    assert all(each.settings["patients"] == 300 and "exact, 300 patients" in each.name for each in found)
    assert size.value > 300 * 1024
    assert peak.value * 2**20 >= peak.settings["before_bytes"] > 10_000_000
    assert seconds.value > 0 < first.value


def test_an_index_that_finds_others_is_no_result(monkeypatch):
    right = Patients.found
    monkeypatch.setattr(Patients, "found", lambda patients: right(patients)[::-1])
    found = []
    with pytest.raises(CaseFailed, match="other patients"):
        loaded(found)
    assert not found


def test_what_is_written_is_what_an_opt_in_leaves(tmp_path):
    patients = Patients(rows(1), FEATURES)
    patients.write(tmp_path / "written.sqlite")
    store = IndexStore.open(tmp_path / "written.sqlite")
    ((_, record),) = store.records()
    store.close()
    entry = Entry.from_bytes(record)
    certified = pseudonym_check(patients.authority.verifying_key, lambda: NOW)
    index = MatchIndex.open(tmp_path / "opted-in.sqlite", epoch=EPOCH, certified=certified, clock=lambda: NOW)
    request = IndexRequest.create(
        Action.OPT_IN, patients.key, patients.certificate(0), epoch=EPOCH, sequence=1, tags=entry.tags
    )
    index.opt_in(request)
    index.close()
    assert dump(tmp_path / "written.sqlite") == dump(tmp_path / "opted-in.sqlite")


def test_certificates_differ_and_have_one_size():
    patients = Patients(rows(20), FEATURES)
    certificates = [patients.certificate(each) for each in range(len(patients))]
    assert len(set(certificates)) == 20
    assert len({len(each) for each in certificates}) == 1


def test_the_first_search_is_for_warming_up(monkeypatch):
    asked, found = [], []

    class Watched(Postings):
        def search(self, *words, **more):
            asked.append(words)
            return super().search(*words, **more)

    monkeypatch.setattr(matching, "Postings", Watched)
    bench = Bench("matching", PROFILES["smoke"], provenance.collect("smoke"), found.append)
    drawn = SimpleNamespace(closure=Closure.EXACT, rows=lambda patients: (rows(patients), FEATURES))
    matching._searches(bench, drawn, 300, is_goal=False)
    (series,) = [line for line in found if isinstance(line, Series)]
    assert len(series.seconds) == matching.QUERIES == len(asked) - 1
