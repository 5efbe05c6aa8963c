"""Seal a patient's records: into the outbox, linked by the hospital, up to the store, anchored on the ledger.

Order, each step durable before the next: seal -> link -> outbox -> upload -> anchor. What cannot go on (the hospital,
store or ledger is out of reach) waits in the outbox, linked or not, and a crash between any two steps is finished by
``finish_pending``. The sealed ciphertext depends on no place in the chain: a writer who was offline, or lost the race
for the chain's head, has its headers linked to another place and tries again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from clinic.batch import Batch, Target
from clinic.cards import current_card
from clinic.certified import certified_member
from clinic.clock import rfc3339, year_of
from clinic.delivery import deliver, finish_pending, links
from clinic.errors import HospitalUnreachable, NotPermitted, OutboxPending, SealRefused
from clinic.hospital import MAX_LINKED_MEMBERS, Linked
from clinic.keystore import MemberSecrets
from clinic.outbox import BatchWriter, Outbox
from clinic.site import Site
from cloud.errors import StoreUnreachable
from ledger.bodies.anchoring import MAX_ANCHORED_BLOCKS
from ledger.refusals import Refused
from scheme import chain, chapter, seal
from scheme.errors import ChartSealError
from scheme.header import MAX_MEMBERS, BlockHeader
from scheme.keycard import CardScope
from scheme.keys import VerifyingKey
from scheme.scopes import Category
from scheme.seal import PayloadSource
from scheme.wrap import WrappingPublicKey


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


def _raise(error: ChartSealError) -> None:
    raise error


def seal_records(
    site: Site,
    outbox: Outbox,
    drafts: Sequence[Draft],
    *,
    patient_id: str,
    author: MemberSecrets,
    hospital_id: str,
    earlier_failed: Callable[[ChartSealError], None] = _raise,
) -> list[Sealed]:
    """Seal ``drafts`` for a patient's chain at a hospital, at most 4,096 blocks a ledger transaction; final on return.

    Raises ``NotPermitted``, ``SealRefused``, and ``OutboxPending`` when hospital, store or ledger fail: everything is
    sealed then and kept in the outbox, and the next call or ``finish_pending`` finishes it. What keeps an earlier
    batch keeps nothing of this one: ``earlier_failed`` is told, before anything is sealed; unless given, it raises.
    """
    with outbox.exclusively():
        work = _Sealing(site, drafts, patient_id, author, hospital_id)
        try:
            finish_pending(site, outbox)
        except (HospitalUnreachable, StoreUnreachable) as error:
            work.waits_for = error
        except ChartSealError as error:
            earlier_failed(error)
        sealed = []
        while work.done < len(drafts):
            sealed.extend(work.seal_batch(outbox.begin(work.target)))
        if work.waits_for is not None:
            raise OutboxPending(
                "the records are sealed and wait in the outbox; do not seal them again, run `chartseal outbox` "
                f"when this is mended: {work.waits_for}"
            ) from work.waits_for
        return sealed


def _summary(batch: Batch, records: int) -> Sealed:
    return Sealed(
        batch.target.chain,
        tuple(entry.locator for entry in batch.blocks),
        tuple(dict.fromkeys(entry.chapter for entry in batch.blocks)),
        records,
        sum(entry.size for entry in batch.blocks),
    )


class _Sealing:
    """Drafts of one author on their way into batches, each with chapters of its own."""

    def __init__(
        self, site: Site, drafts: Sequence[Draft], patient_id: str, author: MemberSecrets, hospital_id: str
    ) -> None:
        hospital = site.hospitals.get(hospital_id)
        if hospital is None:
            raise NotPermitted("this home holds no keys of that hospital; seal at the hospital's own home")
        chain_id = chain.chain_id(patient_id, hospital_id)
        self.target = Target(patient_id, hospital_id, author.member_id, chain_id)
        self.done = 0
        self.waits_for: ChartSealError | None = None
        """Why batches stay in the outbox."""
        self._site = site
        self._drafts = drafts
        self._author = author
        self._hospital = hospital
        self._key_id = VerifyingKey(certified_member(site.state(), hospital_id).keys.verifying).key_id

    def seal_batch(self, writer: BatchWriter) -> list[Sealed]:
        """Seal the next drafts, and have them anchored unless something is waited for; what was."""
        first = self.done
        self._fill(writer)
        batch = writer.commit(self._linked(writer.drafts))
        if self.waits_for is not None:
            return []
        try:
            anchored = deliver(self._site, batch, self._hospital)
        except SealRefused:
            raise
        except ChartSealError as error:
            self.waits_for = error
            return []
        return [_summary(anchored, sum(draft.records for draft in self._drafts[first : self.done]))]

    def _linked(self, drafts: Sequence[BlockHeader]) -> Linked | None:
        if self.waits_for is not None:
            return None
        try:
            return links(self._site, self._hospital, self.target, drafts)
        except (Refused, SealRefused) as refusal:
            raise NotPermitted(str(refusal)) from None
        except ChartSealError as error:
            self.waits_for = error
            return None

    def _fill(self, writer: BatchWriter) -> None:
        """Seal as many of the remaining drafts as one ``link`` and one ledger transaction take."""
        site, author, target = self._site, self._author, self.target
        state, now = site.state(), site.clock()
        try:
            state.check_author(target.author, target.patient, target.hospital, time=now)
        except Refused as refusal:
            raise NotPermitted(str(refusal)) from None
        card = current_card(site.cards, state, target.patient)
        sealed_at = rfc3339(now)
        chapters: dict[str, tuple[chapter.Chapter, chapter.ChapterKey]] = {}
        members = 0
        for draft in self._drafts[self.done : self.done + MAX_ANCHORED_BLOCKS]:
            scope = card.scope_for(draft.category, year_of(now) if draft.year is None else draft.year)
            if scope.id not in chapters:
                chapters[scope.id] = self._begin(scope, card.wrapping_key)
            with writer.block(draft.expected_bytes) as sink:
                with draft.open() as payloads:
                    sealed = seal.seal_members(
                        sink,
                        *chapters[scope.id],
                        payloads,
                        author_id=author.member_id,
                        author=author.signing,
                        sealed_at=sealed_at,
                        amends=draft.amends,
                    )
                writer.add(sealed)
            self.done += 1
            site.progress("sealing", self.done, len(self._drafts))
            members += len(sealed.sealed)
            if members > MAX_LINKED_MEMBERS - MAX_MEMBERS:
                break

    def _begin(self, scope: CardScope, wrapping_key: WrappingPublicKey) -> tuple[chapter.Chapter, chapter.ChapterKey]:
        chain_id = self.target.chain
        return chapter.begin(scope.public_key, wrapping_key, chain=chain_id, scope=scope.id, hospital=self._key_id)
