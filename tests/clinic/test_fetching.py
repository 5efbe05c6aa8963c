"""Fetching blocks one by one and in bulk: the same checks, and a number of round trips that does not grow."""

from __future__ import annotations

import inspect
import io
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO

import pytest

from clinic import history
from clinic.fetching import fetch_all
from clinic.site import Site
from cloud.bulk import BulkStore, NewSink
from cloud.errors import StoreUnreachable
from cloud.simulated import SimulatedStore
from cloud.wrapper import StoreWrapper
from ledger.records import AnchoredBlock
from scheme.chain import ChainGap
from scheme.errors import ChartSealError
from scheme.scopes import Category
from tests.clinic.scene import YEAR, Scene, draft


class Bulk(StoreWrapper):
    """A store that gives many blocks at once, and counts."""

    def __init__(self, inner: SimulatedStore) -> None:
        super().__init__(inner)
        self.blocks = inner.blocks
        self.rounds = 0
        self.given: list[BinaryIO] = []
        self.breaks_at: int | None = None
        self.arriving: Generator[tuple[str, BinaryIO | None], None, None] | None = None

    def get(self, locator: str, sink: BinaryIO) -> int:
        raise AssertionError("one by one")

    def get_many(
        self, locators: Sequence[str], new_sink: NewSink
    ) -> Generator[tuple[str, BinaryIO | None], None, None]:
        self.arriving = self._given(locators, new_sink)
        return self.arriving

    def _given(self, locators: Sequence[str], new_sink: NewSink) -> Generator[tuple[str, BinaryIO | None], None, None]:
        self.rounds += bool(locators)
        for number, locator in enumerate(locators):
            if number == self.breaks_at:
                raise StoreUnreachable("cut")
            data = self.blocks.get(locator)
            if data is None:
                yield locator, None
                continue
            sink = new_sink()
            sink.write(data)
            self.given.append(sink)
            yield locator, sink


@dataclass
class Asked:
    """How often each proxy was asked."""

    counts: dict[str, int] = field(default_factory=dict)

    def of(self, site: Site) -> Site:
        """The same site, whose proxies are counted."""

        class Counting:
            def __init__(self, name: str) -> None:
                self._name = name

            def __getattr__(self, method: str) -> object:
                counts[self._name] = counts.get(self._name, 0) + (method == "reencrypt")
                return getattr(site.proxies[self._name], method)

        counts = self.counts
        return replace(site, proxies={name: Counting(name) for name in site.proxies})  # type: ignore[misc]


@pytest.fixture
def bulk(scene: Scene) -> Bulk:
    made = Bulk(scene.store)
    assert isinstance(made, BulkStore)
    assert not isinstance(scene.store, BulkStore)
    return made


def anchored(scene: Scene) -> tuple[AnchoredBlock, ...]:
    return scene.site.state().blocks(patient=scene.patient.member_id)


def seal(scene: Scene, count: int, *, chapters: int = 1) -> None:
    for number in range(chapters):
        scene.seal(*(draft(text=f"record {number} {each}") for each in range(count)))


def test_the_same_blocks_come_either_way(scene: Scene, bulk: Bulk) -> None:
    seal(scene, 30)
    state, blocks = scene.site.state(), anchored(scene)

    def fetched(site: Site) -> list[tuple[AnchoredBlock, bytes]]:
        return [(each.anchored, each.block.source.read()) for each in fetch_all(site, state, blocks)]

    assert fetched(replace(scene.site, store=bulk)) == fetched(scene.site)
    assert bulk.rounds == 1
    assert all(sink.closed for sink in bulk.given)


def test_a_missing_block_is_a_gap_either_way(scene: Scene, bulk: Bulk) -> None:
    seal(scene, 3)
    blocks = anchored(scene)
    del scene.store.blocks[blocks[1].locator]
    for site in (scene.site, replace(scene.site, store=bulk)):
        with pytest.raises(ChainGap):
            list(fetch_all(site, site.state(), blocks))
    assert all(sink.closed for sink in bulk.given)


def test_an_altered_block_is_refused_and_let_go(scene: Scene, bulk: Bulk) -> None:
    seal(scene, 3)
    blocks = anchored(scene)
    scene.store.blocks[blocks[1].locator] = scene.store.blocks[blocks[2].locator]
    with pytest.raises(ChartSealError):
        list(fetch_all(replace(scene.site, store=bulk), scene.site.state(), blocks))
    assert all(sink.closed for sink in bulk.given)


def test_leaving_half_way_lets_go_of_all(scene: Scene, bulk: Bulk) -> None:
    seal(scene, 3)
    plain = replace(scene.site, store=bulk)
    for site in (plain, replace(plain, progress=lambda *_what: None).counted("reading", 1)):
        fetching = fetch_all(site, site.state(), anchored(scene))
        next(fetching)
        fetching.close()  # type: ignore[attr-defined]
        assert all(sink.closed for sink in bulk.given)
        assert bulk.arriving is not None
        assert inspect.getgeneratorstate(bulk.arriving) == inspect.GEN_CLOSED  # nothing is fetched any more


def test_progress_is_told_of_every_byte(scene: Scene, bulk: Bulk) -> None:
    seal(scene, 5)
    told: list[tuple[str, int, int]] = []
    blocks = anchored(scene)
    total = sum(block.size for block in blocks)
    site = replace(scene.site, store=bulk, progress=lambda *what: told.append(what)).counted("reading", total)
    list(fetch_all(site, site.state(), blocks))
    assert told[-1] == ("reading", total, total)
    assert bulk.rounds == 1


@pytest.mark.parametrize(("blocks", "chapters"), [(1, 1), (40, 1), (2, 12)])
def test_a_read_takes_as_many_rounds_however_long_the_history(
    scene: Scene, bulk: Bulk, blocks: int, chapters: int
) -> None:
    seal(scene, blocks, chapters=chapters)
    scene.grant()
    proxies = Asked()
    site = proxies.of(replace(scene.site, store=bulk))
    assert len(scene.read(site=site)) == blocks * chapters
    assert bulk.rounds == (1 if blocks == 1 else 2)
    assert max(proxies.counts.values()) == 1


def test_windows_bound_what_is_held(scene: Scene, bulk: Bulk, monkeypatch: pytest.MonkeyPatch) -> None:
    seal(scene, 1, chapters=5)
    scene.grant()
    sizes = [block.size for block in anchored(scene)]
    monkeypatch.setattr(history, "FIRSTS_BYTES", 2 * max(sizes))
    proxies = Asked()
    assert len(scene.read(site=proxies.of(replace(scene.site, store=bulk)))) == 5
    assert max(proxies.counts.values()) == 3  # of two, two and one; a proxy that is not needed may be later
    monkeypatch.setattr(history, "FIRSTS_BYTES", 1)  # less than any block: each goes alone
    assert len(scene.read(site=replace(scene.site, store=bulk))) == 5


def test_a_patients_own_records_come_in_one_round(scene: Scene, bulk: Bulk) -> None:
    scene.seal(draft(Category.LABORATORY, YEAR), draft(Category.IMAGING, YEAR - 1), draft(Category.OTHER, 2001))
    scene = replace(scene, site=replace(scene.site, store=bulk))
    assert len(scene.own()) == 3
    assert bulk.rounds == 1


def test_a_broken_stream_is_an_error_of_the_store(scene: Scene, bulk: Bulk) -> None:
    seal(scene, 3)
    bulk.breaks_at = 1
    with pytest.raises(StoreUnreachable):
        list(fetch_all(replace(scene.site, store=bulk), scene.site.state(), anchored(scene)))
    assert io.BytesIO not in {type(sink) for sink in bulk.given if not sink.closed}
    assert all(sink.closed for sink in bulk.given)
