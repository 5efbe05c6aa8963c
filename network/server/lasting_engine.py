"""The home's engine while a server runs: opened again after its database was out of reach, delegates seated anew.

A transaction that was on its way then is submitted again: the same one gives the same receipt.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from clinic.home import Home
from ledger.engine import Outcome, Receipt, Verified, View
from ledger.engines.embedded import EmbeddedEngine
from ledger.entry import Entry
from ledger.errors import LedgerClosed, LedgerError, LedgerUnavailable
from ledger.finality import FinalHeader
from ledger.genesis import Genesis
from ledger.proofs import LedgerProof
from ledger.transactions import SignedTransaction
from ledger.validate import LedgerBlock

Answer = TypeVar("Answer")
Item = TypeVar("Item")


class LastingEngine:
    """``Engine`` on the ledger of ``home``. Several threads may use it."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._engine = home.engine()
        self._seated = self._delegates()
        self._lock = threading.Lock()
        self._closed = False

    @property
    def genesis(self) -> Genesis:
        """As ``Reader.genesis``."""
        return self._engine.genesis

    def view(self) -> View:
        """As ``Reader.view``."""
        return self._ask(lambda engine: engine.view())

    def entries(self, start: int = 0) -> Iterator[Entry]:
        """As ``Reader.entries``."""
        return self._ask(lambda engine: _begun(engine.entries(start)))

    def blocks(self, start: int = 1) -> Iterator[LedgerBlock]:
        """As ``Reader.blocks``."""
        return self._ask(lambda engine: _begun(engine.blocks(start)))

    def tip(self) -> FinalHeader | None:
        """As ``Reader.tip``."""
        return self._ask(lambda engine: engine.tip())

    def prove(self, positions: Sequence[int]) -> LedgerProof:
        """As ``Reader.prove``."""
        return self._ask(lambda engine: engine.prove(positions))

    def verify(self) -> Verified:
        """As ``Reader.verify``."""
        return self._ask(lambda engine: engine.verify())

    def submit(self, transaction: SignedTransaction) -> Receipt:
        """As ``Engine.submit``."""
        self._seat()
        return self._ask(lambda engine: engine.submit(transaction))

    def submit_many(self, transactions: Iterable[SignedTransaction]) -> tuple[Outcome, ...]:
        """As ``Engine.submit_many``."""
        self._seat()
        group = list(transactions)
        return self._ask(lambda engine: engine.submit_many(group))

    def close(self) -> None:
        """As ``Reader.close``."""
        with self._lock:
            self._closed = True
            self._engine.close()

    def _ask(self, question: Callable[[EmbeddedEngine], Answer]) -> Answer:
        engine = self._engine
        try:
            return question(engine)
        except (LedgerUnavailable, LedgerClosed):
            return question(self._opened_after(engine))

    def _opened_after(self, lost: EmbeddedEngine) -> EmbeddedEngine:
        """An engine opened after ``lost`` was; another thread may have opened it already."""
        with self._lock:
            if self._closed:
                raise LedgerClosed("the server stops; send this again to the next one")
            if self._engine is lost:
                self._engine = self._home.engine()
                with contextlib.suppress(LedgerError):
                    lost.close()
            return self._engine

    def _seat(self) -> None:
        """Delegates stand, renew their keys and stand down by commands, in other processes."""
        found = self._delegates()
        if found != self._seated:
            with self._lock:
                self._engine.seat(self._home.delegate_keys.delegates())
                self._seated = found

    def _delegates(self) -> int:
        """Changes with every key that is put into the folder or taken out."""
        folder: Path = self._home.folder / "delegates"
        return folder.stat().st_mtime_ns if folder.exists() else 0


def _begun(items: Iterator[Item]) -> Iterator[Item]:
    """``items`` after the first was read: what keeps all of them from being read is raised here."""
    try:
        first = next(items)
    except StopIteration:
        return iter(())
    return itertools.chain((first,), items)
