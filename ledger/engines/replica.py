"""A replica: a whole copy of a ledger that verifies every block from the genesis on, and that everybody may read."""

from __future__ import annotations

from collections.abc import Iterator
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
        height, digest = here.height, here.block
        blocks = source.blocks(max(height, 1))
        if height:
            known = next(blocks, None)
            if known is None or known.header.digest != digest:
                raise ForkOffered(
                    f"the source does not have ledger block {height} as it is known here: a restored backup or a fork; "
                    "do not use it, and ask the other copies for theirs"
                )
        taken = 0
        while page := self._take(blocks):
            taken += page
        self._followed_at = asked_at
        return taken

    def _take(self, blocks: Iterator[LedgerBlock]) -> int:
        """Take the next few of ``blocks``, durable together; returns how many."""
        refused: LedgerError | None = None
        taken = 0
        with self._writing():
            while taken < _BLOCKS_PER_COMMIT:
                try:
                    block = next(blocks, None)
                except LedgerError as error:  # of the source
                    refused = error
                    break
                if block is None:
                    break
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
