"""Blocks that no honest software makes, anchored by a hospital that deceives."""

from __future__ import annotations

import io
from collections.abc import Sequence

from clinic.cards import current_card
from clinic.keystore import MemberSecrets
from clinic.requests import new_id
from ledger.bodies import AnchorBlocks, BlockAnchor
from scheme import chain, chapter, seal
from scheme.chapter import Chapter, ChapterKey
from scheme.keycard import CardScope
from scheme.scopes import Category
from scheme.seal import Part, PayloadSource, SealedBlock
from tests.clinic.scene import YEAR, Scene
from tests.scheme import scene as scheme_scene

BEFORE_EVERYTHING = "2020-01-01T00:00:00Z"


def line(scene: Scene, category: Category = Category.LABORATORY, year: int = YEAR) -> CardScope:
    """The scope that is current."""
    return current_card(scene.site.cards, scene.site.state(), scene.patient.member_id).scope_for(category, year)


def begin(scene: Scene, hospital: MemberSecrets | None = None, **where: object) -> tuple[Chapter, ChapterKey]:
    """A chapter as an honest author begins it."""
    hospital = hospital or scene.riverside
    scope = line(scene, **where)  # type: ignore[arg-type]
    assert scene.patient.wrapping is not None
    return chapter.begin(
        scope.public_key,
        scene.patient.wrapping.public_key,
        chain=chain.chain_id(scene.patient.member_id, hospital.member_id),
        scope=scope.id,
        hospital=hospital.signing.verifying_key.key_id,
    )


def members_of(
    sink: io.BytesIO,
    current: Chapter,
    key: ChapterKey,
    text: bytes = b"forged",
    *,
    author: MemberSecrets,
    sealed_at: str = BEFORE_EVERYTHING,
) -> SealedBlock:
    """One record sealed into ``sink``: all of a block but its header."""
    source = PayloadSource(io.BytesIO(text), [Part("note.txt", "text/plain")])
    return seal.seal_members(
        sink, current, key, [source], author_id=author.member_id, author=author.signing, sealed_at=sealed_at
    )


def finish(scene: Scene, sink: io.BytesIO, block: SealedBlock, hospital: MemberSecrets | None = None) -> str:
    """Put the signed header behind the members and the block into the store; returns its locator."""
    hospital = hospital or scene.riverside
    head = scene.site.state().chain_head(block.chapter.context.chain)
    index, previous = (head.index + 1, head.locator) if head else (0, chain.genesis(block.chapter.context.chain))
    locator = scheme_scene.finish(sink, block, index, previous, hospital.signing).locator
    sink.seek(0)
    scene.site.store.put(locator, sink)
    return locator


def anchoring(
    scene: Scene,
    anchors: Sequence[BlockAnchor],
    *,
    author: MemberSecrets | None = None,
    hospital: MemberSecrets | None = None,
) -> AnchorBlocks:
    """What a hospital signs to anchor blocks at the head of the patient's chain."""
    hospital = hospital or scene.riverside
    chain_id = chain.chain_id(scene.patient.member_id, hospital.member_id)
    head = scene.site.state().chain_head(chain_id)
    return AnchorBlocks(
        scene.patient.member_id,
        hospital.member_id,
        (author or scene.author).member_id,
        chain_id,
        head.locator if head else None,
        head.index + 1 if head else 0,
        tuple(anchors),
    )


def anchor(
    scene: Scene,
    scope: str,
    *,
    locator: str = "ab" * 32,
    chapter_id: str | None = None,
    size: int = 1000,
    author: MemberSecrets | None = None,
    hospital: MemberSecrets | None = None,
) -> None:
    """Anchor one block as its hospital. Raises the ledger's refusals."""
    body = anchoring(
        scene, [BlockAnchor(locator, scope, chapter_id or new_id(), size)], author=author, hospital=hospital
    )
    scene.site.submit(body, hospital or scene.riverside)


def forge(
    scene: Scene, current: Chapter, key: ChapterKey, text: bytes = b"forged", *, author: MemberSecrets | None = None
) -> str:
    """A block of ``current`` with its key as given, put and anchored; returns its locator."""
    author = author or scene.author
    sink = io.BytesIO()
    locator = finish(scene, sink, members_of(sink, current, key, text, author=author))
    context = current.context
    size = len(sink.getvalue())
    anchor(scene, context.scope, locator=locator, chapter_id=context.chapter, size=size, author=author)
    return locator
