"""Blocks straight to and from the store, by URLs that the server signs where the store behind it can.

Only a way to go faster: where it fails, the caller goes through the server. The URLs lead anywhere a server likes, so
nothing but the block goes there, over TLS (or to this machine itself if the server is here too), with the few header
fields that stores need, and no redirect is followed.
"""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import BinaryIO
from urllib.parse import urlsplit

import httpx

from cloud.errors import PresignUnsupported, TransferDamaged
from cloud.streams import rewind, write_to
from network import wire
from network.client.connections import Connections
from network.client.transport import BROKEN, CONNECT_TIMEOUT_S, MAX_CONNECTIONS, READ_TIMEOUT_S, Transport, Upload
from network.errors import NoSuchPath

_HEADER = re.compile(r"if-none-match|content-type|x-amz-[a-z0-9-]+|x-goog-[a-z0-9-]+", re.ASCII | re.IGNORECASE)
"""What a store may have signed into a URL for putting a block."""


class DirectBlocks:
    """URLs for blocks, and transfers by them. Several threads may use it."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._unsupported: set[str] = set()
        """Methods for which the store gives no URLs, none of use, or none that lead to where anybody answers."""
        self._here = _is_here(transport.url)
        self._connections = Connections(_new_client, "the store")

    def urls(self, locators: Sequence[str]) -> Mapping[str, str]:
        """Locator to URL to get at most 4,096 blocks; empty where the store gives none.

        Raises as ``Transport.request``.
        """
        return self._presigned(locators, "GET")[0]

    def _presigned(self, locators: Sequence[str], method: str) -> tuple[Mapping[str, str], dict[str, str]]:
        """URLs by locator, and the header fields that go with each request."""
        if method in self._unsupported:
            return {}, {}
        try:
            answer = self._transport.post_json(wire.BLOCKS_PRESIGN, {"locators": list(locators), "method": method})
        except (PresignUnsupported, NoSuchPath):
            self._unsupported.add(method)
            return {}, {}
        urls, headers = answer.get("urls"), answer.get("headers")
        if not isinstance(urls, dict) or not isinstance(headers, dict):
            return {}, {}
        found = {locator: urls[locator] for locator in locators if self._is_safe(urls.get(locator))}
        if not found:
            self._unsupported.add(method)
        return found, {name: str(value) for name, value in headers.items() if _HEADER.fullmatch(name)}

    def get(self, url: str, sink: BinaryIO, start: int) -> int | None:
        """The block's size in bytes, once it is in ``sink`` from ``start`` on; ``None`` when it did not come whole.

        Raises ``TransferDamaged`` on more bytes than a block has, ``ConnectionsClosed``.
        """
        if "GET" in self._unsupported:  # since ``urls``, which gave many
            return None
        rewind(sink, start)
        try:
            with self._connecting("GET") as client, client.stream("GET", url) as response:
                if response.status_code != httpx.codes.OK:
                    return None
                count = copied(response.iter_raw(), sink)
        except BROKEN:
            return None
        self._transport.traffic.count(requests=1, received=count)
        return count

    def put(self, locator: str, upload: Upload) -> bool:
        """Whether the store took the block as a new one. Raises as ``urls``, ``ConnectionsClosed``."""
        urls, headers = self._presigned([locator], "PUT")
        if locator not in urls:
            return False
        headers["content-length"] = str(upload.size_bytes)
        try:
            with self._connecting("PUT") as client:
                answer = client.put(urls[locator], content=upload.chunks(), headers=headers)
        except BROKEN:
            return False
        self._transport.traffic.count(requests=1, sent=upload.size_bytes)
        return answer.is_success

    def close(self) -> None:
        """As ``Connections.close``."""
        self._connections.close()

    @contextmanager
    def _connecting(self, method: str) -> Iterator[httpx.Client]:
        """The client; nobody waits for a second connection where none came about."""
        try:
            with self._connections.in_use() as client:
                yield client
        except (httpx.ConnectError, httpx.ConnectTimeout):
            self._unsupported.add(method)
            raise

    def _is_safe(self, url: object) -> bool:
        if not isinstance(url, str):
            return False
        return url.startswith("https://") or (url.startswith("http://") and self._here and _is_here(url))


def _new_client() -> httpx.Client:
    return httpx.Client(
        headers={"accept-encoding": "identity"},
        verify=ssl.create_default_context(),
        timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
        limits=httpx.Limits(max_connections=MAX_CONNECTIONS),
        trust_env=False,
        follow_redirects=False,
    )


def copied(chunks: Iterable[bytes], sink: BinaryIO) -> int:
    """Write a block's ``chunks`` to ``sink``; how many bytes. Raises ``TransferDamaged`` on more than a block has."""
    count = 0
    for chunk in chunks:
        count += len(chunk)
        if count > wire.MAX_BLOCK_BYTES:
            raise TransferDamaged("more bytes came than a block has; tell the operator of the hospital's server")
        write_to(sink, chunk)
    return count


def _is_here(url: str) -> bool:
    """Whether ``url`` names this machine by a loopback address."""
    try:
        return ipaddress.ip_address(urlsplit(url).hostname or "").is_loopback
    except ValueError:
        return False
