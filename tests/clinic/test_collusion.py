"""What a delegatee gains when all proxies collude with her: the scopes she was granted, nothing else."""

from dataclasses import replace

import pytest

from clinic.key_fragments import rekey_terms
from clinic.requests import Access
from scheme.chapter import open_by_scope_key
from scheme.errors import SchemeError
from scheme.scopes import Category
from scheme.umbral import FragmentForeign
from tests.clinic.pooling import Pool, deposits, opened_by, pool, recover
from tests.clinic.scene import Scene, draft

LABORATORY_OF_2026 = Access(frozenset({Category.LABORATORY}), since=2026)
ELSEWHERE = [
    *((Category.LABORATORY, year) for year in (2025, 2010, 2009, 1980)),
    *((category, 2026) for category in Category if category is not Category.LABORATORY),
]


@pytest.fixture
def granted(scene: Scene) -> str:
    """A block of the one scope that is granted."""
    return scene.seal(draft(text="granted")).blocks[0]


@pytest.fixture
def closed(scene: Scene) -> tuple[str, ...]:
    """Blocks of every other category, and of other years, by the same author in one go; and another patient's."""
    own = scene.seal(*(draft(category, year, "closed") for category, year in ELSEWHERE))
    foreign = scene.seal(draft(text="closed"), patient=scene.other)
    return (*own.blocks, *foreign.blocks)


@pytest.fixture
def pooled(scene: Scene, granted: str, closed: tuple[str, ...]) -> Pool:
    """All that three proxies and the doctor have together of a grant of one category and year."""
    held = pool(scene, scene.grant(LABORATORY_OF_2026), scene.reader)
    scope = scene.anchored(granted).scope
    return replace(held, key_frags={scope: held.key_frags[scope]})


def test_pooled_fragments_of_one_category_and_year_open_no_other_scope(
    scene: Scene, granted: str, closed: tuple[str, ...], pooled: Pool
) -> None:
    assert opened_by(scene, pooled, scene.fetched(granted))
    assert {locator: opened_by(scene, pooled, scene.fetched(locator)) for locator in closed} == {
        locator: [] for locator in closed
    }


def test_key_fragments_do_not_verify_for_any_other_scope(
    scene: Scene, granted: str, closed: tuple[str, ...], pooled: Pool
) -> None:
    """A proxy that is handed a fragment for a scope it was not made for takes it for foreign."""
    record = scene.site.state().grants(patient=scene.patient.member_id)[0]
    (frags,) = pooled.key_frags.values()
    own_scope = scene.anchored(granted).scope
    others = {key: name for name, key in pooled.delegating_keys.items() if name != own_scope}
    assert others
    for key, scope in others.items():
        terms = rekey_terms(record.grant, scope, record.until)
        for frag in frags:
            with pytest.raises(FragmentForeign):
                frag.verify(scene.patient.signing.verifying_key, key, scene.reader.receiving.public_key, terms)


def test_a_threshold_of_proxies_with_the_delegatee_learns_the_scopes_secret_and_that_is_all(
    scene: Scene, granted: str, closed: tuple[str, ...], pooled: Pool
) -> None:
    """The bound that the threat model states: it is what Umbral gives, and hardened derivation keeps it there."""
    ((scope, secret),) = pooled.scope_secrets.items()
    assert secret.public_key == pooled.delegating_keys[scope]
    master = scene.patient.master
    assert master is not None
    assert secret.to_secret_bytes() != master.to_secret_bytes()
    others = {scene.anchored(locator).scope for locator in closed}
    assert scope not in others
    assert len(others) == len(ELSEWHERE) + 1


@pytest.mark.parametrize("pair", [(0, 1), (0, 2), (1, 2)])
def test_any_two_of_the_three_proxies_are_enough_to_collude(
    scene: Scene, granted: str, pooled: Pool, pair: tuple[int, int]
) -> None:
    ((scope, frags),) = pooled.key_frags.items()
    two = [frags[place] for place in pair]
    assert recover(scene.reader, pooled.delegating_keys[scope], two).public_key == pooled.delegating_keys[scope]


def test_one_proxy_with_the_delegatee_learns_nothing(scene: Scene, pooled: Pool) -> None:
    ((scope, frags),) = pooled.key_frags.items()
    for frag in frags:
        assert recover(scene.reader, pooled.delegating_keys[scope], [frag]).public_key != pooled.delegating_keys[scope]


def test_all_proxies_without_the_delegatee_learn_nothing(scene: Scene, granted: str, pooled: Pool) -> None:
    """Her receiving key is needed: another doctor in her place gets another scalar, and opens nothing."""
    ((scope, frags),) = pooled.key_frags.items()
    assert recover(scene.second, pooled.delegating_keys[scope], frags).public_key != pooled.delegating_keys[scope]
    thief = replace(pooled, delegatee=scene.second, block_keys=(), chapter_keys=())
    assert opened_by(scene, thief, scene.fetched(granted)) == []


def test_fragments_of_all_scopes_granted_open_each_its_own_blocks_only(scene: Scene) -> None:
    """The matrix: the fragments of each scope of a wide grant against the blocks of every scope."""
    places = [
        (Category.LABORATORY, 2026),
        (Category.LABORATORY, 1999),
        (Category.CLINICAL, 2026),
        (Category.DEVICE, 2026),
    ]
    sealed = scene.seal(*(draft(category, year) for category, year in places))
    held = pool(scene, scene.grant(Access()), scene.reader)
    scopes = [scene.anchored(locator).scope for locator in sealed.blocks]
    assert len(set(scopes)) == len(places)
    for scope in scopes:
        one = replace(
            held,
            key_frags={scope: held.key_frags[scope]},
            chapters=[chapter for chapter in held.chapters if chapter.context.scope == scope],
            chapter_keys=(),
            block_keys=(),
        )
        opened = [scene.anchored(each).scope for each in sealed.blocks if opened_by(scene, one, scene.fetched(each))]
        assert opened == [scope]


def test_two_delegatees_of_different_scopes_gain_nothing_by_pooling(scene: Scene) -> None:
    blocks = scene.seal(draft(), draft(Category.IMAGING), draft(Category.MENTAL_HEALTH)).blocks
    first = pool(scene, scene.grant(LABORATORY_OF_2026), scene.reader)
    imaging = Access(frozenset({Category.IMAGING}))
    second = pool(scene, scene.grant(imaging, to=scene.second), scene.second)
    assert [bool(opened_by(scene, first, scene.fetched(block))) for block in blocks] == [True, False, False]
    assert [bool(opened_by(scene, second, scene.fetched(block))) for block in blocks] == [False, True, False]
    swapped = replace(first, delegatee=scene.second), replace(second, delegatee=scene.reader)
    for thief in swapped:
        kept_nothing = replace(thief, block_keys=(), chapter_keys=())
        assert [opened_by(scene, kept_nothing, scene.fetched(block)) for block in blocks] == [[], [], []]


def test_a_selection_of_blocks_gives_its_colluders_the_one_off_scope_only(scene: Scene) -> None:
    """Selected blocks go through a scope of their own: pooling does not give the scope that the blocks are in."""
    blocks = scene.seal(draft(text="chosen"), draft(text="not chosen")).blocks
    grant_id = scene.grant(Access(), blocks=(blocks[0],))
    frags = deposits(scene, grant_id, scene.reader)
    assert len(frags) == 1
    assert set(frags).isdisjoint({scene.anchored(block).scope for block in blocks})
    master = scene.patient.master
    assert master is not None
    one_off = master.one_off_key(grant_id)
    ((_, shares),) = frags.items()
    recovered = recover(scene.reader, one_off.public_key, shares)
    assert recovered.public_key == one_off.public_key
    header = scene.fetched(blocks[1]).block.header
    key = open_by_scope_key(header.chapter, recovered).block_key(header.nonce)
    with pytest.raises(SchemeError):
        scene.fetched(blocks[1]).block.open_manifest(key, lambda _author: scene.author.signing.verifying_key)
