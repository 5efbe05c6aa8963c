"""A home's server behind a plain function call: requests are signed and sent as a client would, over ASGI."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from clinic.home import Home
from clinic.keystore import MemberSecrets
from clinic.sealing import Draft, seal_records
from network.server.app import create_app
from network.server.authentication import Admitting
from network.server.limits import Limits
from network.server.services import HospitalServices, opened
from network.signatures import sign_request
from scheme import keyfile
from tests.clinic.scene import AUTHOR, OTHER, PATIENT, READER, RIVERSIDE, FakeClock, Template, copy_home, draft

HOST = "clinic.test"
URL = f"https://{HOST}"


@dataclass
class Served:
    """The server and its people; ``call`` is a request by one of them."""

    app: FastAPI
    services: HospitalServices
    clock: FakeClock
    members: Mapping[str, MemberSecrets]

    author = property(lambda self: self.members[AUTHOR])
    reader = property(lambda self: self.members[READER])
    patient = property(lambda self: self.members[PATIENT])
    other = property(lambda self: self.members[OTHER])
    riverside = property(lambda self: self.members[RIVERSIDE])

    @property
    def home(self) -> Home:
        return self.services.home

    def call(
        self,
        method: str,
        path: str,
        body: bytes | dict[str, Any] | None = None,
        *,
        by: MemberSecrets | None = None,
        headers: Mapping[str, str] | None = None,
        signed: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """The answer to a request signed by ``by`` (default: the patient), or with ``signed`` as it is."""
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        fields = dict(headers or {})
        fields |= self.signature(method, path, data, by=by, headers=fields) if signed is None else signed
        return self.send(method, path, data, fields)

    def public(self, method: str, path: str, body: bytes | dict[str, Any] | None = None) -> httpx.Response:
        """The answer to a request that nobody signed."""
        return self.send(method, path, json.dumps(body).encode() if isinstance(body, dict) else body, {})

    def signature(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        by: MemberSecrets | None = None,
        headers: Mapping[str, str] | None = None,
        url: str = URL,
    ) -> dict[str, str]:
        """The fields that sign a request now."""
        signer = by or self.patient
        digest = None if body is None else hashlib.sha256(body).digest()
        return sign_request(
            method, url + path, headers or {}, digest, signer.signing, signer.member_id,
            now=self.clock(), nonce=secrets.token_bytes(16),
        )  # fmt: skip

    def send(
        self,
        method: str,
        path: str,
        body: bytes | AsyncIterator[bytes] | None,
        headers: Mapping[str, str],
        *,
        address: str = "127.0.0.1",
    ) -> httpx.Response:
        """One request as it stands, from ``address``."""

        async def sent() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=(address, 1))
            async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
                return await client.request(method, path, content=body, headers=dict(headers))

        return asyncio.run(sent())

    def sealed(self, *drafts: Draft) -> list[tuple[str, bytes]]:
        """Seal and anchor at the home itself; returns locators with the blocks' bytes."""
        (sealed,) = seal_records(
            self.services.site,
            self.home.outbox,
            drafts or (draft(),),
            patient_id=self.patient.member_id,
            author=self.author,
            hospital_id=self.riverside.member_id,
        )
        return [(locator, self.stored(locator)) for locator in sealed.blocks]

    def stored(self, locator: str) -> bytes:
        """A block as it lies in the store."""
        sink = io.BytesIO()
        self.services.site.store.get(locator, sink)
        return sink.getvalue()


@contextmanager
def serving(template: Template, folder: Path, limits: Limits | None = None, **options: Any) -> Iterator[Served]:
    """A fresh copy of the template's home, being served."""
    clock = FakeClock()
    home = Home(copy_home(template, folder), clock=clock, profile=keyfile.TEST)
    with opened(home, "the authority's PEM", limits=limits, **options) as services:
        admitting = Admitting(services.site.state, clock, HOST, clock() - 1)
        yield Served(create_app(services, admitting), services, clock, template.members)


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an answer that must be an error of ours."""
    value = answer.json()
    assert set(value) == {"error", "message"}
    assert answer.headers["Chartseal-Error"] == value["error"]
    return answer.status_code, value["error"]
