"""From the outbox to the ledger: have a batch linked, upload and anchor it, as often as others come first.

A batch that cannot go on stays, and the next run finishes it; what was uploaded for a place that it did not get is
removed. Sealed records are deleted only once they are anchored, or refused for a reason that lasts for ever.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from clinic.batch import Batch, SealedFile, Target
from clinic.errors import HospitalUnreachable, LinkInvalid, OutboxPending, SealRefused
from clinic.hospital import HospitalClient, Linked, place_of
from clinic.outbox import Outbox
from clinic.site import Site
from cloud.errors import CloudError, StoreUnreachable
from ledger.bodies import AnchorBlocks, BlockAnchor
from ledger.refusals import (
    ChainExists,
    ChainForeign,
    ChapterMixed,
    HeadMoved,
    IndexWrong,
    MemberRemoved,
    Refused,
    ScopeForeign,
    ScopeRetired,
    SignerRemoved,
    WrongRole,
)
from ledger.state import State
from scheme import chain
from scheme.errors import ChartSealError
from scheme.header import BlockHeader

MAX_ANCHOR_ATTEMPTS = 50
UPLOAD_THREADS = 8
_FOR_GOOD = (
    SealRefused,
    ScopeRetired,
    ScopeForeign,
    ChainForeign,
    ChainExists,
    ChapterMixed,
    MemberRemoved,
    SignerRemoved,
    WrongRole,
)
"""What is sealed into the blocks, or final on the ledger. All else may pass: who is suspended is reinstated, a
certificate renewed, a grant to write given again, a clock set, a copy of the ledger brought up to date."""


def finish_outbox(site: Site, outbox: Outbox) -> int:
    """``finish_pending`` under the outbox's lock."""
    with outbox.exclusively():
        return finish_pending(site, outbox)


def finish_pending(site: Site, outbox: Outbox) -> int:
    """Have anchored what an earlier run left in the outbox; returns how many batches. Needs no author's key.

    Batches for hospitals that ``site`` does not know stay. Every batch is tried, but for those of a hospital, and all
    of a store, that did not answer for an earlier one; then one error is raised, with the sentences of all, which name
    their batches: ``SealRefused`` if one was refused for good, and so deleted; else the first, ``HospitalUnreachable``,
    ``LinkInvalid``, ``OutboxPending``, or one of store, ledger and disk.
    """
    count = 0
    errors: list[ChartSealError] = []
    hospitals = dict(site.hospitals)
    for folder in outbox.committed():
        about = f"outbox batch {folder.name}"
        try:
            batch = Batch.read(folder)
            about = batch.about
            count += _finish(site, batch, hospitals)
        except ChartSealError as error:
            error.args = (f"{about}: {error}",)
            errors.append(error)
            if isinstance(error, StoreUnreachable):
                break
    if errors:
        raised = next((error for error in errors if isinstance(error, SealRefused)), errors[0])
        raised.args = ("; ".join(map(str, errors)),)
        raise raised
    return count


def _finish(site: Site, batch: Batch, hospitals: dict[str, HospitalClient]) -> bool:
    """Deliver a batch, if its hospital is among ``hospitals``, which one that does not answer leaves."""
    hospital = hospitals.get(batch.target.hospital)
    if hospital is None:
        return False
    try:
        deliver(site, batch, hospital)
    except HospitalUnreachable:
        del hospitals[batch.target.hospital]
        raise
    return True


def links(site: Site, hospital: HospitalClient, target: Target, drafts: Sequence[BlockHeader]) -> Linked:
    """The hospital's links, in one call. Raises ``LinkInvalid`` unless they are for these blocks at a place of today.

    In order: 1. one header for each draft, in a row, the drafts' but for place and signature (which ``VerifiedHeader``
    stands for); 2. the place is the one behind the head that the ledger showed here before, or a newer one.
    """
    _, head, next_index = place_of(site.state(), target.patient, target.hospital)
    linked = hospital.link(target.patient, target.author, drafts)
    sound = len(linked.headers) == len(drafts)  # 1
    previous = linked.previous_head or chain.genesis(target.chain)
    for index, (draft, verified) in enumerate(zip(drafts, linked.headers, strict=False), linked.first_index):
        header = verified.header
        own = header.placed(draft.index, draft.previous) == draft
        sound = sound and own and (header.index, header.previous) == (index, previous)
        previous = verified.locator
    if not sound:
        raise LinkInvalid("the hospital signed other headers than it was asked to; the records stay in the outbox")
    newer = linked.first_index > next_index and linked.previous_head is not None
    if not newer and (linked.first_index, linked.previous_head) != (next_index, head):  # 2
        raise LinkInvalid("the hospital gave a place that is taken on the ledger; the records stay in the outbox")
    return linked


def deliver(site: Site, batch: Batch, hospital: HospitalClient) -> Batch:
    """Link a committed batch if that is due, upload and anchor it; again as often as others' blocks come first.

    Nothing is linked or uploaded for an author who may not write now, however often it is tried. Raises ``SealRefused``
    when it can never be anchored, which deletes it. After every other error it stays: refusals that may pass and all
    else that keeps it are ``OutboxPending``, or errors of hospital and store.
    """
    overtaken = False
    for _ in range(MAX_ANCHOR_ATTEMPTS):
        state, target = site.state(), batch.target
        if _is_anchored(state, batch):
            _discard(site, batch)
            return batch
        try:
            state.check_author(target.author, target.patient, target.hospital, time=site.clock())
            if overtaken or batch.first_index is None:
                batch = _link(site, batch, hospital)
            _upload(site, batch)
            hospital.anchor(_body(batch))
        except (HeadMoved, IndexWrong):
            overtaken = True
        except _FOR_GOOD as refusal:
            _discard(site, batch)
            raise SealRefused(f"the sealed blocks were refused ({refusal}); seal the records again") from None
        except Refused as refusal:
            raise OutboxPending(
                f"the sealed blocks are not taken as things stand ({refusal}); they stay in the outbox, run "
                "`chartseal outbox` when that is mended"
            ) from refusal
        else:
            if not _is_anchored(site.state(), batch):
                raise OutboxPending(
                    "the hospital says that the sealed blocks are anchored, but the ledger does not show it here; they "
                    "stay in the outbox, run `chartseal outbox` later"
                )
            _discard(site, batch)
            return batch
    raise OutboxPending("other writers were faster too often; the records stay in the outbox, run `chartseal outbox`")


def _is_anchored(state: State, batch: Batch) -> bool:
    """Whether the batch is on the ledger, under these headers or, if answers were lost, earlier ones.

    It is anchored in one transaction, and its last header names, by way of those before it, all the others.
    """
    last = [batch.blocks[-1].locator] if batch.first_index is not None else []
    return any(state.block(locator) is not None for locator in (*last, *batch.superseded))


def _link(site: Site, batch: Batch, hospital: HospitalClient) -> Batch:
    """The same ciphertext at another place; what was uploaded for a place that others have is removed."""
    drafts = [entry.sealed.draft for entry in batch.blocks]
    renewed = batch.link(links(site, hospital, batch.target, drafts))
    head = site.state().chain_head(batch.target.chain)
    if batch.first_index is not None and head is not None and head.index >= batch.first_index:
        _collect_orphans(site, (entry.locator for entry in batch.blocks))
    return renewed


def _upload(site: Site, batch: Batch) -> None:
    store = site.counted("uploading", sum(entry.size for entry in batch.blocks)).store

    def put(entry: SealedFile) -> None:
        with batch.open(entry) as source:
            store.put(entry.locator, source)

    with ThreadPoolExecutor(min(UPLOAD_THREADS, store.properties.max_connections)) as pool:
        for _ in pool.map(put, batch.blocks):
            pass


def _body(batch: Batch) -> AnchorBlocks:
    anchors = tuple(BlockAnchor(entry.locator, entry.scope, entry.chapter, entry.size) for entry in batch.blocks)
    target = batch.target
    return AnchorBlocks(
        target.patient,
        target.hospital,
        target.author,
        target.chain,
        batch.previous_head,
        batch.first_index or 0,
        anchors,
    )


def _discard(site: Site, batch: Batch) -> None:
    """Forget a batch that is anchored or refused, and what was uploaded under headers that are not anchored."""
    current = [entry.locator for entry in batch.blocks if entry.header is not None]
    anchored = bool(current) and site.state().block(current[-1]) is not None
    _collect_orphans(site, (*batch.superseded, *(() if anchored else current)))
    batch.discard()


def _collect_orphans(site: Site, locators: Iterable[str]) -> None:
    """Delete blocks that are not anchored; where the store refuses, they stay."""
    state = site.state()
    for locator in locators:
        if state.block(locator) is None:
            with contextlib.suppress(CloudError):
                site.store.delete(locator)
