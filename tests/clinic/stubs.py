"""Stand-ins between the use cases and the real things: a test says what happens at which step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import BinaryIO

from clinic.proxy import Ask, ProxyClient
from clinic.site import Site
from cloud.errors import BlockNotFound
from cloud.store import Receipt as StoreReceipt
from cloud.store import Store
from cloud.wrapper import StoreWrapper
from ledger.engine import Engine, Outcome, Receipt, Verified, View
from ledger.entry import Entry
from ledger.finality import FinalHeader
from ledger.genesis import Genesis
from ledger.proofs import LedgerProof
from ledger.transactions import SignedTransaction
from ledger.validate import LedgerBlock


def nothing(_subject: object) -> None:
    """A step at which nothing happens."""


class EngineStub:
    """An engine with something happening around each transaction, a view that is ``age_s`` old, another ``proof``."""

    def __init__(
        self,
        inner: Engine,
        *,
        before_submit: Callable[[SignedTransaction], None] = nothing,
        after_submit: Callable[[SignedTransaction], None] = nothing,
        age_s: int = 0,
        proof: Callable[[LedgerProof], LedgerProof] = lambda proof: proof,
    ) -> None:
        self._proof = proof
        self._inner = inner
        self._before = before_submit
        self._after = after_submit
        self._age_s = age_s

    @property
    def genesis(self) -> Genesis:
        return self._inner.genesis

    def submit(self, transaction: SignedTransaction) -> Receipt:
        self._before(transaction)
        receipt = self._inner.submit(transaction)
        self._after(transaction)
        return receipt

    def submit_many(self, transactions: Iterable[SignedTransaction]) -> tuple[Outcome, ...]:
        return self._inner.submit_many(transactions)

    def view(self) -> View:
        view = self._inner.view()
        return replace(view, as_of=view.as_of - self._age_s)

    def entries(self, start: int = 0) -> Iterator[Entry]:
        return self._inner.entries(start)

    def blocks(self, start: int = 1) -> Iterator[LedgerBlock]:
        return self._inner.blocks(start)

    def tip(self) -> FinalHeader | None:
        return self._inner.tip()

    def prove(self, positions: Sequence[int]) -> LedgerProof:
        return self._proof(self._inner.prove(positions))

    def verify(self) -> Verified:
        return self._inner.verify()

    def close(self) -> None:
        self._inner.close()


class StoreStub(StoreWrapper):
    """A store that answers for ``instead[locator]`` when asked for a locator (``None``: says that it is not there)."""

    def __init__(
        self,
        inner: Store,
        *,
        instead: Mapping[str, str | None] | None = None,
        before_put: Callable[[str], None] = nothing,
        after_put: Callable[[str], None] = nothing,
    ) -> None:
        super().__init__(inner)
        self._instead = instead or {}
        self._before = before_put
        self._after = after_put

    def put(self, locator: str, source: BinaryIO) -> StoreReceipt:
        self._before(locator)
        receipt = self._inner.put(locator, source)
        self._after(locator)
        return receipt

    def get(self, locator: str, sink: BinaryIO) -> int:
        found = self._instead.get(locator, locator)
        if found is None:
            raise BlockNotFound(f"block {locator} is not in {self.url}")
        return self._inner.get(found, sink)


class ProxyStub:
    """A proxy that answers with ``answer`` instead of its own re-encryption; ``answer`` may raise."""

    def __init__(self, inner: ProxyClient, answer: Callable[[str, Sequence[Ask]], list[bytes]]) -> None:
        self._inner = inner
        self._answer = answer

    def deposit(self, grant_id: str, part: str, sealed: bytes) -> None:
        self._inner.deposit(grant_id, part, sealed)

    def forget(self, grant_id: str) -> None:
        self._inner.forget(grant_id)

    def reencrypt(self, release_id: str, asks: Sequence[Ask]) -> list[bytes]:
        return self._answer(release_id, asks)


def at_engine(site: Site, engine: Engine) -> Site:
    """The site with another engine."""
    return replace(site, engine=engine)


def at_store(site: Site, store: Store) -> Site:
    """The site with another store."""
    return replace(site, store=store)


def with_proxies(site: Site, stubs: Mapping[str, ProxyClient]) -> Site:
    """The site with some proxies replaced, by member id."""
    return replace(site, proxies={**site.proxies, **stubs})
