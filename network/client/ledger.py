"""The ledger of a member: a copy that follows the server's, verified block by block, and read in its place.

What the server says is believed when it holds: every block against the genesis, every own transaction by its entry in
the copy. A server that takes back or contradicts what was seen is named, and nothing of it is used.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from clinic import durable
from clinic.clock import Clock
from clinic.delegation import contradictions
from clinic.seen_head import SeenHead
from ledger.engine import Outcome, Receipt, Verified, View
from ledger.engines.replica import Replica
from ledger.entry import Entry
from ledger.errors import ForkOffered, LedgerUnavailable, TransactionInvalid
from ledger.export import read_blocks
from ledger.finality import FinalHeader
from ledger.genesis import MAX_GENESIS_BYTES, Genesis
from ledger.proofs import LedgerProof
from ledger.refusals import Refused
from ledger.transactions import SignedTransaction
from ledger.validate import LedgerBlock
from network import wire
from network.client.transport import Transport, parsed
from network.errors import (
    TRANSIENT,
    NetworkError,
    ServerForked,
    ServerNotPinned,
    ServerRolledBack,
    ServerUnreachable,
)
from scheme import canonical
from scheme.errors import ChartSealError

FRESH_S = 5
"""Default of how old the copy may be before a question makes it follow again."""
MAX_LINE_BYTES = 256 << 20
"""Most bytes of one ledger block on the wire."""
_TELL = "do not use this server, and have others compare their copies with `chartseal ledger follow`"


class LedgerUnreachable(ServerUnreachable, LedgerUnavailable):
    """The server of the ledger cannot be reached."""


class RemoteBlocks:
    """``BlockSource`` at a server. ``known`` is the copy that blocks are taken into: it says where entries stand.

    ``seen``: height and digest of a block that the server showed once, if its ledger is to have it.
    """

    def __init__(self, transport: Transport, known: Replica, seen: tuple[int, str] = (0, "")) -> None:
        self.genesis = known.genesis
        self.height = 0
        """Of the newest block that the server sent."""
        self._transport = transport
        self._known = known
        self._seen = seen

    def blocks(self, start: int = 1) -> Iterator[LedgerBlock]:
        """As ``BlockSource.blocks``, in one streamed answer.

        Raises ``LedgerError`` alone: ``ForkOffered`` at another block than the one seen, ``_Broken`` for others.
        """
        position, previous = _stands_before(self._known, start)
        try:
            with self._transport.stream("GET", wire.LEDGER_BLOCKS, params={"from": str(start)}, signed=False) as answer:
                lines = answer.lines(MAX_LINE_BYTES)
                for block in read_blocks(lines, height=start, position=position, previous=previous):
                    self.height = block.header.height
                    if self.height == self._seen[0] and block.header.digest != self._seen[1]:
                        raise ForkOffered("the server shows another block than the one that was seen there")
                    yield block
        except NetworkError as error:
            raise _Broken(str(error)) from error


class _Broken(LedgerUnavailable):
    """The source broke off; what came before it counts. Its cause is what callers see."""


class FollowingLedger:
    """``Engine`` on a server's ledger and a copy of it, which follows when it is asked later than ``fresh_s`` s after.

    With ``fresh_s`` ``None`` no question waits for the server: who serves others calls ``follow`` in the background.
    While the server cannot be reached, questions are answered from the copy: ``View.as_of`` says how old it is, and
    ``notice`` hears of it once. Several threads may use it.
    """

    def __init__(
        self,
        copy: Replica,
        transport: Transport,
        seen: SeenHead,
        clock: Clock,
        *,
        evidence: Path,
        fresh_s: int | None = FRESH_S,
        notice: Callable[[int], None] = lambda _as_of: None,
    ) -> None:
        self.genesis = copy.genesis
        self._copy = copy
        self._transport = transport
        self._seen = seen
        self._clock = clock
        self._evidence = evidence
        self.fresh_s = fresh_s
        self._notice = notice
        self._asked_at: int | None = None
        self._reached = False
        self._trusted = False
        self._lock = threading.RLock()

    # Reading

    def view(self) -> View:
        """As ``Reader.view``. Raises ``ServerForked``, ``ServerRolledBack``."""
        return self._fresh().view()

    def entries(self, start: int = 0) -> Iterator[Entry]:
        """As ``Reader.entries``."""
        return self._fresh().entries(start)

    def blocks(self, start: int = 1) -> Iterator[LedgerBlock]:
        """As ``Reader.blocks``."""
        return self._fresh().blocks(start)

    def tip(self) -> FinalHeader | None:
        """As ``Reader.tip``."""
        return self._fresh().tip()

    def prove(self, positions: Sequence[int]) -> LedgerProof:
        """As ``Reader.prove``."""
        return self._fresh().prove(positions)

    def verify(self) -> Verified:
        """As ``Reader.verify``: the copy is read again from its genesis."""
        return self._fresh().verify()

    @property
    def height(self) -> int:
        """Of the newest block in the copy; asks nobody."""
        return self._copy.view().height

    @property
    def reached(self) -> bool:
        """Whether the server answered when it was last asked for what is new."""
        return self._reached

    @property
    def transport(self) -> Transport:
        """Requests to the ledger's server."""
        return self._transport

    def close(self) -> None:
        """As ``Reader.close``; the transport is closed too."""
        self._copy.close()
        self._transport.close()

    def follow(self) -> int:
        """Take what is new at the server; returns how many blocks.

        Raises ``LedgerUnreachable``, ``ServerForked``, ``ServerRolledBack``, and what blocks that do not hold raise.
        """
        with self._lock:
            asked_at = self._clock()
            taken = self._transport.retrying(self._follow_once)
            self._require_seen()
            self._asked_at, self._reached = asked_at, True
            self._remember()
            return taken

    def _fresh(self) -> Replica:
        if self.fresh_s is None:
            if not self._trusted:
                self._require_seen()
            return self._copy
        with self._lock:
            now = self._clock()
            if self._asked_at is None or not 0 <= now - self._asked_at < self.fresh_s:
                try:
                    self.follow()
                except TRANSIENT:
                    self._require_seen()
                    self._asked_at, self._reached = now, False  # not before every question again
                    self._notice(self._copy.view().as_of)
        return self._copy

    def _follow_once(self) -> int:
        source = RemoteBlocks(self._transport, self._copy, self._seen.load())
        height = self._copy.view().height
        try:
            return self._copy.follow(source)
        except _Broken as broken:
            cause = broken.__cause__
            if isinstance(cause, ServerUnreachable):
                raise LedgerUnreachable(str(cause)) from None
            raise (cause or broken) from None
        except ForkOffered:
            if source.height < height:
                raise _rolled_back(height) from None
            raise self._forked(height) from None

    def _require_seen(self) -> None:
        """The newest block that a run before saw is in the copy, which may have been restored from an older one."""
        height, digest = self._seen.load()
        if self._copy.view().height < height:
            raise _rolled_back(height)
        if height and next(self._copy.blocks(height)).header.digest != digest:
            raise self._forked(height)
        self._trusted = True

    def _remember(self) -> None:
        self._seen.remember(self._copy)

    def _forked(self, height: int) -> ServerForked:
        kept = self._keep_evidence()
        found = f"; what convicts delegates is in {kept.name} among the home's evidence" if kept else ""
        return ServerForked(
            f"the server shows another course of the ledger than the one seen here, at block {height} or before: "
            f"{_TELL}{found}"
        )

    def _keep_evidence(self) -> Path | None:
        """Votes of delegates who signed both courses, each as a line of canonical JSON, for `ledger evidence`."""
        try:
            source = RemoteBlocks(self._transport, self._copy)
            found = [canonical.dumps(each.to_json()) + b"\n" for each in contradictions(self._copy, source)]
            if not found:
                return None
            path = self._evidence / f"fork-{self._clock()}.jsonl"
            durable.write(path, b"".join(found))
        except ChartSealError:
            return None  # the fork is named all the same
        return path

    # Submitting

    def submit(self, transaction: SignedTransaction) -> Receipt:
        """As ``Engine.submit``. On return the entry is in the copy and is the receipt's.

        Raises ``LedgerUnreachable`` also after the server took it; ``ServerForked`` when the ledger that it shows does
        not hold what it confirmed.
        """
        receipt = self._post(transaction)
        self._confirm([receipt], [transaction])
        return receipt

    def submit_many(self, transactions: Iterable[SignedTransaction]) -> tuple[Outcome, ...]:
        """As ``Engine.submit_many``, except that those before an error which is no refusal stay."""
        sent = list(transactions)
        outcomes = [self._outcome(transaction) for transaction in sent]
        taken = [(each, sent[place]) for place, each in enumerate(outcomes) if isinstance(each, Receipt)]
        if taken:
            self._confirm([receipt for receipt, _ in taken], [transaction for _, transaction in taken])
        return tuple(outcomes)

    def confirm(self, receipt: Receipt) -> Entry:
        """The entry of a ``receipt`` that the server gave for somebody, from the copy. Raises as ``submit``."""
        return self._confirm([receipt], [None])[-1]

    def _outcome(self, transaction: SignedTransaction) -> Outcome:
        try:
            return self._post(transaction)
        except (Refused, TransactionInvalid) as refusal:
            return refusal

    def _post(self, transaction: SignedTransaction) -> Receipt:
        # Sent again without harm: the same transaction gives the same receipt.
        broke = False

        def attempt() -> bytes:
            nonlocal broke
            try:
                return self._transport.request("POST", wire.TRANSACTIONS, body=bytes(transaction), again=False)
            except ServerUnreachable:
                broke = True
                raise

        try:
            answer = self._transport.retrying(attempt)
        except TRANSIENT as error:
            if not broke:
                raise  # it was refused each time, for now
            raise LedgerUnreachable(
                f"whether the server took this is open; look at what is in the ledger before doing it again: {error}"
            ) from None
        return wire.receipt_from_json(parsed(answer))

    def _confirm(self, receipts: Sequence[Receipt], transactions: Sequence[SignedTransaction | None]) -> list[Entry]:
        try:
            self.follow()
        except TRANSIENT as error:
            raise LedgerUnreachable(
                f"the server confirmed this, but its ledger could not be read to see it; look at what stands there "
                f"before doing it again: {error}"
            ) from None
        end = self._copy.view().position
        found = []
        for receipt, transaction in zip(receipts, transactions, strict=True):
            entry = next(self._copy.entries(receipt.position)) if receipt.position <= end else None
            if entry is None or not _is(entry, receipt, transaction):
                raise ServerForked(
                    f"the server confirmed entry {receipt.position}, but the ledger that it shows does not hold it: "
                    f"{_TELL}"
                )
            found.append(entry)
        return found


def fetch_genesis(transport: Transport, digest: str) -> Genesis:
    """The genesis of the server's ledger. Raises ``ServerNotPinned`` when its digest is another."""
    genesis = Genesis.from_bytes(transport.request("GET", wire.GENESIS, signed=False, max_bytes=MAX_GENESIS_BYTES))
    if genesis.digest != digest:
        raise ServerNotPinned("the server's ledger is another than the one pinned; ask the hospital before going on")
    return genesis


def _is(entry: Entry, receipt: Receipt, transaction: SignedTransaction | None) -> bool:
    found = (entry.position, entry.digest, entry.transaction.id)
    same = found == (receipt.position, receipt.entry_digest, receipt.transaction_id)
    return same and (transaction is None or entry.transaction.id == transaction.id)


def _stands_before(copy: Replica, height: int) -> tuple[int, str]:
    """Position of the first entry from block ``height`` on, and the digest of the entry before it."""
    for block in copy.blocks(height):
        if block.entries:
            return block.entries[0].position, block.entries[0].previous
    view = copy.view()
    return view.position + 1, view.head if view.position >= 0 else copy.genesis.digest


def _rolled_back(height: int) -> ServerRolledBack:
    return ServerRolledBack(
        f"the server's ledger ends before block {height}, which was seen here: it went back to an older copy, or hides "
        "what came after; tell the hospital, and do not repeat what you did before it is mended"
    )
