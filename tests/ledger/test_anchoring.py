from dataclasses import replace

import pytest

from ledger.anchorings import Anchoring
from ledger.bodies import BlockAnchor, Role, Withdraw
from ledger.records import Head
from ledger.refusals import AuthorElsewhere, AuthorNotPermitted
from tests.ledger.scene import START, Scene, digest, enrolment, ident


def test_anchored_blocks_are_listed_in_order(scene: Scene) -> None:
    first, second = scene.anchor(3), None
    scene.do(first, "north")
    second = scene.anchor(2, scope="imaging")
    entry = scene.do(second, "north")
    blocks = scene.state.blocks(patient=ident("paula"))
    assert [block.locator for block in blocks] == [block.locator for block in (*first.blocks, *second.blocks)]
    assert [block.index for block in blocks] == [0, 1, 2, 3, 4]
    assert blocks == scene.state.blocks(chain=first.chain)
    last = blocks[-1]
    assert last == scene.state.block(last.locator)
    assert (last.scope, last.author, last.hospital, last.position, last.time, last.size, last.withdrawn) == (
        ident("imaging"), ident("dora"), ident("north"), entry.position, START, 1000, None,
    )  # fmt: skip
    (chain,) = scene.state.chains(ident("paula"))
    assert chain == scene.state.chain(first.chain)
    assert chain.head == scene.state.chain_head(first.chain) == Head(last.locator, 4)
    chapter = scene.state.chapter(last.chapter)
    assert chapter is not None
    assert chapter.locators == tuple(block.locator for block in second.blocks)
    assert scene.state.blocks(patient=ident("petra")) == ()


def test_full_batch_is_anchored(scene: Scene) -> None:
    scene.do(scene.anchor(4096), "north")
    assert scene.state.chain_head(ident("paula at north")) == Head(digest("block 0 4095"), 4095)


def test_chain_is_compared_and_set(scene: Scene) -> None:
    stale = scene.anchor()
    scene.do(scene.anchor(), "north")
    rebuilt = scene.anchor()
    assert scene.refusal(stale, "north") == "head-moved"
    assert scene.refusal(replace(rebuilt, previous_head=digest("fork")), "north") == "head-moved"
    assert scene.refusal(replace(rebuilt, first_index=7), "north") == "index-wrong"
    other = replace(rebuilt, chain=ident("second"), previous_head=None, first_index=0)
    assert scene.refusal(other, "north") == "chain-exists"
    assert scene.refusal(replace(other, previous_head=digest("fork")), "north") == "head-moved"
    foreign = replace(rebuilt, patient=ident("petra"))
    assert scene.refusal(foreign, "north") == "chain-foreign"
    scene.do(rebuilt, "north")


def test_new_chain_begins_at_index_0(scene: Scene) -> None:
    assert scene.refusal(scene.anchor(first_index=1), "north") == "index-wrong"
    assert scene.refusal(scene.anchor(previous_head=digest("head")), "north") == "head-moved"


def test_signer_and_patient_of_an_anchor(scene: Scene) -> None:
    assert scene.refusal(scene.anchor(), "dora") == "wrong-signer"
    assert scene.refusal(scene.anchor(hospital=ident("dora")), "dora") == "wrong-role"
    assert scene.refusal(scene.anchor(patient=ident("dora")), "north") == "wrong-role"
    assert scene.refusal(scene.anchor(patient=ident("nobody")), "north") == "member-unknown"
    scene.remove("paula")
    assert scene.refusal(scene.anchor(), "north") == "member-removed"


def test_author_of_an_anchor(scene: Scene) -> None:
    at_south = scene.anchor(author=ident("saul"), hospital=ident("south"), chain=ident("paula at south"))
    assert scene.refusal(scene.anchor(author=ident("nobody")), "north") == "member-unknown"
    assert scene.refusal(scene.anchor(author=ident("saul")), "north") == "author-elsewhere"
    assert scene.refusal(replace(at_south, author=ident("paula")), "south") == "author-elsewhere"
    assert scene.refusal(scene.anchor(author=ident("petra")), "north") == "author-not-permitted"
    assert scene.refusal(at_south, "south") == "author-not-permitted"
    scene.do(scene.anchor(author=ident("paula")), "north")
    scene.remove("dora")
    assert scene.refusal(scene.anchor(), "north") == "member-removed"


def test_author_can_be_checked_beforehand(scene: Scene) -> None:
    names = ident("dora"), ident("paula"), ident("north")
    scene.state.check_author(*names, time=START)
    with pytest.raises(AuthorElsewhere):
        scene.state.check_author(ident("saul"), ident("paula"), ident("north"), time=START)
    with pytest.raises(AuthorNotPermitted):
        scene.state.check_author(ident("saul"), ident("paula"), ident("south"), time=START)
    scene.do(scene.grant(write=True, until=START + 10), "paula")
    scene.state.check_author(ident("saul"), ident("paula"), ident("south"), time=START + 9)
    with pytest.raises(AuthorNotPermitted):
        scene.state.check_author(ident("saul"), ident("paula"), ident("south"), time=START + 10)


def test_grant_to_write_makes_an_author_until_it_ends(scene: Scene) -> None:
    def at_south() -> object:
        return scene.anchor(author=ident("saul"), hospital=ident("south"), chain=ident("paula at south"))

    scene.do(scene.grant(), "paula")
    assert scene.refusal(at_south(), "south") == "author-not-permitted"
    scene.do(scene.grant(write=True, until=START + 100), "paula")
    scene.do(at_south(), "south")
    scene.now += 100
    assert scene.refusal(at_south(), "south") == "author-not-permitted"


def test_patient_enrolled_with_a_second_hospital_is_written_to_by_its_doctors(scene: Scene) -> None:
    scene.do(enrolment("paula", Role.PATIENT, "south"), "south")
    scene.do(scene.anchor(author=ident("saul"), hospital=ident("south"), chain=ident("paula at south")), "south")
    scene.do(scene.anchor(), "north")
    assert {chain.hospital for chain in scene.state.chains(ident("paula"))} == {ident("south"), ident("north")}


def test_scopes_of_an_anchor_are_current(scene: Scene) -> None:
    assert scene.refusal(scene.anchor(scope="demographics"), "north") == "scope-retired"
    assert scene.refusal(scene.anchor(scope="petra's laboratory"), "north") == "scope-foreign"
    assert scene.refusal(scene.anchor(scope="nothing"), "north") == "scope-unknown"


def test_chapters_and_locators_are_new(scene: Scene) -> None:
    first = scene.anchor(2)
    scene.do(first, "north")
    body = scene.anchor(2)
    one, two = body.blocks
    table = [
        ((replace(one, chapter=first.blocks[0].chapter), two), "chapter-taken"),
        ((replace(one, scope=ident("imaging")), two), "chapter-mixed"),
        ((replace(one, locator=first.blocks[0].locator), two), "block-exists"),
        ((one, BlockAnchor(one.locator, two.scope, two.chapter, 1)), "block-exists"),
    ]
    for blocks, code in table:
        assert scene.refusal(replace(body, blocks=blocks), "north") == code


def test_blocks_whose_locators_begin_alike_are_told_apart(scene: Scene) -> None:
    names = [digest("block")[:16] + digest(f"end {number}")[16:] for number in range(4)]
    anchored = []
    for locators in (names[:2], names[2:3]):
        body = scene.anchor(len(locators))
        blocks = tuple(replace(each, locator=name) for each, name in zip(body.blocks, locators, strict=True))
        scene.do(replace(body, blocks=blocks), "north")
        anchored += blocks
    for index, block in enumerate(anchored):
        found = scene.state.block(block.locator)
        assert found is not None
        assert (found.locator, found.chapter, found.index) == (block.locator, block.chapter, index)
        body = scene.anchor(2)
        again = (body.blocks[0], replace(body.blocks[1], locator=block.locator))
        assert scene.refusal(replace(body, blocks=again), "north") == "block-exists"
    assert scene.state.block(names[3]) is None
    assert scene.state.block(names[0][:16]) is None


def test_locator_that_begins_within_a_packed_block_is_none(scene: Scene) -> None:
    anchoring = Anchoring.of(scene.anchor(2), START)
    packed = bytes(anchoring)[-84:]
    assert [anchoring.offset(packed[place : place + 32].hex()) for place in (0, 42)] == [0, 1]
    assert {anchoring.offset(packed[place : place + 32].hex()) for place in (*range(1, 42), *range(43, 53))} == {None}


def test_withdrawal_is_by_author_or_hospital_and_once(scene: Scene) -> None:
    anchored = scene.anchor(2)
    scene.do(anchored, "north")
    one, two = (Withdraw(ident("paula"), block.locator, digest("reason")) for block in anchored.blocks)
    assert scene.refusal(one, "paula") == "wrong-signer"
    assert scene.refusal(replace(one, block=digest("nothing")), "dora") == "block-unknown"
    assert scene.refusal(replace(one, patient=ident("petra")), "dora") == "block-unknown"
    position = scene.do(one, "dora").position
    scene.do(two, "north")
    assert scene.refusal(one, "dora") == "block-withdrawn"
    block = scene.state.block(one.block)
    assert block is not None
    assert block.withdrawn == position
    assert scene.state.chain_head(anchored.chain) == Head(two.block, 1)
