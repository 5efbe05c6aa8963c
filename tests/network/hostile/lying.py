"""A hospital's server that lies: it has the honest one's keys, stands in its place, and changes what that answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import httpx

from benchmarks.servers.running import LOOPBACK
from network import tls
from tests.network.client.scripted import Asked, Reply, scripted
from tests.network.running import Clinic

Honest = Callable[[], Reply]
"""What the honest server answers; it never hears of the request unless this is called."""
Lie = Callable[[Asked, Honest], Reply]
_PASSED_ON = ("content-type", "content-range", "chartseal-error", "retry-after")
_OF_THE_CONNECTION = {"connection", "content-length"}


@dataclass
class Liar:
    """Answers as the honest server, except for requests that a lie is about."""

    client: httpx.Client
    told: list[Asked] = field(default_factory=list)
    """Requests that were answered by a lie."""
    _lies: list[tuple[str, str, Lie]] = field(default_factory=list)

    def about(self, method: str, start: str, lie: Lie) -> None:
        """Lie about requests to paths with that start."""
        self._lies.append((method, start, lie))

    def repent(self) -> None:
        """Tell the truth from now on."""
        self._lies.clear()

    def __call__(self, asked: Asked) -> Reply:
        """What goes to the client."""
        path = urlsplit(asked.path).path
        for method, start, lie in self._lies:
            if asked.method == method and path.startswith(start):
                self.told.append(asked)
                return lie(asked, lambda: self.forward(asked))
        return self.forward(asked)

    def forward(self, asked: Asked) -> Reply:
        """What the honest server answers to ``asked``."""
        headers = {name: value for name, value in asked.headers.items() if name not in _OF_THE_CONNECTION}
        answer = self.client.request(asked.method, asked.path, content=asked.body or None, headers=headers)
        passed_on = {name: answer.headers[name] for name in _PASSED_ON if name in answer.headers}
        return Reply(answer.status_code, answer.content, passed_on)


def body(change: Callable[[bytes], bytes]) -> Lie:
    """The honest answer with another body."""

    def lie(_asked: Asked, honest: Honest) -> Reply:
        reply = honest()
        return replace(reply, body=change(reply.body))

    return lie


def value(change: Callable[[dict[str, Any]], object]) -> Lie:
    """The honest answer with another JSON value."""
    return body(lambda data: json.dumps(change(json.loads(data))).encode())


def instead(status: int, data: bytes | object) -> Lie:
    """An answer of which the honest server never hears."""
    sent = data if isinstance(data, bytes) else json.dumps(data).encode()
    return lambda _asked, _honest: Reply(status, sent)


@contextmanager
def in_its_place(clinic: Clinic) -> Iterator[Liar]:
    """Whoever connects to the hospital's server meets the liar."""
    home, hospital = clinic.hospital.home, clinic.hospital
    context = tls.ssl_context((home / "server/tls/ca.pem").read_text())
    with (
        httpx.Client(base_url=f"https://{LOOPBACK}:{hospital.port}", verify=context, trust_env=False) as client,
        scripted(home / "server/tls") as server,
    ):
        liar = Liar(client)
        server.answer = liar
        hospital.link.detour = urlsplit(server.url).port
        try:
            yield liar
        finally:
            hospital.link.detour = None
