"""The server as a process, over TLS: stopped, killed, and held on to by clients who send nothing."""

import hashlib
import json
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from clinic.home import Home
from clinic.keystore import MemberSecrets
from ledger.bodies import Request
from ledger.transactions import sign
from network import tls, wire
from network.server.app import url_of
from network.server.authentication import Admitting
from network.server.base import base_app
from network.server.limits import Limits
from network.server.metrics import Metrics
from network.server.process import Listen, serve
from network.signatures import sign_request
from network.tls import ServerIdentity
from scheme import keyfile
from tests.clinic.scene import PATIENT, READER, Template, build_template, copy_home
from tests.network.server.served_home import HEAD_TIMEOUT_S, MAX_CONNECTIONS


class Server:
    """A running server of a home, and a client that pinned it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}"
        self.log = home.with_name("log")
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.network.server.served_home", str(self.home), str(self.port)],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=Path(__file__).parents[3],
            )
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() == f"127.0.0.1:{self.port}", self.log.read_text()
        self.context = tls.ssl_context((self.home / "server/tls/ca.pem").read_text())
        self.client = httpx.Client(base_url=self.url, verify=self.context, trust_env=False)

    def signature(self, method: str, path: str, body: bytes | None, member: MemberSecrets) -> dict[str, str]:
        digest = None if body is None else hashlib.sha256(body).digest()
        return sign_request(
            method, self.url + path, {}, digest, member.signing, member.member_id,
            now=int(time.time()), nonce=secrets.token_bytes(16),
        )  # fmt: skip

    def call(self, method: str, path: str, body: bytes | None = None, *, by: MemberSecrets) -> httpx.Response:
        return self.client.request(method, path, content=body, headers=self.signature(method, path, body, by))

    def connection(self) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.port))
        plain.settimeout(20)
        return self.context.wrap_socket(plain, server_hostname="127.0.0.1")

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Seconds until the process ended."""
        start = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(20)
        return time.monotonic() - start

    def close(self) -> None:
        self.client.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture(scope="module")
def template_of_today(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return build_template(tmp_path_factory.mktemp("process-template") / "home", lambda: int(time.time()))


@contextmanager
def running(template: Template, folder: Path) -> Iterator[Server]:
    server = Server(copy_home(template, folder))
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def server(template_of_today: Template, tmp_path: Path) -> Iterator[Server]:
    with running(template_of_today, tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
def shared(template_of_today: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for the tests that leave it running."""
    with running(template_of_today, tmp_path_factory.mktemp("shared")) as opened:
        yield opened


def requesting(template: Template, home: Path) -> bytes:
    reader = template.members[READER]
    body = Request(secrets.token_hex(16), template.members[PATIENT].member_id, reader.member_id, "ab" * 32)
    genesis = json.loads((home / "config.json").read_text())["genesis"]
    return bytes(sign(body, signer_id=reader.member_id, key=reader.signing, ledger=genesis, time=int(time.time())))


def test_it_is_reached_over_tls_by_who_pinned_it_and_stops_at_once(server: Server, template_of_today: Template) -> None:
    assert server.client.get(wire.HEALTH).json() == {"status": "ok"}
    assert server.call("GET", wire.ENDPOINTS, by=template_of_today.members[PATIENT]).json() == {"endpoints": []}
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url + wire.HEALTH, trust_env=False)
    assert url_of(Home(server.home, profile=keyfile.TEST)) == server.url
    idle = server.connection()  # keeps its connection open, and is not waited for
    assert server.stop() < 5
    assert server.process.returncode == 0
    idle.close()


def test_an_answer_comes_without_waiting_for_acknowledgements(shared: Server) -> None:
    """A head and a body in two writes wait 40 ms for each other unless TCP_NODELAY is set."""
    shared.client.get(wire.HEALTH)
    fastest = min(_seconds(lambda: shared.client.get(wire.HEALTH)) for _ in range(20))
    assert fastest < 0.03


def _seconds(action) -> float:  # type: ignore[no-untyped-def]
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def test_a_head_that_does_not_come_ends_the_connection(shared: Server) -> None:
    for begun in (b"", b"GET /healthz HTTP/1.1\r\nHost: 127"):
        with shared.connection() as slow:
            start = time.monotonic()
            slow.sendall(begun)
            try:
                ended = slow.recv(100)
            except ConnectionResetError:
                ended = b""
            assert ended == b""
            assert HEAD_TIMEOUT_S * 0.5 < time.monotonic() - start < 10


def test_a_second_head_that_does_not_come_ends_the_connection_too(shared: Server) -> None:
    with shared.connection() as slow:
        slow.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert slow.recv(4096).startswith(b"HTTP/1.1 200")
        start = time.monotonic()
        slow.sendall(b"GET /healthz HTTP/1.1\r\n")
        rest = b"x"
        while rest:
            try:
                rest = slow.recv(4096)
            except ConnectionResetError:
                rest = b""
        assert time.monotonic() - start < 10


def head_of(size: int, end: bytes = b"") -> bytes:
    """The head of a request, of ``size`` bytes; without ``end`` it goes on."""
    start = f"GET {wire.HEALTH} HTTP/1.1\r\nHost: a\r\nX: ".encode()
    return start + b"y" * (size - len(start) - len(end)) + end


@pytest.mark.parametrize("sent", [b"NONSENSE\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", head_of(Limits.max_head_bytes + 1)])
def test_what_is_no_http_request_has_an_answer_of_ours(shared: Server, sent: bytes) -> None:
    """Of a head that is too long one byte too much is sent: the server has read all of it when it answers."""
    with shared.connection() as wrong:
        wrong.sendall(sent)
        answer = b""
        while b"}" not in answer and (piece := wrong.recv(4096)):
            answer += piece
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400")
        assert json.loads(body)["error"] == "message-invalid"
    assert shared.client.get(wire.HEALTH).status_code == 200


def test_a_head_of_just_the_limit_is_answered(shared: Server) -> None:
    with shared.connection() as long:
        long.sendall(head_of(Limits.max_head_bytes, b"\r\n\r\n"))
        assert long.recv(4096).startswith(b"HTTP/1.1 200")


def test_a_running_request_is_finished_before_the_process_ends(server: Server, template_of_today: Template) -> None:
    patient = template_of_today.members[PATIENT]
    path = wire.LETTER.format(reader=patient.member_id, letter="ab" * 16)
    body = bytes(60_000)
    begun, answered = threading.Event(), []

    def pieces() -> Iterator[bytes]:
        yield body[:30_000]
        begun.set()
        time.sleep(1.0)
        yield body[30_000:]

    def send() -> None:
        answered.append(server.client.put(path, content=pieces(), headers=server.signature("PUT", path, body, patient)))

    sending = threading.Thread(target=send)
    sending.start()
    assert begun.wait(10)
    time.sleep(0.2)
    server.stop()
    sending.join()
    assert [answer.status_code for answer in answered] == [204]
    assert (server.home / "mailbox" / patient.member_id / ("ab" * 16)).read_bytes() == body


def test_what_was_acknowledged_survives_a_kill(server: Server, template_of_today: Template) -> None:
    reader, patient = (template_of_today.members[name] for name in (READER, PATIENT))
    transactions = [requesting(template_of_today, server.home) for _ in range(40)]
    receipts: list[dict[str, object]] = []
    letters: list[str] = []

    def submit() -> None:
        try:
            for number, data in enumerate(transactions):
                answer = server.call("POST", wire.TRANSACTIONS, data, by=reader)
                receipts.append(answer.raise_for_status().json())
                letter = f"{number:032x}"
                path = wire.LETTER.format(reader=patient.member_id, letter=letter)
                server.call("PUT", path, letter.encode(), by=reader).raise_for_status()
                letters.append(letter)
        except httpx.HTTPError:
            return

    submitting = threading.Thread(target=submit)
    submitting.start()
    while len(letters) < 5:
        time.sleep(0.01)
    server.stop(signal.SIGKILL)
    submitting.join()
    assert 5 <= len(letters) <= len(receipts) < len(transactions)
    server.client.close()
    assert server.process.stdout is not None
    server.process.stdout.close()
    server.start()
    for data, receipt in zip(transactions, receipts, strict=False):
        assert server.call("POST", wire.TRANSACTIONS, data, by=reader).json() == receipt
    for letter in letters:
        path = wire.LETTER.format(reader=patient.member_id, letter=letter)
        assert server.call("GET", path, by=patient).content == letter.encode()


def test_a_request_of_before_a_restart_is_not_taken_after_it(server: Server, template_of_today: Template) -> None:
    signature = server.signature("GET", wire.ENDPOINTS, None, template_of_today.members[PATIENT])
    assert server.client.get(wire.ENDPOINTS, headers=signature).status_code == 200
    server.stop(signal.SIGKILL)
    server.client.close()
    assert server.process.stdout is not None
    server.process.stdout.close()
    server.start()
    replayed = server.client.get(wire.ENDPOINTS, headers=signature)
    assert (replayed.status_code, replayed.json()["error"]) == (401, "clock-apart")


@dataclass(frozen=True)
class Hindered(ServerIdentity):
    """Renews nothing itself, and cannot show a certificate as long as there are ``hindrances``."""

    hindrances: list[OSError] = field(default_factory=list)

    def renew(self) -> bool:
        return False

    def reload(self, context: ssl.SSLContext) -> None:
        if self.hindrances:
            raise self.hindrances.pop()
        super().reload(context)


def served_here(
    app: FastAPI, identity: ServerIdentity, limits: Limits, look: Callable[[str, int], None], patch: pytest.MonkeyPatch
) -> None:
    """Serve ``app`` in this process until ``look``, which is told host and port, has returned."""
    patch.setattr("network.server.process.log_to", lambda: None)

    def looking() -> None:
        try:
            look(*bound.getsockname())
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    with Listen("127.0.0.1", 0).bind() as bound, ThreadPoolExecutor(1) as pool:
        looks: list[Future[None]] = []
        serve(app, bound, identity, limits, on_ready=lambda: looks.append(pool.submit(looking)))
        looks[0].result()


def test_health_is_told_while_all_other_requests_wait_in_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = Limits(max_requests=3, max_service_requests=1)
    identity = ServerIdentity.load_or_create(tmp_path, "127.0.0.1", clock=lambda: int(time.time()))
    nobody = Admitting(lambda: pytest.fail("nobody signs"), lambda: int(time.time()), "127.0.0.1", started=0)
    app = base_app("busy", admitting=nobody, limits=limits, metrics=Metrics(), healthy=lambda: None)
    begun, go_on = threading.Semaphore(0), threading.Event()

    @app.get("/waits")
    def waits() -> None:
        begun.release()
        assert go_on.wait(20)

    def look(host: str, port: int) -> None:
        context, url = tls.ssl_context(identity.ca_pem), f"https://{host}:{port}"
        with (
            ThreadPoolExecutor(limits.max_requests) as pool,
            httpx.Client(base_url=url, verify=context, trust_env=False, timeout=30) as client,
        ):
            try:
                waiting = [pool.submit(client.get, "/waits") for _ in range(limits.max_requests)]
                assert all(begun.acquire(timeout=10) for _ in waiting)
                assert client.get(wire.HEALTH, timeout=5).json() == {"status": "ok"}
            finally:
                go_on.set()
            assert [each.result().status_code for each in waiting] == [200] * limits.max_requests

    served_here(app, identity, limits, look, monkeypatch)


def test_a_certificate_that_another_process_renewed_is_shown_whatever_failed_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, day = int(time.time()), 86_400
    ServerIdentity.load_or_create(tmp_path, "127.0.0.1", clock=lambda: now - 59 * day).renew()
    identity = Hindered(tmp_path, "127.0.0.1")
    monkeypatch.setattr("network.server.process.RENEWAL_S", 0.05)
    shown: list[str] = []

    def look(host: str, port: int) -> None:
        shown.append(ssl.get_server_certificate((host, port)))
        identity.hindrances.extend([PermissionError(13, "no"), ssl.SSLError(1, "no")])
        assert ServerIdentity(tmp_path, "127.0.0.1", lambda: now + 2 * day).renew()
        end = time.monotonic() + 5
        while len(set(shown)) < 2 and time.monotonic() < end:
            time.sleep(0.05)
            shown.append(ssl.get_server_certificate((host, port)))

    served_here(FastAPI(), identity, Limits(), look, monkeypatch)
    assert shown[-1] != shown[0]
    assert shown[-1] == identity.certificate_path.read_text()


def test_the_log_of_the_process_is_json_lines_and_no_address_is_in_it(
    server: Server, template_of_today: Template
) -> None:
    server.call("GET", wire.ENDPOINTS, by=template_of_today.members[PATIENT])
    server.client.get("/nothing")
    with server.connection() as wrong:
        wrong.sendall(b"NONSENSE\r\n\r\n")
        wrong.recv(1)
    server.stop()
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert {line["event"] for line in lines} >= {"request"}
    assert "127.0.0.1" not in server.log.read_text()


def test_a_large_upload_takes_flat_memory(shared: Server, template_of_today: Template) -> None:
    patient = template_of_today.members[PATIENT]
    path = wire.BLOCK.format(locator="ab" * 32)
    shared.call("PUT", path, bytes(1 << 20), by=patient)
    before = _peak_kib(shared.process.pid)
    answer = shared.call("PUT", path, bytes(96 << 20), by=patient)
    assert (answer.status_code, answer.json()["error"]) == (422, "block-damaged")
    assert _peak_kib(shared.process.pid) - before < 24 << 10


def _peak_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def test_connections_of_one_address_are_limited(shared: Server) -> None:
    """Last, since a connection that was closed here may count for a moment; and the client has one open already."""
    asking = f"GET {wire.HEALTH} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    with ExitStack() as opened:

        def answered() -> bytes:
            connection = opened.enter_context(shared.connection())
            try:
                connection.sendall(asking)
                return connection.recv(12)
            except OSError:
                return b""

        said = [answered() for _ in range(MAX_CONNECTIONS + 2)]
    taken = said.count(b"HTTP/1.1 200")
    assert MAX_CONNECTIONS - 4 <= taken <= MAX_CONNECTIONS
    assert said[taken:] == [b""] * (len(said) - taken)
