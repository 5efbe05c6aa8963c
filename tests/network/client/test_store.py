"""Blocks through a server: in one stream, or directly by URLs that the store signs; and every way it may go wrong."""

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from cloud.bulk import BulkStore
from cloud.errors import (
    AccessDenied,
    BlockExists,
    BlockNotFound,
    CloudError,
    LocatorInvalid,
    StoreBusy,
    StoreUnreachable,
    TransferDamaged,
)
from network import wire
from network.client.direct import DirectBlocks
from network.client.store import RemoteStore
from network.client.transport import Signer, Transport, Upload
from network.errors import ConnectionsClosed, ServerUnreachable
from scheme.keys import SigningKey
from tests.network.client.scripted import Asked, Reply, ScriptedServer

KEY = SigningKey.generate()


def locator(number: int) -> str:
    return hashlib.sha256(b"block %d" % number).hexdigest()


def error(status: int, code: str) -> Reply:
    return Reply(status, json.dumps({"error": code, "message": "what to do"}).encode())


@dataclass
class Blocks:
    """A server with these blocks; ``urls`` lets it sign URLs, which lead to itself."""

    blocks: dict[str, bytes] = field(default_factory=dict)
    frames: Callable[[list[str]], list[str]] = lambda wanted: wanted
    cut: int | None = None
    urls: Callable[[str], str] | None = None
    direct: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=lambda: {"if-none-match": "*"})

    def __call__(self, asked: Asked) -> Reply:
        if asked.path == wire.BLOCKS_PRESIGN:
            return self._presigned(json.loads(asked.body)["locators"])
        if asked.path == wire.BLOCKS_FETCH:
            return self._framed(json.loads(asked.body)["locators"])
        if asked.path.startswith("/direct/"):
            assert "signature" not in asked.headers
            self.direct.append(asked.method)
        return self._single(asked, asked.path.rpartition("/")[2])

    def _presigned(self, wanted: list[str]) -> Reply:
        if self.urls is None:
            return error(404, "presign-unsupported")
        urls = {each: self.urls(each) for each in wanted}
        return Reply(body=json.dumps({"urls": urls, "headers": self.headers}).encode())

    def _single(self, asked: Asked, name: str) -> Reply:
        if asked.method == "PUT":
            if self.blocks.setdefault(name, asked.body) != asked.body:
                return error(409, "block-exists")
            return Reply(body=b"{}")
        if name not in self.blocks:
            return error(404, "block-not-found")
        if asked.method == "DELETE":
            del self.blocks[name]
            return Reply(204)
        return self._got(name, asked.headers.get("range"))

    def _got(self, name: str, wanted: str | None) -> Reply:
        data = self.blocks[name]
        if wanted is None:
            cut, self.cut = self.cut, None
            return Reply(body=data, cut=cut)
        first, last = (int(each) for each in wanted.removeprefix("bytes=").split("-"))
        headers = {"content-range": f"bytes {first}-{last}/{len(data)}"}
        return Reply(206, data[first : last + 1], headers)

    def _framed(self, wanted: list[str]) -> Reply:
        body = b""
        for name in self.frames(wanted):
            data = self.blocks.get(name)
            body += wire.frame_head(name, None if data is None else len(data)) + (data or b"")
        cut, self.cut = self.cut, None
        return Reply(body=body, cut=cut)


@pytest.fixture
def blocks(server: ScriptedServer) -> Blocks:
    made = Blocks({locator(number): b"%d " % number * 10 * number for number in range(1, 40)})
    server.answer = made
    return made


@pytest.fixture
def transport(server: ScriptedServer, no_waiting: None) -> Iterator[Transport]:
    made = Transport(server.url, server.ca_pem, lambda: 1_772_359_200, Signer("ab" * 16, lambda: KEY))
    yield made
    made.close()


@pytest.fixture
def store(transport: Transport) -> Iterator[RemoteStore]:
    made = RemoteStore(transport)
    yield made
    made.close()


def many(store: RemoteStore, wanted: list[str]) -> list[tuple[str, bytes | None]]:
    found = []
    for name, sink in store.get_many(wanted, io.BytesIO):
        found.append((name, None if sink is None else sink.getvalue()))  # type: ignore[attr-defined]
    return found


def expected(blocks: Blocks, wanted: list[str]) -> list[tuple[str, bytes | None]]:
    return [(name, blocks.blocks.get(name)) for name in wanted]


def fetches(server: ScriptedServer) -> list[Asked]:
    return [asked for asked in server.asked if asked.path == wire.BLOCKS_FETCH]


def test_it_is_a_store_for_many_blocks(store: RemoteStore) -> None:
    assert isinstance(store, BulkStore)


def test_one_block_goes_there_and_back(store: RemoteStore, blocks: Blocks, transport: Transport) -> None:
    data = bytes(range(256)) * 5000
    receipt = store.put(locator(99), io.BytesIO(data))
    assert (receipt.locator, receipt.size_bytes, receipt.sha256) == (
        locator(99), len(data), hashlib.sha256(data).digest(),
    )  # fmt: skip
    sink = io.BytesIO()
    assert store.get(locator(99), sink) == len(data)
    assert sink.getvalue() == data
    assert store.get_range(locator(99), 10, 7) == data[10:17]
    assert store.get_range(locator(99), len(data), 7) == b""
    assert store.get_range(locator(99), 3, 0) == b""
    assert (store.size(locator(99)), store.exists(locator(99)), store.exists(locator(0))) == (len(data), True, False)
    store.delete(locator(99))
    assert not store.exists(locator(99))


def test_what_is_in_the_sink_already_stays(store: RemoteStore, blocks: Blocks) -> None:
    sink = io.BytesIO(b"before")
    sink.seek(6)
    blocks.cut = 3
    store.get(locator(7), sink)
    assert sink.getvalue() == b"before" + blocks.blocks[locator(7)]


@pytest.mark.parametrize("method", ["get", "get_range", "size", "delete"])
def test_a_block_that_is_not_there(store: RemoteStore, blocks: Blocks, method: str) -> None:
    words = {"get": (io.BytesIO(),), "get_range": (0, 1), "size": (), "delete": ()}[method]
    with pytest.raises(BlockNotFound, match="what to do"):
        getattr(store, method)(locator(0), *words)


def test_other_content_is_not_put(store: RemoteStore, blocks: Blocks) -> None:
    with pytest.raises(BlockExists):
        store.put(locator(1), io.BytesIO(b"other"))


@pytest.mark.parametrize("name", ["../../etc/passwd", "AB" * 32, "ab", ""])
def test_only_locators_are_asked_for(store: RemoteStore, server: ScriptedServer, name: str) -> None:
    for call in (
        lambda: store.put(name, io.BytesIO()),
        lambda: store.get(name, io.BytesIO()),
        lambda: store.size(name),
        lambda: store.delete(name),
        lambda: list(store.get_many([name], io.BytesIO)),
    ):
        with pytest.raises(LocatorInvalid):
            call()
    assert not server.asked


def test_nobody_lists_others_blocks(store: RemoteStore) -> None:
    with pytest.raises(AccessDenied):
        store.list()


def test_many_blocks_come_in_one_request(store: RemoteStore, blocks: Blocks, server: ScriptedServer) -> None:
    wanted = [locator(number) for number in (5, 1, 77, 30, 2, 78)]
    assert many(store, wanted) == expected(blocks, wanted)
    assert len(fetches(server)) == 1


def test_the_connection_of_many_blocks_serves_the_next_request(
    store: RemoteStore, blocks: Blocks, server: ScriptedServer
) -> None:
    many(store, [locator(1), locator(2)])
    many(store, [locator(3)])
    assert len({asked.port for asked in server.asked}) == 1


def test_very_many_blocks_come_in_a_request_for_each_4096(
    store: RemoteStore, blocks: Blocks, server: ScriptedServer
) -> None:
    blocks.blocks = {locator(number): b"%d" % number for number in range(4100)}
    wanted = list(blocks.blocks)
    assert many(store, wanted) == expected(blocks, wanted)
    assert [len(json.loads(asked.body)["locators"]) for asked in fetches(server)] == [4096, 4]


@pytest.mark.parametrize("cut", [0, 1, 39, 40, 41, 500, 1000])
def test_a_cut_stream_is_asked_for_its_rest(
    store: RemoteStore, blocks: Blocks, server: ScriptedServer, cut: int
) -> None:
    wanted = [locator(number) for number in range(1, 12)]
    blocks.cut = cut
    assert many(store, wanted) == expected(blocks, wanted)
    asked = [json.loads(each.body)["locators"] for each in fetches(server)]
    assert [each[-1] for each in asked] == [wanted[-1]] * 2
    assert (len(asked[1]) < len(wanted)) == (cut > 60)


@pytest.mark.parametrize(
    "lie",
    [lambda wanted: wanted[1:], lambda wanted: wanted[::-1], lambda wanted: wanted[:2], lambda wanted: []],
    ids=["first left out", "other order", "last left out", "nothing"],
)
def test_another_answer_than_asked_for_is_refused(
    store: RemoteStore, blocks: Blocks, lie: Callable[[list[str]], list[str]]
) -> None:
    blocks.frames = lie
    with pytest.raises(TransferDamaged):
        many(store, [locator(1), locator(2), locator(3)])


def test_a_stream_may_be_left_half_way(store: RemoteStore, blocks: Blocks) -> None:
    arriving = store.get_many([locator(1), locator(2), locator(3)], io.BytesIO)
    assert next(arriving)[0] == locator(1)
    arriving.close()
    assert many(store, [locator(2)]) == expected(blocks, [locator(2)])


def test_every_error_is_the_clouds(store: RemoteStore, server: ScriptedServer) -> None:
    server.answer = lambda _asked: error(503, "server-busy")
    with pytest.raises(StoreBusy):
        store.get(locator(1), io.BytesIO())
    server.answer = lambda _asked: error(418, "teapot")
    with pytest.raises(CloudError):
        many(store, [locator(1)])


def test_an_unreachable_server_is_called_so_by_both_packages(server: ScriptedServer, no_waiting: None) -> None:
    transport = Transport("https://127.0.0.1:1", server.ca_pem, lambda: 0, Signer("ab" * 16, lambda: KEY))
    with pytest.raises(StoreUnreachable) as raised:
        RemoteStore(transport).put(locator(1), io.BytesIO(b"x"))
    assert isinstance(raised.value, ServerUnreachable)
    transport.close()


# Directly. The URLs lead to the scripted server; only the CA that they are trusted by is the test's.


@pytest.fixture
def direct(server: ScriptedServer, blocks: Blocks, monkeypatch: pytest.MonkeyPatch) -> Blocks:
    from network import tls  # noqa: PLC0415

    monkeypatch.setattr("ssl.create_default_context", lambda: tls.ssl_context(server.ca_pem))
    blocks.urls = lambda name: f"{server.url}/direct/{name}"
    return blocks


def test_blocks_go_directly_where_the_store_signs_urls(
    store: RemoteStore, direct: Blocks, server: ScriptedServer
) -> None:
    store.put(locator(50), io.BytesIO(b"fifty"))
    wanted = [locator(number) for number in (3, 50, 1)]
    assert many(store, wanted) == expected(direct, wanted)
    sink = io.BytesIO()
    store.get(locator(50), sink)
    assert sink.getvalue() == b"fifty"
    assert sorted(direct.direct) == ["GET"] * 4 + ["PUT"]
    (put,) = [asked for asked in server.asked if asked.method == "PUT"]
    assert put.headers["if-none-match"] == "*"
    assert not fetches(server)


def test_many_come_in_order_when_several_come_at_once(store: RemoteStore, direct: Blocks) -> None:
    wanted = [locator(number) for number in (*range(1, 40), 77)]
    assert many(store, wanted) == expected(direct, wanted)


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1:1/direct/", "https://xn--/", "https://a\n/", "https://127.0.0.1:1/" + "x" * 70_000]
)
def test_what_fails_directly_goes_through_the_server(
    store: RemoteStore, direct: Blocks, server: ScriptedServer, url: str
) -> None:
    direct.urls = lambda name: f"{url}{name}"
    store.put(locator(50), io.BytesIO(b"fifty"))
    wanted = [locator(50), locator(2)]
    assert many(store, wanted) == expected(direct, wanted)
    assert not direct.direct


def test_urls_that_lead_nowhere_are_tried_once(transport: Transport, direct: Blocks) -> None:
    blocks, gone, sound = DirectBlocks(transport), locator(77), locator(2)
    urls = blocks.urls([gone, sound])
    assert blocks.get(urls[gone], io.BytesIO(), 0) is None  # an answer all the same
    assert blocks.get(urls[sound], io.BytesIO(), 0) == len(direct.blocks[sound])
    assert blocks.get("https://127.0.0.1:1/x", io.BytesIO(), 0) is None
    assert blocks.get(urls[sound], io.BytesIO(), 0) is None
    assert blocks.urls([sound]) == {}
    assert direct.direct == ["GET", "GET"]
    direct.urls = lambda _name: "https://127.0.0.1:1/x"
    for _ in range(2):
        assert not blocks.put(locator(50), Upload.of(io.BytesIO(b"fifty")))
    assert blocks._unsupported == {"GET", "PUT"}
    blocks.close()


def test_a_block_on_its_way_arrives_when_another_thread_closes(
    transport: Transport, direct: Blocks, server: ScriptedServer
) -> None:
    begun, go_on, answer = threading.Event(), threading.Event(), server.answer

    def slow(asked: Asked) -> Reply:
        if asked.path.startswith("/direct/"):
            begun.set()
            assert go_on.wait(10)
        return answer(asked)

    server.answer = slow
    blocks, sink = DirectBlocks(transport), io.BytesIO()
    url = blocks.urls([locator(2)])[locator(2)]
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(blocks.get, url, sink, 0)
        assert begun.wait(10)
        blocks.close()
        with pytest.raises(ConnectionsClosed):
            blocks.get(url, io.BytesIO(), 0)
        go_on.set()
        assert running.result(10) == len(direct.blocks[locator(2)])
    assert direct.direct == ["GET"]


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/x", "file:///etc/passwd", "ftp://127.0.0.1/x", "http://localhost/x", ""]
)
def test_a_url_that_would_lead_elsewhere_is_not_followed(
    store: RemoteStore, direct: Blocks, server: ScriptedServer, url: str
) -> None:
    direct.urls = lambda _name: url
    assert many(store, [locator(2)]) == expected(direct, [locator(2)])
    assert len(fetches(server)) == 1


def test_only_what_a_store_needs_goes_along(store: RemoteStore, direct: Blocks, server: ScriptedServer) -> None:
    direct.headers = {"if-none-match": "*", "x-amz-acl": "private", "cookie": "a=b", "host": "other", "x-\u20ac": "1"}
    store.put(locator(50), io.BytesIO(b"fifty"))
    (put,) = [asked for asked in server.asked if asked.method == "PUT"]
    assert put.path.startswith("/direct/")
    assert put.headers["x-amz-acl"] == "private"
    assert "cookie" not in put.headers
    assert put.headers["host"] != "other"


def test_a_server_elsewhere_does_not_lead_to_this_machine(
    transport: Transport, direct: Blocks, server: ScriptedServer
) -> None:
    local = "http://127.0.0.1:1/x"
    direct.urls = lambda _name: local
    here, elsewhere = DirectBlocks(transport), DirectBlocks(transport)
    elsewhere._here = False  # as with a server at another address
    assert here.urls([locator(2)]) == {locator(2): local}
    assert elsewhere.urls([locator(2)]) == {}


def test_urls_of_no_use_are_asked_for_once(store: RemoteStore, direct: Blocks, server: ScriptedServer) -> None:
    direct.urls = lambda _name: "http://10.0.0.1/x"
    for number in (50, 51):
        store.put(locator(number), io.BytesIO(b"fifty"))
    assert sum(asked.path == wire.BLOCKS_PRESIGN for asked in server.asked) == 1


@pytest.mark.parametrize("way", ["direct", "single", "stream"])
def test_more_than_a_block_has_is_not_taken(
    store: RemoteStore, direct: Blocks, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    direct.blocks[locator(60)] = bytes(5000)
    monkeypatch.setattr(wire, "MAX_BLOCK_BYTES", 4999)
    if way != "direct":
        direct.urls = None
    with pytest.raises(TransferDamaged):
        list(store.get_many([locator(60)], io.BytesIO)) if way == "stream" else store.get(locator(60), io.BytesIO())


def test_a_store_without_urls_is_asked_for_them_once(
    store: RemoteStore, blocks: Blocks, server: ScriptedServer
) -> None:
    for number in (1, 2, 3):
        store.get(locator(number), io.BytesIO())
    assert sum(asked.path == wire.BLOCKS_PRESIGN for asked in server.asked) == 1
