"""The transport against a server that answers by script: signatures, retries, limits, and errors as they are named."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from clinic.errors import BlockUnknown, HospitalUnreachable
from cloud.errors import BlockExists
from ledger.refusals import BlockExists as BlockOnLedger
from ledger.refusals import HeadMoved
from network import wire
from network.client.transport import Signer, Transport, Upload
from network.errors import (
    TRANSIENT,
    AnswerInvalid,
    Busy,
    ClockApart,
    ConnectionsClosed,
    RemoteRefused,
    ServerUnreachable,
    SignatureRefused,
    TooManyRequests,
)
from network.signatures import RequestVerifier
from network.tls import ServerIdentity
from scheme.keys import SigningKey
from tests.network.client.scripted import Asked, Reply, ScriptedServer

MEMBER = "ab" * 16
NOW = 1_772_359_200


@pytest.fixture
def key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture
def transport(server: ScriptedServer, key: SigningKey, no_waiting: None) -> Iterator[Transport]:
    made = Transport(server.url, server.ca_pem, lambda: NOW, Signer(MEMBER, lambda: key))
    yield made
    made.close()


def refused(code: str, status: int = 409, **headers: str) -> Callable[[Asked], Reply]:
    body = json.dumps({"error": code, "message": "what to do"}).encode()
    return lambda _asked: Reply(status, body, headers)


def verified(server: ScriptedServer, key: SigningKey, asked: Asked) -> bytes | None:
    verifier = RequestVerifier(lambda member_id: key.verifying_key, lambda: NOW, started=NOW - 100)
    found = verifier.verify(asked.method, server.url + asked.path, list(asked.headers.items()))
    assert found.member_id == MEMBER
    return found.body_digest


def test_each_request_is_signed_with_its_body(server: ScriptedServer, transport: Transport, key: SigningKey) -> None:
    transport.get_json(wire.ENDPOINTS, params={"prefix": "a.b-c"})
    transport.post_json(wire.BLOCKS_FETCH, {"locators": []})
    got, posted = server.asked
    assert verified(server, key, got) is None
    assert verified(server, key, posted) == hashlib.sha256(posted.body).digest()
    assert posted.headers["content-type"] == "application/json"
    assert "signature" in got.headers


def test_what_is_public_is_not_signed_and_asks_for_no_key(server: ScriptedServer) -> None:
    made = Transport(server.url, server.ca_pem, lambda: NOW, Signer(MEMBER, lambda: pytest.fail("asked for the key")))
    made.get_json(wire.TRUST, signed=False)
    made.close()
    assert "signature" not in server.asked[0].headers


def test_a_file_is_sent_from_its_start_with_its_length(
    server: ScriptedServer, transport: Transport, key: SigningKey
) -> None:
    data = bytes(range(256)) * 1000
    transport.request("PUT", "/v1/blocks/x", body=Upload.of(io.BytesIO(data)))
    (asked,) = server.asked
    assert asked.body == data
    assert asked.headers["content-length"] == str(len(data))
    assert verified(server, key, asked) == hashlib.sha256(data).digest()


def test_an_altered_request_does_not_verify(server: ScriptedServer, transport: Transport, key: SigningKey) -> None:
    transport.get_json(wire.LETTERS.format(reader=MEMBER), params={"prefix": ""})
    (asked,) = server.asked
    for path in (asked.path.replace(MEMBER, "cd" * 16), asked.path + "x"):
        with pytest.raises(SignatureRefused):
            verified(server, key, Asked(asked.method, path, asked.headers, asked.body))


def test_attempts_after_a_busy_server_are_signed_anew(server: ScriptedServer, transport: Transport) -> None:
    busy, replies = refused("server-busy", 503)(Asked("", "", {}, b"")), []
    replies += [busy, busy, Reply(body=b'{"a": 1}')]
    server.answer = lambda _asked: replies.pop(0)
    assert transport.get_json("/x") == {"a": 1}
    assert len({asked.headers["signature-input"] for asked in server.asked}) == 3
    assert transport.traffic.requests == 3


def test_what_may_not_come_twice_is_sent_once(server: ScriptedServer, transport: Transport) -> None:
    server.answer = refused("server-busy", 503)
    with pytest.raises(Busy):
        transport.request("POST", "/x", body=b"x", again=False)
    assert len(server.asked) == 1


def test_the_server_is_waited_for_as_long_as_it_asks(server: ScriptedServer, transport: Transport) -> None:
    replies = [refused("too-many-requests", 429, **{"retry-after": "1"})(Asked("", "", {}, b"")), Reply(body=b"{}")]
    server.answer = lambda _asked: replies.pop(0)
    started = time.monotonic()
    transport.get_json("/x")
    assert time.monotonic() - started >= 0.99


def test_it_gives_up_after_some_attempts(server: ScriptedServer, transport: Transport) -> None:
    server.answer = refused("too-many-requests", 429)
    with pytest.raises(TooManyRequests, match="what to do"):
        transport.get_json("/x")
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    ("path", "code", "kind"),
    [
        ("/v1/ledger/transactions", "head-moved", HeadMoved),
        ("/v1/ledger/transactions", "block-exists", BlockOnLedger),
        ("/v1/blocks/x", "block-exists", BlockExists),
        ("/v1/blocks/x", "block-unknown", BlockUnknown),
        ("/v1/letters/x", "hospital-unreachable", HospitalUnreachable),
        ("/v1/letters/x", "clock-apart", ClockApart),
    ],
)
def test_an_error_is_raised_as_the_class_of_its_code(
    server: ScriptedServer, transport: Transport, path: str, code: str, kind: type[Exception]
) -> None:
    server.answer = refused(code)
    with pytest.raises(kind, match="what to do") as raised:
        transport.request("POST", path, body=b"x", again=False)
    assert type(raised.value) is kind


def test_an_unknown_code_keeps_its_name(server: ScriptedServer, transport: Transport) -> None:
    server.answer = refused("from-the-future")
    with pytest.raises(RemoteRefused, match="what to do") as raised:
        transport.get_json("/x")
    assert raised.value.remote_code == "from-the-future"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": 1}', b"[" * 40_000, b"\xff"])
def test_an_error_that_is_none_of_ours_is_still_one(server: ScriptedServer, transport: Transport, body: bytes) -> None:
    server.answer = lambda _asked: Reply(404, body)
    with pytest.raises(RemoteRefused, match="status 404"):
        transport.get_json("/x")


def test_what_a_server_says_does_not_steer_the_terminal(server: ScriptedServer, transport: Transport) -> None:
    body = json.dumps({"error": "not-permitted", "message": "no\x1b[2J\n\u202egood" + "x" * 5000}).encode()
    server.answer = lambda _asked: Reply(403, body)
    with pytest.raises(Exception, match="no") as raised:
        transport.get_json("/x")
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) <= 1000


def test_an_overlong_answer_is_not_held(server: ScriptedServer, transport: Transport) -> None:
    server.answer = lambda _asked: Reply(body=b"x" * 100_000)
    with pytest.raises(AnswerInvalid, match="more than 1000 bytes"):
        transport.request("GET", "/x", max_bytes=1000)
    with transport.stream("GET", "/x") as answer, pytest.raises(AnswerInvalid, match="more than 1000 bytes"):
        list(answer.lines(1000))


@pytest.mark.parametrize("body", [b"", b"a", b"a\n", b"\n\nab\ncd", b"x" * 70_000 + b"\ny\n"])
def test_lines_come_whole_with_their_ends(server: ScriptedServer, transport: Transport, body: bytes) -> None:
    server.answer = lambda _asked: Reply(body=body)
    with transport.stream("GET", "/x") as answer:
        assert list(answer.lines(1 << 20)) == body.splitlines(keepends=True)


def test_a_cut_answer_is_asked_for_again(server: ScriptedServer, transport: Transport) -> None:
    replies = [Reply(body=b'{"a": 1}', cut=3), Reply(body=b'{"a": 1}')]
    server.answer = lambda _asked: replies.pop(0)
    assert transport.get_json("/x") == {"a": 1}


def test_no_redirect_is_followed(server: ScriptedServer, transport: Transport) -> None:
    server.answer = lambda _asked: Reply(307, headers={"location": "/elsewhere"})
    with pytest.raises(RemoteRefused, match="status 307"):
        transport.get_json("/x")
    assert len(server.asked) == 1


def test_packed_answers_are_not_asked_for(server: ScriptedServer, transport: Transport) -> None:
    transport.get_json("/x")
    assert server.asked[0].headers["accept-encoding"] == "identity"


def test_another_authoritys_server_is_not_spoken_to(
    server: ScriptedServer, key: SigningKey, tmp_path: Path, no_waiting: None
) -> None:
    other = ServerIdentity.load_or_create(tmp_path / "other", "127.0.0.1")
    made = Transport(server.url, other.ca_pem, lambda: NOW, Signer(MEMBER, lambda: key))
    with pytest.raises(ServerUnreachable, match="not by the pinned authority"):
        made.get_json("/x")
    made.close()
    assert not server.asked


def test_a_server_of_another_name_is_not_spoken_to(server: ScriptedServer, no_waiting: None) -> None:
    made = Transport(server.url.replace("127.0.0.1", "localhost"), server.ca_pem, lambda: NOW)
    with pytest.raises(ServerUnreachable, match="another host"):
        made.get_json("/x", signed=False)
    made.close()


def test_nobody_there_is_said_so(server: ScriptedServer, no_waiting: None) -> None:
    made = Transport("https://127.0.0.1:1", server.ca_pem, lambda: NOW)
    with pytest.raises(ServerUnreachable, match="no connection"):
        made.get_json("/x", signed=False)
    assert made.traffic.requests == 4
    made.close()


def test_a_server_that_does_not_answer_is_left(server: ScriptedServer, no_waiting: None) -> None:
    def slow(_asked: Asked) -> Reply:
        time.sleep(0.5)
        return Reply(body=b"{}")

    server.answer = slow
    made = Transport(server.url, server.ca_pem, lambda: NOW, read_timeout_s=0.1, max_attempts=1)
    with pytest.raises(ServerUnreachable, match="in time"):
        made.get_json("/x", signed=False)
    made.close()


def test_bytes_are_counted(server: ScriptedServer, transport: Transport) -> None:
    server.answer = lambda _asked: Reply(body=b"123456")
    transport.request("PUT", "/x", body=b"four")
    traffic = transport.traffic
    assert (traffic.requests, traffic.sent_bytes, traffic.received_bytes) == (1, 4, 6)


def test_a_request_that_runs_keeps_its_connection_when_another_thread_closes(
    server: ScriptedServer, transport: Transport
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(_asked: Asked) -> Reply:
        begun.set()
        assert go_on.wait(10)
        return Reply(body=b"late")

    server.answer = slow
    with transport._connections.in_use() as client:
        pass
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(transport.request, "GET", "/late", again=False)
        assert begun.wait(10)
        transport.close()
        assert not client.is_closed
        with pytest.raises(ConnectionsClosed, match="no longer asked") as raised:
            transport.request("GET", "/new")
        assert not isinstance(raised.value, TRANSIENT)
        go_on.set()
        assert running.result(10) == b"late"
    assert client.is_closed
    assert [asked.path for asked in server.asked] == ["/late"]
