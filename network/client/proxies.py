"""The proxies of a ledger, each at its operator's server: where, their endpoint cards say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from clinic.clock import Clock
from clinic.proxy import ProxyClient
from ledger.bodies import Role
from network.client.endpoints import cards_of
from network.client.ledger import FollowingLedger
from network.client.proxy import RemoteProxy
from network.client.transport import Signer, Transport
from network.endpoint import EndpointBook, EndpointCard


class RemoteProxies(Mapping[str, ProxyClient]):
    """Active proxies that published where they are, by member id; asked for at the hospital's server when first needed.

    ``book`` keeps the newest card seen of each, so that they are found while that server is out of reach.
    """

    def __init__(self, ledger: FollowingLedger, book: EndpointBook, signer: Signer, clock: Clock) -> None:
        self._ledger = ledger
        self._book = book
        self._signer = signer
        self._clock = clock
        self._opened: dict[str, Transport] = {}

    def __getitem__(self, member_id: str) -> ProxyClient:
        card = self._cards[member_id]
        if member_id not in self._opened:
            self._opened[member_id] = Transport(card.url, card.ca, self._clock, self._signer)
        return RemoteProxy(self._opened[member_id], lambda: self._ledger.height)

    def __iter__(self) -> Iterator[str]:
        return iter(self._cards)

    def __len__(self) -> int:
        return len(self._cards)

    def close(self) -> None:
        """Let go of connections."""
        for transport in self._opened.values():
            transport.close()

    @cached_property
    def _cards(self) -> dict[str, EndpointCard]:
        return cards_of(Role.PROXY, self._ledger, self._book, self._clock)
