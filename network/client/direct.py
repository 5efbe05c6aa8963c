"""Blocks straight to and from the store, by URLs that the server signs where the store behind it can.

Only a way to go faster: where it fails, the caller goes through the server. The URLs lead anywhere a server likes, so
nothing but the block goes there, over TLS (or to this machine itself), and no redirect is followed.
"""

from __future__ import annotations

import ipaddress
import ssl
import threading
from collections.abc import Mapping, Sequence
from typing import BinaryIO
from urllib.parse import urlsplit

import httpx

from cloud.errors import PresignUnsupported
from cloud.streams import rewind, write_to
from network import wire
from network.client.transport import CONNECT_TIMEOUT_S, MAX_CONNECTIONS, READ_TIMEOUT_S, Transport, Upload
from network.errors import NoSuchPath


class DirectBlocks:
    """URLs for blocks, and transfers by them. Several threads may use it."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._supported = True
        self._client: httpx.Client | None = None
        self._lock = threading.Lock()

    def urls(self, locators: Sequence[str]) -> Mapping[str, str]:
        """Locator to URL to get at most 4,096 blocks; empty where the store gives none.

        Raises as ``Transport.request``.
        """
        return self._presigned(locators, "GET")[0]

    def _presigned(self, locators: Sequence[str], method: str) -> tuple[Mapping[str, str], dict[str, str]]:
        """URLs by locator, and the header fields that go with each request."""
        if not self._supported:
            return {}, {}
        try:
            answer = self._transport.post_json(wire.BLOCKS_PRESIGN, {"locators": list(locators), "method": method})
        except (PresignUnsupported, NoSuchPath):
            self._supported = False
            return {}, {}
        urls, headers = answer.get("urls"), answer.get("headers")
        if not isinstance(urls, dict) or not isinstance(headers, dict):
            return {}, {}
        found = {locator: urls[locator] for locator in locators if _is_safe(urls.get(locator))}
        return found, {str(name): str(value) for name, value in headers.items()}

    def get(self, url: str, sink: BinaryIO, start: int) -> int | None:
        """The block's size in bytes, once it is in ``sink`` from ``start`` on; ``None`` when it did not come whole."""
        rewind(sink, start)
        count = 0
        try:
            with self._http().stream("GET", url) as response:
                if response.status_code != httpx.codes.OK:
                    return None
                for chunk in response.iter_raw():
                    write_to(sink, chunk)
                    count += len(chunk)
        except httpx.HTTPError:
            return None
        self._transport.traffic.count(requests=1, received=count)
        return count

    def put(self, locator: str, upload: Upload) -> bool:
        """Whether the store took the block as a new one. Raises as ``urls``."""
        urls, headers = self._presigned([locator], "PUT")
        if locator not in urls:
            return False
        headers["content-length"] = str(upload.size_bytes)
        try:
            answer = self._http().put(urls[locator], content=upload.chunks(), headers=headers)
        except httpx.HTTPError:
            return False
        self._transport.traffic.count(requests=1, sent=upload.size_bytes)
        return answer.is_success

    def close(self) -> None:
        """Let go of connections."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _http(self) -> httpx.Client:
        with self._lock:
            if self._client is None:
                self._client = httpx.Client(
                    headers={"accept-encoding": "identity"},
                    verify=ssl.create_default_context(),
                    timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
                    limits=httpx.Limits(max_connections=MAX_CONNECTIONS),
                    trust_env=False,
                    follow_redirects=False,
                )
            return self._client


def _is_safe(url: object) -> bool:
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        return parts.scheme == "https" or (parts.scheme == "http" and ipaddress.ip_address(host).is_loopback)
    except ValueError:
        return False
