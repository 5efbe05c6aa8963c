"""Rules of AnchorBlocks and Withdraw."""

from ledger.anchored import anchored_block
from ledger.anchorings import Anchoring, block_key
from ledger.bodies import AnchorBlocks, Role, Withdraw
from ledger.records import Chain, ChapterPlace, Head, Member
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
    blocks = _new_blocks(tables, body, place.position)
    last = body.blocks[-1]
    head = Head(last.locator, body.first_index + len(body.blocks) - 1)
    return [
        tables.chains.put(Chain(body.chain, body.patient, body.hospital, head), body.chain),
        tables.chains_of.put(body.chain, body.patient, body.hospital),
        tables.anchorings.put(bytes(Anchoring.of(body, place.time)), place.position),
        tables.anchorings_of.put(place.position, body.chain, body.first_index),
        *blocks,
        *(tables.chapters.put(chapter, key) for key, chapter in chapters.items()),
        tables.positions_of.put(place.position, body.patient, place.position),
    ]


@rule_for(Withdraw)
def withdraw(tables: Tables, body: Withdraw, place: Place) -> Change:
    """By the block's author or hospital; the block stays in its chain."""
    block = anchored_block(tables, body.block)
    if block is None or block.patient != body.patient:
        raise BlockUnknown("no such block of this patient is anchored")
    if place.signer not in {block.author, block.hospital}:
        raise WrongSigner("a block is withdrawn by its author or its hospital")
    if block.withdrawn is not None:
        raise BlockWithdrawn("the block was withdrawn already")
    return [
        tables.withdrawn.put(place.position, body.block),
        tables.positions_of.put(place.position, body.patient, place.position),
    ]


def _extends_head(tables: Tables, body: AnchorBlocks) -> None:
    chain = tables.chains.get(body.chain)
    if chain is not None and (chain.patient, chain.hospital) != (body.patient, body.hospital):
        raise ChainForeign("the chain belongs to another patient or another hospital")
    if (None if chain is None else chain.head.locator) != body.previous_head:
        raise HeadMoved("somebody else anchored to the chain first; rebuild the headers on the new head and sign again")
    if chain is None and tables.chains_of.get(body.patient, body.hospital) is not None:
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
    for grant in map(tables.grants.get, tables.grants_of.scan(author.member)):
        if (
            grant is not None
            and (grant.patient, grant.delegatee) == (patient.member, author.member)
            and grant.write
            and grant.active(time)
        ):
            return
    raise AuthorNotPermitted("the author may not write to this record; ask the patient for a grant to write")


def _new_chapters(tables: Tables, body: AnchorBlocks, place: Place) -> dict[str, ChapterPlace]:
    scopes: dict[str, str] = {}
    for block in body.blocks:
        if scopes.setdefault(block.chapter, block.scope) != block.scope:
            raise ChapterMixed("a chapter has one scope; give each scope a chapter of its own")
    if any(chapter in tables.chapters for chapter in scopes):
        raise ChapterTaken("a chapter was anchored before; seal the blocks under a new chapter")
    return {chapter: ChapterPlace(body.patient, scope, place.position, None) for chapter, scope in scopes.items()}


def _new_blocks(tables: Tables, body: AnchorBlocks, position: int) -> Change:
    locators = dict.fromkeys([block.locator for block in body.blocks])
    keys = dict.fromkeys(map(block_key, locators))
    shared = tables.blocks.any_of(keys)
    if len(locators) != len(body.blocks) or (shared and any(anchored_block(tables, each) for each in locators)):
        raise BlockExists("a block is anchored already, or stands twice in the transaction")
    if shared:
        return [tables.blocks.put((*(tables.blocks.get(key) or ()), position), key) for key in keys]
    return tables.blocks.put_each((position,), keys)
