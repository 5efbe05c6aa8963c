"""Seal a patient's records: into the outbox, up to the store, anchored on the ledger.

Order, each step durable before the next: outbox -> upload -> anchor. A crash between any two is finished by
``finish_pending``; a writer who lost the race for a chain's head re-signs its headers and tries again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass

from clinic.cards import current_card
from clinic.clock import rfc3339, year_of
from clinic.errors import NotPermitted, OutboxPending, SealRefused
from clinic.keystore import MemberSecrets
from clinic.outbox import Batch, BatchWriter, Outbox, SealedFile
from clinic.site import Site
from cloud.errors import CloudError
from ledger.bodies import AnchorBlocks, BlockAnchor
from ledger.bodies.anchoring import MAX_ANCHORED_BLOCKS
from ledger.errors import LedgerError
from ledger.refusals import HeadMoved, Refused, TimeSkewed
from ledger.state import State
from scheme import block, chain, chapter, seal
from scheme.keycard import CardScope
from scheme.scopes import Category
from scheme.seal import PayloadSource
from scheme.wrap import WrappingPublicKey

MAX_ANCHOR_ATTEMPTS = 50
_UPLOAD_THREADS = 8


@dataclass(frozen=True)
class Draft:
    """One block to be: what it is about, and how to open its records. ``year`` ``None`` means the year of sealing."""

    category: Category
    year: int | None
    open: Callable[[], AbstractContextManager[Sequence[PayloadSource]]]
    expected_bytes: int | None
    """About how large the block will be; ``None`` if that cannot be told."""
    records: int
    amends: str | None = None


@dataclass(frozen=True)
class Sealed:
    """What was sealed and anchored: locators in chain order, ids of chapters, sizes in bytes."""

    chain: str
    blocks: tuple[str, ...]
    chapters: tuple[str, ...]
    records: int
    stored_bytes: int


def seal_records(
    site: Site,
    outbox: Outbox,
    drafts: Sequence[Draft],
    *,
    patient_id: str,
    author: MemberSecrets,
    hospital: MemberSecrets,
) -> list[Sealed]:
    """Seal ``drafts`` for a patient, at most 4,096 blocks a ledger transaction; final on return.

    Raises ``NotPermitted``, ``SealRefused``, and ``OutboxPending`` when store or ledger fail: what reached the outbox
    is kept, and the next call or ``finish_pending`` finishes it.
    """
    with outbox.exclusively():
        finish_pending(site, outbox, {hospital.member_id: hospital})
        sealed = []
        for start in range(0, len(drafts), MAX_ANCHORED_BLOCKS):
            part = drafts[start : start + MAX_ANCHORED_BLOCKS]
            batch = _fill(site, outbox.begin(), part, patient_id=patient_id, author=author, hospital=hospital)
            try:
                anchored = _deliver(site, outbox, batch, hospital)
            except (CloudError, LedgerError) as error:
                raise OutboxPending(
                    "the records are sealed and wait in the outbox; do not seal them again, run `chartseal outbox` "
                    f"when this is mended: {error}"
                ) from error
            sealed.append(
                Sealed(
                    anchored.chain,
                    tuple(entry.locator for entry in anchored.blocks),
                    tuple(dict.fromkeys(entry.chapter for entry in anchored.blocks)),
                    sum(draft.records for draft in part),
                    sum(entry.size for entry in anchored.blocks),
                )
            )
        return sealed


def finish_outbox(site: Site, outbox: Outbox, hospitals: dict[str, MemberSecrets]) -> int:
    """``finish_pending`` under the outbox's lock."""
    with outbox.exclusively():
        return finish_pending(site, outbox, hospitals)


def finish_pending(site: Site, outbox: Outbox, hospitals: dict[str, MemberSecrets]) -> int:
    """Upload and anchor what an earlier run left in the outbox; returns how many batches. Needs no author's key."""
    count = 0
    for batch in outbox.pending():
        hospital = hospitals.get(batch.hospital)
        if hospital is not None:
            _deliver(site, outbox, batch, hospital)
            count += 1
    return count


def _fill(
    site: Site,
    writer: BatchWriter,
    drafts: Sequence[Draft],
    *,
    patient_id: str,
    author: MemberSecrets,
    hospital: MemberSecrets,
) -> Batch:
    state = site.state()
    try:
        state.check_author(author.member_id, patient_id, hospital.member_id, time=site.clock())
    except Refused as refusal:
        raise NotPermitted(str(refusal)) from None
    card = current_card(site.cards, state, patient_id)
    chain_id, previous_head, first_index = _place(state, patient_id, hospital.member_id)
    now = site.clock()
    sealed_at = rfc3339(now)
    chapters: dict[str, tuple[chapter.Chapter, chapter.ChapterKey]] = {}
    previous, index = previous_head or chain.genesis(chain_id), first_index
    for number, draft in enumerate(drafts, start=1):
        scope = card.scope_for(draft.category, year_of(now) if draft.year is None else draft.year)
        if scope.id not in chapters:
            chapters[scope.id] = _begin(scope, card.wrapping_key, chain_id, hospital)
        current, key = chapters[scope.id]
        with writer.block(draft.expected_bytes) as sink:
            with draft.open() as payloads:
                members = seal.seal_members(
                    sink,
                    current,
                    key,
                    payloads,
                    author_id=author.member_id,
                    author=author.signing,
                    sealed_at=sealed_at,
                    amends=draft.amends,
                )
            header = seal.finish(sink, members, index, previous, hospital.signing)
            writer.add(header.locator, scope.id, current.context.chapter)
        previous, index = header.locator, index + 1
        site.progress("sealing", number, len(drafts))
    return writer.commit(
        patient=patient_id,
        hospital=hospital.member_id,
        author=author.member_id,
        chain=chain_id,
        previous_head=previous_head,
        first_index=first_index,
    )


def _begin(
    scope: CardScope, wrapping_key: WrappingPublicKey, chain_id: str, hospital: MemberSecrets
) -> tuple[chapter.Chapter, chapter.ChapterKey]:
    key_id = hospital.signing.verifying_key.key_id
    return chapter.begin(scope.public_key, wrapping_key, chain=chain_id, scope=scope.id, hospital=key_id)


def _place(state: State, patient_id: str, hospital_id: str) -> tuple[str, str | None, int]:
    """Id, head and next index of the patient's chain at the hospital."""
    chain_id = chain.chain_id(patient_id, hospital_id)
    head = state.chain_head(chain_id)
    return chain_id, head.locator if head else None, head.index + 1 if head else 0


def _deliver(site: Site, outbox: Outbox, batch: Batch, hospital: MemberSecrets) -> Batch:
    """Upload and anchor a committed batch; relink it as often as another writer's blocks come first."""
    for _ in range(MAX_ANCHOR_ATTEMPTS):
        if _is_anchored(site.state(), batch):
            _collect_orphans(site, batch)
            batch.discard()
            return batch
        _upload(site, batch)
        try:
            _anchor(site, batch, hospital)
        except HeadMoved:
            state = site.state()
            if not _is_anchored(state, batch):
                batch = _relink(site, outbox, batch, hospital, state)
        except TimeSkewed:
            raise  # says nothing against the blocks: with the clock set right the next run anchors them
        except Refused as refusal:
            _collect_orphans(site, batch)
            batch.discard()
            raise SealRefused(f"the ledger refused the sealed blocks ({refusal}); seal the records again") from None
        else:
            batch.discard()
            return batch
    raise SealRefused("other writers were faster too often; the batch stays in the outbox, run the command again")


def _is_anchored(state: State, batch: Batch) -> bool:
    """Whether the batch's content is on the ledger: under these headers or, after a crash in ``_relink``, others."""
    return all(state.chapter(entry.chapter) is not None for entry in batch.blocks)


def _upload(site: Site, batch: Batch) -> None:
    store = site.counted("uploading", sum(entry.size for entry in batch.blocks)).store

    def put(entry: SealedFile) -> None:
        with batch.open(entry) as source:
            store.put(entry.locator, source)

    with ThreadPoolExecutor(min(_UPLOAD_THREADS, store.properties.max_connections)) as pool:
        for _ in pool.map(put, batch.blocks):
            pass


def _anchor(site: Site, batch: Batch, hospital: MemberSecrets) -> None:
    anchors = tuple(BlockAnchor(entry.locator, entry.scope, entry.chapter, entry.size) for entry in batch.blocks)
    body = AnchorBlocks(
        batch.patient, batch.hospital, batch.author, batch.chain, batch.previous_head, batch.first_index, anchors
    )
    site.submit(body, hospital)


def _relink(site: Site, outbox: Outbox, batch: Batch, hospital: MemberSecrets, state: State) -> Batch:
    """The same ciphertext behind the chain's new head, under new headers; the superseded upload is removed."""
    chain_id, head, first_index = _place(state, batch.patient, batch.hospital)
    writer = outbox.begin()
    previous, index = head or chain.genesis(chain_id), first_index
    for entry in batch.blocks:
        with batch.open(entry) as source, writer.block(entry.size) as sink:
            header = block.relink(source, sink, index, previous, hospital.signing)
            writer.add(header.locator, entry.scope, entry.chapter)
        previous, index = header.locator, index + 1
    renewed = writer.commit(
        patient=batch.patient,
        hospital=batch.hospital,
        author=batch.author,
        chain=chain_id,
        previous_head=head,
        first_index=first_index,
    )
    _collect_orphans(site, batch)
    batch.discard()
    return renewed


def _collect_orphans(site: Site, batch: Batch) -> None:
    """Delete what was uploaded under headers that were never anchored; where the store refuses, it stays."""
    state = site.state()
    for entry in batch.blocks:
        if state.block(entry.locator) is None:
            with contextlib.suppress(CloudError):
                site.store.delete(entry.locator)
