"""What comes to the sockets of a running hospital, proxy or issuer without being HTTP, or without an end."""

from __future__ import annotations

import random
import secrets
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import httpx
import pytest

from benchmarks.servers.running import LOOPBACK, wait_until
from ledger.bodies import Role
from network import tls, wire
from network.server.limits import Limits
from network.signatures import sign_request
from tests.clinic.scene import Template
from tests.network.hospital import Hospital
from tests.network.hostile.conftest import issuer_of, proxy_of
from tests.network.running import OTHER, PATIENT, PROXIES, START_S, Clinic, Serving, join
from tests.network.server.serving import problem, serving

GARBAGE = [random.Random(seed).randbytes(1 << seed) for seed in range(0, 18, 3)]
LINES = [
    b"GET /healthz HTTP/x.y\r\n\r\n",
    b"GET http://127.0.0.1:1/ HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"PUT /v1/reports HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"PUT /v1/reports HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /",
    b"PUT /v1/reports HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
]


@pytest.fixture(scope="module")
def issuer_process(shared_clinic: Clinic, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """An issuer who joined the clinic, with its key of the epoch on the ledger."""
    folder = tmp_path_factory.mktemp("issuer") / "issuer"
    join(Hospital(shared_clinic.hospital.home, shared_clinic.hospital.url), folder, Role.ISSUER, "issuer")
    with closing(Serving.of(folder, ["issuer", "serve"])) as issuer:
        issuer.start()
        context = pinned(issuer)
        wait_until(lambda: healthy(issuer, context), START_S, "the issuer's key of the epoch")
        yield issuer


@pytest.fixture(params=["hospital", PROXIES[0], "issuer"])
def serving_one(request: pytest.FixtureRequest, clinic: Clinic) -> Serving:
    """Each kind of process in turn."""
    if request.param == "issuer":
        issuer: Serving = request.getfixturevalue("issuer_process")
        return issuer
    return clinic.hospital if request.param == "hospital" else clinic.proxies[request.param]


@pytest.fixture
def context(serving_one: Serving) -> ssl.SSLContext:
    """What pins that server."""
    return pinned(serving_one)


def pinned(server: Serving) -> ssl.SSLContext:
    return tls.ssl_context((server.home / "server/tls/ca.pem").read_text())


@contextmanager
def plain(serving_one: Serving) -> Iterator[socket.socket]:
    """A connection that nothing was said on yet."""
    with socket.create_connection((LOOPBACK, serving_one.port), timeout=10) as connection:
        yield connection


def heard(connection: socket.socket) -> bytes:
    """Everything until the server ends the connection, or says no more."""
    said = b""
    try:
        while piece := connection.recv(4096):
            said += piece
            if b"}" in piece:
                break
    except OSError:
        pass
    return said


def healthy(serving_one: Serving, context: ssl.SSLContext) -> bool:
    with httpx.Client(verify=context, trust_env=False) as client:
        return client.get(f"https://{LOOPBACK}:{serving_one.port}{wire.HEALTH}").is_success


def test_what_is_no_tls_is_hung_up_on(serving_one: Serving, context: ssl.SSLContext) -> None:
    for data in (b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", *GARBAGE[2:]):
        with plain(serving_one) as connection:
            connection.sendall(data)
            assert b"HTTP/1.1" not in heard(connection)
    assert healthy(serving_one, context)


def test_what_is_no_http_is_refused_as_an_error_of_ours(serving_one: Serving, context: ssl.SSLContext) -> None:
    for data in (*LINES, GARBAGE[-1]):
        with plain(serving_one) as connection, context.wrap_socket(connection, server_hostname=LOOPBACK) as secured:
            try:
                secured.sendall(data)
            except OSError:
                continue  # hung up on before all of it was sent
            said = heard(secured)
            assert not said or said.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), (data[:40], said[:200])
    assert healthy(serving_one, context)


def test_many_connections_that_say_nothing_keep_nobody_out(serving_one: Serving, context: ssl.SSLContext) -> None:
    idle = [socket.create_connection((LOOPBACK, serving_one.port), timeout=10) for _ in range(100)]
    try:
        assert healthy(serving_one, context)
    finally:
        for connection in idle:
            connection.close()


def test_the_log_of_all_that_names_nobody_and_no_address(clinic: Clinic, serving_one: Serving) -> None:
    log = serving_one.log.read_text()
    for member in clinic.homes.ids.values():
        assert member not in log
    assert "Traceback" not in log


def test_a_proxys_counters_and_health_tell_its_operator_enough_and_of_nobody(clinic: Clinic) -> None:
    proxy, member = clinic.proxies[PROXIES[0]], clinic.ids(OTHER)
    with clinic.member(OTHER).site() as site:
        height = site.engine.view().height
    path = wire.GRANT.format(grant=clinic.ids(PATIENT))  # an id that no counter may repeat
    fields = sign_request(
        "DELETE", proxy.url + path, {}, None, clinic.member(OTHER).secrets().signing, member,
        now=int(time.time()), nonce=secrets.token_bytes(16),
    )  # fmt: skip
    with httpx.Client(verify=pinned(proxy), trust_env=False, base_url=proxy.url) as client:
        asked = client.delete(path, headers=fields | {wire.LEDGER_HEIGHT: str(height)})
        assert problem(asked) == (409, "proxy-refused")
        assert client.get(wire.HEALTH).json() == {"status": "ok"}
        text = client.get(wire.METRICS).text
    assert f'chartseal_requests_total{{method="DELETE",route="{wire.GRANT}",status="409"}} ' in text
    assert f'chartseal_request_seconds_count{{route="{wire.GRANT}"}} ' in text
    assert f"chartseal_ledger_height {float(height)}\n" in text
    assert not [each for each in clinic.homes.ids.values() if each in text]


def test_too_many_requests_of_one_member_at_a_proxy_or_issuer_hold_up_no_other(
    template: Template, tmp_path_factory: pytest.TempPathFactory
) -> None:
    limits = Limits(member_per_s=0.01, member_burst=2)
    with (
        serving(template, tmp_path_factory.mktemp("limited")) as hospital,
        issuer_of(hospital, limits) as issuer,
    ):
        for server, method, path, body, refusal in (
            (proxy_of(hospital, limits), "DELETE", wire.GRANT.format(grant="ab" * 16), None, (409, "proxy-refused")),
            (issuer, "POST", wire.EVALUATE, b"{}", (422, "message-invalid")),
        ):
            answers = [problem(server.call(method, path, body, by=server.patient)) for _ in range(3)]
            assert answers == [refusal] * 2 + [(429, "too-many-requests")]
            assert problem(server.call(method, path, body, by=server.other)) == refusal
