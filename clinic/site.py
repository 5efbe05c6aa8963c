"""What a use case works with: store, ledger, mailbox, key cards, proxies and clock, handed in by the caller."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from clinic.cards import KeyCards
from clinic.clock import Clock
from clinic.hospital import HospitalClient
from clinic.keystore import MemberSecrets
from clinic.letters import Mailbox
from clinic.proxy import ProxyClient
from clinic.proxy_fault import Report, unreported
from clinic.submission import submit
from cloud.bulk import with_progress
from cloud.store import Store
from ledger.engine import Engine, Receipt
from ledger.registry import Body
from ledger.state import State

Progress = Callable[[str, int, int], None]
"""Told how far a long job is: the stage, how many units of it are done, and out of how many."""


def silent(_stage: str, _done: int, _total: int) -> None:
    """A ``Progress`` that nobody watches."""


@dataclass(frozen=True)
class Site:
    """The collaborators. Whoever holds them reads no record: secrets come with the actor of each use case."""

    store: Store
    engine: Engine
    mailbox: Mailbox
    cards: KeyCards
    proxies: Mapping[str, ProxyClient]
    """Proxy member id to its client."""
    clock: Clock
    threshold: int
    progress: Progress = field(default=silent)
    report: Report = field(default=unreported)
    """Told of every proxy that signed a wrong fragment."""
    hospitals: Mapping[str, HospitalClient] = field(default_factory=dict)
    """Hospital member id to its client."""

    def counted(self, stage: str, total: int) -> Site:
        """The same site, with a store that reports every byte of a transfer of ``total`` bytes to ``progress``."""
        lock = threading.Lock()
        done = 0

        def count(more: int) -> None:
            nonlocal done
            with lock:
                done += more
                self.progress(stage, done, total)

        return self if self.progress is silent else replace(self, store=with_progress(self.store, count))

    def state(self) -> State:
        """The newest state of the ledger."""
        return self.engine.view().state

    def submit(self, body: Body, actor: MemberSecrets) -> Receipt:
        """Sign ``body`` as ``actor`` and have it ordered; final on return. Raises the ledger's refusals."""
        return submit(self.engine, body, actor, time=self.clock())
