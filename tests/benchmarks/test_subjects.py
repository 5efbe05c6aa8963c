"""What is measured does what its name says."""

import importlib.util
import io

import pytest

from benchmarks import histories, peer
from benchmarks.bulk_history import BLOCKS_A_VISIT, RECORDS_A_BLOCK, bundle
from benchmarks.null_store import NullSink, NullStore
from clinic.intake import bundle_drafts
from cloud.errors import BlockNotFound
from scheme.scopes import Category
from tests import needs

NAME = "ab" * 32


def test_the_null_store_takes_everything_and_keeps_nothing():
    store = NullStore()
    receipt = store.put(NAME, io.BytesIO(bytes(3_000_000)))
    assert (receipt.locator, receipt.size_bytes) == (NAME, 3_000_000)
    assert not store.exists(NAME)
    assert list(store.list()) == []
    for missing in (
        lambda: store.get(NAME, io.BytesIO()),
        lambda: store.get_range(NAME, 0, 1),
        lambda: store.size(NAME),
        lambda: store.delete(NAME),
    ):
        with pytest.raises(BlockNotFound):
            missing()
    assert NullSink().write(memoryview(b"abc")) == 3


def test_the_bulk_history_has_the_blocks_and_records_it_promises():
    drafts = bundle_drafts(bundle(30))
    assert len(drafts) == 30 * BLOCKS_A_VISIT
    assert {draft.records for draft in drafts} == {RECORDS_A_BLOCK}
    wanted = {Category.CLINICAL, Category.LABORATORY, Category.MEDICATION, Category.IMMUNISATION}
    assert {draft.category for draft in drafts} == wanted
    assert len({draft.year for draft in drafts}) == 25
    assert bundle(30) == bundle(30)


def test_without_shared_data_histories_are_made_up(monkeypatch, tmp_path):
    monkeypatch.setenv("CHARTSEAL_DATA", str(tmp_path))
    found = histories.load(2)
    assert len(found.bundles) == 2
    assert "made up" in found.source
    assert all(bundle_drafts(data) for data in found.bundles)


def _modules():
    return [importlib.import_module("umbral_pre")] if importlib.util.find_spec("umbral_pre") else []


@pytest.mark.parametrize("operations", [peer.ours(), *map(peer.theirs, _modules())])
def test_what_is_measured_opens_what_it_sealed(operations):
    assert bytes(operations["open"]()) == bytes(32)
    for operation in operations.values():
        assert operation() is not None


def test_both_sides_do_the_same_operations():
    needs.module("umbral_pre", feature="umbral-pre")
    for module in _modules():
        assert peer.theirs(module).keys() == peer.ours().keys()
