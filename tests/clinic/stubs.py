"""Stand-ins between the use cases and the real things: a test says what happens at which step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import BinaryIO

from clinic.hospital import HospitalClient, HospitalService, Linked
from clinic.keystore import MemberSecrets
from clinic.proxy import ProxyClient
from clinic.proxy_answer import Ask, ProxyAnswer
from clinic.site import Site
from cloud.errors import BlockNotFound
from cloud.store import Receipt as StoreReceipt
from cloud.store import Store
from cloud.wrapper import StoreWrapper
from ledger.bodies import AnchorBlocks
from ledger.engine import Engine, Outcome, Receipt, Verified, View
from ledger.entry import Entry
from ledger.finality import FinalHeader
from ledger.genesis import Genesis
from ledger.proofs import LedgerProof
from ledger.transactions import SignedTransaction
from ledger.validate import LedgerBlock
from scheme.header import BlockHeader


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


class HospitalStub:
    """A hospital with something happening before and after it links and before and after it anchors."""

    def __init__(
        self,
        inner: HospitalClient,
        *,
        before_link: Callable[[Sequence[BlockHeader]], None] = nothing,
        after_link: Callable[[Linked], None] = nothing,
        before_anchor: Callable[[AnchorBlocks], None] = nothing,
        after_anchor: Callable[[Receipt], None] = nothing,
    ) -> None:
        self._inner = inner
        self._before_link = before_link
        self._after_link = after_link
        self._before_anchor = before_anchor
        self._after_anchor = after_anchor

    def link(self, patient_id: str, author_id: str, headers: Sequence[BlockHeader]) -> Linked:
        self._before_link(headers)
        linked = self._inner.link(patient_id, author_id, headers)
        self._after_link(linked)
        return linked

    def anchor(self, body: AnchorBlocks) -> Receipt:
        self._before_anchor(body)
        receipt = self._inner.anchor(body)
        self._after_anchor(receipt)
        return receipt


class ProxyStub:
    """A proxy that signs what ``answer`` gives instead of its own re-encryption; ``answer`` may raise."""

    def __init__(
        self, inner: ProxyClient, keys: MemberSecrets, answer: Callable[[str, Sequence[Ask]], Sequence[bytes]]
    ) -> None:
        self._inner = inner
        self._keys = keys
        self._answer = answer

    def deposit(self, grant_id: str, part: str, sealed: bytes) -> None:
        self._inner.deposit(grant_id, part, sealed)

    def forget(self, grant_id: str) -> None:
        self._inner.forget(grant_id)

    def reencrypt(self, release_id: str, asks: Sequence[Ask]) -> ProxyAnswer:
        return ProxyAnswer.sign(self._keys, release_id, asks, self._answer(release_id, asks))


def at_engine(site: Site, engine: Engine) -> Site:
    """The site with another engine, its hospitals too."""
    hospitals: dict[str, HospitalClient] = {}
    for member_id, hospital in site.hospitals.items():
        assert isinstance(hospital, HospitalService)
        hospitals[member_id] = replace(hospital, engine=engine)
    return replace(site, engine=engine, hospitals=hospitals)


def at_hospital(site: Site, member_id: str, hospital: HospitalClient) -> Site:
    """The site with another way to one of its hospitals."""
    return replace(site, hospitals={**site.hospitals, member_id: hospital})


def at_store(site: Site, store: Store) -> Site:
    """The site with another store."""
    return replace(site, store=store)


def with_proxies(site: Site, stubs: Mapping[str, ProxyClient]) -> Site:
    """The site with some proxies replaced, by member id."""
    return replace(site, proxies={**site.proxies, **stubs})
