"""A proxy on another machine: ``ProxyClient`` over HTTP. What it answers is verified by whoever asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from clinic.proxy_answer import Ask, ProxyAnswer
from network import wire
from network.client.transport import Transport
from network.proxy.messages import MAX_ANSWER_BYTES, AskMessage, answer_from_bytes


class RemoteProxy:
    """See ``ProxyClient``; each call is one request. Every method also raises what the transport raises.

    ``height`` is of the newest ledger block seen here: the proxy is told, so that it has seen as much when it answers.
    """

    def __init__(self, transport: Transport, height: Callable[[], int]) -> None:
        self._transport = transport
        self._height = height

    def deposit(self, grant_id: str, part: str, sealed: bytes) -> None:
        """See ``ProxyClient``."""
        path = wire.GRANT_PART.format(grant=grant_id, part=part)
        self._transport.request("PUT", path, body=sealed, headers=self._headers(wire.OCTETS))

    def forget(self, grant_id: str) -> None:
        """See ``ProxyClient``."""
        self._transport.request("DELETE", wire.GRANT.format(grant=grant_id), headers=self._headers())

    def reencrypt(self, release_id: str, asks: Sequence[Ask]) -> ProxyAnswer:
        """See ``ProxyClient``; up to 1,024 asks."""
        body = bytes(AskMessage(release_id, tuple(asks)))
        headers = self._headers(wire.JSON)
        data = self._transport.request("POST", wire.REENCRYPT, body=body, headers=headers, max_bytes=MAX_ANSWER_BYTES)
        return answer_from_bytes(data)

    def _headers(self, media_type: str | None = None) -> dict[str, str]:
        headers = {wire.LEDGER_HEIGHT: str(self._height())}
        return headers if media_type is None else headers | {"content-type": media_type}
