"""A replica: a whole copy of a ledger that verifies every block from the genesis on, and that everybody may read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, Self

from ledger.engine import Clock, View
from ledger.engines.stored import BUSY_TIMEOUT_S, StoredLedger, system_clock
from ledger.errors import (
    BlockInvalid,
    CertificateInvalid,
    ForkOffered,
    LedgerError,
    OtherLedger,
    QuorumMissing,
    VoteInvalid,
)
from ledger.genesis import Genesis
from ledger.store import LedgerStore
from ledger.validate import LedgerBlock

_BLOCKS_PER_COMMIT = 256
_BYTES_PER_COMMIT = 8 * 1024 * 1024
"""Of transactions; a page ends with the block that reaches it."""


class BlockSource(Protocol):
    """Where a replica gets blocks: any ``Reader``, or an export file. Nothing that it says is believed unverified."""

    @property
    def genesis(self) -> Genesis:
        """What the source's ledger starts from."""

    def blocks(self, start: int = 1) -> Iterator[LedgerBlock]:
        """Ledger blocks from height ``start`` on."""


class Replica(StoredLedger):
    """``Reader`` on a copy that ``follow`` keeps up to date. Opened as an engine, it is a ledger restored."""

    _followed_at = 0

    @classmethod
    def create(
        cls,
        place: Path | str,
        genesis: Genesis,
        *,
        clock: Clock = system_clock,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
    ) -> Self:
        """A new replica without blocks. Raises ``LedgerExists``, ``LedgerUnavailable``, ``LedgerFull``."""
        return cls(LedgerStore.create(place, genesis, busy_timeout_s=busy_timeout_s), genesis, clock)

    def view(self) -> View:
        """As ``Reader.view``; ``as_of``: when ``follow`` last reached its source's end, or the newest block's time."""
        with self._open():
            return replace(super().view(), as_of=max(self._followed_at, self._state.time))

    def follow(self, source: BlockSource) -> int:
        """Take the blocks of ``source`` that are new here; returns how many. Those taken before an error stay.

        Raises ``OtherLedger``; ``ForkOffered`` when the source lacks the newest block known here or has another in its
        place; ``BlockInvalid``, ``CertificateInvalid``, ``QuorumMissing``, ``VoteInvalid`` on one that does not hold.
        """
        if source.genesis.digest != self.genesis.digest:
            raise OtherLedger("the source is another ledger than this replica's; follow the one with its genesis")
        here, asked_at = self.view(), self._clock()
        blocks = source.blocks(max(here.height, 1))
        if here.height:
            known = next(blocks, None)
            if known is None or known.header.digest != here.block:
                raise _fork(here.height)
        taken, following = 0, here.height + 1
        while True:
            page, broken = _page(blocks)
            if page:
                taken += self._take(page, following)
                following += len(page)
            if broken is not None:
                raise broken
            if not page:
                break
        self._followed_at = asked_at
        return taken

    def _take(self, page: Sequence[LedgerBlock], first: int) -> int:
        """Take the blocks of ``page``, from height ``first`` on, durable together; returns how many were new.

        Another process may have taken some of them since the source was asked.
        """
        refused: LedgerError | None = None
        taken = 0
        with self._writing():
            for height, block in enumerate(page, first):
                if height <= self._state.height:
                    if self._store.header(height)[0].digest != block.header.digest:
                        refused = _fork(height)
                        break
                    continue
                self._store.database.save()
                try:
                    self._fold(block)
                except (BlockInvalid, CertificateInvalid, QuorumMissing, VoteInvalid) as error:
                    self._store.database.restore()
                    self._stand()
                    refused = error
                    break
                self._store.database.release()
                taken += 1
        if refused is not None:
            raise refused
        return taken


def _page(blocks: Iterator[LedgerBlock]) -> tuple[list[LedgerBlock], LedgerError | None]:
    """The next few blocks, and the source's error after them. Nothing is locked while a slow source is waited for."""
    page: list[LedgerBlock] = []
    size = 0
    while len(page) < _BLOCKS_PER_COMMIT and size < _BYTES_PER_COMMIT:
        try:
            block = next(blocks, None)
        except LedgerError as error:
            return page, error
        if block is None:
            break
        page.append(block)
        size += sum(len(bytes(entry.transaction)) for entry in block.entries)
    return page, None


def _fork(height: int) -> ForkOffered:
    return ForkOffered(
        f"the source does not have ledger block {height} as it is known here: a restored backup or a fork; do not use "
        "it, and ask the other copies for theirs"
    )
