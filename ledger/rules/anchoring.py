"""Rules of AnchorBlocks and Withdraw."""

from dataclasses import replace

from ledger.bodies import AnchorBlocks, Role, Withdraw
from ledger.records import AnchoredBlock, Chain, Chapter, Head, Member
from ledger.refusals import (
    AuthorElsewhere,
    AuthorNotPermitted,
    BlockExists,
    BlockUnknown,
    BlockWithdrawn,
    ChainExists,
    ChainForeign,
    ChapterMixed,
    ChapterTaken,
    HeadMoved,
    IndexWrong,
    WrongSigner,
)
from ledger.rules.keycards import require_current
from ledger.rules.membership import active_in_role, active_member
from ledger.rules.rule import Change, Place, rule_for, signed_by
from ledger.tables import Tables


@rule_for(AnchorBlocks)
def anchor_blocks(tables: Tables, body: AnchorBlocks, place: Place) -> Change:
    """By the hospital, which compares and sets its chain's head."""
    signed_by(place, body.hospital, "the hospital that anchors")
    active_in_role(tables, body.hospital, Role.HOSPITAL)
    patient = active_in_role(tables, body.patient, Role.PATIENT)
    _extends_head(tables, body)
    require_author(tables, body.author, body.hospital, patient, place.time)
    require_current(tables, body.patient, {block.scope for block in body.blocks})
    chapters = _new_chapters(tables, body, place)
    blocks = _new_blocks(tables, body, place)
    last = body.blocks[-1]
    head = Head(last.locator, body.first_index + len(body.blocks) - 1)

    def change() -> None:
        tables.blocks.update(blocks)
        tables.chapters.update(chapters)
        tables.chain_blocks.setdefault(body.chain, []).extend(blocks)
        tables.chains[body.chain] = Chain(body.chain, body.patient, body.hospital, head)
        tables.chains_of.setdefault(body.patient, {})[body.hospital] = body.chain
        tables.positions_of[body.patient].append(place.position)

    return change


@rule_for(Withdraw)
def withdraw(tables: Tables, body: Withdraw, place: Place) -> Change:
    """By the block's author or hospital; the block stays in its chain."""
    block = tables.blocks.get(body.block)
    if block is None or block.patient != body.patient:
        raise BlockUnknown("no such block of this patient is anchored")
    if place.signer not in {block.author, block.hospital}:
        raise WrongSigner("a block is withdrawn by its author or its hospital")
    if block.withdrawn is not None:
        raise BlockWithdrawn("the block was withdrawn already")

    def change() -> None:
        tables.blocks[body.block] = replace(block, withdrawn=place.position)
        tables.positions_of[body.patient].append(place.position)

    return change


def _extends_head(tables: Tables, body: AnchorBlocks) -> None:
    chain = tables.chains.get(body.chain)
    if chain is not None and (chain.patient, chain.hospital) != (body.patient, body.hospital):
        raise ChainForeign("the chain belongs to another patient or another hospital")
    if (None if chain is None else chain.head.locator) != body.previous_head:
        raise HeadMoved("somebody else anchored to the chain first; rebuild the headers on the new head and sign again")
    if chain is None and body.hospital in tables.chains_of.get(body.patient, {}):
        raise ChainExists("the patient has a chain with this hospital already; continue that one")
    if body.first_index != (0 if chain is None else chain.head.index + 1):
        raise IndexWrong("the first block does not have the index after the chain's head")


def require_author(tables: Tables, author_id: str, hospital_id: str, patient: Member, time: int) -> None:
    """Whether ``author_id`` may add to ``patient``'s chain with the hospital at ``time``.

    The patient herself, doctors of her hospitals, and holders of a write grant of hers may; each at the own hospital.
    Raises ``AuthorElsewhere``, ``AuthorNotPermitted``, ``MemberUnknown``, ``MemberRemoved``.
    """
    author = active_member(tables, author_id, "author")
    if hospital_id not in author.hospitals:
        raise AuthorElsewhere("the author does not belong to the hospital that anchors")
    if author.member == patient.member:
        return
    if author.role is Role.DOCTOR and author.hospitals[0] in patient.hospitals:
        return
    for grant_id in tables.grants_of.get(author.member, ()):
        grant = tables.grants[grant_id]
        if (grant.patient, grant.delegatee) == (patient.member, author.member) and grant.write and grant.active(time):
            return
    raise AuthorNotPermitted("the author may not write to this record; ask the patient for a grant to write")


def _new_chapters(tables: Tables, body: AnchorBlocks, place: Place) -> dict[str, Chapter]:
    scopes: dict[str, str] = {}
    locators: dict[str, list[str]] = {}
    for block in body.blocks:
        if scopes.setdefault(block.chapter, block.scope) != block.scope:
            raise ChapterMixed("a chapter has one scope; give each scope a chapter of its own")
        locators.setdefault(block.chapter, []).append(block.locator)
    if not tables.chapters.keys().isdisjoint(scopes):
        raise ChapterTaken("a chapter was anchored before; seal the blocks under a new chapter")
    return {
        chapter: Chapter(chapter, body.patient, scopes[chapter], tuple(located), None, place.position)
        for chapter, located in locators.items()
    }


def _new_blocks(tables: Tables, body: AnchorBlocks, place: Place) -> dict[str, AnchoredBlock]:
    blocks = {
        block.locator: AnchoredBlock(
            locator=block.locator,
            chain=body.chain,
            index=index,
            scope=block.scope,
            chapter=block.chapter,
            size=block.size,
            patient=body.patient,
            author=body.author,
            hospital=body.hospital,
            position=place.position,
            time=place.time,
            withdrawn=None,
        )
        for index, block in enumerate(body.blocks, body.first_index)
    }
    if len(blocks) != len(body.blocks) or not tables.blocks.keys().isdisjoint(blocks):
        raise BlockExists("a block is anchored already, or stands twice in the transaction")
    return blocks
