"""Endpoint cards are passed on as their members signed them; evidence is kept when it holds."""

import json
from pathlib import Path

import pytest

from clinic.proxy_fault import ProxyFault
from network import wire
from network.endpoint import EndpointCard
from network.tls import ServerIdentity
from tests.clinic.scene import Scene
from tests.clinic.test_proxy_faults import faults_of, lying
from tests.network.server.serving import Served, problem

SERVER = "https://proxy.test:8443"


@pytest.fixture
def ca(tmp_path: Path) -> str:
    return ServerIdentity.load_or_create(tmp_path / "tls", "proxy.test").ca_pem


def test_a_card_is_published_by_its_member_and_listed_for_members(served: Served, ca: str) -> None:
    proxy = served.members["proxy 1"]
    path = wire.ENDPOINT.format(member=proxy.member_id)
    card = EndpointCard.sign(proxy, SERVER, ca, issued=served.clock())
    for _ in range(2):
        assert served.call("PUT", path, bytes(card), by=proxy).status_code == 204
    listed = served.call("GET", wire.ENDPOINTS).json()
    assert listed == {"endpoints": [json.loads(bytes(card))]}
    older = EndpointCard.sign(proxy, SERVER, ca, issued=served.clock() - 1)
    assert problem(served.call("PUT", path, bytes(older), by=proxy)) == (422, "endpoint-invalid")
    ahead = EndpointCard.sign(proxy, SERVER, ca, issued=served.clock() + 10**6)
    assert problem(served.call("PUT", path, bytes(ahead), by=proxy)) == (422, "endpoint-invalid")
    newer = EndpointCard.sign(proxy, "https://moved.test", ca, issued=served.clock() + 1)
    assert served.call("PUT", path, bytes(newer), by=proxy).status_code == 204
    assert served.call("GET", wire.ENDPOINTS).json() == {"endpoints": [json.loads(bytes(newer))]}


def test_a_card_takes_the_place_of_a_damaged_file(served: Served, ca: str) -> None:
    proxy = served.members["proxy 1"]
    path = wire.ENDPOINT.format(member=proxy.member_id)
    card = bytes(EndpointCard.sign(proxy, SERVER, ca, issued=served.clock()))
    assert served.call("PUT", path, card, by=proxy).status_code == 204
    (file,) = (served.home.folder / "server" / "endpoints").iterdir()
    file.write_bytes(card[:-1])
    assert served.call("GET", wire.ENDPOINTS).json() == {"endpoints": []}
    assert served.call("PUT", path, card, by=proxy).status_code == 204
    assert served.call("GET", wire.ENDPOINTS).json() == {"endpoints": [json.loads(card)]}


def test_a_card_of_another_member_is_not_published(served: Served, ca: str) -> None:
    proxy, other = served.members["proxy 1"], served.members["proxy 2"]
    card = bytes(EndpointCard.sign(proxy, SERVER, ca, issued=served.clock()))
    theirs = wire.ENDPOINT.format(member=proxy.member_id)
    own = wire.ENDPOINT.format(member=other.member_id)
    assert problem(served.call("PUT", theirs, card, by=other)) == (403, "not-yours")
    assert problem(served.call("PUT", own, card, by=other)) == (422, "endpoint-invalid")
    forged = card.replace(proxy.member_id.encode(), other.member_id.encode())
    for wrong in (forged, b"{}", b"", card[:-1], bytes(wire.MAX_ENDPOINT_BYTES)):
        assert problem(served.call("PUT", own, wrong, by=other)) == (422, "endpoint-invalid")
    assert served.call("GET", wire.ENDPOINTS).json() == {"endpoints": []}


@pytest.fixture
def fault(served: Served) -> ProxyFault:
    """Evidence against a proxy that signed a wrong fragment."""
    site = served.services.site
    scene = Scene(served.home, site, served.clock, served.members, site.store)  # type: ignore[arg-type]
    scene.seal()
    scene.grant()
    (found,) = faults_of(scene, lying(scene))
    return found


def test_evidence_that_holds_is_kept_for_the_hospital(served: Served, fault: ProxyFault) -> None:
    for _ in range(2):
        assert served.call("POST", wire.REPORTS, bytes(fault), by=served.reader).status_code == 204
    (kept,) = served.services.faults.files()
    assert kept.read_bytes() == bytes(fault)


def test_evidence_that_shows_nothing_is_not_kept(served: Served, fault: ProxyFault) -> None:
    other = bytes(fault).replace(fault.ledger.encode(), b"ab" * 32)
    assert problem(served.call("POST", wire.REPORTS, other, by=served.reader)) == (422, "fault-unfounded")
    for data in (b"", b"{}", bytes(fault)[:-1], b"\xff" * 100):
        assert problem(served.call("POST", wire.REPORTS, data, by=served.reader)) == (422, "fault-invalid")
    assert served.services.faults.files() == []
