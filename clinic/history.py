"""A delegatee reads a history: a release on the ledger, fragments from the proxies, then exactly what was granted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from clinic.errors import GrantInactive
from clinic.fetching import FetchedBlock, fetch_all
from clinic.held_grants import HeldGrant, read_grant
from clinic.keystore import MemberSecrets
from clinic.opened import OpenedBlock, open_block
from clinic.reencryption import ChapterOpener
from clinic.requests import new_id
from clinic.selection import selected_keys
from clinic.site import Site
from ledger.bodies import Release
from ledger.records import AnchoredBlock, GrantRecord
from ledger.state import State
from scheme.chapter import BlockKey, Chapter, ChapterKey

CHAPTERS_AT_ONCE = 1024
"""Most chapters whose fragments are asked for in one request to each proxy."""
FIRSTS_BYTES = 64 << 20
"""Most bytes of their first blocks, which are held until the fragments are here."""


@dataclass(frozen=True)
class ReadingPlan:
    """What a delegatee may read of a patient now: blocks by grant, and what stays closed."""

    grants: Mapping[str, HeldGrant]
    by_grant: Mapping[str, Sequence[AnchoredBlock]]
    denied: Sequence[AnchoredBlock]
    withdrawn: int

    @property
    def readable(self) -> int:
        """How many blocks can be read."""
        return sum(len(blocks) for blocks in self.by_grant.values())

    @property
    def chapters(self) -> int:
        """How many chapters they are in."""
        return len({block.chapter for blocks in self.by_grant.values() for block in blocks})


def plan(site: Site, delegatee: MemberSecrets, patient_id: str) -> ReadingPlan:
    """Match the patient's anchored blocks with the delegatee's active grants; asks no proxy, releases nothing.

    Raises ``GrantInactive`` when there is no active grant, saying what became of the last one.
    """
    state = site.state()
    now = site.clock()
    records = state.grants(patient=patient_id, delegatee=delegatee.member_id)
    active = {record.grant: read_grant(site, delegatee, record) for record in records if record.active(now)}
    if not active:
        raise GrantInactive(_why_inactive(records))
    by_grant: dict[str, list[AnchoredBlock]] = {grant_id: [] for grant_id in active}
    denied = []
    withdrawn = 0
    for block in state.blocks(patient=patient_id):
        if block.withdrawn is not None:
            withdrawn += 1
            continue
        holder = next((grant_id for grant_id, held in active.items() if held.covers(block)), None)
        if holder is None:
            denied.append(block)
        else:
            by_grant[holder].append(block)
    return ReadingPlan(active, {grant_id: blocks for grant_id, blocks in by_grant.items() if blocks}, denied, withdrawn)


def _why_inactive(records: Sequence[GrantRecord]) -> str:
    if not records:
        return "the patient has granted this reader nothing; send a request with `chartseal request`"
    if records[-1].revoked_at is not None:
        if records[-1].family:
            return "the family link was ended; the parent can invite again with `chartseal family invite`"
        return "the patient revoked the grant; nothing more can be read, ask with a new request"
    if records[-1].awaiting:
        return "the family link was not accepted yet; accept it with `chartseal family accept`"
    return "the grant has expired; ask the patient with a new request"


def read_history(site: Site, delegatee: MemberSecrets, reading: ReadingPlan) -> Iterator[OpenedBlock]:
    """Open every block of ``reading``; each is valid until the next one is asked for.

    For each grant: one Release on the ledger, then window by window the capsules to the proxies, all at once. Raises
    ``ProxiesInsufficient``, and what fetching and opening a block raise.
    """
    state = site.state()
    site = site.counted("reading", sum(block.size for blocks in reading.by_grant.values() for block in blocks))
    for grant_id, blocks in reading.by_grant.items():
        held = reading.grants[grant_id]
        read = _read_selection if held.selection else _read_scopes
        yield from read(site, state, delegatee, held, blocks)


def _release(site: Site, delegatee: MemberSecrets, held: HeldGrant, chapters: Sequence[str]) -> str:
    release_id = new_id()
    site.submit(Release(release_id, held.record.grant, held.record.patient, tuple(chapters)), delegatee)
    return release_id


def _read_scopes(
    site: Site, state: State, delegatee: MemberSecrets, held: HeldGrant, blocks: Sequence[AnchoredBlock]
) -> Iterator[OpenedBlock]:
    chapters: dict[str, list[AnchoredBlock]] = {}
    for block in blocks:
        chapters.setdefault(block.chapter, []).append(block)
    release_id = _release(site, delegatee, held, tuple(chapters))
    opener = ChapterOpener(site, state, delegatee, held, release_id)
    for window in _windows(chapters.values()):
        firsts = {fetched.anchored.locator: fetched for fetched in _fetch_firsts(site, state, window)}
        keys = opener.open([fetched.block.header.chapter for fetched in firsts.values()])
        for fetched in _with_rest(site, state, window, firsts):
            yield open_block(state, fetched, _block_key(keys, fetched))


def _block_key(keys: Mapping[str, ChapterKey], fetched: FetchedBlock) -> BlockKey:
    header = fetched.block.header
    return keys[header.chapter.context.chapter].block_key(header.nonce)


def _windows(chapters: Iterable[Sequence[AnchoredBlock]]) -> Iterator[list[Sequence[AnchoredBlock]]]:
    """Chapters to be opened together: so many that the rounds to store and proxies hardly count."""
    window: list[Sequence[AnchoredBlock]] = []
    size = 0
    for blocks in chapters:
        first = _smallest(blocks).size
        if window and (len(window) == CHAPTERS_AT_ONCE or size + first > FIRSTS_BYTES):
            yield window
            window, size = [], 0
        window.append(blocks)
        size += first
    if window:
        yield window


def _smallest(blocks: Sequence[AnchoredBlock]) -> AnchoredBlock:
    return min(blocks, key=lambda block: block.size)


def _fetch_firsts(site: Site, state: State, window: Sequence[Sequence[AnchoredBlock]]) -> list[FetchedBlock]:
    """The smallest block of each chapter, for its capsule; kept, so that it is fetched once."""
    return list(fetch_all(site, state, map(_smallest, window), keep=True))


def _with_rest(
    site: Site, state: State, window: Sequence[Sequence[AnchoredBlock]], firsts: Mapping[str, FetchedBlock]
) -> Iterator[FetchedBlock]:
    for fetched in firsts.values():
        try:
            yield fetched
        finally:
            fetched.close()
    yield from fetch_all(site, state, (block for blocks in window for block in blocks if block.locator not in firsts))


def _read_selection(
    site: Site, state: State, delegatee: MemberSecrets, held: HeldGrant, blocks: Sequence[AnchoredBlock]
) -> Iterator[OpenedBlock]:
    selection = held.selection
    if selection is None:
        return
    release_id = _release(site, delegatee, held, (selection.context.chapter,))
    opener = ChapterOpener(site, state, delegatee, held, release_id)
    one_off = Chapter(selection.context, selection.capsule, b"")
    keys = selected_keys(selection, opener.open([one_off])[selection.context.chapter])
    for fetched in fetch_all(site, state, blocks):
        yield open_block(state, fetched, keys[fetched.anchored.locator])
