"""Mirrors: a majority, falling back, what is recorded as missing; and the maintenance of whole stores."""

import io
import shutil
from collections import deque
from pathlib import Path

import pytest

from cloud.checked import CheckedStore
from cloud.errors import (
    AccessDenied,
    BlockExists,
    BlockNotFound,
    CloudError,
    HashMismatch,
    MajorityNotReached,
    StoreMisconfigured,
    StoreUnreachable,
)
from cloud.maintenance import check, collect, copy, orphans, repair
from cloud.mirrored import MirroredStore, Missing
from cloud.open import Opening, open_store, open_stores
from cloud.simulated import SimulatedStore
from cloud.store import Listed
from scheme.errors import Damaged
from tests.cloud.samples import content, fetched, locator_of

BLOCKS = {locator_of(content(3000, seed=number)): content(3000, seed=number) for number in range(8)}
LOCATOR, DATA = next(iter(BLOCKS.items()))
DOWN = StoreUnreachable("down")


def verify(locator: str, file: io.BytesIO) -> None:
    if locator_of(file.read()) != locator:
        raise Damaged("not the block")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Mirrors:
    def __init__(self, count: int) -> None:
        self.stores = [SimulatedStore(f"m{number}") for number in range(count)]
        self.clock = Clock()
        self.told: list[Missing] = []
        self.mirrored = MirroredStore(self.stores, self.told.append, rest_s=30.0, clock=self.clock)

    def have(self) -> list[bool]:
        return [LOCATOR in store.blocks for store in self.stores]


def test_a_put_reaches_all() -> None:
    mirrors = Mirrors(3)
    assert mirrors.mirrored.put(LOCATOR, io.BytesIO(DATA)).size_bytes == len(DATA)
    assert mirrors.have() == [True, True, True]
    assert mirrors.mirrored.missing == frozenset()


@pytest.mark.parametrize("error", [DOWN, AccessDenied("no")])
def test_a_majority_is_enough_and_the_rest_is_recorded(error: CloudError) -> None:
    mirrors = Mirrors(3)
    mirrors.stores[1].faults.down = error
    mirrors.mirrored.put(LOCATOR, io.BytesIO(DATA))
    assert mirrors.have() == [True, False, True]
    gap = Missing(mirrors.stores[1].url, LOCATOR, error.code)
    assert mirrors.told == [gap]
    assert mirrors.mirrored.missing == {gap}
    mirrors.stores[1].faults.down = None
    mirrors.clock.now += 31
    mirrors.mirrored.put(LOCATOR, io.BytesIO(DATA))
    assert mirrors.have() == [True, True, True]
    assert mirrors.mirrored.missing == frozenset()


@pytest.mark.parametrize(("count", "down"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3)])
def test_less_than_a_majority_is_not_done_and_can_be_repeated(count: int, down: int) -> None:
    mirrors = Mirrors(count)
    for store in mirrors.stores[:down]:
        store.faults.down = DOWN
    with pytest.raises(MajorityNotReached):
        mirrors.mirrored.put(LOCATOR, io.BytesIO(DATA))
    for store in mirrors.stores:
        store.faults.down = None
    mirrors.clock.now += 31
    mirrors.mirrored.put(LOCATOR, io.BytesIO(DATA))
    assert all(mirrors.have())


def test_a_mirror_that_is_down_is_left_alone_for_a_while() -> None:
    mirrors = Mirrors(3)
    mirrors.stores[0].faults.down = DOWN
    mirrors.mirrored.put(LOCATOR, io.BytesIO(DATA))
    mirrors.stores[0].faults.down = AssertionError("asked while it rests")  # type: ignore[assignment]
    for locator, data in BLOCKS.items():
        mirrors.mirrored.put(locator, io.BytesIO(data))
        assert fetched(mirrors.mirrored, locator) == data


def test_other_content_is_a_conflict_not_a_majority() -> None:
    mirrors = Mirrors(3)
    mirrors.mirrored.put(LOCATOR, io.BytesIO(DATA))
    with pytest.raises(BlockExists):
        mirrors.mirrored.put(LOCATOR, io.BytesIO(b"other"))


@pytest.mark.parametrize("fault", ["absent", "down", "cut", "altered"])
def test_reads_fall_back(fault: str) -> None:
    first, second = SimulatedStore("first"), SimulatedStore("second")
    mirrored = MirroredStore([CheckedStore(store, verify=verify) for store in (first, second)])  # type: ignore[arg-type]
    mirrored.put(LOCATOR, io.BytesIO(DATA))
    if fault == "absent":
        first.blocks.clear()
    if fault == "down":
        first.faults.down = DOWN
    if fault == "cut":
        first.faults.cut_after_bytes, first.faults.cut_error = 100, DOWN
    if fault == "altered":
        first.faults.alter = lambda data: data + b"more"
    assert fetched(mirrored, LOCATOR) == DATA
    if fault not in {"altered", "cut"}:
        assert mirrored.get_range(LOCATOR, 5, 5) == DATA[5:10]
        assert mirrored.size(LOCATOR) == len(DATA)
    assert mirrored.exists(LOCATOR)
    assert [entry.locator for entry in mirrored.list()] == [LOCATOR]


def test_absent_is_said_only_when_every_mirror_says_so() -> None:
    mirrors = Mirrors(2)
    with pytest.raises(BlockNotFound):
        mirrors.mirrored.get(LOCATOR, io.BytesIO())
    assert not mirrors.mirrored.exists(LOCATOR)
    mirrors.stores[1].faults.down = DOWN
    for ask in (lambda: mirrors.mirrored.get(LOCATOR, io.BytesIO()), lambda: mirrors.mirrored.exists(LOCATOR)):
        with pytest.raises(StoreUnreachable):
            ask()


def test_every_mirror_altered() -> None:
    stores = [SimulatedStore("a"), SimulatedStore("b")]
    mirrored = MirroredStore([CheckedStore(store, verify=verify) for store in stores])  # type: ignore[arg-type]
    mirrored.put(LOCATOR, io.BytesIO(DATA))
    for store in stores:
        store.faults.alter = lambda data: data[1:]
    with pytest.raises(HashMismatch):
        mirrored.get(LOCATOR, io.BytesIO())


def test_the_listing_is_the_union() -> None:
    mirrors = Mirrors(3)
    for number, (locator, data) in enumerate(sorted(BLOCKS.items())):
        mirrors.stores[number % 3].blocks[locator] = data
        mirrors.stores[(number + 1) % 3].blocks[locator] = data
    assert list(mirrors.mirrored.list()) == [Listed(locator, len(BLOCKS[locator])) for locator in sorted(BLOCKS)]
    mirrors.stores[0].faults.down = DOWN
    assert len(list(mirrors.mirrored.list())) == len(BLOCKS)
    mirrors.stores[1].faults.down = DOWN
    with pytest.raises(MajorityNotReached):
        list(mirrors.mirrored.list())


def test_delete_is_for_all() -> None:
    mirrors = Mirrors(2)
    mirrors.mirrored.put(LOCATOR, io.BytesIO(DATA))
    mirrors.stores[0].faults.errors = deque([DOWN])
    with pytest.raises(MajorityNotReached):
        mirrors.mirrored.delete(LOCATOR)
    mirrors.mirrored.delete(LOCATOR)
    assert mirrors.have() == [False, False]
    with pytest.raises(BlockNotFound):
        mirrors.mirrored.delete(LOCATOR)


def test_mirrors_are_different_stores() -> None:
    with pytest.raises(StoreMisconfigured):
        MirroredStore([SimulatedStore("same"), SimulatedStore("same")])
    with pytest.raises(StoreMisconfigured):
        MirroredStore([])


def test_one_of_two_mirrors_deleted_reads_go_on_and_repair_restores(tmp_path: Path) -> None:
    urls = [f"file://{tmp_path}/a", f"file://{tmp_path}/b"]
    store = open_stores(urls)
    for locator, data in BLOCKS.items():
        store.put(locator, io.BytesIO(data))
    shutil.rmtree(tmp_path / "a")
    store.close()
    store = open_stores(urls, Opening(verify=verify))  # type: ignore[arg-type]
    assert all(fetched(store, locator) == data for locator, data in BLOCKS.items())
    one, two = (open_store(url) for url in urls)
    assert {finding.locator for finding in check(one, BLOCKS).missing} == set(BLOCKS)
    report = repair([one, two], BLOCKS, verify)  # type: ignore[arg-type]
    assert len(report.restored) == len(BLOCKS)
    assert report.bytes == sum(map(len, BLOCKS.values()))
    assert (report.failed, report.lost) == ((), ())
    assert check(one, BLOCKS, verify).sound  # type: ignore[arg-type]
    store.close()


def test_check_tells_missing_damaged_and_unreachable_apart() -> None:
    store = SimulatedStore()
    locators = sorted(BLOCKS)
    for locator in locators[1:]:
        store.put(locator, io.BytesIO(BLOCKS[locator]))
    store.blocks[locators[1]] = b"damaged"
    store.faults.errors = deque([None, None, DOWN])
    report = check(store, locators, verify)  # type: ignore[arg-type]
    assert [finding.locator for finding in report.missing] == locators[:1]
    assert [(finding.locator, finding.code) for finding in report.damaged] == [(locators[1], "damaged")]
    assert [finding.locator for finding in report.unreachable] == locators[2:3]
    assert report.blocks == len(BLOCKS) - 3
    assert not report.sound


def test_repair_replaces_damage_only_by_a_verified_copy() -> None:
    one, two = SimulatedStore("one"), SimulatedStore("two")
    for locator, data in BLOCKS.items():
        one.blocks[locator] = two.blocks[locator] = data
    first, second, third = sorted(BLOCKS)[:3]
    one.blocks[first] = b"damaged"
    one.blocks[second] = two.blocks[second] = b"damaged in both"
    del two.blocks[third]
    report = repair([one, two], sorted(BLOCKS), verify)  # type: ignore[arg-type]
    assert one.blocks[first] == BLOCKS[first]
    assert two.blocks[third] == BLOCKS[third]
    assert report.lost == (second,)
    assert one.blocks[second] == two.blocks[second] == b"damaged in both"
    assert {(finding.url, finding.code) for finding in report.restored} == {
        (one.url, "damaged"),
        (two.url, "block-not-found"),
    }


def test_repair_leaves_an_unreachable_mirror_alone() -> None:
    one, two = SimulatedStore("one"), SimulatedStore("two")
    one.blocks[LOCATOR] = DATA
    two.faults.down = DOWN
    report = repair([one, two], [LOCATOR])
    assert [(finding.url, finding.code) for finding in report.failed] == [(two.url, "store-unreachable")]
    assert report.restored == ()


def test_copy_can_be_cut_and_goes_on() -> None:
    source, target = SimulatedStore("source"), SimulatedStore("target")
    source.blocks.update(BLOCKS)
    target.faults.errors = deque([None] * 6 + [DOWN])
    seen: list[str] = []
    report = copy(source, target, on_block=seen.append)
    assert seen == sorted(BLOCKS)
    assert (report.copied, len(report.failed)) == (len(BLOCKS) - 1, 1)
    assert report.failed[0].url == target.url
    again = copy(source, target)
    assert (again.copied, again.present, again.failed) == (1, len(BLOCKS) - 1, ())
    assert target.blocks == BLOCKS


def test_copy_does_not_spread_damage() -> None:
    source, target = SimulatedStore("source"), SimulatedStore("target")
    source.blocks.update(BLOCKS)
    source.blocks[LOCATOR] = b"damaged"
    report = copy(source, target, verify=verify)  # type: ignore[arg-type]
    assert [(finding.url, finding.locator) for finding in report.failed] == [(source.url, LOCATOR)]
    assert LOCATOR not in target.blocks


def test_orphans_are_found_and_collected() -> None:
    store = SimulatedStore()
    store.blocks.update(BLOCKS)
    known = set(sorted(BLOCKS)[2:])
    found = list(orphans(store, known))
    assert [entry.locator for entry in found] == sorted(BLOCKS)[:2]
    assert collect(store, [*found, found[0]]) == 2
    assert set(store.blocks) == known
