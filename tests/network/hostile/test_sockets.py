"""What comes to the sockets of a running hospital and a running proxy without being HTTP, or without an end."""

from __future__ import annotations

import random
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from benchmarks.servers.running import LOOPBACK
from network import tls, wire
from network.server.limits import Limits
from tests.clinic.scene import Template
from tests.network.hostile.conftest import proxy_of
from tests.network.running import PROXIES, Clinic, Serving
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


@pytest.fixture(params=["hospital", PROXIES[0]])
def serving_one(request: pytest.FixtureRequest, clinic: Clinic) -> Serving:
    """Each kind of process in turn."""
    return clinic.hospital if request.param == "hospital" else clinic.proxies[request.param]


@pytest.fixture
def context(serving_one: Serving) -> ssl.SSLContext:
    """What pins that server."""
    return tls.ssl_context((serving_one.home / "server/tls/ca.pem").read_text())


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


def test_too_many_requests_of_one_member_at_a_proxy_hold_up_no_other(
    template: Template, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with serving(template, tmp_path_factory.mktemp("limited")) as hospital:
        server = proxy_of(hospital, Limits(member_per_s=0.01, member_burst=2))
        path = wire.GRANT.format(grant="ab" * 16)
        codes = [problem(server.call("DELETE", path, by=server.patient)) for _ in range(3)]
        assert codes == [(409, "proxy-refused")] * 2 + [(429, "too-many-requests")]
        assert problem(server.call("DELETE", path, by=server.other)) == (409, "proxy-refused")
