"""Blocks, chains and chapters, put together from the rows in which the state keeps them."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.anchorings import Anchoring, block_key
from ledger.bodies import BlockAnchor
from ledger.errors import LedgerDamaged
from ledger.records import AnchoredBlock, Chain, Chapter
from ledger.tables import Tables


def anchored_block(tables: Tables, locator: str) -> AnchoredBlock | None:
    """The block of that locator."""
    for position in tables.blocks.get(block_key(locator)) or ():
        anchoring = _anchoring(tables, position)
        offset = anchoring.offset(locator)
        chain = tables.chains.get(anchoring.chain)
        if offset is not None and chain is not None:
            (block,) = anchoring.blocks(offset, offset + 1)
            return _anchored(tables, chain, anchoring, position, anchoring.first_index + offset, block)
    return None


def blocks_of_chain(tables: Tables, chain: Chain) -> Iterator[AnchoredBlock]:
    """The chain's blocks in order of index."""
    for position in tables.anchorings_of.scan(chain.chain):
        anchoring = _anchoring(tables, position)
        for index, block in enumerate(anchoring.blocks(), anchoring.first_index):
            yield _anchored(tables, chain, anchoring, position, index, block)


def chapter_of(tables: Tables, chapter: str) -> Chapter | None:
    """The chapter of that id, with the locators of its blocks."""
    place = tables.chapters.get(chapter)
    if place is None:
        return None
    locators: tuple[str, ...] = ()
    if place.grant is None:
        blocks = _anchoring(tables, place.position).blocks()
        locators = tuple(block.locator for block in blocks if block.chapter == chapter)
    return Chapter(chapter, place.patient, place.scope, locators, place.grant, place.position)


def chains_of(tables: Tables, patient: str) -> Iterator[Chain]:
    """The patient's chains, in order of hospital."""
    for chain_id in tables.chains_of.scan(patient):
        chain = tables.chains.get(chain_id)
        if chain is not None:
            yield chain


def _anchoring(tables: Tables, position: int) -> Anchoring:
    row = tables.anchorings.get(position)
    if row is None:
        raise LedgerDamaged("an anchoring is missing from the ledger's state; restore the ledger from a good copy")
    return Anchoring.from_bytes(row)


def _anchored(
    tables: Tables, chain: Chain, anchoring: Anchoring, position: int, index: int, block: BlockAnchor
) -> AnchoredBlock:
    return AnchoredBlock(
        locator=block.locator,
        chain=chain.chain,
        index=index,
        scope=block.scope,
        chapter=block.chapter,
        size=block.size,
        patient=chain.patient,
        author=anchoring.author,
        hospital=chain.hospital,
        position=position,
        time=anchoring.time,
        withdrawn=tables.withdrawn.get(block.locator),
    )
